"""Calibration of the nodes: trims of gain and offset that bring the circuits' sums to those of the trained network.

Trims are least-squares fits, layer by layer, since each layer's inputs depend on the trims before it. `trim` serves one network
after conversion, after programming and at another temperature; its measurements come from the device model. `recalibrate`
compensates temperature, ageing and mismatch of many chips from noisy readings: a line is fitted from the measured sums of each
chip to those of the programmed network, and becomes that chip's trim.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from splinework.errors import ConfigError, ShapeError
from splinework.hardware.analog.chips import Chips, outputs, select
from splinework.hardware.analog.ekv import NOMINAL
from splinework.hardware.analog.network import NO_PERTURBATION, AnalogNetwork, AnalogParameters, Floats, Perturbation

TRIMS: Final = ("both", "offset")
"""Trims: gain and offset, or the offset alone."""
_CHIPS_PER_BATCH: Final = 16
_N_ROUNDS: Final = 2


def trim(
    network: AnalogNetwork,
    x: Floats,
    targets: Sequence[Floats],
    *,
    temperature: float = NOMINAL,
    perturbation: Perturbation = NO_PERTURBATION,
    trims: str = "both",
) -> AnalogNetwork:
    """The network with the nodes' gains and offsets fitted so that the sums at raw rows x approach the targets.

    Targets are the wanted sums of every layer, `(B, N_l)` in network units. Sums are measured at a temperature in K with the
    errors of one chip; `trims` is `both` or `offset`.

    Raises:
        ConfigError: If `trims` is unknown.
        ShapeError: If the shapes of the targets do not match the network.
    """
    if trims not in TRIMS:
        raise ConfigError(f"trims is one of {', '.join(TRIMS)}, got {trims!r}.")
    _check(network, x, targets)
    first = 0
    for number, wanted in enumerate(targets):
        here = slice(first, first + wanted.shape[1])
        for kind in ("gain", "offset") if trims == "both" else ("offset",):
            measured = network.signals(x, temperature=temperature, perturbation=perturbation).layers[number].sums
            p = network.parameters()
            if kind == "gain":
                p.node_gains[here] *= _slopes(measured, wanted)
            else:
                p.node_trims[here] += wanted.mean(axis=0) - measured.mean(axis=0)
            network = network.with_parameters(p)
        first = here.stop
    return network


def offset_currents(network: AnalogNetwork, x: Floats, targets: Sequence[Floats]) -> AnalogNetwork:
    """The network with constant currents such that the means of the sums at raw rows x equal those of the targets.

    This compensates the effect of the mirrors on the common part of the tail currents. Trims are kept; targets as for `trim`.

    Raises:
        ShapeError: If the shapes of the targets do not match the network.
    """
    _check(network, x, targets)
    first = 0
    for layer, wanted in enumerate(targets):
        measured = network.signals(x).layers[layer].sums
        p = network.parameters()
        here = slice(first, first + wanted.shape[1])
        unit = np.array([s.unit for s in network.layers[layer].sums]) * p.node_gains[here]
        p.offsets[here] += (wanted.mean(axis=0) - measured.mean(axis=0)) / unit
        network = network.with_parameters(p)
        first = here.stop
    return network


def _slopes(measured: Floats, wanted: Floats) -> Floats:
    """Slopes of the regression lines from measured to wanted sums; 1 if the two are unrelated."""
    spread = measured - measured.mean(axis=0)
    power = (spread**2).sum(axis=0)
    slopes = (spread * (wanted - wanted.mean(axis=0))).sum(axis=0) / np.where(power > 0, power, 1.0)
    out: Floats = np.where((slopes > 0.2) & (slopes < 5.0), slopes, 1.0)
    return out


def _check(network: AnalogNetwork, x: Floats, targets: Sequence[Floats]) -> None:
    wanted = [(len(x), len(layer.sums)) for layer in network.layers]
    if [t.shape for t in targets] != wanted:
        raise ShapeError(f"targets are the sums of every layer, shapes {wanted}, got {[t.shape for t in targets]}.")


def recalibrate(
    network: AnalogNetwork, rows: Floats, chips: Chips, *, noise: float = 0.003, reads: int = 16, seed: int = 0
) -> AnalogParameters:
    """Parameters with trims for each chip, `(chips, 1, N)`, so that its sums follow those of the network as programmed.

    Args:
        network: The programmed network; its own trims are the start.
        rows: Known rows in raw units, `(B, inputs)`, at least 2; about 50 that cover the inputs are enough.
        chips: The chips at their operating conditions; their read noise is ignored, as readings are averaged.
        noise: Standard deviation of one reading of a sum relative to its span.
        reads: Number of averaged readings.
        seed: Seed of the noise.

    Raises:
        ConfigError: If there are fewer than two rows or no readings.
    """
    if len(rows) < 2 or reads < 1:
        raise ConfigError(f"calibration needs at least 2 rows and 1 reading, got {len(rows)} and {reads}.")
    random = np.random.default_rng([seed, 7])
    parts = []
    for start in range(0, chips.count, _CHIPS_PER_BATCH):
        some = select(chips, slice(start, min(start + _CHIPS_PER_BATCH, chips.count)))
        some = replace(some, perturbation=replace(some.perturbation, read_noise=0.0))
        parts.append(_calibrated(network, rows, some, noise / float(np.sqrt(reads)), random))
    gains, trims = (np.concatenate(values) for values in zip(*parts, strict=True))
    return replace(network.parameters(), node_gains=gains, node_trims=trims)


def recalibrated_outputs(network: AnalogNetwork, x: Floats, chips: Chips, rows: Floats, *, seed: int = 0) -> Floats:
    """Outputs of chips calibrated on known rows, `(chips, B, outputs)`; x and the chips as for `outputs`."""
    return outputs(network, x, chips, parameters=recalibrate(network, rows, chips, seed=seed))


def _calibrated(
    network: AnalogNetwork, rows: Floats, chips: Chips, noise: float, random: np.random.Generator
) -> tuple[Floats, Floats]:
    own = network.parameters()
    shape = (chips.count, 1, network.node_count)
    gains, trims = (np.broadcast_to(v, shape).copy() for v in (own.node_gains, own.node_trims))
    wanted = [layer.sums for layer in network.signals(rows).layers]
    first = 0
    for number, layer in enumerate(network.layers):
        here = slice(first, first + len(layer.sums))
        span = np.array([s.high - s.low for s in layer.sums])
        for _ in range(_N_ROUNDS):  # offsets before and after the gain can be separated only once the gain is right
            parameters = replace(own, node_gains=gains, node_trims=trims)
            found = network.signals(
                rows, temperature=chips.temperature, perturbation=chips.perturbation, parameters=parameters
            )
            seen = np.broadcast_to(found.layers[number].sums, (chips.count, len(rows), len(layer.sums)))
            slope, level = _lines(seen + noise * span * random.standard_normal(seen.shape), wanted[number])
            gains[..., here] *= slope
            trims[..., here] = slope * trims[..., here] + level
        first = here.stop
    return gains, trims


def _lines(seen: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    """Slopes and levels `(chips, 1, n)` of the regression lines from measured to wanted sums over the rows."""
    middle, aim = seen.mean(axis=1, keepdims=True), wanted.mean(axis=0)
    off = seen - middle
    power = (off**2).sum(axis=1, keepdims=True)
    common = (off * (wanted - aim)).sum(axis=1, keepdims=True)
    slope = np.where(power > 0, common / np.maximum(power, 1e-300), 1.0)
    slope = np.where(np.abs(slope - 1) < 0.9, slope, 1.0)  # a nearly constant sum has no measurable gain
    return slope, aim - slope * middle
