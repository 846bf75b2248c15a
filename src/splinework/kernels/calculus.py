"""The three primitives are closed under differentiation: what each one's derivatives are, in terms of the three.

Contracted with a cotangent g, p or D::

    contract   by x: s · probe(x, C, g, r + 1)   by s: probe(x, C, g, r)   by C: scatter(x, s, g, r)
    probe      by x: p · probe(x, C, g, r + 1)   by C: scatter(x, p, g, r)   by g: contract(x, p, C, r)
    scatter    by x: s · probe(x, D, g, r + 1)   by s: probe(x, D, g, r)   by g: contract(x, s, D, r)

Whoever calls them, torch's operators or its transforms, gets these rules from here. Each primitive is called as
`f(first, second, third, grid, pieces, degree, tail, base, order)`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Call = Callable[..., Tensor]
NOT_DIFFERENTIATED = (None,) * 6
"""grid, pieces, degree, tail, base and order."""


def _times(s: Tensor | None, t: Tensor) -> Tensor:
    return t if s is None else s * t


@dataclass(frozen=True)
class Calculus:
    """The rules for three given calls.

    Every rule takes the primitive's operands, the rest of its arguments without the order, the order r, what is asked for,
    and the cotangent or the tangents.
    """

    contract: Call
    probe: Call
    scatter: Call

    def pull_contract(
        self, operands: Sequence[Any], spline: Sequence[Any], r: int, wanted: Sequence[bool], g: Tensor
    ) -> list[Any]:
        """Gradients by x, s and C."""
        x, s, c = operands
        return [
            _times(s, self.probe(x, c, g, *spline, r + 1)) if wanted[0] else None,
            self.probe(x, c, g, *spline, r) if wanted[1] and s is not None else None,
            self.scatter(x, s, g, *spline, r) if wanted[2] else None,
        ]

    def pull_probe(
        self, operands: Sequence[Any], spline: Sequence[Any], r: int, wanted: Sequence[bool], p: Tensor
    ) -> list[Any]:
        """Gradients by x, C and g."""
        x, c, g = operands
        return [
            p * self.probe(x, c, g, *spline, r + 1) if wanted[0] else None,
            self.scatter(x, p, g, *spline, r) if wanted[1] else None,
            self.contract(x, p, c, *spline, r) if wanted[2] else None,
        ]

    def pull_scatter(
        self, operands: Sequence[Any], spline: Sequence[Any], r: int, wanted: Sequence[bool], d: Tensor
    ) -> list[Any]:
        """Gradients by x, s and g."""
        x, s, g = operands
        return [
            _times(s, self.probe(x, d, g, *spline, r + 1)) if wanted[0] else None,
            self.probe(x, d, g, *spline, r) if wanted[1] and s is not None else None,
            self.contract(x, s, d, *spline, r) if wanted[2] else None,
        ]

    def push_contract(self, operands: Sequence[Any], spline: Sequence[Any], r: int, tangents: Sequence[Any]) -> Tensor:
        """Derivative along tangents of x, s and C (None: zero)."""
        x, s, c = operands
        by_x, by_s, by_c = tangents
        return _total(
            None if by_x is None else self.contract(x, _times(s, by_x), c, *spline, r + 1),
            None if by_s is None else self.contract(x, by_s, c, *spline, r),
            None if by_c is None else self.contract(x, s, by_c, *spline, r),
        )

    def push_probe(self, operands: Sequence[Any], spline: Sequence[Any], r: int, tangents: Sequence[Any]) -> Tensor:
        """Derivative along tangents of x, C and g (None: zero)."""
        x, c, g = operands
        by_x, by_c, by_g = tangents
        return _total(
            None if by_x is None else by_x * self.probe(x, c, g, *spline, r + 1),
            None if by_c is None else self.probe(x, by_c, g, *spline, r),
            None if by_g is None else self.probe(x, c, by_g, *spline, r),
        )

    def push_scatter(self, operands: Sequence[Any], spline: Sequence[Any], r: int, tangents: Sequence[Any]) -> Tensor:
        """Derivative along tangents of x, s and g (None: zero)."""
        x, s, g = operands
        by_x, by_s, by_g = tangents
        return _total(
            None if by_x is None else self.scatter(x, _times(s, by_x), g, *spline, r + 1),
            None if by_s is None else self.scatter(x, by_s, g, *spline, r),
            None if by_g is None else self.scatter(x, s, by_g, *spline, r),
        )


def _total(*terms: Tensor | None) -> Tensor:
    found = [t for t in terms if t is not None]
    return torch.stack(found).sum(0) if len(found) > 1 else found[0]


# ------------------------------------------------------------------------------------------------------------ vmap


def fold(op: Callable[..., Any], per_row: Sequence[int]) -> Callable[..., Any]:
    """Vmap's rule for a call that treats every row alone: mapped rows are more rows; all else is looped over."""

    def rule(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        mapped = [n for n, dim in enumerate(in_dims) if isinstance(dim, int)]
        if not set(mapped) <= set(per_row):
            looped: tuple[Any, Any] = loop(op)(info, in_dims, *args)
            return looped
        size, flat, rows = info.batch_size, list(args), 0
        for n in per_row:
            if args[n] is not None:
                t = args[n].movedim(in_dims[n], 0) if n in mapped else args[n].expand(size, *args[n].shape)
                flat[n], rows = t.reshape(-1, t.shape[-1]), t.shape[1]
        out: Tensor = op(*flat)
        return out.reshape(size, rows, out.shape[-1]), 0

    return rule


def loop(op: Callable[..., Any]) -> Callable[..., Any]:
    """Vmap's rule for any call: one for each member, stacked."""

    def rule(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        members = [
            op(*(a.select(dim, v) if isinstance(dim, int) else a for a, dim in zip(args, in_dims, strict=True)))
            for v in range(info.batch_size)
        ]
        if isinstance(members[0], Tensor):
            return torch.stack(members), 0
        stacked = [torch.stack(list(column)) for column in zip(*members, strict=True)]
        return stacked, [0] * len(stacked)

    return rule
