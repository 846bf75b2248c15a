"""The checker's own reader of models, and their values as bundles: formulas, scalings, layers, products."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from splinework.knowledge.axioms.checker.edges import Edges
from splinework.knowledge.axioms.checker.formulas import BUNDLES, FormulaSteps, Unreadable, read
from splinework.knowledge.axioms.checker.functions import CURVES
from splinework.knowledge.axioms.checker.layers import array, read_layer
from splinework.knowledge.axioms.checker.ranges import Bundle, Floats, Pair, Range, beside, exact, through
from splinework.nn.frame import FramedKAN, identifiers
from splinework.nn.network import KAN

MODELS = KAN | FramedKAN


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

    def grid(self) -> tuple[Floats, Floats] | None:
        """The box of the grids of the first layer in raw inputs; None if formulas stand before it."""
        if self.before:
            return None
        scales, shift, factor = self.scalings[0]
        ends = [end * factor + shift for end in (self.layers[0].low, self.layers[0].high)]
        log = np.array([scale == "log" for scale in scales])
        with np.errstate(over="ignore"):
            return np.where(log, np.exp(ends[0]), ends[0]), np.where(log, np.exp(ends[1]), ends[1])


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

    def run(self, x: Bundle) -> Bundle:
        """The outputs for raw inputs `(B, I)`."""
        r = self.reading
        u = self._formulas(r.before, x) if r.before else x
        u = self._scaled_in(u)
        for number, groups in enumerate(r.groups):
            u = self._products(self._layer(number, u), groups)
        scales, shift, factor = r.scalings[1]
        u = u.scaled(exact(factor)) if (factor != 1).any() else u
        u = u.moved(exact(shift)) if (shift != 0).any() else u
        u = self._by_column(u, scales, "exp")
        if not r.after:
            return u
        columns = [*(x.part(i) for i in range(len(r.inputs))), *(u.part(j) for j in range(u.v.lo.shape[1]))]
        return beside([each.run(columns, BUNDLES, lambda value: constant(x, value)) for each in r.after])

    def _formulas(self, programs: Sequence[FormulaSteps], x: Bundle) -> Bundle:
        columns = [x.part(i) for i in range(x.v.lo.shape[1])]
        return beside([each.run(columns, BUNDLES, lambda value: constant(x, value)) for each in programs])

    @staticmethod
    def _by_column(u: Bundle, scales: Sequence[str], name: str) -> Bundle:
        if "log" not in scales:
            return u
        parts = [u.part(i) for i in range(len(scales))]
        return beside([BUNDLES[name](p) if scale == "log" else p for p, scale in zip(parts, scales, strict=True)])

    def _scaled_in(self, u: Bundle) -> Bundle:
        scales, shift, factor = self.reading.scalings[0]
        if "log" in scales:
            log = np.array([scale == "log" for scale in scales])
            value, first, second, _ = CURVES["log"](u.v)
            one, zero = np.ones_like(u.v.lo), np.zeros_like(u.v.lo)
            chosen = [
                Range(np.where(log, a.lo, b), np.where(log, a.hi, c))
                for a, b, c in ((value, u.v.lo, u.v.hi), (first, one, one), (second, zero, zero))
            ]
            # An input may come as close to 0 as it likes.
            u = through(u, chosen[0], chosen[1], chosen[2], np.asarray(((u.v.lo >= 0) | ~log).all(-1)))
        u = u.moved(exact(-shift)) if (shift != 0).any() else u
        return u.scaled(exact(factor).inverse()) if (factor != 1).any() else u

    @staticmethod
    def _products(u: Bundle, groups: Sequence[Sequence[int]]) -> Bundle:
        if all(group == [j] for j, group in enumerate(groups)):
            return u
        nodes = []
        for group in groups:
            node = u.part(group[0])
            for j in group[1:]:
                node = node * u.part(j)
            nodes.append(node)
        return beside(nodes)

    def _layer(self, number: int, u: Bundle) -> Bundle:
        n = self.reading.layers[number]
        if n.squashed:
            middle, half = (exact(n.low) + exact(n.high)) * exact(0.5), (exact(n.high) - exact(n.low)) * exact(0.5)
            inside = u.moved(-middle).scaled(half.inverse())
            value, first, second, _ = CURVES["tanh"](inside.v)
            u = through(inside, value, first, second).scaled(half).moved(middle)
        if number == len(self.tables):
            self.tables.append(Edges(n, Range(u.v.lo[0], u.v.hi[0])))
        order = 0 if u.d is None else 1 if u.h is None else 2
        ranges = self.tables[number].ranges(u.v, order)
        v = _sum(ranges[0]) + exact(n.bias)
        d = h = None
        if u.unmixed and u.d is not None:
            d = ranges[1] * u.d[:, :, None]
            if u.h is not None:
                own = ranges[2] * u.d.square()[:, :, None] + ranges[1] * u.h[:, :, None]
                h = _on_diagonal(own, u.pairs)
        elif u.d is not None:
            d = _weighted_sum(ranges[1], u.d)
            if u.h is not None:
                i, j = np.array(u.pairs, dtype=np.intp).reshape(-1, 2).T
                square = u.d[:, i] * u.d[:, j]
                for p in np.flatnonzero(i == j):
                    own = u.d[:, i[p]].square()
                    square.lo[:, p], square.hi[:, p] = own.lo, own.hi
                h = _weighted_sum(ranges[2], square) + _weighted_sum(ranges[1], u.h)
        return replace(u, v=v, d=d, h=h, unmixed=False)


def _sum(a: Range) -> Range:
    """The sum over axis 1."""
    total = a[:, 0]
    for i in range(1, a.lo.shape[1]):
        total = total + a[:, i]
    return total


def _weighted_sum(edges: Range, inner: Range) -> Range:
    """`Σ_i φ'_ij u_pi`: `(B, I, J)` and `(B, P, I)` to `(B, P, J)`."""
    total: Range | None = None
    for i in range(edges.lo.shape[1]):
        part = edges[:, None, i] * inner[:, :, i, None]
        total = part if total is None else total + part
    assert total is not None
    return total


def _on_diagonal(own: Range, pairs: Sequence[Pair]) -> Range:
    """Second derivatives by pairs of functions that each have one variable: those of other pairs vanish."""
    shape = (own.lo.shape[0], len(pairs), own.lo.shape[2])
    h = Range(np.zeros(shape), np.zeros(shape))
    for p, (a, b) in enumerate(pairs):
        if a == b:
            h.lo[:, p], h.hi[:, p] = own.lo[:, a], own.hi[:, a]
    return h


def variables(lo: Floats, hi: Floats, order: int, pairs: Sequence[Pair]) -> Bundle:
    """The variables themselves over boxes `(B, n)`."""
    d = exact(np.ones_like(lo)) if order >= 1 else None
    h = exact(np.zeros_like(lo)) if order >= 2 else None
    return Bundle(tuple(pairs), Range(lo, hi), d, h, np.ones(len(lo), dtype=bool), unmixed=True)


def constant(like: Bundle, value: float) -> Bundle:
    """A constant as one function over the boxes of another bundle."""
    batch, n = len(like.sound), 0 if like.d is None else like.d.lo.shape[1]
    d = None if like.d is None else exact(np.zeros((batch, n, 1)))
    h = None if like.h is None else exact(np.zeros((batch, len(like.pairs), 1)))
    return Bundle(like.pairs, exact(np.full((batch, 1), value)), d, h, np.ones(batch, dtype=bool))
