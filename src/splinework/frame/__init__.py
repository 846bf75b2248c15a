"""Formulas before and after a network, and the regions whose boundaries they know."""

from splinework.frame.expression import Expression, identifiers
from splinework.frame.framed import Frame, FramedKAN, frame_from_dict, hidden_names
from splinework.frame.regions import Box, Difference, Disc, Intersection, Region, Union

__all__ = [
    "Box",
    "Difference",
    "Disc",
    "Expression",
    "Frame",
    "FramedKAN",
    "Intersection",
    "Region",
    "Union",
    "frame_from_dict",
    "hidden_names",
    "identifiers",
]
