"""Checkpoints: files from which a training run goes on, bit for bit, and a network is made again.

=================  ====================================================================================
file               holds
=================  ====================================================================================
``checkpoint.py``  `save_checkpoint`, `load_checkpoint` and `Checkpoint`, which is restored
``callback.py``    `Checkpoints`, which saves them during a run, and `latest_checkpoint`, which finds one
``tree.py``        dicts of numbers and arrays as named arrays and one text
``container.py``   named arrays and texts as one file, in safetensors' layout, checked to its last bit
=================  ====================================================================================

Nothing in a file is run, none of its names becomes a path, and a file that claims more than it holds is refused before
memory is taken for it.
"""

from fastdl.train.checkpoints.callback import Checkpoints, latest_checkpoint
from fastdl.train.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

__all__ = ["Checkpoint", "Checkpoints", "latest_checkpoint", "load_checkpoint", "save_checkpoint"]
