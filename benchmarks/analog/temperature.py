"""Temperature drift of an analogue network and its remedies: trims of the nodes, spans proportional to absolute temperature.

Widths go as U_T while centres are charges and stay, tails follow `AnalogTechnology.tail_law`, so the functions change their
shape; most of that is gain and offset of the sums. The remedies are compared here on a network as it is; how trims are found is
in `calibration`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.calibration import trim
from splinework.hardware.analog.network import NO_PERTURBATION, AnalogNetwork, Floats, Perturbation

CELSIUS: Final = tuple(range(0, 90, 5))
"""The table's temperatures."""

REMEDIES: Final = ("none", "offset", "both", "ptat", "ptat-centres")
"""`offset` and `both` (gain and offset) trim every sum anew at each temperature; `ptat` and `ptat-centres` are span laws."""

_ZERO: Final = 273.15


@dataclass(frozen=True)
class TemperatureTable:
    """Errors over temperature.

    Attributes:
        celsius: Rows, in °C.
        remedies: Columns, of `REMEDIES`.
        rms: Error of the outputs against the reference, in parts of each output's span, worst output:
            `(temperatures, remedies)`.
    """

    celsius: tuple[float, ...]
    remedies: tuple[str, ...]
    rms: Floats

    def to_text(self) -> str:
        """The table in Markdown, in % of span."""
        lines = ["| °C | " + " | ".join(self.remedies) + " |", "|---" * (len(self.remedies) + 1) + "|"]
        for celsius, row in zip(self.celsius, self.rms, strict=True):
            lines.append(f"| {celsius:g} | " + " | ".join(f"{100 * value:.2f}" for value in row) + " |")
        return "\n".join(lines)


def over_temperature(
    network: AnalogNetwork,
    x: Any,
    reference: Any = None,
    *,
    celsius: Sequence[float] = CELSIUS,
    remedies: Sequence[str] = REMEDIES,
    perturbation: Perturbation = NO_PERTURBATION,
) -> TemperatureTable:
    """The error of a network's outputs over temperature, plain and with every remedy.

    Args:
        network: The circuits, trimmed at 27 °C.
        x: Rows in raw units.
        reference: Desired outputs, `(B, outputs)`; None for the network's own at 27 °C without errors.
        celsius: Temperatures in °C.
        remedies: Remedies to compare, one a column.
        perturbation: One chip's errors; the trims see them.
    """
    unknown = [r for r in remedies if r not in REMEDIES]
    if unknown:
        raise ConfigError(f"a remedy is one of {', '.join(REMEDIES)}, got {unknown[0]!r}.")
    rows = np.asarray(x, dtype=np.float64)
    home = network.signals(rows)
    targets = [layer.sums for layer in home.layers]
    wanted = home.outputs if reference is None else np.asarray(reference, dtype=np.float64)
    rms = np.empty((len(celsius), len(remedies)))
    for t, degrees in enumerate(celsius):
        kelvin = degrees + _ZERO
        for r, remedy in enumerate(remedies):
            own = network
            if remedy in ("offset", "both"):
                own = trim(network, rows, targets, temperature=kelvin, perturbation=perturbation, trims=remedy)
            elif remedy != "none":
                own = replace(network, technology=replace(network.technology, span_law=remedy))
            found = own.forward(rows, temperature=kelvin, perturbation=perturbation)
            rms[t, r] = span_error(found, wanted)
    return TemperatureTable(tuple(map(float, celsius)), tuple(remedies), rms)


def span_error(found: Floats, wanted: Floats) -> float:
    """The rms difference of each output in parts of its span, of the worst output.

    >>> span_error(np.array([[0.0], [1.1]]), np.array([[0.0], [1.0]])) < 0.071
    True
    """
    span = np.ptp(wanted, axis=0)
    error = np.sqrt(((found - wanted) ** 2).mean(axis=0)) / np.where(span > 0, span, 1.0)
    return float(error.max())
