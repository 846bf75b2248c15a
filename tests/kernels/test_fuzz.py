"""Whatever the numbers, sizes and strides: the reference's answers, and a NaN stays in its row."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch import Tensor

from splinework.kernels import BACKENDS, EXTRAPOLATIONS, BasisTable, EdgeParameters
from splinework.splines.bases import BSpline, activation
from tests.contracts.cases import normal, seeded
from tests.kernels.cases import (
    ALGORITHMS,
    LAYOUTS,
    MASKS,
    VARIANTS,
    Problem,
    laid_out,
    magnitudes,
    needs_native,
    problem,
    sums_and_gradients,
    worst,
)

pytestmark = needs_native
many = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

ODD = (0.0, -0.0, 5e-324, -2.2e-308, 1e-40, 1e-30, 0.5, -1.0, 1.0, 3.0, 1e6, -1e6, 1e30, -1e30)
NOT_FINITE = (float("nan"), float("inf"), -float("inf"))


@st.composite
def problems(draw: st.DrawFn, extrapolations: tuple[str, ...] = EXTRAPOLATIONS) -> Problem:
    """Layers of small sizes, on knots with repeats."""
    degree, grid = draw(st.integers(0, 9)), draw(st.integers(1, 7))
    batch, inputs, outputs = draw(st.integers(0, 40)), draw(st.integers(1, 4)), draw(st.integers(0, 20))
    dtype = draw(st.sampled_from([torch.float64, torch.float32]))
    layouts = draw(st.lists(st.sampled_from(LAYOUTS), min_size=6, max_size=6))
    spans = draw(
        st.lists(st.sampled_from([0.0, 0.0, 0.25, 1.0]), min_size=grid + 2 * degree, max_size=grid + 2 * degree)
    )
    if not any(spans[degree : degree + grid]):
        spans[degree + grid - 1] = 1.0  # a domain has a width
    places = torch.cumsum(torch.tensor([0.0, *spans], dtype=torch.float64), 0) - 1.5
    knots = (places + 0.1 * torch.arange(inputs, dtype=torch.float64)[:, None]).to(dtype)
    basis = BSpline(grid, degree)
    base = activation(draw(st.sampled_from(["silu", "none", "sin"])))
    table = BasisTable(basis, base, draw(st.sampled_from(extrapolations)), knots, basis.prepare(knots))
    seed = draw(st.integers(0, 1000))
    mask = (torch.rand(inputs, outputs, generator=seeded(seed)) < 0.7).to(dtype) if draw(st.booleans()) else None
    parts = [
        normal(inputs, basis.size, outputs, seed=seed + 1).to(dtype),
        normal(inputs, outputs, seed=seed + 2).to(dtype) if draw(st.booleans()) else None,
        normal(inputs, outputs, seed=seed + 3).to(dtype) if base is not None else None,
        mask,
        normal(outputs, seed=seed + 4).to(dtype) if draw(st.booleans()) else None,
    ]
    x = 2 * normal(batch, inputs, seed=seed).to(dtype)
    on = draw(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 3), st.integers(0, 40)), max_size=8))
    for b, i, m in on:  # exactly on a knot
        if b < batch and i < inputs:
            x[b, i] = knots[i, m % knots.shape[1]]
    for b, i, value in draw(
        st.lists(st.tuples(st.integers(0, 39), st.integers(0, 3), st.sampled_from(ODD)), max_size=6)
    ):
        if b < batch and i < inputs:
            x[b, i] = value
    g = normal(batch, outputs, seed=seed + 5).to(dtype)
    edges = EdgeParameters(*(laid_out(t, layout) for t, layout in zip(parts, layouts, strict=False)))
    return Problem(table, laid_out(x, layouts[5]), edges, g)


hows = st.fixed_dictionaries(
    {"algorithm": st.sampled_from(ALGORITHMS), "variant": st.sampled_from(VARIANTS), "threads": st.sampled_from([1, 2])}
)


@given(p=problems(), how=hows)
@many
def test_any_layer_gives_the_reference_s_sums_and_gradients(force, p, how):
    force(**how)
    truth, sizes, found = (
        sums_and_gradients("reference", p.double()),
        magnitudes(p.double()),
        sums_and_gradients("native", p),
    )
    tolerance = 1e-12 if p.x.dtype == torch.float64 else 2e-6
    largest = torch.finfo(p.x.dtype).max / 1e4
    tiny = torch.finfo(p.x.dtype).tiny
    for key, value in found.items():
        fits = sizes[key] < largest  # a sum that float32 has no room for may be what it likes
        allowed = tolerance * sizes[key] + tiny
        assert ((value.double() - truth[key]).abs() <= allowed)[fits].all(), key


@given(
    p=problems(), how=hows, where=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 3)), max_size=3), data=st.data()
)
@many
def test_what_is_not_finite_stays_in_its_row(force, p, how, where, data):
    force(**how)
    batch, inputs = p.x.shape
    c, backend = p.edges.table_coefficients(), BACKENDS["native"]

    def by_rows(x: Tensor) -> dict[str, Tensor]:
        found = {"layer": backend.layer_sums(p.table, x, p.edges)}
        for r in (0, 1, 2):
            found[f"contract {r}"] = backend.contract(p.table, x, None, c, r)
            found[f"probe {r}"] = backend.probe(p.table, x, c, p.g, r)
        return found

    x, odd = p.x.clone(), torch.zeros(batch, dtype=torch.bool)
    for b, i in where:
        if b < batch and i < inputs:
            x[b, i], odd[b] = data.draw(st.sampled_from(NOT_FINITE)), True
    clean, found = by_rows(p.x), by_rows(x)
    for key, value in found.items():
        assert torch.equal(value[~odd], clean[key][~odd]), key


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_nan_gives_nan_in_its_row_and_in_no_other(force, dtype, variant, algorithm):
    force(algorithm=algorithm, variant=variant)
    for extrapolation in EXTRAPOLATIONS:
        for base in ("silu", "tanh", "none"):
            for size in ((40, 3, 2), (40, 3, 37)):
                p = problem(size=size, base=base, extrapolation=extrapolation, dtype=dtype, grid=3)
                c, backend = p.edges.table_coefficients(), BACKENDS["native"]
                x = p.x.clone()
                x[7, 1] = x[39, 0] = torch.nan
                rows = torch.zeros(40, dtype=torch.bool)
                rows[[7, 39]] = True
                for r in range(4):
                    y = backend.contract(p.table, x, None, c, r)
                    assert torch.equal(y.isnan(), rows[:, None].expand_as(y)), ("contract", r, extrapolation, base)
                    drawn = backend.probe(p.table, x, c, p.g, r)
                    assert torch.equal(drawn.isnan(), x.isnan()), ("probe", r, extrapolation, base)
                found = sums_and_gradients("native", replace(p, x=x))
                assert torch.equal(found["y"].isnan(), rows[:, None].expand_as(found["y"]))
                assert torch.equal(found["x"].isnan(), x.isnan())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("extrapolation", ["constant", "zero", "natural"])
def test_infinite_points_are_the_reference_s_where_tails_are_flat(force, extrapolation, algorithm):
    force(algorithm=algorithm)
    for base in ("none", "tanh") if extrapolation != "constant" else ("none", "tanh", "silu"):
        p = problem(size=(40, 3, 2), base=base, extrapolation=extrapolation, grid=3)
        x = p.x.clone()
        x[3, 1], x[8, 0] = torch.inf, -torch.inf
        p = replace(p, x=x)
        assert torch.allclose(
            BACKENDS["native"].layer_sums(p.table, x, p.edges),
            BACKENDS["reference"].layer_sums(p.table, x, p.edges),
            rtol=1e-12,
            atol=1e-12,
        )


@pytest.mark.parametrize("mask", [m for m in MASKS if m != "nan"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_nan_goes_where_a_living_edge_takes_it(force, algorithm, mask):
    """And to no other row. A dead edge may pass it on (0 · NaN, as in the reference) or cost nothing and not."""
    p = problem(size=(40, 3, 70), mask=mask, grid=3)
    x = p.x.clone()
    x[7, 1] = torch.nan
    for variant in VARIANTS:
        force(algorithm=algorithm, variant=variant)
        y = BACKENDS["native"].layer_sums(p.table, x, p.edges)
        assert not y[torch.arange(40) != 7].isnan().any()
        if p.edges.mask is not None:
            assert y[7, p.edges.mask[1] != 0].isnan().all()


# ----------------------------------------------------------------------------------------------- nothing at all


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_sums_over_no_rows_or_to_no_outputs(force, algorithm):
    force(algorithm=algorithm)
    for size in ((0, 3, 5), (5, 3, 0), (0, 1, 0)):
        p = problem(size=size)
        truth, found = sums_and_gradients("reference", p), sums_and_gradients("native", p)
        for key in truth:
            assert found[key].shape == truth[key].shape
            assert worst(found[key], truth[key], torch.ones_like(truth[key])) == 0


def test_no_inputs_are_refused():
    basis = BSpline(3, 2)
    grid = basis.make_grid(torch.zeros(0).double(), torch.ones(0).double())
    table = BasisTable(basis, None, "linear", grid, basis.prepare(grid))
    backend, x, c, g = BACKENDS["native"], normal(4, 0), normal(0, basis.size, 2), normal(4, 2)
    for call in (
        lambda: backend.contract(table, x, None, c),
        lambda: backend.probe(table, x, c, g),
        lambda: backend.scatter(table, x, None, g),
    ):
        with pytest.raises(ValueError, match="input"):
            call()
