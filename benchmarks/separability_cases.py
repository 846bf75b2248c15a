"""Functions with a known structure, drawn by a written rule.

Two to four inputs, with one more without effect in every fourth function, all uniform on (-1, 1) or all on (0.5, 2). A module of
inputs is joined by a sum, a product plus a constant, a known function of a sum, or a function with no structure; its children are
modules of a random partition, scaled to (-1, 1). Two inputs are joined by a known expression in half of the cases. A draw is
taken when the exact derivatives at 300 points find the tree that it was built by, with every effect either below 1e-6 or above
`MIN_EFFECT`: else it is nearly of another structure, and what is right could be disputed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.interpret.structure import Structure, find_structure
from splinework.interpret.structure.findings import Key
from splinework.interpret.structure.tree import INVARIANCES

MIN_EFFECT = 0.15
Values = Callable[[Tensor], Tensor]

CURVES: tuple[Values, ...] = (
    lambda t: t,
    lambda t: t**2,
    lambda t: t**3,
    lambda t: torch.sin(2 * t),
    lambda t: torch.exp(t),
    lambda t: 1 / (1 + t**2),
    lambda t: torch.tanh(2 * t),
    lambda t: torch.cos(3 * t),
)
OUTER: tuple[Values, ...] = (
    lambda s: torch.sin(2 * s),
    lambda s: torch.tanh(1.5 * s),
    lambda s: torch.sqrt(s + 1.2),
    lambda s: 1 / (1.6 + s),
    lambda s: s**3 + s**2,
)
PRIME: tuple[Callable[..., Tensor], ...] = (
    lambda p, q: torch.sin(2 * p) * q + torch.exp(p) * q**2,
    lambda p, q: (p + 1.6) ** (1.5 * q) + torch.sin(2 * p),
    lambda p, q: torch.sin(2 * p * q) + p**2 + q,
)


@dataclass(frozen=True)
class Case:
    """A function, the rule's answer, and where its inputs are."""

    function: Values
    key: Key
    inputs: int
    low: float
    truth: Structure

    def sample(self, rows: int, noise: float, seed: int) -> tuple[Tensor, Tensor]:
        """Rows with noise of a share of the spread."""
        generator = torch.Generator().manual_seed(seed)
        x = _points(rows, self.inputs, self.low, generator)
        y = self.function(x)
        return x, y + noise * y.std() * torch.randn(rows, generator=generator, dtype=torch.float64)


def case(seed: int) -> Case:
    """The function of a seed: the first draw that is taken."""
    generator = torch.Generator().manual_seed(seed)
    idle, count, low = _draw(4, generator) == 0, 2 + _draw(3, generator), (-1.0, 0.5)[_draw(2, generator)]
    while True:
        x = _points(300, count + idle, low, generator)
        function, key = _module(list(range(count)), x, low, "", generator)
        truth = find_structure(function, x, tolerance=1e-5)
        effects = [finding.evidence.effect for finding in truth.findings if finding.kind != "idle"]
        clear = all(e < 1e-6 or e > MIN_EFFECT for e in effects)
        if clear and truth.tree is not None and truth.tree.key == key and len(truth.idle) == idle:
            return Case(function, key, count + idle, low, truth)


def _points(rows: int, inputs: int, low: float, generator: torch.Generator) -> Tensor:
    return low + (2.0 if low < 0 else 1.5) * torch.rand(rows, inputs, generator=generator, dtype=torch.float64)


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=generator))


def _module(inputs: list[int], x: Tensor, low: float, above: str, generator: torch.Generator) -> tuple[Values, Key]:
    """A function of some inputs, and its key; `above` is how the parent joins it."""
    if len(inputs) == 1:
        curve, i = CURVES[_draw(len(CURVES), generator)], inputs[0]
        return (lambda x: curve(x[:, i])), (f"x{i + 1}", frozenset())
    if len(inputs) == 2 and _draw(2, generator):
        texts = [text for text in INVARIANCES if low > 0 or "/" not in text]
        join, outer = INVARIANCES[texts[_draw(len(texts), generator)]], OUTER[_draw(len(OUTER), generator)]
        i, j = inputs
        inner = _scaled(lambda x: join(x[:, i], x[:, j]), x)
        return (lambda x: outer(inner(x))), ("composite", frozenset((f"x{k + 1}", frozenset()) for k in inputs))
    kinds = [kind for kind in ("sum", "product", "composite", "function") if kind != above]
    if above in ("composite", "function"):  # known up to a transformation: there sums and products are one
        kinds = ["composite", "function"]
    kind = kinds[_draw(len(kinds), generator)]
    parts = _partition(inputs, 2 if kind == "function" else 2 + _draw(len(inputs) - 1, generator), generator)
    made = [_module(part, x, low, kind, generator) for part in parts]
    values = [_scaled(function, x) for function, _ in made]
    key = kind, frozenset(key for _, key in made)
    if kind == "sum":
        return (lambda x: sum(f(x) for f in values)), key
    if kind == "product":
        shifts = [1.3 + 0.5 * _draw(2, generator) for _ in values]
        return (lambda x: torch.stack([f(x) + s for f, s in zip(values, shifts, strict=True)]).prod(0)), key
    if kind == "composite":
        outer, inner = OUTER[_draw(len(OUTER), generator)], _scaled(lambda x: sum(f(x) for f in values), x)
        return (lambda x: outer(inner(x))), key
    prime = PRIME[_draw(len(PRIME), generator)]
    return (lambda x: prime(*[f(x) for f in values])), key


def _partition(inputs: list[int], count: int, generator: torch.Generator) -> list[list[int]]:
    """The inputs in random order, cut at random into a number of groups."""
    order = [inputs[i] for i in torch.randperm(len(inputs), generator=generator).tolist()]
    cuts = sorted((1 + torch.randperm(len(inputs) - 1, generator=generator)[: count - 1]).tolist())
    return [sorted(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


def _scaled(function: Values, x: Tensor) -> Values:
    """The function on (-1, 1) over the points."""
    values = function(x)
    low, high = float(values.min()), float(values.max())
    scale = 2 / (high - low) if high > low else math.inf
    return lambda x: (function(x) - low) * scale - 1
