"""The checker's own reader of models, and their ranges: formulas, scalings, layers, products."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, reduce
from operator import mul
from typing import Final

import numpy as np

from splinework.errors import ConfigError
from splinework.knowledge.axioms.checker.duals import lower_bound
from splinework.knowledge.axioms.checker.edges import Edges
from splinework.knowledge.axioms.checker.formulas import FormulaSteps, Unreadable, read
from splinework.knowledge.axioms.checker.functions import Bundles, applied
from splinework.knowledge.axioms.checker.layers import array, read_layer
from splinework.knowledge.axioms.checker.ranges import Bundle, Floats, Range, beside, exact, squares, sum_of, variables
from splinework.nn.frame import FramedKAN, identifiers
from splinework.nn.network import KAN

MODELS = KAN | FramedKAN
_POINTS: Final = 256
Sharpening = tuple[int, Sequence[int]]
"""The variable along which slopes are bounded with multipliers, -1 for values; below (1), above (-1) or on both sides."""


class Reading:
    """A model as numbers and formulas.

    Attributes:
        inputs: Names of the raw inputs.
        outputs: Names of the outputs.
        layers: The numbers of every layer.
        groups: The sums that each node multiplies, for every layer.
        scalings: Scales, shifts and factors of the network's inputs and outputs.
        before: The formulas of the network's inputs; empty if it takes the raw inputs.
        after: The formulas of the outputs over raw inputs and network outputs; empty without any.
        symbols: The raw inputs in formulas.
    """

    def __init__(self, model: MODELS) -> None:
        frame = model.frame if isinstance(model, FramedKAN) else None
        self.network: KAN = model.network if isinstance(model, FramedKAN) else model
        config = self.network.config
        names = config if frame is None else frame
        self.inputs, self.outputs = tuple(names.input_names), tuple(names.output_names)
        self.layers = [read_layer(layer) for layer in self.network.kan_layers]
        self.groups = [[list(group) for group in nodes.groups] for nodes in config.nodes[1:]]
        self.scalings = [
            (tuple(s.scales), array(s.shift), array(s.scale))
            for s in (self.network.input_scaling, self.network.output_scaling)
        ]
        self.symbols = identifiers(self.inputs)
        self.before: list[FormulaSteps] = []
        self.after: list[FormulaSteps] = []
        if frame is not None:
            self.before = [read(text, self.symbols) for text in frame.features]
            hidden = tuple(frame.hidden_names)
            answers = list(frame.answers) or (list(hidden) if frame.corrections else [])
            for j, text, factor in frame.corrections:
                answers[j] = f"{answers[j]} + ({factor!r})*({text})"
            self.after = [read(text, (*self.symbols, *hidden)) for text in answers]
        numbers = [part for n in self.layers for part in (n.knots, n.c, n.weight, n.base_weight, n.bias)]
        if not all(np.isfinite(part).all() for part in numbers):
            raise Unreadable("the model has numbers that are not finite")


def digest(model: MODELS) -> str:
    """SHA-256 over the parameters, the config and the frame of a model."""
    network = model.network if isinstance(model, FramedKAN) else model
    frame = model.frame.to_dict() if isinstance(model, FramedKAN) else None
    found = hashlib.sha256(json.dumps({"config": network.config.to_dict(), "frame": frame}, sort_keys=True).encode())
    for key, tensor in sorted(network.state_dict().items()):
        values = np.ascontiguousarray(tensor.detach().cpu().numpy())
        found.update(f"{key} {values.dtype.str} {values.shape}".encode())
        found.update(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
    return found.hexdigest()


class ModelRanges:
    """A model over raw inputs within `reach`, `(I,)`."""

    def __init__(self, reading: Reading, reach: Range) -> None:
        self.reading, self.reach = reading, reach
        self.tables: list[Edges] = []
        with np.errstate(all="ignore"):
            self.run(variables(reach.lo[None], reach.hi[None], 0, ()))  # makes the tables, layer by layer

    @cached_property
    def first(self) -> int:
        """The first of the last layers that take and give sums as they are; their number if there is none."""
        plain = [all(group == [j] for j, group in enumerate(groups)) for groups in self.reading.groups]
        starts = [k for k, n in enumerate(self.reading.layers) if n.squashed or (k and not plain[k - 1])]
        return max(starts, default=0) if plain[-1] else len(plain)

    def run(self, x: Bundle, sharp: Sharpening | None = None) -> Bundle:
        """The outputs for raw inputs `(B, I)`; what is sharp is bounded with multipliers."""
        r, raw = self.reading, x.parts() if self.reading.before or self.reading.after else []
        u = beside([each.run(raw, Bundles(x)) for each in r.before]) if r.before else x
        scales, shift, factor = r.scalings[0]
        if "log" in scales:
            log = np.array([scale == "log" for scale in scales])
            # An input may come as close to 0 as it likes.
            u = replace(_by_column(u, scales, "log"), sound=u.sound & ((u.v.lo >= 0) | ~log).all(-1))
        u = u.moved(exact(-shift)) if shift.any() else u
        u = u.scaled(exact(factor).inverse()) if (factor != 1).any() else u
        entering = []
        for number, groups in enumerate(r.groups):
            u = self._squashed(number, u)
            entering.append(u)
            u = _products(self._layer(number, u), groups)
        if sharp is not None:
            u = self._sharpened(u, entering, *sharp)
        scales, shift, factor = r.scalings[1]
        u = u.scaled(exact(factor)) if (factor != 1).any() else u
        u = _by_column(u.moved(exact(shift)) if shift.any() else u, scales, "exp")
        return beside([each.run([*raw, *u.parts()], Bundles(x)) for each in r.after]) if r.after else u

    def _sharpened(self, u: Bundle, entering: Sequence[Bundle], along: int, signs: Sequence[int]) -> Bundle:
        """Better bounds of the sums that leave the last layer, or of their slopes along a variable."""
        edges, parts = self.tables[self.first :], entering[self.first :]
        known = u.v if along < 0 else u.d[:, along] if u.d is not None else None
        if len(edges) < 2 or known is None:
            return u
        held = [(e.v, None if along < 0 or e.d is None else e.d[:, along]) for e in parts]
        lo, hi = known.lo.copy(), known.hi.copy()
        for j, sign in itertools.product(range(lo.shape[1]), signs):
            bound = lower_bound(edges, held, j, float(sign))
            lo[:, j], hi[:, j] = (
                np.fmax(lo[:, j], bound if sign > 0 else -np.inf),
                np.fmin(hi[:, j], -bound if sign < 0 else np.inf),
            )
        hi = np.maximum(lo, hi)
        if along < 0 or u.d is None:
            return replace(u, v=Range(lo, hi))
        d = Range(u.d.lo.copy(), u.d.hi.copy())
        d.lo[:, along], d.hi[:, along] = lo, hi
        return replace(u, d=d)

    def _squashed(self, number: int, u: Bundle) -> Bundle:
        n = self.reading.layers[number]
        if n.squashed:
            middle, half = (exact(n.low) + exact(n.high)) * exact(0.5), (exact(n.high) - exact(n.low)) * exact(0.5)
            u = applied("tanh", u.moved(-middle).scaled(half.inverse())).scaled(half).moved(middle)
        return u

    def _layer(self, number: int, u: Bundle) -> Bundle:
        n = self.reading.layers[number]
        if number == len(self.tables):
            self.tables.append(Edges(n, Range(u.v.lo[0], u.v.hi[0])))
        order = 0 if u.d is None else 1 if u.h is None else 2
        value, *slopes = self.tables[number].ranges(u.v, order)
        d = None if u.d is None else _weighted_sum(slopes[0], u.d)
        h = None if u.h is None else _weighted_sum(slopes[0], u.h)
        if h is not None and u.d is not None and u.pairs:
            h = h + _weighted_sum(slopes[1], squares(u.d, u.pairs))
        total = sum_of([value[:, i] for i in range(value.lo.shape[1])]) + exact(n.bias)
        return replace(u, v=total, d=d, h=h)


def _by_column(u: Bundle, scales: Sequence[str], name: str) -> Bundle:
    """A function of the columns with logarithmic scales."""
    if "log" not in scales:
        return u
    return beside([applied(name, p) if scale == "log" else p for p, scale in zip(u.parts(), scales, strict=True)])


def _products(u: Bundle, groups: Sequence[Sequence[int]]) -> Bundle:
    if all(group == [j] for j, group in enumerate(groups)):
        return u
    return beside([reduce(mul, [u.part(j) for j in group]) for group in groups])


def _weighted_sum(edges: Range, inner: Range) -> Range:
    """`Σ_i φ'_ij u_pi`: `(B, I, J)` and `(B, P, I)` to `(B, P, J)`."""
    total = Range(*np.zeros((2, len(inner.lo), inner.lo.shape[1], edges.lo.shape[2])))
    for i in range(edges.lo.shape[1]):
        rows = np.flatnonzero(
            ((inner.lo[:, :, i] != 0) | (inner.hi[:, :, i] != 0)).any(0)
        )  # many variables do not matter
        part = total[:, rows] + edges[:, None, i] * inner[:, rows, i, None]
        total.lo[:, rows], total.hi[:, rows] = part.lo, part.hi
    return total


def spread_of(model: ModelRanges) -> Floats:
    """The range of every output, `(J,)`, never 0: on the points `lo + (hi - lo) frac(n φ^-i)`, n = 1 … 256, i = 1 … I.

    φ is the root of `φ^(I+1) = φ + 1` (Roberts 2018). Points at which the model has no value are left out.

    Raises:
        ConfigError: If it is beyond float64.
    """
    lo, hi = model.reach.lo, model.reach.hi
    root = 1.5
    for _ in range(64):
        root = (1 + root) ** (1 / (len(lo) + 1))
    share = np.mod(np.arange(1, _POINTS + 1)[:, None] * root ** -np.arange(1.0, len(lo) + 1), 1.0)
    x = lo + (hi - lo) * share
    with np.errstate(all="ignore"):
        found = model.run(variables(x, x, 0, ()))
        values = found.v.lo / 2 + found.v.hi / 2
        held = values[np.isfinite(values).all(1) & found.sound]
        spread: Floats = np.ptp(held, axis=0) if len(held) else np.ones(values.shape[1])
        size = np.abs(held).max(0, initial=0.0)
    if not np.isfinite(spread).all():
        raise ConfigError(
            "the outputs of the model on the box differ by more than float64 can hold, so that no tolerance is finite; give a "
            "smaller box, or rescale the outputs."
        )
    return np.where(spread > 1e-9 * size, spread, np.where(size > 0, size, 1.0))
