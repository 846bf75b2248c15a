"""The torch operators: what torch itself checks of them, and what they refuse before they touch memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor

from splinework.errors import DtypeError, ShapeError
from splinework.kernels import layer_sums, native, ops, squared_error
from splinework.splines.bases import BSpline
from tests.contracts.cases import normal
from tests.kernels.cases import Problem, needs_native, problem, spline_of
from tests.kernels.test_threads import in_a_fork

pytestmark = [needs_native, pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")]

OPERATORS = ("contract", "probe", "scatter", "layer", "layer_backward")


def arguments(
    name: str, p: Problem, *, s: Tensor | None = None, r: int = 0, wanted: object = None
) -> dict[str, object]:
    """By name, in the order of the operator's schema."""
    spline, e = vars(spline_of(p.table)), p.edges
    spline = {key: spline[key] for key in ("grid", "pieces", "degree", "tail", "base")}
    # Leaves of their own, as a caller would have them.
    c = e.table_coefficients().detach().clone()
    first: dict[str, dict[str, object]] = {
        "contract": {"x": p.x, "s": s, "c": c},
        "probe": {"x": p.x, "c": c, "g": p.g},
        "scatter": {"x": p.x, "s": s, "g": p.g},
        "layer": {"x": p.x},
        "layer_backward": {"g": p.g, "x": p.x},
    }
    edges = {"c": e.coefficients, "scale": e.spline_weight, "base_weight": e.base_weight, "mask": e.mask}
    if name == "layer":
        return {**first[name], **edges, "bias": e.bias, **spline}
    if name == "layer_backward":
        return {**first[name], **edges, **spline, "wanted": wanted or [True] * 4}
    return {**first[name], **spline, "order": r}


def with_gradients(given: dict[str, object]) -> tuple[object, ...]:
    constant = ("grid", "pieces", "mask")
    return tuple(
        v.detach().clone().requires_grad_() if isinstance(v, Tensor) and key not in constant else v
        for key, v in given.items()
    )


OFTEN = ("masked", "single", "no rows")
WITHOUT_TRACING = ("test_schema", "test_autograd_registration", "test_faketensor")
"""What of `opcheck` costs little; the rest traces the operator, which is the same code whatever the numbers are."""
SAMPLES = {
    "usual": {},
    "masked": {"mask": "edges", "extrapolation": "constant"},
    "no base": {"base": "none", "extrapolation": "zero", "knots": "adapted"},
    "base of torch": {"base": "tanh", "degree": 2},
    "no options": {"base": "none", "weighted": False},
    "single": {"dtype": torch.float32, "mask": "row"},
    "strided": {"layout": "sliced"},
    "no rows": {"size": "no rows"},
    "one of each": {"size": "one of each", "degree": 0, "grid": 1},
}


@pytest.mark.parametrize("sample", [s if s in OFTEN else pytest.param(s, marks=pytest.mark.slow) for s in SAMPLES])
@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.filterwarnings("ignore")
def test_torch_finds_nothing_wrong_with_the_operators(name, sample):
    p = problem(**{"size": (5, 3, 2), "grid": 3, **SAMPLES[sample]})
    op = getattr(torch.ops.splinework, name).default
    s = normal(*p.x.shape).to(p.x.dtype)
    calls = [arguments(name, p), arguments(name, p, s=s, r=1, wanted=[True, False, True, False])]
    of_all = {} if sample == "masked" else {"test_utils": WITHOUT_TRACING}
    for given in calls:
        torch.library.opcheck(op, tuple(given.values()), **of_all)
        # The gradient is left out: where it is itself to be differentiated, the three are called.
        if name != "layer_backward":
            torch.library.opcheck(op, with_gradients(given), **of_all)


# ----------------------------------------------------------------------------------------------------- refusals

COLUMN_MORE = "one column more"
BROKEN: dict[str, Callable[[Tensor], Tensor]] = {
    COLUMN_MORE: lambda t: torch.cat([t, t[..., -1:]], dim=-1),
    "one column less": lambda t: t[..., :-1],
    "one row more": lambda t: torch.cat([t, t[-1:]], dim=0),
    "one row less": lambda t: t[:-1],
    "one dimension more": lambda t: t[None],
    "one dimension less": lambda t: t[0],
    "another dtype": lambda t: t.float(),
    "whole numbers": lambda t: t.long(),
}
FREE = {
    # What a change of one operand alone may be: a batch or a number of outputs that no other operand contradicts, and
    # knots in another precision, which are converted.
    ("contract", "x", "one row more"), ("contract", "x", "one row less"),
    ("contract", "c", COLUMN_MORE), ("contract", "c", "one column less"),
    ("scatter", "g", COLUMN_MORE), ("scatter", "g", "one column less"),
    ("layer", "x", "one row more"), ("layer", "x", "one row less"),
    *((n, key, how) for n in OPERATORS for key in ("grid", "pieces") for how in ("another dtype", "whole numbers")),
}  # fmt: skip


def refused_with(call: Callable[[], object]) -> str:
    """Name of what is raised; `nothing` where it runs."""
    try:
        call()
    except (ShapeError, DtypeError) as error:
        return type(error).__name__
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the wrong one
        return f"{type(error).__name__}: {error}"
    return "nothing"


OPERANDS = {
    "contract": ("x", "s", "c", "grid", "pieces"),
    "probe": ("x", "c", "g", "grid", "pieces"),
    "scatter": ("x", "s", "g", "grid", "pieces"),
    "layer": ("x", "c", "scale", "base_weight", "mask", "bias", "grid", "pieces"),
    "layer_backward": ("g", "x", "c", "scale", "base_weight", "mask", "grid", "pieces"),
}


def all_refused(calls: Mapping[str, Callable[[], object]], *errors: str) -> None:
    """In a child: what is not refused may well write where it must not."""
    found = in_a_fork(lambda: {what: refused_with(call) for what, call in calls.items()})
    assert isinstance(found, dict), found
    assert {what: error for what, error in found.items() if error not in errors} == {}


@pytest.mark.parametrize("name", OPERATORS)
def test_what_does_not_fit_is_refused_before_memory_is_touched(name):
    op = getattr(torch.ops.splinework, name).default
    given = arguments(name, problem(size=(6, 3, 4), grid=4, mask="edges"), s=normal(6, 3))
    bad = {
        f"{key}: {how}": partial(op, *{**given, key: change(given[key])}.values())
        for key in OPERANDS[name]
        for how, change in BROKEN.items()
        if (name, key, how) not in FREE
    }
    all_refused(bad, "ShapeError", "DtypeError")


@pytest.mark.parametrize("key", ["x", "s", "c", "g", "grid", "pieces"])
def test_tensors_elsewhere_are_refused(key):
    p = problem(size=(6, 3, 4))
    c, s = p.edges.table_coefficients(), torch.ones_like(p.x)
    given = {"x": p.x, "s": s, "c": c, "g": p.g, "grid": p.table.grid, "pieces": p.table.prepared}
    bad = {**given, key: given[key].to("meta")}
    spline = replace(spline_of(p.table), grid=bad["grid"], pieces=bad["pieces"])
    calls = {
        "contract": (("x", "s", "c"), lambda: native.contract(bad["x"], bad["s"], bad["c"], spline, 0)),
        "probe": (("x", "c", "g"), lambda: native.probe(bad["x"], bad["c"], bad["g"], spline, 0)),
        "scatter": (("x", "s", "g"), lambda: native.scatter(bad["x"], bad["s"], bad["g"], spline, 0)),
    }
    own = {name: call for name, (operands, call) in calls.items() if key in (*operands, "grid", "pieces")}
    all_refused(own, "DtypeError")


@pytest.mark.parametrize("name", OPERATORS)
def test_knots_that_the_pieces_were_not_made_for_are_refused(name):
    p, other = problem(size=(6, 3, 4)), BSpline(9, 3)
    grid = other.make_grid(-torch.ones(3).double(), torch.ones(3).double())
    op = getattr(torch.ops.splinework, name).default
    given = arguments(name, p)
    changes = ({"grid": grid}, {"pieces": other.prepare(grid)}, {"degree": 2}, {"degree": 4}, {"degree": -1})
    all_refused({str(change): partial(op, *{**given, **change}.values()) for change in changes}, "ShapeError")


def test_targets_of_another_shape_are_refused_before_compiled_code_reads_them():
    p = problem(size=(6, 3, 4))
    targets = {"rows": p.g[:3], "columns": p.g[:, :1], "one dimension": p.g[:, 0], "three": p.g[None]}
    error = partial(squared_error, [(p.table, p.edges)], p.x)
    all_refused({what: partial(error, bad) for what, bad in targets.items()}, "ShapeError")


def test_targets_of_another_precision_mean_the_same_numbers():
    p = problem(size=(6, 3, 4))
    edges = replace(p.edges, **{key: None if part is None else part.detach() for key, part in vars(p.edges).items()})
    errors = [squared_error([(p.table, edges)], p.x, t, gradient=False) for t in (p.g.float(), p.g.float().double())]
    truth = float((layer_sums(p.table, p.x, edges) - p.g.float()).square().mean())
    assert errors[0] == errors[1] == pytest.approx(truth, rel=1e-12)


def test_the_largest_grids_are_refused_by_name_or_evaluated():
    """60 000 splines are what a cell's number has room for."""
    p = problem(size=(2, 1, 1), degree=1, grid=60_001, base="none")
    given = arguments("contract", p)
    assert refused_with(lambda: ops.contract(*given.values())) in ("ShapeError", "nothing")
