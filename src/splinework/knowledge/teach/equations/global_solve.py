"""Solution on the whole domain by second-order steps on all parameters, with adaptive points or causal weights."""

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import place
from splinework.knowledge.axioms.facts import FaceValue, facts_of
from splinework.knowledge.teach.equations.problem import EquationProblem
from splinework.knowledge.teach.equations.schedules import Causal, Whole
from splinework.nn.derivatives import Model
from splinework.nn.network import KAN
from splinework.train import FitResult, Residual, TrainingOptions, solve
from splinework.train.callbacks import StopBelow

POOL_FACTOR, UNIFORM_SHARE = 10, 1.0
"""Points among which new ones are drawn, for each that is wanted; and what is added to the residual, as a share of its mean, in
their chances: c of Wu et al. 2023, eq. 2, whose k is 1."""
MIN_CHUNK_WEIGHT = 1e-3
"""The smallest weight of a chunk: long second-order steps would ignore what has no weight."""
MIN_SETTLED_WEIGHT = 0.95
"""Causal rounds end where every chunk has at least this weight."""


def solve_globally(
    problem: EquationProblem,
    schedule: Whole | Causal,
    x: Tensor,
    beside: Sequence[Residual],
    tolerance: float,
    options: TrainingOptions,
) -> FitResult:
    """The network that solves a problem, and its history.

    Args:
        problem: The problem to solve.
        schedule: How.
        x: Points inside, `(N, inputs)`.
        beside: Residuals besides the equations.
        tolerance: Share of the root mean square without the network at which it is enough.
        options: For `splinework.train.solve`.
    """
    network = problem.network(options.seed)
    least = tolerance**2 * zero_network_loss(problem, network, [*problem.inside(x), *beside])
    enough = StopBelow("objective", least, "the residual is as small as was asked for", in_starts=False)
    options = replace(options, callbacks=[*options.callbacks, enough])
    if isinstance(schedule, Causal):
        network = _causal_warm_up(problem, network, schedule, x, beside, options)
        options = replace(options, starts=1)
    result = solve(network, [*problem.inside(x), *beside], frame=problem.frame, options=options)
    for again in range(1, schedule.rounds + 1 if isinstance(schedule, Whole) else 1):
        x = _where_large(problem, result.model, len(x), options.seed + again)
        rows = [*problem.inside(x), *beside]
        result = solve(result.model, rows, frame=problem.frame, options=replace(options, starts=1))
    return result


@torch.no_grad()
def equation_residuals(problem: EquationProblem, network: KAN, x: Tensor) -> Tensor:
    """The equations at points, `(B, equations)`."""
    whole = problem.whole(network)
    x = x.to(next(whole.parameters()))
    return torch.cat([x.new_zeros(len(x), 0), *(function(whole, x) for function, _, _ in problem.equations)], dim=1)


@torch.no_grad()
def zero_network_loss(problem: EquationProblem, network: KAN, rows: Sequence[Residual]) -> float:
    """The objective of a network that is zero."""
    nothing = _zero(network)
    whole, total = problem.whole(nothing), 0.0
    like = next(nothing.parameters())
    for row in rows:
        x = torch.as_tensor(row.points).to(like)
        data = () if row.data is None else (torch.as_tensor(row.data).to(like).reshape(len(x), -1),)
        total += row.weight * float(row.function(whole, x, *data).square().mean())
    return total


def _zero(network: KAN) -> KAN:
    nothing = copy.deepcopy(network)
    for parameter in nothing.parameters():
        parameter.detach().zero_()
    return nothing


def _where_large(problem: EquationProblem, network: KAN, count: int, seed: int) -> Tensor:
    """Points drawn with chances that grow with the residual, `(count, inputs)`."""
    pool = problem.domain.draw(POOL_FACTOR * count, seed + 500)
    size = equation_residuals(problem, network, pool).square().sum(1).sqrt()
    chances = size / size.mean().clamp_min(1e-300) + UNIFORM_SHARE
    return pool[torch.multinomial(chances, count, generator=torch.Generator().manual_seed(seed))]


def _causal_warm_up(
    problem: EquationProblem,
    network: KAN,
    causal: Causal,
    x: Tensor,
    beside: Sequence[Residual],
    options: TrainingOptions,
) -> KAN:
    """The network after rounds in which later times count once earlier ones are solved."""
    starts = [face for face in facts_of(problem.axioms, FaceValue) if face.start]
    if not starts:
        raise ConfigError("Causal weights follow the time of an Initial axiom, and there is none; solve it as a Whole.")
    name = problem.domain.inputs[place(starts[0].input, problem.domain.inputs, starts[0].word)]
    low, high = problem.domain.box[name]
    share = (x[:, problem.domain.inputs.index(name)] - low) / (high - low)
    chunk = (share * causal.chunks).long().clamp(0, causal.chunks - 1)
    size = float(equation_residuals(problem, _zero(network), x).square().sum(1).mean())
    first = replace(options, steps=causal.steps, grids=None, degree="auto", validation=0, starts=1)
    for turn in range(causal.rounds):
        weights = _weights(equation_residuals(problem, network, x).square().sum(1) / size, chunk, causal)
        if turn and float(weights.min()) > MIN_SETTLED_WEIGHT:
            break
        rows = [_weighed(row, weights.sqrt()[chunk]) for row in problem.inside(x)]
        network = solve(network, [*rows, *beside], frame=problem.frame, options=first).model
    return network


def _weights(square: Tensor, chunk: Tensor, causal: Causal) -> Tensor:
    """The weight of every chunk, `(chunks,)`."""
    total = torch.zeros(causal.chunks, dtype=square.dtype).index_add_(0, chunk, square)
    count = torch.zeros_like(total).index_add_(0, chunk, torch.ones_like(square))
    mean = total / count.clamp_min(1)
    return torch.exp(-causal.epsilon * (mean.cumsum(0) - mean)).clamp_min(MIN_CHUNK_WEIGHT)


def _weighed(row: Residual, root: Tensor) -> Residual:
    def function(model: Model, x: Tensor, factor: Tensor) -> Tensor:
        found: Tensor = factor * row.function(model, x)
        return found

    return Residual(function, row.points, row.weight, root, row.name)
