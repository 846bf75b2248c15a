"""Formulas before and after a network, and the regions whose boundaries they know."""

from splinework.formula.expression import Expression
from splinework.formula.reading import identifiers
from splinework.nn.frame.framed import (
    Frame,
    FramedKAN,
    frame_from_dict,
    frame_of,
    hidden_names,
    network_of,
    with_features,
)
from splinework.nn.frame.regions import Box, Difference, Disc, Intersection, Region, Union

__all__ = [
    "Box", "Difference", "Disc", "Expression", "Frame", "FramedKAN", "Intersection", "Region", "Union",
    "frame_from_dict", "frame_of", "hidden_names", "identifiers", "network_of", "with_features",
]  # fmt: skip
