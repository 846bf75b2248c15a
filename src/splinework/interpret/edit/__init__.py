"""Verbs that turn one model into another: a new one each time, with the same meaning. The old one is left as it was.

Each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.interpret.edit.adaptation import adapt, adapt_within
    from splinework.interpret.edit.degree import elevate, raise_degree
    from splinework.interpret.edit.grid_refinement import refine
    from splinework.interpret.edit.knot_insertion import insert
    from splinework.interpret.edit.pruning import prune, without_edges

__all__ = ["adapt", "adapt_within", "elevate", "insert", "prune", "raise_degree", "refine", "without_edges"]

__getattr__ = lazy(__name__)
