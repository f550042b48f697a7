"""What is fast, measured: every kernel against NumPy, and the book's network against other libraries.

========================  ====================================================================================
file                      holds
========================  ====================================================================================
``bench_*.py``            pytest-benchmark files: ``pytest benchmarks --benchmark-json=FILE``
``work.py``               the lists of what is measured: a new row is a new line there
``kernels.py``            how a kernel's call is set up, for `fastdl.kernels` and `fastdl.reference` alike
``peers/``                how the same work is set up with fastdl, NumPy, PyTorch and JAX: one file each
``interleaved.py``        medians and ratios of contenders that take turns: A B C A B C ...
``worker.py``             a process of its own for each contender
``measure.py``            measures a list of work and writes it as JSON, with the facts of the machine
``ratios.py``             ``python -m benchmarks.ratios`` writes ``results/ratios.json``
``peers/__main__.py``     ``python -m benchmarks.peers`` writes ``results/peers.json``
``peers/optimizers.py``   ``python -m benchmarks.peers.optimizers`` writes ``results/optimizers.json``
``peers/mnist/``          ``python -m benchmarks.peers.mnist --data FOLDER``: an epoch's time, the accuracy reached
``peers/memory.py``       ``python -m benchmarks.peers.memory``: peaks against what training must hold
``growth.py``             ``python -m benchmarks.growth``: how a step's cost grows; with ``--plot`` it draws
``growth_figures.py``     the figures ``docs/growth-*.png``
``tune.py``                ``python -m benchmarks.tune``: the book's hyper-parameter search; two workers against one
``bound.py``              ``python -m benchmarks.bound TEXT``: how near a row comes to what bounds it; ``perf stat``
``costs.py``              the operations and bytes that each piece of work needs
``tables.py``             ``python -m benchmarks.tables`` writes the README's tables from these results
========================  ====================================================================================

pytest-benchmark measures one contender after the other, which is enough to see a kernel change. A ratio that
is printed somewhere comes from `interleaved.py`, so that all sides saw the machine in the same state.

First ``pip install -e ".[bench]"``, or ``".[peers]"`` to have the other libraries as well.
"""
