"""Verbs that turn one model into another: a new one each time, with the same meaning. The old one is left as it was."""

from splinework.edit.adapt import adapt
from splinework.edit.prune import prune, without_edges
from splinework.edit.refine import refine

__all__ = ["adapt", "prune", "refine", "without_edges"]
