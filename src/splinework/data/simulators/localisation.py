"""Tight-binding chains with extended or localised states (KAN paper, Liu et al. 2024, arXiv 2404.19756, section 4.4).

H = Σ t (c†_{n+1} c_n + h.c.) + Σ V_n c†_n c_n with t = 1 and the golden ratio b = (√5 - 1)/2. A state ψ is classified by its
inverse participation ratio `I = Σ |ψ|⁴` by D = -log I / log N: extended states have D near 1, localised ones near 0. Ambiguous
states with 0.4 < D < 0.7 are dropped.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, final, get_args

import numpy as np

from splinework.data.inputs import Input
from splinework.data.random_streams import POINTS_STREAM, Floats, stream
from splinework.data.recipe import Recipe
from splinework.data.sample import Schema
from splinework.errors import ConfigError, nearest

Model = Literal["aubry_andre", "mosaic", "exponential_hopping", "nearest_hopping"]

GOLDEN_RATIO: Final = (math.sqrt(5) - 1) / 2
AMBIGUOUS_RANGE: Final = (0.4, 0.7)
"""Range of D between localised and extended states."""
_CLASSES: Final = ("localised", "extended")

_PARAMETERS: Final[dict[str, tuple[Input, Input | None]]] = {
    "aubry_andre": (Input("lam", 0.2, 1.8), Input("alpha", -0.8, 0.8)),
    "mosaic": (Input("lam", 0.3, 2.5), None),
    "exponential_hopping": (Input("lam", 0.2, 4.0), Input("p", 1.0, 3.0)),
    # beyond p = 2 it approaches the Aubry-Andre chain, critical at lam = 2: up to 2 % of the states are misclassified
    "nearest_hopping": (Input("lam", 0.5, 3.5), Input("p", 1.0, 2.0)),
}
_ABOUT: Final = {
    "aubry_andre": "generalised Aubry-André chain: which of its states are extended",
    "mosaic": "mosaic chain, a potential on every second site: which of its states are extended",
    "exponential_hopping": "chain with hopping over any distance: which of its states are extended",
    "nearest_hopping": "the same in units of the hop to the next site",
}
_EDGES: Final = {
    "aubry_andre": "2*(1 - lam) - alpha*E",
    "mosaic": "1 - abs(lam*E)",
    "exponential_hopping": "E + 1 - lam*cosh(p)",
    "nearest_hopping": "E + exp(p) - lam*cosh(p)",
}


@final
@dataclass(frozen=True)
class LocalisationSet(Recipe):
    """States of quasiperiodic chains, each with its energy E, the parameters of its chain, and whether it is extended.

    `aubry_andre`: V_n = 2λ cos(2πbn + φ)/(1 - α cos(2πbn + φ)); extended iff αE < 2(1 - λ) (Ganeshan et al. 2015).
    `mosaic`: V_n = 2λ cos(2πbn + φ) on every second site, else 0; extended iff `|λE| < 1` (Wang et al. 2020).
    `exponential_hopping`: hops `e^{-p|n-m|}`, V_n = λ cos(2πbn + φ); extended iff λ cosh p < E + 1 (Biddle & Das Sarma 2010).
    `nearest_hopping`: the same with hops `e^{-p(|n-m| - 1)}`, where the next site is 1 away; extended iff λ cosh p < E + e^p.

    Attributes:
        model: Name of the model.
        sites: Length of a chain; short chains blur the mobility edge.
        states: Maximum number of rows per chain, drawn from its unambiguous states.

    Raises:
        ConfigError: If the model is unknown, or a number is out of range.

    Example:
        >>> LocalisationSet("mosaic", sites=89, states=10).draw(20, seed=0).x.shape
        (20, 2)
    """

    model: Model
    sites: int = 987
    states: int = 100

    def __post_init__(self) -> None:
        if self.model not in get_args(Model):
            raise ConfigError(f"there is no chain {self.model!r}; {nearest(self.model, get_args(Model))}")
        if not 50 <= self.sites <= 10_000:
            raise ConfigError(f"sites must be 50 to 10000, got {self.sites}.")
        if self.states < 1:
            raise ConfigError(f"states must be at least 1, got {self.states}.")

    def parameters(self) -> tuple[Input, ...]:
        """The parameters of a chain, except its phase."""
        return tuple(one for one in _PARAMETERS[self.model] if one is not None)

    def schema(self) -> Schema:
        names = ("E", *(one.name for one in self.parameters()))
        return Schema(
            self.model,
            _ABOUT[self.model],
            names,
            ("state",),
            formula=f"extended where {_EDGES[self.model]} > 0",
            active=names,
            source=f"all states of chains of {self.sites} sites, by their inverse participation ratio",
            classes=_CLASSES,
            notes=("States with 0.4 < D < 0.7 were dropped; the mobility edge is that of an infinite chain.",),
        )

    def clean(self, rows: int, seed: int) -> Iterator[tuple[Floats, Floats]]:
        given, chain = 0, 0
        while given < rows:
            generator = stream(seed, POINTS_STREAM, chain)
            values = [float(one.values(np.asarray(generator.random()))) for one in self.parameters()]
            energies, ratios = self.spectrum(values, phase=2 * math.pi * float(generator.random()))
            clear = np.flatnonzero((ratios < AMBIGUOUS_RANGE[0]) | (ratios > AMBIGUOUS_RANGE[1]))
            chosen = generator.permutation(clear)[: min(self.states, rows - given)]
            chain += 1
            if len(chosen):
                x = np.column_stack([energies[chosen], *(np.full(len(chosen), value) for value in values)])
                yield x, (ratios[chosen] > AMBIGUOUS_RANGE[1]).astype(np.float64)[:, None]
                given += len(chosen)

    def spectrum(self, values: list[float], *, phase: float) -> tuple[Floats, Floats]:
        """All states of one chain.

        Returns:
            Energies and D = -log I / log N, shape (sites,) each.
        """
        from scipy.linalg import eigh, eigh_tridiagonal

        n = np.arange(1, self.sites + 1)
        wave = np.cos(2 * np.pi * GOLDEN_RATIO * n + phase)
        if self.model in ("exponential_hopping", "nearest_hopping"):
            strength, decay = values
            hops = np.exp(-decay * (np.abs(n[:, None] - n) - (self.model == "nearest_hopping")))
            np.fill_diagonal(hops, strength * wave)
            energies, states = eigh(hops)
        else:
            strength = values[0]
            potential = (
                2 * strength * wave / (1 - values[1] * wave)
                if self.model == "aubry_andre"
                else np.where(n % 2 == 0, 2 * strength * wave, 0.0)
            )
            energies, states = eigh_tridiagonal(potential, np.ones(self.sites - 1))
        participation = np.square(np.square(states)).sum(axis=0)
        return np.asarray(energies), np.asarray(-np.log(participation) / math.log(self.sites))

    def truth_at(self, x: Floats) -> Floats | None:
        return None  # the labels are those of finite chains

    def edge(self, x: Floats) -> Floats:
        """The analytic criterion at rows of energy and parameters, positive for extended states; shape (n,)."""
        from splinework.formula.expression import Expression

        return Expression(_EDGES[self.model], ["E", *(one.name for one in self.parameters())])(x)
