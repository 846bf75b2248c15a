"""Verbs that turn one model into another: a new one each time, with the same meaning. The old one is left as it was.

Each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.interpret.edit.adapt import adapt, adapt_within
    from splinework.interpret.edit.degree import elevate, raise_degree
    from splinework.interpret.edit.insert import insert
    from splinework.interpret.edit.prune import prune, without_edges
    from splinework.interpret.edit.refine import refine

__all__ = ["adapt", "adapt_within", "elevate", "insert", "prune", "raise_degree", "refine", "without_edges"]

__getattr__ = lazy(__name__)
