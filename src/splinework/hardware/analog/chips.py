"""Random chips: the base class of imperfections, their combination, and the evaluation of a network on many chips at once.

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

_MAX_NUMBERS_PER_BATCH: Final = 2_000_000  # Chips times rows times elements


@dataclass(frozen=True)
class Chips:
    """Chips under the same conditions: perturbation with chips on the first axis, temperature in K, and number of chips."""

    perturbation: Perturbation
    temperature: float
    count: int


class Imperfection(ABC):
    """Base class of a cause of errors.

    A subclass modifies a perturbation by factors or summands, drawn from the generator in a fixed order.
    """

    stream: ClassVar[int]

    @abstractmethod
    def disturb(self, before: Chips, network: AnalogNetwork, rows: int, random: np.random.Generator) -> Chips:
        """Adds this error to chips; `rows` is the number of rows with independent noise."""


def draw(
    network: AnalogNetwork, imperfections: Sequence[Imperfection], *, chips: int, rows: int, seed: int | Sequence[int]
) -> Chips:
    """Draws chips for a number of rows, with at most one imperfection of each kind.

    Raises:
        ConfigError: If two imperfections are of the same kind, or there are no chips.
    """
    kinds = [type(i) for i in imperfections]
    if len(set(kinds)) != len(kinds):
        names = ", ".join(kind.__name__ for kind in kinds)
        raise ConfigError(f"imperfections must be at most one of each kind, got {names}; merge them into one.")
    if chips < 1 or rows < 1:
        raise ConfigError(f"drawing needs at least one chip and one row, got {chips} and {rows}.")
    made = Chips(NO_PERTURBATION, NOMINAL, chips)
    seeds = [seed] if isinstance(seed, int) else list(seed)
    for imperfection in imperfections:
        random = np.random.default_rng([*seeds, imperfection.stream])
        made = imperfection.disturb(made, network, rows, random)
    return made


def outputs(network: AnalogNetwork, x: Floats, chips: Chips, *, parameters: AnalogParameters | None = None) -> Floats:
    """Outputs of chips at x `(B, inputs)`, `(chips, B, outputs)`, in raw units; the chips must be drawn for B rows.

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
    """A slice of the chips."""
    own = (_part(values, which, chips.count) for values in vars(chips.perturbation).values())
    return Chips(Perturbation(*own), chips.temperature, len(range(*which.indices(chips.count))))


def _part(values: Values, which: slice, count: int) -> Values:
    return values[which] if np.ndim(values) == 3 and len(values) == count else values
