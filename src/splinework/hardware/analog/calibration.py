"""Trims of the nodes: gain and offset of every sum, so that the circuits' sums are those of the trained network.

Layer by layer, as each layer's inputs depend on the trims before it, and by least squares. The same function serves after
conversion, after programming and at another temperature; what is measured here comes from the model of the device.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from splinework.errors import ConfigError, ShapeError
from splinework.hardware.analog.ekv import NOMINAL
from splinework.hardware.analog.network import NO_PERTURBATION, AnalogNetwork, Floats, Parameters, Perturbation

KNOBS: Final = ("both", "offset")
"""What is trimmed: gain and offset, or the offset alone."""


def trim(
    network: AnalogNetwork,
    x: Floats,
    targets: Sequence[Floats],
    *,
    temperature: float = NOMINAL,
    perturbation: Perturbation = NO_PERTURBATION,
    knobs: str = "both",
) -> AnalogNetwork:
    """The network with its nodes' gains and offsets set so that the sums at x come nearest to the targets.

    Args:
        network: The circuits.
        x: Calibration rows in raw units, `(B, inputs)`.
        targets: For every layer the wanted sums, `(B, N_l)`, in network units.
        temperature: At which it is measured, in K.
        perturbation: One chip's errors.
        knobs: `both` or `offset`.

    Raises:
        ConfigError: For other knobs.
        ShapeError: If the targets do not fit the network.
    """
    if knobs not in KNOBS:
        raise ConfigError(f"knobs are one of {', '.join(KNOBS)}, got {knobs!r}.")
    _check(network, x, targets)
    first = 0
    for number, wanted in enumerate(targets):
        here = slice(first, first + wanted.shape[1])
        for knob in ("gain", "offset") if knobs == "both" else ("offset",):
            measured = network.signals(x, temperature=temperature, perturbation=perturbation).layers[number].sums
            p = network.parameters()
            if knob == "gain":
                p.node_gains[here] *= _slopes(measured, wanted)
            else:
                p.node_trims[here] += wanted.mean(axis=0) - measured.mean(axis=0)
            network = network.with_parameters(p)
        first = here.stop
    return network


def offset_currents(network: AnalogNetwork, x: Floats, targets: Sequence[Floats]) -> AnalogNetwork:
    """The network with the sums' constant currents set so that the sums' means at x are the targets', trims aside.

    The currents that the edges ask for leave out what the mirrors do to the tails' common part.

    Args:
        network: The circuits.
        x: Rows in raw units.
        targets: As for `trim`.

    Raises:
        ShapeError: If the targets do not fit the network.
    """
    _check(network, x, targets)
    first = 0
    for layer, wanted in enumerate(targets):
        measured = network.signals(x).layers[layer].sums
        p: Parameters = network.parameters()
        here = slice(first, first + wanted.shape[1])
        unit = np.array([s.unit for s in network.layers[layer].sums]) * p.node_gains[here]
        offsets = p.offsets.copy()
        offsets[here] += (wanted.mean(axis=0) - measured.mean(axis=0)) / unit
        network = network.with_parameters(replace(p, offsets=offsets))
        first = here.stop
    return network


def _slopes(measured: Floats, wanted: Floats) -> Floats:
    """Of the straight lines from measured to wanted sums; 1 where the two have nothing to do with each other."""
    spread = measured - measured.mean(axis=0)
    power = (spread**2).sum(axis=0)
    slopes = (spread * (wanted - wanted.mean(axis=0))).sum(axis=0) / np.where(power > 0, power, 1.0)
    out: Floats = np.where((slopes > 0.2) & (slopes < 5.0), slopes, 1.0)
    return out


def _check(network: AnalogNetwork, x: Floats, targets: Sequence[Floats]) -> None:
    wanted = [(len(x), len(layer.sums)) for layer in network.layers]
    if [t.shape for t in targets] != wanted:
        raise ShapeError(f"targets are the sums of every layer, shapes {wanted}, got {[t.shape for t in targets]}.")
