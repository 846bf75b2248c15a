"""A network that may stand in a frame, seen from outside: the network itself, its inputs, and what these are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.tabular.rows import Floats

Model = KAN | FramedKAN
CHUNK = 16384
"""Rows that a network is given at a time."""


@final
@dataclass(frozen=True)
class InnerNetwork:
    """What a picture or a page shows: a plain network on rows of its own inputs.

    Attributes:
        network: The network.
        x: `(n, F)`, its inputs.
        labels: What each of them is: the user's column, or a formula that the frame works out first.
    """

    network: KAN
    x: Floats
    labels: tuple[str, ...]


def inner_network(model: Model, x: Floats, labels: Sequence[str]) -> InnerNetwork:
    """What is inside a frame, for rows `(n, p)` of raw inputs; a network without one is its own inside."""
    if not isinstance(model, FramedKAN):
        return InnerNetwork(model, x, tuple(labels))
    seen = np.asarray(model.inside(x).detach().numpy())
    return InnerNetwork(model.network, seen, model.frame.features or tuple(labels))


@torch.no_grad()
def outputs_of(model: KAN | FramedKAN, inputs: Floats) -> Floats:
    """The outputs `(n, q)` of a network for inputs `(n, p)`; the number of rows that come together changes nothing."""
    parts = [model(part) for part in torch.from_numpy(inputs).split(CHUNK)]
    return np.asarray(torch.cat(parts).numpy())


def frame_notes(model: Model) -> list[str]:
    """Sentences on what stands before and after the network; none of a network without a frame."""
    if not isinstance(model, FramedKAN):
        return []
    pairs = zip(model.output_names, model.frame.answers, strict=False)
    return [
        *(f"input {i} of the network shown is {text}" for i, text in enumerate(model.frame.features, start=1)),
        *(f"{name} = {text}, where z1, z2, … are the outputs of the network shown" for name, text in pairs),
    ]


def input_scores(model: Model, scores: Any) -> Floats:
    """Scores of a network's inputs `(F,)` as scores of the raw inputs `(p,)`: those that make a feature share its score."""
    given = np.asarray(torch.as_tensor(scores).numpy(), dtype=np.float64)
    if not isinstance(model, FramedKAN) or not model.frame.features:
        return given
    found = np.zeros(model.inputs)
    for score, feature in zip(given, model.frame.before, strict=True):
        columns = list(feature.columns)
        if columns:
            found[columns] += score / len(columns)
    return found
