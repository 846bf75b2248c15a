"""Differentiation rules of the three primitives: the derivatives of each in terms of the three.

All come from one form that is linear in each of s, C and g, `Σ s_bi C_imj g_bj β_m^{(r)}(x_bi)`, with one slot left open: g by
contract, s by probe, C by scatter. With all slots filled, one of them by the cotangent, the gradient with respect to a slot is
the primitive that leaves it open, and the one with respect to x is s times the probe of order r + 1. A tangent replaces its
operand.

Torch's operators and its transforms both take the rules from here. Each primitive is called as
`f(first, second, third, grid, pieces, degree, tail, base, order)`: x first, then the filled slots in this order.

The rules are those of a multilinear form and `∂β^{(r)}/∂x = β^{(r+1)}` (Griewank & Walther 2008, ch. 3).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

Call = Callable[..., Tensor]
NOT_DIFFERENTIATED = (None,) * 6
"""Gradients of grid, pieces, degree, tail, base and order."""
OPEN: Final = {"contract": 2, "probe": 0, "scatter": 1}
"""The slot that each primitive leaves open, of s, C and g."""


@dataclass(frozen=True)
class Calculus:
    """The differentiation rules for given implementations of the primitives."""

    contract: Call
    probe: Call
    scatter: Call

    def pull(
        self,
        name: str,
        operands: Sequence[Any],
        spline: Sequence[Any],
        r: int,
        wanted: Sequence[bool],
        cotangent: Tensor,
    ) -> list[Any]:
        """Vector–Jacobian product: gradients of a primitive with respect to its operands.

        Args:
            name: Name of the primitive.
            operands: x and the slots that it fills.
            spline: The remaining arguments, without the order.
            r: The order.
            wanted: Flags of the operands whose gradient is needed.
            cotangent: Gradient with respect to its value.
        """
        x, *slots = operands
        slots.insert(OPEN[name], cotangent)
        by_x = None
        if wanted[0]:
            by_x = self.probe(x, *slots[1:], *spline, r + 1)
            by_x = by_x if slots[0] is None else slots[0] * by_x
        found = [by_x]
        for n, call in enumerate((self.probe, self.scatter, self.contract)):
            if n != OPEN[name]:
                needed = wanted[len(found)] and slots[n] is not None
                found.append(call(x, *slots[:n], *slots[n + 1 :], *spline, r) if needed else None)
        return found

    def push(
        self, name: str, operands: Sequence[Any], spline: Sequence[Any], r: int, tangents: Sequence[Any]
    ) -> Tensor:
        """Jacobian–vector product: the derivative along tangents of the operands (None: zero)."""
        x, *slots = operands
        call: Call = getattr(self, name)
        terms = [
            call(x, *slots[:n], tangent, *slots[n + 1 :], *spline, r)
            for n, tangent in enumerate(tangents[1:])
            if tangent is not None
        ]
        by_x = tangents[0]
        if by_x is not None and name == "probe":
            terms.insert(0, by_x * call(x, *slots, *spline, r + 1))
        elif by_x is not None:
            s, last = slots
            terms.insert(0, call(x, by_x if s is None else s * by_x, last, *spline, r + 1))
        return torch.stack(terms).sum(0) if len(terms) > 1 else terms[0]


# ------------------------------------------------------------------------------------------------------------ vmap


def fold(op: Callable[..., Any], per_row: Sequence[int]) -> Callable[..., Any]:
    """The vmap rule of a call that treats rows independently: mapped rows become further rows; other cases loop."""

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
    """The vmap rule of any call: one call per member, results stacked."""

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
