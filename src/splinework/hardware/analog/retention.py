"""How stored charge leaks: thermionic emission, by the law of Arrhenius; and degrees Celsius where devices count in kelvin."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from splinework.errors import ConfigError
from splinework.hardware.analog.ekv import BOLTZMANN_OVER_CHARGE, thermal_voltage

ZERO_CELSIUS: Final = 273.15
"""Kelvin."""


def celsius_thermal_voltage(celsius: float) -> float:
    """U_T = kT/q in volts.

    >>> round(1e3 * celsius_thermal_voltage(27.0), 2)
    25.86
    """
    return thermal_voltage(celsius + ZERO_CELSIUS)


@dataclass(frozen=True)
class RetentionLaw:
    """How fast charge leaks: `v(t) = v(0) exp(−t / τ(T))`, `τ(T) = τ_ref exp(E_a / k (1/T − 1/T_ref))`.

    The defaults run through two published points: 0.5 µV of 0.1 V (the programmed voltage is our assumption) in 10 years at
    55 °C (Srinivasan et al. 2007), and half a step of 6 bits in 15 years at 125 °C (older parts).

    Attributes:
        years: τ_ref, years, at `celsius`.
        celsius: Reference temperature.
        activation: E_a, electronvolts.
        spread: Standard deviation of ln τ from cell to cell.
    """

    years: float = 2.0e6
    celsius: float = 55.0
    activation: float = 1.1176
    spread: float = 0.5

    def __post_init__(self) -> None:
        if not (self.years > 0 and self.activation > 0 and self.spread >= 0):
            raise ConfigError(
                f"retention needs years > 0, an activation > 0 eV and a spread >= 0, got {self.years}, {self.activation} and "
                f"{self.spread}."
            )

    def lifetime(self, celsius: float) -> float:
        """τ in years at a temperature.

        >>> law = RetentionLaw()
        >>> round(0.1e6 * (1 - law.kept(10, 55.0)), 2)  # microvolts of 0.1 V in 10 years
        0.5
        """
        if celsius <= -ZERO_CELSIUS:
            raise ConfigError(f"temperatures lie above {-ZERO_CELSIUS} °C, got {celsius}.")
        inverse = 1 / (celsius + ZERO_CELSIUS) - 1 / (self.celsius + ZERO_CELSIUS)
        return float(self.years * np.exp(self.activation / BOLTZMANN_OVER_CHARGE * inverse))

    def kept(self, years: float, celsius: float) -> float:
        """The share of the charge that is left.

        Args:
            years: Not negative.
            celsius: Temperature during that time.

        Raises:
            ConfigError: If the years are negative.
        """
        if years < 0:
            raise ConfigError(f"charge is kept for years >= 0, got {years}.")
        return float(np.exp(-years / self.lifetime(celsius)))
