"""The network inside a frame, with its inputs and their labels, for plots and reports."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch

from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.tabular.rows import Floats

Model = KAN | FramedKAN
MAX_BATCH_ROWS = 16384
"""Rows evaluated at a time."""


@final
@dataclass(frozen=True)
class InnerNetwork:
    """A plain network with rows of its own inputs.

    Attributes:
        network: The network.
        x: Its inputs, `(n, F)`.
        labels: Label of each input: the user's column, or the formula with which the frame computes it.
    """

    network: KAN
    x: Floats
    labels: tuple[str, ...]


def inner_network(model: Model, x: Floats, labels: Sequence[str]) -> InnerNetwork:
    """The network inside a frame, for rows `(n, p)` of raw inputs; a network without a frame as it is."""
    if not isinstance(model, FramedKAN):
        return InnerNetwork(model, x, tuple(labels))
    seen = np.asarray(model.inside(x).detach().numpy())
    return InnerNetwork(model.network, seen, model.frame.features or tuple(labels))


@torch.no_grad()
def outputs_of(model: KAN | FramedKAN, inputs: Floats) -> Floats:
    """The outputs `(n, q)` of a network for inputs `(n, p)`, computed in batches, which do not change them."""
    parts = [model(part) for part in torch.from_numpy(inputs).split(MAX_BATCH_ROWS)]
    return np.asarray(torch.cat(parts).numpy())


def with_names(model: Model, inputs: Sequence[str], outputs: Sequence[str]) -> Model:
    """The network with these names of inputs and outputs; a framed network has its names already."""
    if isinstance(model, FramedKAN):
        return model
    config = replace(model.config, input_names=tuple(inputs), output_names=tuple(outputs))
    named = KAN(config, dtype=torch.float64, generator=torch.Generator())
    named.load_state_dict(model.state_dict())
    return named.requires_grad_(False).eval()
