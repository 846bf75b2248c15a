"""Verbs that turn one model into another: a new one each time, with the same meaning. The old one is left as it was."""

from splinework.edit.adapt import adapt
from splinework.edit.degree import elevate, raise_degree
from splinework.edit.insert import insert
from splinework.edit.prune import prune, without_edges
from splinework.edit.refine import refine
from splinework.edit.within import adapt_within

__all__ = ["adapt", "adapt_within", "elevate", "insert", "prune", "raise_degree", "refine", "without_edges"]
