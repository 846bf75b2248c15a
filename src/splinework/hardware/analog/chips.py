"""Chips that are drawn: what an imperfection is, how several go together, and what a network computes on all of them at once.

The imperfections themselves are in `imperfections`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.ekv import NOMINAL, Values
from splinework.hardware.analog.network import NO_PERTURBATION, AnalogNetwork, AnalogParameters, Floats, Perturbation

_MAX_NUMBERS_PER_BATCH: Final = 2_000_000  # Chips times rows times elements that are computed at once


@dataclass(frozen=True)
class Chips:
    """Some chips under the same conditions: what differs, with chips on the first axis, the temperature in K, and how many."""

    perturbation: Perturbation
    temperature: float
    count: int


class Imperfection(ABC):
    """One cause of errors.

    A subclass says how it changes a perturbation; it draws from the generator in a fixed order and multiplies or adds.
    """

    stream: ClassVar[int]

    @abstractmethod
    def disturb(self, before: Chips, network: AnalogNetwork, rows: int, random: np.random.Generator) -> Chips:
        """The chips with this error besides those they have, for so many rows, which noise differs by."""


def draw(
    network: AnalogNetwork, imperfections: Sequence[Imperfection], *, chips: int, rows: int, seed: int | Sequence[int]
) -> Chips:
    """Draws so many chips, to be run on so many rows, with imperfections that are at most one of a kind.

    Raises:
        ConfigError: If two imperfections are of one kind, or there is no chip.
    """
    kinds = [type(i) for i in imperfections]
    if len(set(kinds)) != len(kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise ConfigError(f"imperfections are at most one of a kind, got {names}; put both into one recipe.")
    if chips < 1 or rows < 1:
        raise ConfigError(f"drawing takes at least one chip and one row, got {chips} and {rows}.")
    made = Chips(NO_PERTURBATION, NOMINAL, chips)
    seeds = [seed] if isinstance(seed, int) else list(seed)
    for imperfection in imperfections:
        random = np.random.default_rng([*seeds, imperfection.stream])
        made = imperfection.disturb(made, network, rows, random)
    return made


def outputs(network: AnalogNetwork, x: Floats, chips: Chips, *, parameters: AnalogParameters | None = None) -> Floats:
    """What chips give at x `(B, inputs)`, `(chips, B, outputs)`, both in raw units; they were drawn for as many rows.

    Parameters in place of the network's own may have chips on their first axis.
    """
    size = max(1, _MAX_NUMBERS_PER_BATCH // max(1, len(x) * network.element_count))
    parts = []
    for start in range(0, chips.count, size):
        here = slice(start, min(start + size, chips.count))
        some = select(chips, here)
        own = None
        if parameters is not None:
            own = AnalogParameters(*(_part(values, here, chips.count) for values in vars(parameters).values()))
        found = network.forward(x, temperature=some.temperature, perturbation=some.perturbation, parameters=own)
        parts.append(np.broadcast_to(found, (some.count, *found.shape[-2:])))
    return np.concatenate(parts)


def select(chips: Chips, which: slice) -> Chips:
    """Some of the chips."""
    own = (_part(values, which, chips.count) for values in vars(chips.perturbation).values())
    return Chips(Perturbation(*own), chips.temperature, len(range(*which.indices(chips.count))))


def _part(values: Values, which: slice, count: int) -> Values:
    return values[which] if np.ndim(values) == 3 and len(values) == count else values
