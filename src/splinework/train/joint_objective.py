"""Rows of data, and besides what should vanish: the objective of a fit under soft axioms."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.train.data_objective import DataObjective
from splinework.train.jacobian import Parameters
from splinework.train.objective import Products
from splinework.train.residual import ResidualObjective, Term


@final
@dataclass(frozen=True)
class JointObjective(DataObjective):
    """The mean loss of the rows, and `Σ weight · mean(residual²)`.

    Attributes:
        terms: What should vanish, in units of the standardised outputs.
    """

    terms: tuple[Term, ...] = ()

    @property
    def _rest(self) -> ResidualObjective:
        return ResidualObjective(self.model, (), terms=self.terms)

    def _plain(self) -> bool:
        return False  # there is more to it than the squared error of rows

    def loss(self, part: Tensor | None = None) -> Tensor:
        return super().loss(part) + self._rest.loss()

    @torch.no_grad()
    def normal(self, parameters: Parameters, budget: int) -> tuple[Tensor, Tensor]:
        matrix, vector = super().normal(parameters, budget)
        more, gradient = self._rest.normal(parameters, budget)
        return matrix + more, vector + gradient

    @torch.no_grad()
    def products(self, parameters: Parameters) -> Products:
        return _Both(super().products(parameters), self._rest.products(parameters))

    @torch.no_grad()
    def stacked(self, parameters: Parameters, budget: int) -> Iterator[tuple[Tensor, Tensor]]:
        yield from super().stacked(parameters, budget)
        yield from self._rest.stacked(parameters, budget)

    @torch.no_grad()
    def bend(self, parameters: Parameters, start: Tensor, move: Tensor, share: float) -> Tensor | None:
        rows = super().bend(parameters, start, move, share)
        parameters.write(self.model, start)
        rest = self._rest.bend(parameters, start, move, share)
        return None if rows is None or rest is None else rows + rest


class _Both(Products):
    """The sum of two operators."""

    def __init__(self, first: Products, second: Products) -> None:
        self.first, self.second = first, second
        super().__init__(first.vector + second.vector, first.diagonal + second.diagonal, [])

    def _loss_times(self, v: Tensor) -> Tensor:
        return self.first.times(v) + self.second.times(v)
