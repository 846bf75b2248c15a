"""The native kernels give the reference's numbers: values and every gradient, whatever the layer, algorithm and processor."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from splinework.kernels import BACKENDS, ops
from splinework.splines.bases import BSpline
from tests.contracts.cases import RECIPES, every_extrapolation, name_of, normal, points, table_of, table_oracle
from tests.families import pairwise
from tests.kernels.cases import (
    ALGORITHMS,
    DTYPES,
    FACTORS,
    TOLERANCE,
    VARIANTS,
    Problem,
    absolute_rows,
    magnitudes,
    needs_native,
    points_on,
    problem,
    spline_of,
    sums_and_gradients,
    worst,
)

pytestmark = needs_native
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


Ways = Sequence[Mapping[str, Any]]
"""Settings of `force`, one after the other; the truth is worked out once for all of them."""
BY_EVERY_ALGORITHM: Ways = [{"algorithm": algorithm} for algorithm in ALGORITHMS]


def assert_equals_reference(p: Problem, force: Callable[..., None], ways: Ways = BY_EVERY_ALGORITHM) -> None:
    """In value and in every gradient, in units of `Σ|terms|`, in each of the ways."""
    double, tolerance = p.double(), TOLERANCE[p.x.dtype]
    truth, sizes = sums_and_gradients("reference", double), magnitudes(double)
    for way in ways:
        force(**way)
        found = sums_and_gradients("native", p)
        assert found.keys() == truth.keys()
        errors = {key: worst(found[key], truth[key], sizes[key]) for key in truth}
        assert all(found[key].dtype == p.x.dtype for key in found)
        assert max(errors.values()) <= tolerance, (way, p.table.basis, errors)


# ------------------------------------------------------------------------------------------------- whole layers


@pytest.mark.parametrize("case", pairwise(FACTORS), ids=lambda case: "-".join(map(str, case.values())))
@every_dtype
def test_any_two_settings_together_give_the_reference_s_sums_and_gradients(force, dtype, case):
    how = {name: case[name] for name in ("algorithm", "variant", "threads")}
    what = {name: value for name, value in case.items() if name not in how}
    seed = sum(map(ord, str(case)))
    assert_equals_reference(problem(**what, dtype=dtype, seed=seed), force, [how])


@every_dtype
def test_every_degree_by_every_algorithm_on_every_processor(force, dtype):
    ways = [{"algorithm": algorithm, "variant": variant} for variant in VARIANTS for algorithm in ALGORITHMS]
    for degree in range(10):
        for size in ((70, 3, 9), (40, 2, 3)):
            assert_equals_reference(problem(degree=degree, grid=4, size=size, dtype=dtype, seed=degree), force, ways)


@every_dtype
def test_grids_of_thousands_of_cells(force, dtype):
    knots = "uniform" if dtype == torch.float32 else "repeated"
    assert_equals_reference(problem(degree=2, grid=4096, knots=knots, size=(300, 2, 3), dtype=dtype), force)


@pytest.mark.parametrize("base", ["identity", "tanh", "sin", "gelu", "silu"])
def test_every_base_function_by_every_algorithm(force, base):
    for extrapolation in ("linear", "constant", "zero"):
        for grid in (1, 5):
            assert_equals_reference(problem(base=base, extrapolation=extrapolation, grid=grid, size=(33, 2, 3)), force)


@every_extrapolation
def test_cells_of_no_width_by_every_algorithm(force, extrapolation):
    for degree in range(6):
        for grid in (3, 4, 9):  # the first cell of the domain among those that have no width
            p = problem(degree=degree, grid=grid, knots="repeated", extrapolation=extrapolation, size=(64, 2, 2))
            assert_equals_reference(p, force)


SAME_SIGN = {"y", "x", "coefficients", "spline_weight", "base_weight"}


# Not gather: it adds sample by sample into the result, and is there for batches smaller than the grid.
@pytest.mark.parametrize("algorithm", ["best", "sorted", "narrow", "dense"])
@pytest.mark.parametrize("batch", [600, 20_000])
def test_gradients_of_a_mean_over_a_long_batch_keep_single_precision(force, batch, algorithm):
    force(algorithm=algorithm)
    p = problem(size=(batch, 2, 3), dtype=torch.float32)
    p = Problem(p.table, p.x, p.edges, torch.full((1, 1), 0.37).expand(batch, 3))
    truth, sizes, found = (
        sums_and_gradients("reference", p.double()),
        magnitudes(p.double()),
        sums_and_gradients("native", p),
    )
    errors = {key: worst(found[key], truth[key], sizes[key]) for key in SAME_SIGN}
    assert max(errors.values()) <= TOLERANCE[torch.float32], errors


@pytest.mark.parametrize("batch", [600, 20_000])
def test_the_bias_gradient_of_a_mean_over_a_long_batch_keeps_single_precision(batch):
    p = problem(size=(batch, 2, 3), dtype=torch.float32)
    p = Problem(p.table, p.x, p.edges, torch.full((1, 1), 0.37).expand(batch, 3))
    truth, found = sums_and_gradients("reference", p.double())["bias"], sums_and_gradients("native", p)["bias"]
    assert worst(found, truth, truth.abs()) <= TOLERANCE[torch.float32]


# --------------------------------------------------------------------------------------------- the three primitives


def primitives(p: Problem, s: torch.Tensor | None, r: int, backend: str) -> dict[str, torch.Tensor]:
    """What the three give at order r."""
    c = p.edges.table_coefficients()
    calls = BACKENDS[backend]
    return {
        "contract": calls.contract(p.table, p.x, s, c, r),
        "probe": calls.probe(p.table, p.x, c, p.g, r),
        "scatter": calls.scatter(p.table, p.x, s, p.g, r),
    }


@pytest.mark.parametrize("base", ["silu", "none", pytest.param("sin", marks=pytest.mark.slow)])
@every_extrapolation
@every_dtype
def test_primitives_of_every_order(force, dtype, extrapolation, base):
    tolerance = TOLERANCE[dtype]
    for r in range(7 if dtype == torch.float64 else 5):  # a base function's own higher derivatives cancel in float32
        for degree, knots in ((3, "adapted"), (5, "repeated"), (1, "uniform")):
            p = problem(degree=degree, knots=knots, grid=3, extrapolation=extrapolation, base=base, dtype=dtype, seed=r)
            s = normal(*p.x.shape, seed=7).to(dtype)
            double = p.double()
            rows, factor, pull = absolute_rows(double.table, double.x, r), s.double().abs(), double.g.abs()
            if double.table.base is not None:  # a derivative that is a sum of many terms; its zeros are not worth more
                rows[..., -1] = rows[..., -1].clamp_min(1.0) if extrapolation in ("zero", "natural") else 1.0
            c = double.edges.table_coefficients().abs()
            sizes = {
                "contract": torch.einsum("bi,bim,imj->bj", factor, rows, c),
                "probe": torch.einsum("bim,imj,bj->bi", rows, c, pull),
                "scatter": torch.einsum("bi,bim,bj->imj", factor, rows, pull),
            }
            truth = primitives(double, s.double(), r, "reference")
            for algorithm in ALGORITHMS:
                force(algorithm=algorithm)
                for name, value in primitives(p, s, r, "native").items():
                    assert worst(value, truth[name], sizes[name]) <= tolerance, (name, r, degree, algorithm)


@pytest.mark.parametrize("basis", [b for b in RECIPES if isinstance(b, BSpline)], ids=name_of)
def test_primitives_are_the_sums_that_define_them_by_every_algorithm(force, basis):
    for extrapolation in ("linear", "zero"):
        table = table_of(basis, "silu", extrapolation)
        x, s, c, g = points(40, beyond=0.3), normal(40, 3, seed=2), normal(3, table.size, 2, seed=3), normal(40, 2)
        for r in (0, 1, 2):
            beta = table_oracle(table, x, r)
            truth = {
                "contract": np.einsum("bi,bim,imj->bj", s, beta, c),
                "probe": np.einsum("bim,imj,bj->bi", beta, c, g),
                "scatter": np.einsum("bi,bim,bj->imj", s, beta, g),
            }
            operands = {"contract": (x, s, c), "probe": (x, c, g), "scatter": (x, s, g)}
            for algorithm in ALGORITHMS:
                force(algorithm=algorithm)
                for name, given in operands.items():
                    error = getattr(BACKENDS["native"], name)(table, *given, r).numpy() - truth[name]
                    assert np.abs(error).max() <= 1e-11 * np.abs(truth[name]).max(), (name, r, algorithm)


@every_dtype
def test_operators_take_any_strides(dtype):
    table = problem(size=(17, 3, 5), dtype=dtype, grid=4, degree=2).table
    x = points_on(table.grid.double(), 2, 17).to(dtype)
    operands = {
        "x": x,
        "s": normal(17, 3).to(dtype),
        "c": normal(3, table.size, 5).to(dtype),
        "g": normal(17, 5).to(dtype),
    }
    spline = vars(spline_of(table)).values()

    def run(x, s, c, g, grid, pieces):
        rest = (grid, pieces, *list(spline)[2:], 0)
        return ops.contract(x, s, c, *rest), ops.probe(x, c, g, *rest), ops.scatter(x, s, g, *rest)

    def strided(t: torch.Tensor) -> list[torch.Tensor]:
        wide = t.new_full([2 * n + 1 for n in t.shape], torch.nan)
        every_second = wide[tuple(slice(1, None, 2) for _ in t.shape)].copy_(t)
        return [t.mT.contiguous().mT, t.movedim(0, -1).contiguous().movedim(-1, 0), every_second]

    every = {**operands, "grid": table.grid, "pieces": table.prepared}
    truth = run(**every)
    for name, t in every.items():
        for view in strided(t):
            assert torch.equal(view, t)
            assert not view.is_contiguous() or 1 in t.shape
            for value, expected in zip(run(**{**every, name: view}), truth, strict=True):
                assert torch.equal(value, expected), name
