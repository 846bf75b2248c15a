"""Terms of one prediction: interventional Shapley values, and main effects with pairs, of many rows at once.

A coalition S of inputs has the value `v(S) = E f(x_S, z_~S)`: the inputs of S as in the row, the others as in background rows
z. The Shapley value is an input's mean contribution over all orders in which inputs are added (Shapley 1953; Štrumbelj and
Kononenko 2014), the Shapley–Taylor index of order two (Sundararajan, Dhamdhere and Agarwal 2020) keeps what each input does
alone, `v({i}) - v(∅)`, and gives the rest to pairs. Both add up to `f(x) - v(∅)`; an input and half of its pairs are its
Shapley value.

Every design (all coalitions, or those along one order) adds up for every row and every background row, not only on average.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Protocol, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.interpret.importance.row_function import Floats, RowFunction
from splinework.nn.network import KAN

MAX_EVALUATIONS = 4_000_000
"""Evaluations of the function for all terms, if that leaves `MIN_DRAWS`."""
MIN_DRAWS, MAX_DRAWS = 8, 64
"""Background rows, or orders, that are averaged."""
MAX_VALUES = 8_000_000
"""Numbers held at a time."""
MAX_ENUMERATED = 12
"""Inputs of which all coalitions may be looked at."""

Pair = tuple[int, int]


@final
@dataclass(frozen=True)
class CoalitionDesign:
    """Coalitions, and the terms as weighted sums of their values.

    Attributes:
        members: Whether an input belongs to a coalition, `(coalitions, inputs)`.
        weights: `(terms, coalitions)`: the inputs', then the pairs'.
    """

    members: NDArray[np.bool_]
    weights: Floats


def all_coalitions(inputs: int, pairs: Sequence[Pair] | None) -> CoalitionDesign:
    """The exact values: Shapley values, or main effects and Shapley–Taylor indices of these pairs."""
    codes = np.arange(2**inputs)
    members = (codes[:, None] >> np.arange(inputs)) & 1 == 1
    size = members.sum(axis=1)
    weights = np.zeros((inputs + len(pairs or ()), len(codes)))
    for i in range(inputs):
        if pairs is not None:
            weights[i, [1 << i, 0]] = 1.0, -1.0
            continue
        without = codes[~members[:, i]]
        share = np.array([1 / (inputs * comb(inputs - 1, s)) for s in range(inputs)])[size[without]]
        weights[i, without | 1 << i], weights[i, without] = share, -share
    for row, (i, j) in enumerate(pairs or (), start=inputs):
        without = codes[~members[:, i] & ~members[:, j]]
        share = np.array([2 / (inputs * comb(inputs - 1, s)) for s in range(inputs - 1)])[size[without]]
        for more, sign in ((0, 1), (1 << i, -1), (1 << j, -1), (1 << i | 1 << j, 1)):
            weights[row, without | more] = sign * share
    return CoalitionDesign(members, weights)


def along(order: Sequence[int], pairs: Sequence[Pair] | None) -> CoalitionDesign:
    """The terms along one order of the inputs; their means over all orders are the exact values."""
    inputs = len(order)
    sets = [frozenset(order[:t]) for t in range(inputs + 1)]
    if pairs is not None:
        sets += [sets[t] | {j} for t in range(inputs) for j in order[t + 1 :]]
    place = {each: row for row, each in enumerate(dict.fromkeys(sets))}
    members = np.array([[i in each for i in range(inputs)] for each in place])
    weights = np.zeros((inputs + len(pairs or ()), len(place)))
    if pairs is None:
        for t, i in enumerate(order):
            weights[i, [place[sets[t + 1]], place[sets[t]]]] = 1.0, -1.0
        return CoalitionDesign(members, weights)
    for i in range(inputs):
        weights[i, [place[frozenset({i})], 0]] = 1.0, -1.0
    at = {i: t for t, i in enumerate(order)}
    for row, pair in enumerate(pairs, start=inputs):
        i, j = sorted(pair, key=at.__getitem__)
        before = sets[at[i]]
        for more, sign in ((set(), 1), ({i}, -1), ({j}, -1), ({i, j}, 1)):
            weights[row, place[before | more]] += sign
    return CoalitionDesign(members, weights)


class Mixer(Protocol):
    """Values of the function at rows of which some inputs come from a background row."""

    def __call__(self, number: int, members: NDArray[np.bool_]) -> Floats:
        """Values `(n, s, q)` of coalitions `(s, inputs)` with the background row of this number."""


@final
class RowMixer:
    """The mixer of any function.

    Args:
        function: The function.
        x: Rows `(n, p)`.
        background: Background rows `(b, p)`.
    """

    def __init__(self, function: RowFunction, x: Floats, background: Floats) -> None:
        self.function, self.x, self.background = function, x, background
        self.owner = np.full(x.shape[1], -1)
        for i, columns in enumerate(function.columns):
            self.owner[list(columns)] = i

    def __call__(self, number: int, members: NDArray[np.bool_]) -> Floats:
        inside = members[:, self.owner] & (self.owner >= 0)
        rows = np.where(inside, self.x[:, None, :], self.background[number])
        values = self.function(rows.reshape(-1, rows.shape[2]))
        return values.reshape(len(self.x), len(members), -1)


@final
class SumMixer:
    """The mixer of a network, which mixes the edges of its first layer: each is evaluated once.

    Args:
        network: The network in float64.
        columns: Columns of each input.
        x: Rows `(n, p)`.
        background: Background rows `(b, p)`.
    """

    def __init__(self, network: KAN, columns: Sequence[Sequence[int]], x: Floats, background: Floats) -> None:
        self.network = network
        first = network.kan_layers[0]
        own, other = (self._by_input(rows, columns) for rows in (x, background))
        self.own, self.other = own, other
        self.constant = first.coefficients.new_zeros(first.outputs) if first.bias is None else first.bias

    def _by_input(self, rows: Floats, columns: Sequence[Sequence[int]]) -> Tensor:
        edges = self.network.kan_layers[0].edges(self.network.input_scaling(torch.from_numpy(rows)))
        return torch.stack([edges[:, list(each)].sum(1) for each in columns], dim=1)

    def __call__(self, number: int, members: NDArray[np.bool_]) -> Floats:
        other = self.other[number]
        chosen = torch.from_numpy(members).to(self.own)
        sums = torch.einsum("sk,nkj->nsj", chosen, self.own - other) + (other.sum(0) + self.constant)
        shapes = self.network.config.nodes[1:]
        u = shapes[0].combine(sums.reshape(-1, sums.shape[2]))
        for layer, shape in zip(self.network.kan_layers[1:], shapes[1:], strict=True):
            u = shape.combine(layer(u))
        values = self.network.output_scaling.inverse(u)
        return np.asarray(values.reshape(sums.shape[0], sums.shape[1], -1).numpy())


@final
@dataclass(frozen=True)
class PredictionTerms:
    """Terms that add up to predictions.

    Attributes:
        base: The prediction that they start from, `(q,)`.
        terms: Those of the inputs, then of the pairs, `(n, terms, q)`.
        errors: Their standard errors over background rows and orders, of the same shape.
        method: How they were found, in words.
    """

    base: Floats
    terms: Floats
    errors: Floats
    method: str


def shapley_terms(function: RowFunction, x: Floats, *, pairs: Sequence[Pair] | None, seed: int) -> PredictionTerms:
    """Shapley values, or main effects with pairs, of rows `(n, p)` of columns; the function's own rows are the background."""
    known = _additive_terms(function, x, len(pairs or ()))
    if known is not None:
        return known
    inputs = len(function.inputs)
    generator = np.random.default_rng(seed)
    enumerates = inputs <= MAX_ENUMERATED and 2**inputs * len(x) * 2 * MIN_DRAWS <= MAX_EVALUATIONS
    trial = all_coalitions(inputs, pairs) if enumerates else along(range(inputs), pairs)
    count = int(np.clip(MAX_EVALUATIONS // (len(x) * len(trial.members)), MIN_DRAWS, MAX_DRAWS))
    background = representative(function, min(count, len(function.x)))
    if enumerates:
        designs = [trial] * len(background)
        method = f"all {2**inputs} coalitions"
    else:
        designs = [along(order, pairs) for order in _orders(generator, inputs, count)]
        method = f"{count} orders of the inputs"
    chunk = max(1, MAX_VALUES // (len(trial.members) * _width(function)))
    parts = [_averaged(function, x[start : start + chunk], background, designs) for start in range(0, len(x), chunk)]
    terms, errors = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    return PredictionTerms(parts[0][0], terms, errors, f"{method}, {len(background)} background rows")


def representative(function: RowFunction, count: int) -> Floats:
    """Rows of the function at evenly spaced ranks of its values, so that their mean is about that of all rows."""
    values = function(function.x)
    scale = values.std(axis=0)
    ranks = np.argsort((values / np.where(scale > 0, scale, 1.0)).sum(axis=1), kind="stable")
    return function.x[ranks[((np.arange(count) + 0.5) / count * len(ranks)).astype(np.intp)]]


def mixer(function: RowFunction, x: Floats, background: Floats) -> Mixer:
    """The mixer that suits the function."""
    if function.network is not None:
        return SumMixer(function.network, function.columns, x, background)
    return RowMixer(function, x, background)


def _averaged(
    function: RowFunction, x: Floats, background: Floats, designs: Sequence[CoalitionDesign]
) -> tuple[Floats, Floats, Floats]:
    """Base, terms and standard errors over the designs, each with the next background row."""
    values_of = mixer(function, x, background)
    base: Floats = np.zeros(len(function.outputs))
    mean: Floats = np.zeros((len(x), len(designs[0].weights), len(function.outputs)))
    squares = np.zeros_like(mean)
    for number, design in enumerate(designs, start=1):
        values = values_of((number - 1) % len(background), design.members)
        found = np.matmul(design.weights, values)
        empty = int(np.flatnonzero(~design.members.any(axis=1))[0])
        base += (values[0, empty] - base) / number
        step = found - mean
        mean += step / number
        squares += step * (found - mean)
    return base, mean, np.sqrt(squares / max(len(designs) - 1, 1) / len(designs))


def _additive_terms(function: RowFunction, x: Floats, pairs: int) -> PredictionTerms | None:
    """The terms of a sum of functions of one input each, against all background rows; None if it is no such sum."""
    inputs = len(function.inputs)
    members = np.concatenate([np.zeros((1, inputs), bool), np.eye(inputs, dtype=bool), np.ones((1, inputs), bool)])
    reference = representative(function, 1)
    chunk = max(1, MAX_VALUES // (len(members) * _width(function)))

    def changes(rows: Floats) -> Floats | None:
        values = mixer(function, rows, reference)(0, members)
        single = values[:, 1:-1] - values[:, :1]
        missing = values[:, -1] - values[:, 0] - single.sum(axis=1)
        return single if np.all(np.abs(missing) <= 1e-12 * np.abs(values).max(initial=1.0)) else None

    if changes(x[:2]) is None:
        return None
    found = []
    for rows in (x, function.x):
        parts = []
        for start in range(0, len(rows), chunk):
            part = changes(rows[start : start + chunk])
            if part is None:
                return None
            parts.append(part)
        found.append(np.concatenate(parts))
    own, others = found
    middle = others.mean(axis=0)
    terms = np.concatenate([own - middle, np.zeros((len(x), pairs, own.shape[2]))], axis=1)
    base = function(reference)[0] + middle.sum(axis=0)
    return PredictionTerms(base, terms, np.zeros_like(terms), "a sum of functions of one input each, so exact")


def _orders(generator: np.random.Generator, inputs: int, count: int) -> Iterator[list[int]]:
    """Random orders, each followed by its reverse, which evens out who comes first."""
    for _ in range(0, count, 2):
        order = [int(i) for i in generator.permutation(inputs)]
        yield from (order, order[::-1])


def _width(function: RowFunction) -> int:
    """Numbers held per coalition and row."""
    if function.network is None:
        return int(function.x.shape[1])
    return max(int(nodes.fan_in) for nodes in function.network.config.nodes[1:])


def interacting_pairs(components: Sequence[Sequence[int]]) -> list[Pair]:
    """The pairs of inputs that some function joins."""
    return [pair for joined in components for pair in combinations(joined, 2)]
