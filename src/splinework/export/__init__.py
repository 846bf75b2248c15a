"""Export of models: ONNX, `torch.export`, NumPy, C, JavaScript, SymPy and LaTeX.

`api.py` has the public function, `targets.py` the table of targets, one file each. `frozen.py` represents a network by its
numbers; `graph.py` is that in torch, `network_arrays.py` as tables, `pieces.py` as formulas.
"""

from splinework.export.api import export, target_of
from splinework.export.frozen import FrozenNetwork, freeze
from splinework.export.targets import TARGETS, ExportTarget

__all__ = ["TARGETS", "ExportTarget", "FrozenNetwork", "export", "freeze", "target_of"]
