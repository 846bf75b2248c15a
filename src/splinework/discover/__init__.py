"""Formulas from data: searches that join training, editing and symbolic regression."""

from splinework.discover.api import discover
from splinework.discover.classes import discover_classes
from splinework.discover.conserved import discover_conserved
from splinework.discover.constrained import discover_constrained
from splinework.discover.multioutput import discover_multioutput
from splinework.discover.ode import discover_ode
from splinework.discover.options import SearchOptions
from splinework.discover.partial import complete_formula
from splinework.discover.relation import discover_relation

__all__ = [
    "SearchOptions",
    "complete_formula",
    "discover",
    "discover_classes",
    "discover_conserved",
    "discover_constrained",
    "discover_multioutput",
    "discover_ode",
    "discover_relation",
]
