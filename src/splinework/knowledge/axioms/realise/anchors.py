"""Corrections that make any network pass through points and have given integrals.

`u(x) = f(x) + Σ_i a_i φ_i(x)` with bumps φ around the points, and a such that u takes the values: the interpolated residual of f
is subtracted. An integral is met by a constant. The factors depend on the network's parameters and are recomputed whenever these
change (`anchored`).
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.strength import Hard
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN

Ranges = Sequence[tuple[float, float]]


def is_anchored(axiom: Axiom) -> bool:
    """Whether a hard axiom is fulfilled by a correction."""
    return axiom.corrected and axiom.strength == Hard()


@torch.no_grad()
def anchored(model: KAN | FramedKAN, axioms: Sequence[Axiom], ranges: Ranges | None = None) -> KAN | FramedKAN:
    """The model with corrections for the hard points and integrals among the axioms; others are ignored.

    Args:
        model: A KAN or FramedKAN, with or without corrections; left unchanged.
        axioms: Axioms of any kind and strength.
        ranges: Ranges of the raw inputs; by default those of the frame.

    Raises:
        ConfigError: If points do not fit the model, coincide, or an integral's box is not finite.
    """
    wanted = [axiom for axiom in axioms if is_anchored(axiom)]
    if not wanted:
        return model
    if isinstance(model, FramedKAN):
        network, frame = model.network, model.frame
    else:
        config = model.config
        network, frame = model, Frame(config.input_names, (), config.output_names, (), tuple(ranges or ()))
    box = ranges or frame.ranges
    if not box:
        raise ConfigError(f"{wanted[0].text()} needs the ranges of the inputs; fit the model with this axiom.")
    bare = FramedKAN(network, replace(frame, corrections=()))
    corrections: list[tuple[int, str, float]] = []
    for axiom in wanted:
        corrections += axiom.corrections(bare, box)
    return FramedKAN(network, replace(frame, ranges=tuple(box), corrections=tuple(corrections)))
