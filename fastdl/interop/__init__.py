"""Other libraries' interfaces over fastdl's kernels.

=========  =====================================================
package    what it takes the place of
=========  =====================================================
``torch``  PyTorch's optimizers, on its own tensors (extra torch)
=========  =====================================================

Each needs the library that it works with, and is imported by its own name.
"""
