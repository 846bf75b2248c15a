"""Simulators: ordinary and partial differential equations, tight-binding chains, materials."""

from splinework.data.simulators.equations import AllenCahnSet, BurgersSet
from splinework.data.simulators.localisation import LocalisationSet
from splinework.data.simulators.ode import OdeSet, ode_set
from splinework.data.simulators.systems import system, system_names

__all__ = ["AllenCahnSet", "BurgersSet", "LocalisationSet", "OdeSet", "ode_set", "system", "system_names"]
