"""Functions that return an edited copy of a model; the model itself is unchanged.

Each name is imported on first use.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.interpret.edit.adaptation import adapt, adapt_within
    from splinework.interpret.edit.degree import elevate, raise_degree
    from splinework.interpret.edit.edge_roles import fix, free, freeze, unfreeze
    from splinework.interpret.edit.grid_refinement import refine
    from splinework.interpret.edit.knot_insertion import insert
    from splinework.interpret.edit.pruning import prune, without_edges

__all__ = [
    "adapt",
    "adapt_within",
    "elevate",
    "fix",
    "free",
    "freeze",
    "insert",
    "prune",
    "raise_degree",
    "refine",
    "unfreeze",
    "without_edges",
]

__getattr__ = lazy(__name__)
