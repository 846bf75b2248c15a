"""Shape constraints of the edges of a layer: cones of their coefficients, and inputs that share their edges.

A shaped layer keeps its constraints whatever sets coefficients: `project` is applied to all new coefficients, `symmetrised` to
the activations that adapt its grids.
"""

import functools
import operator
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.splines.cones import EVEN, ODD, PERIODIC, Cone, check_flags, cone

Cones = list[tuple[list[int], list[int], Cone]]
"""Inputs that share their edges, outputs, and the cone of the edges between them."""


@final
@dataclass(frozen=True, eq=False)
class Shaping:
    """Shape constraints of the edges of one layer.

    Attributes:
        flags: Integer flags of the shapes as in `splines/cones.py`, `(I, J)`.
        twins: Index of the input whose edges each input shares, `(I,)`; its own index for independent inputs.
        steepest: Maximum absolute slope of each edge, `(I, J)`, possibly infinite.
    """

    flags: Tensor
    twins: Tensor
    steepest: Tensor

    @classmethod
    def none(cls, inputs: int, outputs: int) -> "Shaping":
        """No constraints."""
        return cls(
            torch.zeros(inputs, outputs, dtype=torch.int64),
            torch.arange(inputs),
            torch.full((inputs, outputs), torch.inf, dtype=torch.float64),
        )

    def check(self) -> None:
        """Checks that the shapes of each edge are compatible, and that an input shares the edges of one that there is."""
        for flags in self.flags.unique().tolist():
            check_flags(flags)
        if not bool(((self.twins >= 0) & (self.twins < len(self.twins))).all()):
            raise ConfigError(
                f"inputs share the edges of inputs 0 to {len(self.twins) - 1}, got {self.twins.tolist()}."
            )

    @property
    def shared(self) -> bool:
        """Whether some inputs share their edges."""
        return bool((self.twins != torch.arange(len(self.twins), device=self.twins.device)).any())

    @property
    def bounded(self) -> bool:
        """Whether a coordinate is bounded, so that a fit has inequality constraints."""
        return bool(((self.flags & 15) != 0).any()) or bool(torch.isfinite(self.steepest).any())

    @property
    def symmetric(self) -> bool:
        """Whether grids must be equal or symmetric."""
        return self.shared or bool(((self.flags & (EVEN | ODD | PERIODIC)) != 0).any())

    def part(self, rows: list[int], columns: list[int]) -> "Shaping":
        """The constraints of some edges; an input separated from all its twins becomes independent."""
        twins = torch.arange(len(rows))
        for at, row in enumerate(rows):
            same = [b for b, other in enumerate(rows) if int(self.twins[other]) == int(self.twins[row])]
            twins[at] = min(same)
        return Shaping(self.flags[rows][:, columns], twins, self.steepest[rows][:, columns])

    def groups(self) -> list[list[int]]:
        """Groups of inputs that share their edges; an independent input is a group of one."""
        owners: dict[int, list[int]] = {}
        for i, owner in enumerate(self.twins.tolist()):
            owners.setdefault(owner, []).append(i)
        return list(owners.values())

    def cones(self, knots: Tensor, degree: int) -> Cones:
        """Inputs, outputs and cone of the edges for every group of inputs and every shape in it."""
        found = []
        flags, steepest = self.flags.cpu(), self.steepest.cpu()
        points = knots.detach().cpu()
        for group in self.groups():
            first = group[0]
            kinds: dict[tuple[int, float], list[int]] = {}
            for j, (flag, slope) in enumerate(zip(flags[first].tolist(), steepest[first].tolist(), strict=True)):
                kinds.setdefault((flag, slope), []).append(j)
            for (flag, slope), outputs in kinds.items():
                found.append((group, outputs, cone(flag, points[first], degree, slope)))
        return found

    @torch.no_grad()
    def project(self, values: Tensor, cones: Cones) -> Tensor:
        """Projection of coefficients `(I, size, J)` onto the constraints.

        The row of a base function is only averaged over twins.

        Args:
            values: Edge coefficients.
            cones: Result of `cones` for the present grid.
        """
        result = values.detach().clone()
        for group in self.groups():
            if len(group) > 1:
                result[group] = result[group].mean(0, keepdim=True).expand(len(group), -1, -1)
        for group, outputs, its in cones:
            if its.is_all:
                continue
            size = its.map.shape[0]
            wanted = result[group[0], :size][:, outputs].double().cpu().numpy()
            held = torch.from_numpy(its.project(wanted)).to(result)
            index = torch.tensor(outputs, device=result.device)
            for i in group:
                result[i, :size] = result[i, :size].index_copy(1, index, held)
        return result

    @torch.no_grad()
    def symmetrised(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """Activations `(B, I)` for adapting grids: pooled among twins, mirrored about zero, extended to a whole period.

        The columns are samples of each input's distribution; rows have no meaning.

        Args:
            x: The activations.
            low: Lower ends of the present grids, `(I,)`; a period keeps its ends.
            high: Upper ends.
        """
        if not self.symmetric or len(x) < 2:
            return x
        result, count = x.clone(), len(x)
        for group in self.groups():
            flags = functools.reduce(operator.or_, self.flags[group[0]].tolist())
            column = x[:, group].flatten().sort().values
            if flags & (EVEN | ODD):
                size = column.abs().sort().values
                column = torch.cat([-size.flip(0), size])
            at = torch.linspace(0, len(column) - 1, count, device=x.device).round().long()
            column = column[at]
            if flags & PERIODIC:
                column[0], column[-1] = low[group[0]], high[group[0]]
            result[:, group] = column[:, None]
        return result
