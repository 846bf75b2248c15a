"""The domain of a problem: collocation points in a box or a region, on faces, and on boundaries of regions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms import Axiom
from splinework.knowledge.axioms.axiom import Name, Ranges, place
from splinework.knowledge.axioms.facts import (
    DifferentialEquation,
    FaceValue,
    IntegralValue,
    RegionBoundaryValue,
    facts_of,
)
from splinework.knowledge.axioms.sampling import sobol
from splinework.nn.frame import Expression, Region

MAX_DRAW_ROUNDS = 64
"""Rounds of draws in which a region must fill up."""
N_BISECTIONS = 60


@final
@dataclass(frozen=True)
class Domain:
    """The domain of a problem."""

    inputs: tuple[str, ...]
    box: dict[str, tuple[float, float]]
    regions: tuple[Region, ...] = ()

    def draw(self, count: int, seed: int) -> Tensor:
        """Scrambled Sobol points in the domain, `(count, inputs)`, in float64.

        Raises:
            ConfigError: If the region hardly fills its box.
        """
        engine = torch.quasirandom.SobolEngine(len(self.inputs), scramble=True, seed=seed)
        low, high = torch.tensor([self.box[name] for name in self.inputs], dtype=torch.float64).unbind(1)
        kept: list[Tensor] = []
        for _ in range(MAX_DRAW_ROUNDS):
            x = low + (high - low) * engine.draw(count, dtype=torch.float64)
            kept.append(x[self.inside(x)])
            if sum(map(len, kept)) >= count:
                return torch.cat(kept)[:count]
        raise ConfigError(
            f"only {sum(map(len, kept))} of {MAX_DRAW_ROUNDS * count} points in the box {self.box} lie in the region; give a "
            "tighter box."
        )

    def inside(self, x: Tensor) -> Tensor:
        """A mask of the points in all regions, `(B,)`."""
        found = torch.ones(len(x), dtype=torch.bool)
        for region in self.regions:
            found &= Expression(region.formula(), self.inputs).of(x) > 0
        return found

    def face(self, name: str, at: float, count: int, seed: int) -> Tensor:
        """Points of the domain where an input has one value, `(count, inputs)`."""
        flat = Domain(self.inputs, {**self.box, name: (at, at)}, self.regions)
        return flat.draw(count, seed)

    def edge(self, region: Region, count: int, seed: int) -> Tensor:
        """Points on the boundary of a region, by bisection between points inside and outside, `(count, inputs)`.

        Raises:
            ConfigError: If the box has no points on one of the sides.
        """
        formula = Expression(region.formula(), self.inputs)
        wide = {
            n: (a - 0.1 * (b - a), b + 0.1 * (b - a)) if n in region.inputs else (a, b)
            for n, (a, b) in self.box.items()
        }
        x = sobol(16 * count, [wide[name] for name in self.inputs], seed)
        within = formula.of(x) > 0
        inner, outer = x[within], x[~within]
        if len(inner) == 0 or len(outer) == 0:
            raise ConfigError(f"the box {self.box} has no points on both sides of the boundary of {region}.")
        rows = torch.arange(count)
        a, b = inner[rows % len(inner)], outer[rows % len(outer)].clone()
        free = [i for i, name in enumerate(self.inputs) if name not in region.inputs]
        b[:, free] = a[:, free]
        for _ in range(N_BISECTIONS):
            middle = (a + b) / 2
            positive = (formula.of(middle) > 0)[:, None]
            a, b = torch.where(positive, middle, a), torch.where(positive, b, middle)
        return (a + b) / 2


def domain_of(
    axioms: Sequence[Axiom],
    inputs: Sequence[str],
    over: Mapping[str, tuple[float, float]] | Region | None,
    grid: Mapping[str, tuple[float, float]],
) -> Domain:
    """The domain that the user gives, or that follows from the axioms.

    Args:
        axioms: A range comes from the domain of an equation, or from faces at both ends of an input.
        inputs: Names.
        over: Ranges or a region, which override the axioms.
        grid: The ranges of the model's grids, for all other inputs.

    Raises:
        ConfigError: If a range is not finite, or names no input.
    """
    box: dict[str, tuple[float, float]] = dict(grid)
    for axiom in axioms:
        box.update(_ranges(_between_faces(axiom), inputs, axiom.word))
        inside = any(isinstance(fact, (DifferentialEquation, IntegralValue)) for fact in axiom.facts())
        if inside and not isinstance(axiom.domain, str):
            box.update(_ranges(axiom.domain, inputs, axiom.word))
    edges = [rim.region for rim in facts_of(axioms, RegionBoundaryValue)]
    regions = (over,) if isinstance(over, Region) else tuple(edges) if over is None else ()
    for region in regions:
        box.update(_ranges(tuple(region.box().items()), inputs, "the region"))
    if isinstance(over, Mapping):
        box.update(_ranges(tuple(over.items()), inputs, "over"))
        regions = tuple(edges)
    return Domain(tuple(inputs), {name: box[name] for name in inputs}, regions)


def _between_faces(axiom: Axiom) -> Ranges:
    """The ranges of inputs of which an axiom fixes two faces."""
    at: dict[Name, list[float]] = {}
    for face in facts_of([axiom], FaceValue):
        at.setdefault(face.input, []).append(face.at)
    return tuple((name, (min(ends), max(ends))) for name, ends in at.items() if len(ends) > 1)


def _ranges(pairs: Ranges, inputs: Sequence[str], word: str) -> dict[str, tuple[float, float]]:
    found = {}
    for name, (low, high) in pairs:
        key = inputs[place(name, inputs, word)]
        if not low < high:
            raise ConfigError(f"the range of {key} in {word} is (low, high) with low < high, got {(low, high)}.")
        if math.isfinite(low) and math.isfinite(high):
            found[key] = (float(low), float(high))
    return found
