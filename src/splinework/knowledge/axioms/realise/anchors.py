"""Points to pass through, and integrals: what is added to a network so that it meets them, whatever it is.

`u(x) = f(x) + Σ_i a_i φ_i(x)` with bumps φ about the points, and a such that u meets the values: the misfit of f, interpolated
and taken off. An integral is met by a constant. The factors depend on the network's numbers, so they are worked out anew whenever
these change (`anchored`).
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
    """Whether an axiom is met by a correction."""
    return axiom.corrected and axiom.strength == Hard()


@torch.no_grad()
def anchored(model: KAN | FramedKAN, axioms: Sequence[Axiom], ranges: Ranges | None = None) -> KAN | FramedKAN:
    """The model with corrections for the hard points and integrals among the axioms; others are passed over.

    Args:
        model: A network or framed one, with corrections or without; unchanged.
        axioms: Any.
        ranges: Of the raw inputs; those of the frame, where it has them.

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
        raise ConfigError(f"{wanted[0].text()} needs the ranges of the inputs; fit the model with it.")
    bare = FramedKAN(network, replace(frame, corrections=()))
    corrections: list[tuple[int, str, float]] = []
    for axiom in wanted:
        corrections += axiom.corrections(bare, box)
    return FramedKAN(network, replace(frame, ranges=tuple(box), corrections=tuple(corrections)))
