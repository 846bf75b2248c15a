"""Many chips calibrated where they are: what takes temperature, age and mismatch out of each of them again.

Layer by layer, the measured sums of each chip are fitted to those of the programmed network by least squares, a line for each
sum; the lines become that chip's trims. `calibration` trims one network against given targets and knows no reading noise.
"""

from dataclasses import replace

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.chips import Chips, outputs, select
from splinework.hardware.analog.network import AnalogNetwork, Floats, Parameters

_CHIPS_AT_ONCE = 16
_ROUNDS = 2


def recalibrate(
    network: AnalogNetwork, rows: Floats, chips: Chips, *, noise: float = 0.003, reads: int = 16, seed: int = 0
) -> Parameters:
    """Parameters with trims for each chip, `(chips, 1, N)`, so that its sums follow those of the network as programmed.

    Args:
        network: As it should be; its own trims are the start.
        rows: Known rows in raw units, `(B, inputs)`, at least 2; some 50 that cover the inputs are enough.
        chips: As they are at the conditions in question; their read noise is left out here, as readings are averaged.
        noise: Standard deviation of one reading of a sum, in parts of its span.
        reads: Readings averaged.
        seed: Of that noise.

    Raises:
        ConfigError: If there are fewer than two rows, or no reading.
    """
    if len(rows) < 2 or reads < 1:
        raise ConfigError(f"calibrating takes 2 rows and 1 reading or more, got {len(rows)} and {reads}.")
    random = np.random.default_rng([seed, 7])
    parts = []
    for start in range(0, chips.count, _CHIPS_AT_ONCE):
        some = select(chips, slice(start, min(start + _CHIPS_AT_ONCE, chips.count)))
        some = replace(some, perturbation=replace(some.perturbation, read_noise=0.0))
        parts.append(_calibrated(network, rows, some, noise / float(np.sqrt(reads)), random))
    gains, trims = (np.concatenate(values) for values in zip(*parts, strict=True))
    return replace(network.parameters(), node_gains=gains, node_trims=trims)


def recalibrated_outputs(network: AnalogNetwork, x: Floats, chips: Chips, rows: Floats, *, seed: int = 0) -> Floats:
    """What chips give after they were calibrated on known rows, `(chips, B, outputs)`; x and the chips as for `outputs`."""
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
        for _ in range(_ROUNDS):  # an offset behind the gain is told from one before it only once the gain is right
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
    """Slopes and levels `(chips, 1, n)` of the best lines from what is seen to what is wanted, over the rows."""
    middle, aim = seen.mean(axis=1, keepdims=True), wanted.mean(axis=0)
    off = seen - middle
    power = (off**2).sum(axis=1, keepdims=True)
    common = (off * (wanted - aim)).sum(axis=1, keepdims=True)
    slope = np.where(power > 0, common / np.maximum(power, 1e-300), 1.0)
    slope = np.where(np.abs(slope - 1) < 0.9, slope, 1.0)  # a sum that hardly moves has no gain that could be measured
    return slope, aim - slope * middle
