"""The same work set up with fastdl, NumPy, PyTorch and JAX, as a careful user of each would.

Every ``with_*.py`` has these functions, each returning a call that does the work once:
``optimizer_step(rule, shapes)`` one step over tensors of these shapes, gradients given;
``affine_relu(batch, n_in, n_out)`` a layer's forward pass;
``inference(rows)`` the book network's logits;
``train_step(rule)`` the book network's forward, backward and update, returning the loss as a float; other sizes and
batches on request.

``python -m benchmarks.peers`` measures all that are installed, in one run.
"""
