"""The exact Jacobian of what a function makes of a network and its derivatives, with respect to every coefficient.

Every sum in the network is a Taylor series (`nn/derivatives`), and linear in the coefficients of its edges. Where row
b of the residual depends on point b alone, one backward pass per column gives the sensitivity `g_m[b, j]` of every row to
every term m of every sum at once, and the column of the Jacobian for the coefficient (i, n, j) is

    ∂r_b/∂c_inj = Σ_m g_m[b, j] R_m[b, i, n],   R_m = the m-th term of Σ_r β_n^{(r)}(u_0) (u - u_0)^r / r!

so its cost does not depend on the number of coefficients. Rows that depend on several points (the mean over a set, say) have
one backward pass each.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor, nn

from splinework.errors import ConfigError
from splinework.kernels import contract
from splinework.nn.derivatives import LayerSeries, Monomial, Series, edge_sums, powers, record_layers
from splinework.nn.derivatives.series import compose
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.train.jacobian import ParameterVector

Evaluate = Callable[[], Tensor]
"""The residual at some points, `(B, C)`, a function of the numbers that the network has when it is called."""


@dataclass(frozen=True)
class ResidualExpansion(ABC):
    """A residual near the numbers that the network had: `r(θ + δ) ≈ values + J δ`. Changing the network leaves it as it is."""

    model: KAN
    parameters: ParameterVector
    values: Tensor

    @abstractmethod
    def dense(self) -> Tensor:
        """J, `(B, C, P)`."""

    @abstractmethod
    def times(self, vector: Tensor) -> Tensor:
        """`J v`, `(B, C)`, for v `(P,)`."""

    @abstractmethod
    def transposed(self, weights: Tensor) -> Tensor:
        """`Jᵀ w`, `(P,)`, for w `(B, C)`."""


def expand(model: KAN, parameters: ParameterVector, evaluate: Evaluate, *, coupled: bool = False) -> ResidualExpansion:
    """The residual and its Jacobian at the present numbers of the model.

    Args:
        model: The network.
        parameters: The parameters δ.
        evaluate: The residual, `(B, C)`.
        coupled: Whether a row may depend on several points.
    """
    with torch.enable_grad(), _recording(model) as tape:
        values = evaluate()
        totals = values.flatten().unbind() if coupled else values.sum(0).unbind()
    sums = [part for passage in tape for part in passage.sums.values()]
    pulled = [_by_passage(tape, _sensitivities(total, sums)) for total in totals]
    if coupled:
        jacobian = [_transposed(model, parameters, tape, each) for each in pulled]
        return CoupledExpansion(model, parameters, values.detach(), torch.stack(jacobian).unflatten(0, values.shape))
    passed = tuple(LayerSeries(p.layer, _detached(p.u), _detached(p.sums)) for p in tape)
    to_sums = tuple(
        {m: torch.stack([column[m] for column in at], dim=1) for m in passage.sums}
        for passage, at in zip(tape, zip(*pulled, strict=True), strict=True)
    )
    return SeparableExpansion(model, parameters, values.detach(), passed, to_sums)


@final
@dataclass(frozen=True)
class SeparableExpansion(ResidualExpansion):
    """Every row depends on its own point alone.

    Attributes:
        passed: The passages of series through the layers, of B rows each, or of several for each point, next to each other.
        to_sums: For each passage the sensitivity of the residual to each term of the sums, `(R, C, J)`.
    """

    passed: tuple[LayerSeries, ...]
    to_sums: tuple[Series, ...]

    @torch.no_grad()
    def dense(self) -> Tensor:
        spans = self.parameters.spans(self.model)
        jacobian = self.values.new_zeros(*self.values.shape, self.parameters.size(self.model))
        at = {id(layer): index for index, layer in enumerate(self.model.kan_layers)}
        for passage, to_sums in zip(self.passed, self.to_sums, strict=True):
            index = at[id(passage.layer)]
            (own, rest), (inputs, outputs) = spans[index], self.parameters.edges[index]
            blocks = jacobian[..., own].unflatten(2, (len(inputs), passage.layer.table().size))
            gradient = torch.stack(list(to_sums.values()))  # (monomials, R, C, J)
            for i in torch.unique(inputs).tolist():
                which = (inputs == i).nonzero()[:, 0]
                rows = torch.stack(_terms(passage, i))  # (monomials, R, M)
                found = torch.einsum("trcj,trn->rcjn", gradient[..., outputs[which]], rows)
                blocks[:, :, which] += self._by_point(found)
            if passage.layer.bias is not None:
                jacobian[..., rest] += self._by_point(to_sums[()])
            if passage.layer.functions is not None:
                columns = self._by_point(_function_columns(passage, to_sums))
                jacobian[..., self.parameters.function_spans(self.model)[index]] += columns
        return jacobian

    @torch.no_grad()
    def times(self, vector: Tensor) -> Tensor:
        result = torch.zeros_like(self.values)
        layers = list(map(id, self.model.kan_layers))
        parts = dict(zip(layers, self.parameters.unpack(self.model, vector), strict=True))
        numbers = dict(zip(layers, self.parameters.function_spans(self.model), strict=True))
        for passage, to_sums in zip(self.passed, self.to_sums, strict=True):
            coefficients, bias = parts[id(passage.layer)]
            moved = edge_sums(passage.layer.table(), passage.u, coefficients, passage.sums)
            if bias is not None:
                moved[()] = moved[()] + bias
            for m, change in moved.items():
                result += self._by_point(torch.einsum("rcj,rj->rc", to_sums[m], change))
            if passage.layer.functions is not None:
                result += self._by_point(_function_columns(passage, to_sums) @ vector[numbers[id(passage.layer)]])
        return result

    def transposed(self, weights: Tensor) -> Tensor:
        pulled = []
        for to_sums in self.to_sums:
            several = next(iter(to_sums.values())).shape[0] // max(len(weights), 1)
            spread = weights.repeat_interleave(several, dim=0)
            pulled.append({m: torch.einsum("rcj,rc->rj", part, spread) for m, part in to_sums.items()})
        return _transposed(self.model, self.parameters, list(self.passed), pulled)

    def _by_point(self, part: Tensor) -> Tensor:
        """Sums what belongs to one point: `(R, …)` to `(B, …)`."""
        count = len(self.values)
        return part if len(part) == count else part.unflatten(0, (count, -1)).sum(1)


@final
@dataclass(frozen=True)
class CoupledExpansion(ResidualExpansion):
    """Rows that depend on several points."""

    jacobian: Tensor

    def dense(self) -> Tensor:
        return self.jacobian

    def times(self, vector: Tensor) -> Tensor:
        return self.jacobian @ vector

    def transposed(self, weights: Tensor) -> Tensor:
        return weights.flatten() @ self.jacobian.flatten(0, 1)


def is_separate(model: KAN, evaluate: Evaluate) -> bool:
    """Whether, as far as sensitivities tell, row b depends on the b-th point alone: those of all rows at once are then theirs."""
    with torch.enable_grad(), _recording(model) as tape:
        values = evaluate()
        weight = torch.linspace(0.5, 1.5, len(values), dtype=values.dtype, device=values.device)
        totals = zip(values.sum(0).unbind(), (weight @ values).unbind(), strict=True)
    sums = [part for passage in tape for part in passage.sums.values()]
    if any(len(part) % max(len(values), 1) for part in sums):
        return False
    for plain, weighed in totals:
        for one, other in zip(_sensitivities(plain, sums), _sensitivities(weighed, sums), strict=True):
            expected = one * weight.repeat_interleave(len(one) // len(values))[:, None]
            if not torch.allclose(other, expected, rtol=1e-6, atol=1e-9 * float(one.abs().max())):
                return False
    return True


def matches_autograd(model: KAN, parameters: ParameterVector, evaluate: Evaluate, expansion: ResidualExpansion) -> bool:
    """Whether `Jᵀw` is the gradient of `w·r` that backward passes find in the numbers of the model, for some w.

    It is not where derivatives in x were taken by autograd: those do not pass through the sums.
    """
    with torch.enable_grad():
        values = evaluate()
        weights = torch.cos(torch.arange(values.numel(), dtype=values.dtype, device=values.device)).view_as(values)
        numbers = [
            p
            for layer in model.kan_layers
            for p in (layer.coefficients, layer.base_weight, layer.bias)
            if p is not None
        ]
        numbers += [
            p for layer in model.kan_layers if layer.functions is not None for p in layer.functions.parameters()
        ]
        truth = torch.autograd.grad((weights * values).sum(), numbers, allow_unused=True)
    found: list[Tensor] = []
    packed = expansion.transposed(weights.detach())
    for layer, (slopes, bias) in zip(model.kan_layers, parameters.unpack(model, packed), strict=True):
        size = layer.basis.size
        found.append(slopes[:, :size] * (layer.spline_weight.detach() * layer.mask)[:, None])
        if layer.base_weight is not None:
            found.append(slopes[:, size] * layer.mask)
        if bias is not None:
            found.append(bias)
    own = numbers[len(found) :]
    rest = packed[parameters.function_spans(model)[0].start :].split([p.numel() for p in own])
    found += [part.view_as(p) for p, part in zip(own, rest, strict=True)]
    pairs = [(f, torch.zeros_like(f) if t is None else t) for f, t in zip(found, truth, strict=True)]
    gap = max(float((f - t).abs().max()) for f, t in pairs)
    return gap <= 1e-6 * max(float(t.abs().max()) for _, t in pairs)


def highest_order(model: KAN, evaluate: Evaluate) -> int:
    """The highest derivative in the inputs that the residual takes of the model; 0 for the output itself."""
    with torch.no_grad(), _recording(model) as tape:
        evaluate()
    return max((len(m) for passage in tape for m in passage.sums), default=0)


@contextmanager
def _recording(model: KAN) -> Iterator[list[LayerSeries]]:
    """Records all passes through the model, including plain calls, which run layer by layer meanwhile."""
    with record_layers() as tape:

        def heard(layer: nn.Module, args: tuple[Tensor, ...], sums: Tensor) -> Tensor:
            assert isinstance(layer, KANLayer)
            x = layer.squash(args[0].reshape(-1, layer.inputs))
            flat = sums.reshape(-1, layer.outputs)
            tape.append(LayerSeries(layer, {(): x}, {(): flat}))
            return flat.reshape(sums.shape)

        handles = [layer.register_forward_hook(heard) for layer in model.kan_layers]
        try:
            yield tape
        finally:
            for handle in handles:
                handle.remove()


def _sensitivities(total: Tensor, sums: list[Tensor]) -> list[Tensor]:
    """The gradient of a number in all sums, zero where it does not depend on them."""
    if not total.requires_grad:
        return [torch.zeros_like(part) for part in sums]
    sensitive = [part for part in sums if part.requires_grad]
    found = iter(torch.autograd.grad(total, sensitive, retain_graph=True, allow_unused=True))
    gradients = [next(found) if part.requires_grad else None for part in sums]
    return [torch.zeros_like(s) if g is None else g for s, g in zip(sums, gradients, strict=True)]


def _by_passage(tape: list[LayerSeries], gradients: list[Tensor]) -> list[Series]:
    """The sensitivities, passage by passage."""
    rest = iter(gradients)
    return [{m: next(rest) for m in passage.sums} for passage in tape]


@torch.no_grad()
def _transposed(model: KAN, parameters: ParameterVector, tape: list[LayerSeries], pulled: list[Series]) -> Tensor:
    """Sensitivities to all coefficients, `(P,)`, from those to the sums, `(R, J)` per term: the adjoint of `edge_sums`."""
    at = {id(layer): index for index, layer in enumerate(model.kan_layers)}
    parts: list[tuple[Tensor, Tensor | None]] = [
        (torch.zeros_like(layer.edge_coefficients()), None if layer.bias is None else torch.zeros_like(layer.bias))
        for layer in model.kan_layers
    ]
    functions = [parts[0][0].new_zeros(own.stop - own.start) for own in parameters.function_spans(model)]
    for passage, gradient in zip(tape, pulled, strict=True):
        values, bias = parts[at[id(passage.layer)]]
        with torch.enable_grad():
            c = torch.zeros_like(values, requires_grad=True)
            sums = edge_sums(passage.layer.table(), _detached(passage.u), c, passage.sums)
            (slope,) = torch.autograd.grad(list(sums.values()), c, [gradient[m] for m in sums])
        values += slope
        if bias is not None:
            bias += gradient[()].sum(0)
        if passage.layer.functions is not None:
            each = {m: part[:, None] for m, part in gradient.items()}
            functions[at[id(passage.layer)]] += _function_columns(passage, each).sum((0, 1))
    return parameters.pack(parts, functions)


@torch.no_grad()
def _function_columns(passage: LayerSeries, to_sums: Series) -> Tensor:
    """Sensitivities `(R, C, F)` to the free numbers of a layer's functions, from those to the sums, `(R, C, J)` per term."""
    assert passage.layer.functions is not None
    if passage.layer.grid_kind == "normalised":
        raise ConfigError("residuals of edges that are functions need another grid_kind than 'normalised'.")
    found = []
    for group in passage.layer.functions.typed:
        with torch.enable_grad():
            u = {m: part[:, group.inputs].detach() for m, part in passage.u.items()}
            numbers = group.leaves(u[()])
            series = compose(lambda z, r, g=group, n=numbers: g.at(z, r, n), u, passage.sums)  # type: ignore[misc]
        moved = [one for one in numbers if one.requires_grad]
        reached = [m for m, part in series.items() if part.requires_grad]
        columns = []
        for c in range(to_sums[()].shape[1] if moved else 0):
            weights = [to_sums[m][:, c, group.sums] for m in reached]
            values = [series[m] for m in reached]
            slopes = torch.autograd.grad(values, moved, weights, retain_graph=True, allow_unused=True)
            each = [torch.zeros_like(n) if slope is None else slope for n, slope in zip(moved, slopes, strict=True)]
            columns.append(torch.stack(each, -1).flatten(1))
        found += [torch.stack(columns, dim=1)] if columns else []
    return torch.cat(found, dim=2) if found else to_sums[()].new_zeros(*to_sums[()].shape[:2], 0)


def _detached(series: Series) -> Series:
    return {m: part.detach() for m, part in series.items()}


def _terms(passage: LayerSeries, i: int) -> list[Tensor]:
    """R_m, `(R, M)` for every term m of the sums: what each function of the table makes of one input's series."""
    table = passage.layer.table()
    one = replace(table, grid=table.grid[i : i + 1], prepared=table.prepared[i : i + 1])
    u: Series = {m: part[:, i : i + 1].contiguous() for m, part in passage.u.items()}
    eye = torch.eye(table.size, dtype=u[()].dtype, device=u[()].device)[None]
    functions = [contract(one, u[()], None, eye, 0)]
    terms: dict[Monomial, Tensor] = {(): functions[0]}
    for r, power in enumerate(powers(u, passage.sums), start=1):
        slope = contract(one, u[()], None, eye, r) / math.factorial(r)
        for m, part in power.items():
            terms[m] = terms[m] + slope * part if m in terms else slope * part
    zero = torch.zeros_like(functions[0])
    return [terms.get(m, zero) for m in passage.sums]
