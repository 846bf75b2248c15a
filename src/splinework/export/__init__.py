"""A model for another world: ONNX, `torch.export`, NumPy, C, JavaScript, sympy and LaTeX.

`door.py` is the door, `targets.py` the table of targets, one file each. `frozen.py` says what a network is as numbers alone;
`graph.py` is that in torch, `network_arrays.py` as tables, `pieces.py` as formulas.
"""

from splinework.export.api import export, target_of
from splinework.export.frozen import FrozenNetwork, freeze
from splinework.export.targets import TARGETS, ExportTarget

__all__ = ["TARGETS", "ExportTarget", "FrozenNetwork", "export", "freeze", "target_of"]
