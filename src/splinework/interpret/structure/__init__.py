"""Structure of a function or of rows: sums, products, groups of inputs, symmetries, and the tree of modules."""

from splinework.interpret.structure.api import find_structure
from splinework.interpret.structure.findings import Evidence, Structure, StructureFinding, StructureNode

__all__ = ["Evidence", "Structure", "StructureFinding", "StructureNode", "find_structure"]
