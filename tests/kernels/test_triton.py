"""The Triton kernels give the reference's numbers: values, gradients, second derivatives, whatever the layer.

Without a GPU the programs run in Triton's interpreter, and are compiled for a GPU without running there.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from splinework import kernels
from splinework.errors import ShapeError
from splinework.kernels import BACKENDS, EdgeParameters, dispatch
from splinework.nn.network import KAN
from tests.contracts.cases import normal, relative_distance
from tests.families import pairwise
from tests.kernels.cases import (
    FACTORS,
    SIZES,
    Problem,
    absolute_rows,
    magnitudes,
    problem,
    spline_of,
    sums_and_gradients,
    worst,
)

pytest.importorskip("triton")
if "triton" not in BACKENDS:
    pytest.skip(f"no Triton kernels: {dispatch.why_no_triton()}", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")  # torch warns of itself while it traces

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}
SETTINGS = {name: values for name, values in FACTORS.items() if name not in ("algorithm", "variant", "threads")}
SETTINGS |= {"size": [s for s in SIZES if s != "long"], "grid": (1, 6, 60)}
every_dtype = pytest.mark.parametrize("dtype", TOLERANCE, ids=str)


def errors_against_reference(p: Problem) -> dict[str, float]:
    """Of the sums and of every gradient, in units of `Σ|terms|`."""
    double = p.double()
    truth, sizes, found = sums_and_gradients("reference", double), magnitudes(double), sums_and_gradients("triton", p)
    assert found.keys() == truth.keys()
    assert all(t.dtype == p.x.dtype for t in found.values())
    return {key: worst(found[key], truth[key], sizes[key]) for key in truth}


def cases() -> list[object]:
    """All pairs of settings; the first few of them quick."""
    every = pairwise(SETTINGS)
    return [
        pytest.param(c, marks=[pytest.mark.slow] if n >= 4 else [], id="-".join(map(str, c.values())))
        for n, c in enumerate(every)
    ]


@pytest.mark.parametrize("case", cases())
@every_dtype
def test_any_two_settings_together_give_the_reference_s_sums_and_gradients(dtype, case):
    found = errors_against_reference(problem(**case, dtype=dtype, seed=sum(map(ord, str(case)))))
    assert max(found.values()) <= TOLERANCE[dtype], found


@every_dtype
def test_cells_of_no_width_and_points_on_knots(dtype):
    for degree, grid in ((0, 4), (3, 9)):
        p = problem(degree=degree, grid=grid, knots="repeated", extrapolation="zero", size=(40, 2, 2), dtype=dtype)
        assert max(errors_against_reference(p).values()) <= TOLERANCE[dtype]


@pytest.mark.parametrize("order", [0, 1, 2, 3, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("extrapolation", ["linear", pytest.param("zero", marks=pytest.mark.slow)])
def test_primitives_of_every_order(extrapolation, order):
    p = problem(degree=3, grid=3, knots="adapted", extrapolation=extrapolation, size=(9, 2, 3))
    s, c = normal(9, 2, seed=7), p.edges.table_coefficients()
    rows = absolute_rows(p.table, p.x, order)
    rows[..., -1] = rows[..., -1].clamp_min(1.0)  # a derivative that is a sum of many terms
    sizes = {
        "contract": torch.einsum("bi,bim,imj->bj", s.abs(), rows, c.abs()),
        "probe": torch.einsum("bim,imj,bj->bi", rows, c.abs(), p.g.abs()),
        "scatter": torch.einsum("bi,bim,bj->imj", s.abs(), rows, p.g.abs()),
    }
    operands = {"contract": (p.x, s, c), "probe": (p.x, c, p.g), "scatter": (p.x, s, p.g)}
    for name, given in operands.items():
        value, truth = (getattr(BACKENDS[b], name)(p.table, *given, order) for b in ("triton", "reference"))
        assert worst(value, truth, sizes[name]) <= 1e-12, name


def second_derivatives(backend: str, p: Problem) -> list[Tensor]:
    """Gradients of a function of the gradient by x, by x and the coefficients."""
    x, c = p.x.detach().requires_grad_(), p.edges.coefficients.detach().requires_grad_()
    y = BACKENDS[backend].layer_sums(p.table, x, replace(p.edges, coefficients=c))
    (slope,) = torch.autograd.grad(y, x, p.g, create_graph=True)
    return list(torch.autograd.grad(slope.square().sum(), (x, c)))


@every_dtype
def test_second_derivatives(dtype):
    p = problem(size=(9, 2, 3), grid=3, dtype=dtype)
    double = p.double()
    for value, truth in zip(second_derivatives("triton", p), second_derivatives("reference", double), strict=True):
        assert relative_distance(value, truth) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_loses_only_the_rounding_of_results(dtype):
    p = problem(size=(20, 3, 4), dtype=torch.float32)
    given = (p.x, *vars(p.edges).values())
    x, *parts = (None if t is None else t.to(dtype) for t in given)
    half = Problem(p.table, x, EdgeParameters(*parts), p.g.to(dtype))
    # The weights are multiplied into the coefficients in half precision; the sums are single.
    errors = errors_against_reference(half)
    assert max(errors.values()) <= 3 * torch.finfo(dtype).eps, errors


def test_a_long_batch_in_parts_and_a_fine_grid_in_order_of_cells():
    p = problem(size=(300, 1, 2), grid=50, dtype=torch.float32)
    assert max(errors_against_reference(p).values()) <= 1e-6


def test_no_array_of_batch_times_basis_is_made():
    """The largest tensor that a call makes, forward and backward."""
    p = problem(size=(70, 1, 2), grid=200, dtype=torch.float32)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal largest
            found = func(*args, **(kwargs or {}))
            for t in found if isinstance(found, (tuple, list)) else [found]:
                if isinstance(t, Tensor):
                    largest = max(largest, t.untyped_storage().nbytes() // t.element_size())
            return found

    with Watch():
        sums_and_gradients("triton", p)
    pieces = p.table.prepared.numel()
    assert 0 < largest <= max(pieces, 2 * p.table.size * 2)
    assert largest < 70 * p.table.size


# ------------------------------------------------------------------------------------------ torch's transforms


def step(model: KAN, x: Tensor) -> list[Tensor]:
    """A loss and its gradients by all parameters."""
    value = (model(x) - x.prod(1, keepdim=True)).square().mean()
    return [value.detach(), *torch.autograd.grad(value, list(model.parameters()), materialize_grads=True)]


@pytest.fixture
def in_use():
    before = kernels.use("triton")
    yield
    kernels.use(before)
    torch.compiler.reset()


@pytest.mark.parametrize("compiler", ["eager", pytest.param("aot_eager", marks=pytest.mark.slow)])
def test_torch_compile_sees_no_break(in_use, compiler):
    model, x = KAN([2, 3, 1], grid=3).double(), normal(9, 2)
    truth = step(model, x)
    compiled = torch.compile(
        lambda x: (model(x) - x.prod(1, keepdim=True)).square().mean(), fullgraph=True, backend=compiler
    )
    value = compiled(x)
    found = [value.detach(), *torch.autograd.grad(value, list(model.parameters()), materialize_grads=True)]
    for a, b in zip(found, truth, strict=True):
        assert relative_distance(a, b) <= 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("name", ["contract", "probe", "scatter"])
def test_torch_finds_nothing_wrong_with_the_operators(name):
    p = problem(size=(5, 3, 2), grid=3)
    c = p.edges.table_coefficients().detach().clone()
    op = getattr(torch.ops.splinework, f"triton_{name}").default
    operands = {"contract": (p.x, None, c), "probe": (p.x, c, p.g), "scatter": (p.x, None, p.g)}[name]
    leaves = [None if t is None else t.detach().clone().requires_grad_() for t in operands]
    torch.library.opcheck(op, (*leaves, *vars(spline_of(p.table)).values(), 0))


@pytest.mark.slow
def test_vmap_of_grad(in_use):
    model, x = KAN([2, 2, 1], grid=3).double(), normal(4, 2)
    by_x = torch.func.vmap(torch.func.grad(lambda u: model(u[None])[0, 0]))(x)
    inner = x.clone().requires_grad_()
    (truth,) = torch.autograd.grad(model(inner).sum(), inner)
    assert relative_distance(by_x, truth) <= 1e-12


# --------------------------------------------------------------------------------------------- graphs and refusals


def test_a_call_is_recorded_the_second_time_and_follows_what_it_reads():
    from splinework.kernels.triton.graphs import MOST, Recordings

    recorded = []

    def record(run, inputs):
        recorded.append(tuple(t.shape for t in inputs))
        return run

    calls, weight = Recordings(record), torch.ones(3)
    for n in range(4):
        weight.fill_(n)
        (found,) = calls("product", lambda x: [x * weight], [torch.full((3,), 2.0)], [weight])
        assert found.tolist() == [2.0 * n] * 3
        assert len(recorded) == (n > 0)
    calls("product", lambda x: [x], [torch.ones(4)], [weight])
    assert len(recorded) == 1
    for n in range(3 * MOST):
        calls("many", lambda x: [x], [torch.ones(n + 5)], [])
    assert len(calls._known) == MOST


def test_short_memory_says_how_many_rows_fit(monkeypatch):
    from splinework.kernels.triton import memory

    def refuse(*args: object, **options: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(memory.torch, "empty", refuse)
    monkeypatch.setattr(memory, "free", lambda device: 10**6)
    with pytest.raises(
        memory.DeviceMemoryError, match=r"0\.00 GB .* 1000 rows .* about 250 rows at a time fit"
    ) as info:
        memory.empty((1000, 1000), torch.zeros(1000, 2), torch.float32)
    assert isinstance(info.value, MemoryError)
    assert "not one row fits" in memory.too_large(torch.device("cuda", 0), 3, 10**12, 10**9)


def test_wrong_shapes_are_refused():
    p = problem(size=(6, 3, 4))
    with pytest.raises(ShapeError, match=r"coefficients are \(3, 10, outputs\)"):
        BACKENDS["triton"].contract(p.table, p.x, None, p.edges.coefficients)


@pytest.mark.slow
def test_the_programs_compile_for_a_gpu_that_is_not_there(tmp_path):
    env = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.kernels.gpu_builds"], env=env, capture_output=True, text=True, check=True
    )
    sizes = json.loads(done.stdout.splitlines()[-1])
    assert len(sizes) == 10  # three programs for three cases, and the cells of the fine grid
    assert min(sizes.values()) > 1000
