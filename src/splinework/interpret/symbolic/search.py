"""Search over joint choices of functions for all edges, each fitted to the data and ranked by BIC."""

import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.chosen_function import library_function
from splinework.interpret.symbolic.edges import EdgeCandidate, edge_candidates, score
from splinework.interpret.symbolic.library import IDENTITY, Array, LibraryFunction
from splinework.interpret.symbolic.net import Edge, Place, SplineEdge, SymbolicEdge, SymbolicNet, edge_places
from splinework.nn.network import KAN
from splinework.nn.trace import trace

N_QUANTILES = 256
"""Quantiles of an edge's input at which functions are fitted."""
DEFAULT_FUNCTIONS = (IDENTITY.name, "x^2")
"""Functions that are always among the options."""
N_JOINT_CHOICES = 24
"""Joint choices that are fitted before single exchanges; a third of them for more than six edges."""


@dataclass(frozen=True)
class DroppedEdge:
    """The option to remove an edge; its mean d is added to its sum."""

    d: float


Option = EdgeCandidate | SplineEdge | DroppedEdge
Choice = tuple[int, ...]


@dataclass(frozen=True)
class SearchState:
    """A joint choice: the index of every edge's option, the fitted network, its BIC and residual sum of squares."""

    choice: Choice
    net: SymbolicNet
    bic: float
    rss: float = math.inf


@dataclass
class JointSearch:
    """The search over one model's edges.

    Attributes:
        u: Inputs in network units, `(N, inputs)`.
        t: Outputs in network units, `(N, outputs)`.
        options: Options of each active edge.
        further: Further options, used if the first fit much worse than the network.
        deadline: Time of `clock` after which no further choices are tried.
    """

    model: KAN
    u: Array
    t: Array
    options: dict[Place, list[Option]]
    further: dict[Place, list[Option]] = field(default_factory=dict)
    deadline: float = math.inf
    states: dict[Choice, SearchState] = field(default_factory=dict)

    def run(self) -> list[SymbolicNet]:
        """The networks of lowest BIC, followed by simpler ones of lower function cost."""
        if not self.options:
            return []
        joint = N_JOINT_CHOICES if len(self.options) <= 6 else N_JOINT_CHOICES // 3
        for choice in (*self._plain(), *itertools.islice(self._best_first(), joint)):
            self._consider(choice)
            if self._late():
                break
        best = min(self.states.values(), key=lambda state: state.bic)
        best = self._exchanged(self._without(best))
        if best.rss > 4.0 * self._left_by_network():
            self.options = {place: found + self.further.get(place, []) for place, found in self.options.items()}
            self._exchanged(best)
        ordered = sorted((s for s in self.states.values() if math.isfinite(s.bic)), key=lambda state: state.bic)
        return [state.net for state in ordered[:4]] + _simpler(ordered)

    @torch.no_grad()
    def _left_by_network(self) -> float:
        """Residual sum of squares of the network itself."""
        return float((self.model.unit_forward(torch.from_numpy(self.u)) - torch.from_numpy(self.t)).square().sum())

    def _late(self) -> bool:
        return clock.now() > self.deadline

    def _without(self, best: SearchState) -> SearchState:
        """Removes edges, the weakest first, while that lowers the BIC."""
        entries = list(self.options.values())
        # Rough strength of an edge: the smallest factor among its functions.
        does = [
            min((abs(o.c) for o in options if isinstance(o, EdgeCandidate)), default=math.inf) for options in entries
        ]
        for at in sorted(range(len(entries)), key=does.__getitem__):
            if self._late():
                break
            trial = self._changed(best, at, len(entries[at]) - 1)
            if trial.bic < best.bic:
                best = trial
        return best

    def _exchanged(self, best: SearchState) -> SearchState:
        """Exchanges one function at a time until no exchange lowers the BIC."""
        for _ in range(3):
            before = best
            for at, options in enumerate(self.options.values()):
                for index in range(len(options)):
                    if self._late():
                        return best
                    trial = self._changed(best, at, index)
                    if trial.bic < best.bic - 1e-9:
                        best = trial
            if best is before:
                break
        return best

    def _changed(self, state: SearchState, at: int, index: int) -> SearchState:
        choice = (*state.choice[:at], index, *state.choice[at + 1 :])
        return self._consider(choice, near=state)

    def _consider(self, choice: Choice, near: SearchState | None = None) -> SearchState:
        """Fits a joint choice, starting from the constants of a similar state `near` where they agree."""
        if choice in self.states:
            return self.states[choice]
        edges: dict[Place, Edge] = {}
        offsets: dict[Place, float] = {}
        for at, (place, options) in enumerate(self.options.items()):
            option = options[choice[at]]
            offsets[place] = option.d if isinstance(option, EdgeCandidate | DroppedEdge) else 0.0
            if near is not None and near.choice[at] == choice[at]:
                if place in near.net.edges:
                    edges[place] = near.net.edges[place]
            elif isinstance(option, EdgeCandidate):
                edges[place] = SymbolicEdge.of(option)
            elif isinstance(option, SplineEdge):
                edges[place] = option
        net = SymbolicNet.of(self.model, edges, offsets)
        if near is not None:
            net = SymbolicNet(edges, self._moved_constants(near, choice), net.nodes)
        state = self._fitted(choice, net)
        self.states[choice] = state
        return state

    def _moved_constants(self, near: SearchState, choice: Choice) -> tuple[Array, ...]:
        """The constants of `near`, adjusted for the constants d of the exchanged options."""
        constants = [c.copy() for c in near.net.constants]
        for at, ((layer, _, j), options) in enumerate(self.options.items()):
            if near.choice[at] != choice[at]:
                old, new = options[near.choice[at]], options[choice[at]]
                constants[layer][j] += getattr(new, "d", 0.0) - getattr(old, "d", 0.0)
        return tuple(constants)

    def _fitted(self, choice: Choice, net: SymbolicNet) -> SearchState:
        outcome = net.refitted(self.u, self.t, gain=1e-3)
        if outcome is None:
            return SearchState(choice, net, math.inf)
        net, solution = outcome
        if net.degenerate(self.u, [place for place, options in self.options.items() if len(options) > 1]):
            return SearchState(choice, net, math.inf)
        n = self.t.size
        size = sum(e.layer.basis.size for e in net.edges.values() if isinstance(e, SplineEdge))
        fit = n * math.log(max(solution.rss, n * 1e-20) / n)
        return SearchState(choice, net, fit + (solution.rank + size) * math.log(n) + 2 * net.cost, solution.rss)

    def _plain(self) -> list[Choice]:
        """The cheapest close enough function on every edge, for several tolerances.

        The edges of a trained network deviate a little where that does no harm; a joint fit corrects this.
        """
        entries = list(self.options.values())
        found = []
        for near in (0.2, 0.05, 1e-2, 1e-3):  # tolerated unexplained shares of an edge's variance
            costs = [[_cost(option, near) for option in options] for options in entries]
            found.append(tuple(c.index(min(c)) for c in costs))
        return list(dict.fromkeys(found))

    def _best_first(self) -> Iterator[Choice]:
        """Joint choices in order of the summed description lengths of their edges."""
        costs = []
        for entries in self.options.values():
            values = [score(e, N_QUANTILES, 1e-12) if isinstance(e, EdgeCandidate) else math.nan for e in entries]
            best = min((v for v in values if not math.isnan(v)), default=0.0)
            costs.append([v - best if not math.isnan(v) else 20.0 for v in values])
        ranked = [sorted(range(len(c)), key=c.__getitem__) for c in costs]
        heap = [(0.0, (0,) * len(costs))]
        seen = {heap[0][1]}
        while heap:
            total, position = heapq.heappop(heap)
            yield tuple(order[p] for order, p in zip(ranked, position, strict=True))
            for at in range(len(position)):
                if position[at] + 1 < len(ranked[at]):
                    step = (*position[:at], position[at] + 1, *position[at + 1 :])
                    if step not in seen:
                        seen.add(step)
                        more = costs[at][ranked[at][step[at]]] - costs[at][ranked[at][position[at]]]
                        heapq.heappush(heap, (total + more, step))


def _cost(option: Option, near: float) -> float:
    """Cost of a function within the tolerance `near`; all others cost more."""
    if not isinstance(option, EdgeCandidate):
        return math.inf
    return option.function.cost if option.unexplained < near else 100 + option.unexplained


def _simpler(ordered: list[SearchState]) -> list[SymbolicNet]:
    """The simple end of the table: the best state of each lower cost."""
    kept: list[SymbolicNet] = []
    least = min((state.net.cost for state in ordered[:4]), default=0.0)
    for state in ordered[4:]:
        if state.net.cost < least - 0.5 and not state.net.splines:
            kept.append(state.net)
            least = state.net.cost
    return kept[:3]


Choices = dict[Place, list[Option]]


def edge_options(
    model: KAN, xs: torch.Tensor, library: Sequence[LibraryFunction], deadline: float = math.inf
) -> tuple[Choices, Choices]:
    """Options of every active edge: its best functions, a line, its spline where no function is close, and removal.

    An edge that is a function already has no other option. The second mapping has the remaining functions, since other edges
    may compensate for any shape. After the deadline, of the clock, edges are lines or what they are.
    """
    record = trace(model, xs)
    weights = sensitivities(model, xs)
    options: Choices = {}
    further: Choices = {}
    for layer, i, j in edge_places(model):
        fixed = model.kan_layers[layer].functions
        own = None if fixed is None else fixed.edge(i, j)
        if own is not None:
            known = library_function(own)
            option = SplineEdge(model.kan_layers[layer], i, j)
            a, b, c, d = own.numbers[:4].tolist()
            options[layer, i, j] = [option if known is None else EdgeCandidate(known, a, b, c, d, 0.0)]
            continue
        inputs, values = (v.numpy() for v in record.edge(layer, i, j))
        at = np.unique(
            np.argsort(inputs, kind="stable")[np.linspace(0, len(inputs) - 1, N_QUANTILES).round().astype(int)]
        )
        weight = weights[layer][:, j].numpy()[at]
        weight = weight + 1e-3 * weight.mean() + 1e-300
        late = clock.now() > deadline
        found = [] if late else edge_candidates(inputs[at], values[at], weight, library)
        found = found or [_line(inputs[at], values[at])]
        chosen: list[Option] = [c for n, c in enumerate(found) if n < 5 or c.function.name in DEFAULT_FUNCTIONS]
        if all(candidate.function.name != IDENTITY.name for candidate in found):
            chosen.append(_line(inputs[at], values[at]))
        if found[0].unexplained > 1e-4:
            chosen.append(SplineEdge(model.kan_layers[layer], i, j))
        chosen.append(DroppedEdge(float(values.mean())))
        options[layer, i, j] = chosen
        further[layer, i, j] = [candidate for candidate in found if candidate not in chosen]
    return options, further


def _line(x: Array, y: Array) -> EdgeCandidate:
    slope, level = np.polyfit(x, y, 1) if np.ptp(x) > 0 else (0.0, float(y.mean()))
    variance = float(y.var())
    left = float(((y - slope * x - level) ** 2).mean()) / variance if variance > 0 else 0.0
    return EdgeCandidate(IDENTITY, 1.0, 0.0, float(slope), float(level), left)


@torch.enable_grad()  # a search may be run where nothing is recorded
def sensitivities(model: KAN, xs: torch.Tensor) -> list[torch.Tensor]:
    """Squared derivatives of the outputs, summed over outputs, by every sum: `(N, J)` per layer."""
    u = model.input_scaling(xs)
    sums: list[torch.Tensor] = []
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        total = layer(u)
        sums.append(total if sums else total.detach().requires_grad_())
        u = nodes.combine(sums[-1])
    squares = [torch.zeros_like(s) for s in sums]
    for column in u.unbind(1):
        for square, g in zip(squares, torch.autograd.grad(column.sum(), sums, retain_graph=True), strict=True):
            square += g**2
    return [s.detach() for s in squares]
