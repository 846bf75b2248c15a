"""Functions that return an edited copy of a model; the model itself is unchanged.

What may change the function and is not an approximation by nature returns an `Edited`: the model, and by how much it changed.
Each name is imported on first use.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.interpret.edit.adaptation import adapt, adapt_within
    from splinework.interpret.edit.coarsening import coarsen
    from splinework.interpret.edit.degree import elevate, raise_degree
    from splinework.interpret.edit.difference import Edited, change
    from splinework.interpret.edit.edge_roles import fix, free, freeze, unfreeze
    from splinework.interpret.edit.function_splines import to_splines
    from splinework.interpret.edit.grid_refinement import refine
    from splinework.interpret.edit.grouping import group_inputs
    from splinework.interpret.edit.growth import deepen, widen
    from splinework.interpret.edit.knot_insertion import insert
    from splinework.interpret.edit.merging import merge, split
    from splinework.interpret.edit.order import auto_swap, connection_cost, permute, swap
    from splinework.interpret.edit.products import to_product, to_sum
    from splinework.interpret.edit.pruning import prune, without_edges
    from splinework.interpret.edit.removal import remove_edge, remove_input, remove_node

__all__ = [
    "Edited", "adapt", "adapt_within", "auto_swap", "change", "coarsen", "connection_cost", "deepen", "elevate",
    "fix", "free", "freeze", "group_inputs", "insert", "merge", "permute", "prune", "raise_degree", "refine",
    "remove_edge", "remove_input", "remove_node", "split", "swap", "to_product", "to_splines", "to_sum", "unfreeze",
    "widen", "without_edges",
]  # fmt: skip

__getattr__ = lazy(__name__)
