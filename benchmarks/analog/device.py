"""A chip behind an interface: what it must offer, and a simulated one that stands in for it where there is none.

`SimulatedChip` is a stand-in and no measurement of anything: a network with errors that were drawn once, that its user cannot
see, and that programming does not take away. How a chip is tuned in the loop is in `tuning`.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from splinework.errors import DataError
from splinework.hardware.analog.chips import Imperfection, draw
from splinework.hardware.analog.ekv import ZERO_CELSIUS
from splinework.hardware.analog.imperfections import Mismatch, Programming, ReadNoise
from splinework.hardware.analog.network import AnalogNetwork, AnalogParameters, Floats, Perturbation


@runtime_checkable
class Device(Protocol):
    """A device that can be programmed and measured."""

    @property
    def pulses(self) -> int:
        """Programming pulses so far: cells wear."""
        ...

    def measure(self, rows: ArrayLike) -> Floats:
        """One reading of the outputs, `(B, outputs)` in raw units, at rows `(B, inputs)` in raw units."""
        ...

    def program(self, parameters: AnalogParameters) -> AnalogParameters:
        """Brings the cells to these values, as flat arrays, and returns what verification read back.

        Cells whose value stays, but for rounding, are not written.
        """
        ...


@runtime_checkable
class Probed(Device, Protocol):
    """A device whose inner nodes can be measured, too."""

    def probe(self, rows: ArrayLike) -> tuple[Floats, ...]:
        """One reading of the nodes after each layer, `(B, nodes)` in network units, in order."""
        ...


HIDDEN: Final[tuple[Imperfection, ...]] = (Mismatch(kappa=0.01, residual=0.1, node_gain=0.03, node_offset=0.01),)
"""Hidden errors of a simulated chip by default: κ, a tenth of the thresholds' mismatch, gains and offsets of its sums."""


class SimulatedChip:
    """A stand-in for a chip: hidden mismatch, programming errors for every cell that is written, noise in every reading.

    Args:
        network: The network as it was designed; the chip starts programmed with its values.
        hidden: Errors that are drawn once and stay.
        programming: The error that a cell gets each time it is written.
        noise: Noise of a reading.
        trim: Standard deviation of what is missed when a sum's gain (relative) or offset (in parts of its span) is set.
        read_back: Relative standard deviation of currents that verification reports.
        pulses_per_cell: Number of pulses that write a cell once; `programming` measures it.
        celsius: Temperature in °C.
        seed: Seed of all random numbers.
    """

    is_simulated: Final = True

    def __init__(
        self,
        network: AnalogNetwork,
        *,
        hidden: Sequence[Imperfection] = HIDDEN,
        programming: Programming | None = None,
        noise: ReadNoise | None = None,
        trim: float = 1e-3,
        read_back: float = 1e-3,
        pulses_per_cell: int = 11,
        celsius: float = 27.0,
        seed: int,
    ) -> None:
        self._network = network
        self._programming, self._noise = programming or Programming(), noise or ReadNoise()
        self._trim, self._read_back, self._cost = trim, read_back, pulses_per_cell
        self._temperature = celsius + ZERO_CELSIUS
        chips = draw(network, hidden, chips=1, rows=1, seed=(seed, 21))
        self._hidden = _flat(chips.perturbation)
        self._random = np.random.default_rng([seed, 22])
        self._spans = np.array([s.high - s.low for layer in network.layers for s in layer.sums])
        self._pulses = 0
        self._targets: AnalogParameters | None = None
        self._held = network.parameters()
        self.program(network.parameters())
        self._pulses = 0

    @property
    def pulses(self) -> int:
        """Pulses since the chip was first programmed."""
        return self._pulses

    def measure(self, rows: ArrayLike) -> Floats:
        return self._run(rows)[1]

    def probe(self, rows: ArrayLike) -> tuple[Floats, ...]:
        return self._run(rows)[0]

    def program(self, parameters: AnalogParameters) -> AnalogParameters:
        wanted = self._checked(parameters)
        before, held, normal = self._targets, self._held, self._random.standard_normal
        fields = {}
        errors = {
            "gains": wanted.gains * self._programming.gain,
            "centres": np.full_like(wanted.centres, self._programming.centre),
            "offsets": wanted.offsets * self._programming.gain,
            "node_gains": wanted.node_gains * self._trim,
            "node_trims": self._spans * self._trim,
        }
        for name, size in errors.items():
            target = getattr(wanted, name)
            written = np.ones(target.shape, dtype=np.bool_)
            if before is not None:
                written = ~np.isclose(target, getattr(before, name), rtol=1e-9, atol=1e-15)
            fresh = target + size * normal(target.shape)
            fields[name] = np.where(written, fresh, getattr(held, name))
            self._pulses += self._cost * int(written.sum())
        self._targets, self._held = wanted, AnalogParameters(**fields)
        seen = {
            name: fields[name] * (1 + self._read_back * normal(fields[name].shape)) for name in ("gains", "offsets")
        }
        return replace(self._held, **seen)

    def _checked(self, parameters: AnalogParameters) -> AnalogParameters:
        p = parameters
        arrays = [np.array(v, dtype=np.float64) for v in (p.gains, p.centres, p.offsets, p.node_gains, p.node_trims)]
        self._network.with_parameters(AnalogParameters(*arrays))  # refuses other lengths
        limit = self._network.technology.current_max
        if (np.abs(arrays[0]) > limit * (1 + 1e-9)).any():
            raise DataError(f"currents are at most {limit:g} A, got {np.abs(arrays[0]).max():g} A; use more elements.")
        return AnalogParameters(*arrays)

    def _run(self, rows: ArrayLike) -> tuple[tuple[Floats, ...], Floats]:
        x = np.asarray(rows, dtype=np.float64)
        noise = self._noise.span * self._random.standard_normal((len(x), self._network.node_count))
        found = self._network.signals(
            x,
            temperature=self._temperature,
            perturbation=replace(self._hidden, read_noise=noise),
            parameters=self._held,
        )
        return tuple(layer.nodes for layer in found.layers), found.outputs


def _flat(p: Perturbation) -> Perturbation:
    """The perturbation of a single chip without the axis that counts chips."""
    names = ("gain_error", "centre_shift", "kappa_factor", "offset_error", "node_gain", "node_offset", "read_noise")
    fields = {name: getattr(p, name) for name in names}
    return replace(p, **{name: v.reshape(-1) if np.ndim(v) == 3 else v for name, v in fields.items()})
