"""What a pool says of its best entry: splines are part of it, and of what is allowed."""

import numpy as np
import pytest
import sympy
import torch

from splinework import KAN
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.expression import NamedSpline, compile_expression, symbol
from splinework.interpret.symbolic.formulas_of_edges import propose
from splinework.interpret.symbolic.net import SplineEdge
from splinework.interpret.symbolic.pool import Pool

X = symbol("a")
SPLINE = sympy.Function("spline_1")


def entry(noise: float, bend: float = 0.0) -> tuple[Pool, FitTarget]:
    """A pool whose only entry is `c spline(a) + d`, for targets that may bend besides."""
    layer = KAN(
        [1, 1], grid=10, init="power", generator=torch.Generator().manual_seed(1), dtype=torch.float64
    ).kan_layers[0]
    splines = {"spline_1": NamedSpline(SplineEdge(layer, 0, 0), "linear", 0.0, 1.0)}
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (400, 2))
    values = compile_expression(SPLINE(X), ("a", "b"), splines)(x)
    y = 2 * values / values.std() + 1 + bend * np.sin(4 * x[:, 1]) + noise * draw.normal(size=400)
    pool = Pool(FitTarget(x, y, ("a", "b")))
    assert pool.offer(1.5 * SPLINE(X) + 0.5, splines) is not None
    return pool, pool.target


@pytest.mark.parametrize("bend", [0.0, 1.0])
def test_residuals_of_an_entry_with_splines_are_judged_with_these(bend):
    pool, target = entry(0.1, bend)
    best = pool.entries[0]
    values = compile_expression(best.proposal.whole(best.expression), target.names, best.proposal.splines)(target.x)
    assert np.isclose(np.square(values - target.y).sum(), best.solution.rss, rtol=1e-9)
    assert pool.has_structure == (bend > 0)


def test_a_filter_sees_the_splines_of_what_was_fitted():
    seen: list[sympy.Expr] = []
    pool, _ = entry(0.1)
    best = pool.entries[0]
    again = Pool(pool.target, allows=lambda e: seen.append(e) or True)  # type: ignore[func-returns-value]
    again.offer(1.5 * SPLINE(X) + 0.5, best.proposal.splines)
    assert len(seen) > 1
    assert all(e.has(SPLINE) and e.free_symbols == {X} for e in seen)


@pytest.mark.slow
def test_formulas_of_a_network_are_proposed_where_nothing_is_recorded():
    model = KAN([2, 2, 1], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = 2 * torch.rand(100, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    with torch.no_grad():
        found = propose(model.requires_grad_(False), x, model(x))
    assert found
