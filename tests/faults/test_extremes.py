"""Every public function, given numbers at the ends of floating point, of half precision, or names with control characters."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import splinework as sw
from splinework.errors import MAX_MESSAGE_LENGTH, SplineworkError
from splinework.nn.trace import Trace
from splinework.tabular import load
from tests.families import slow
from tests.faults.extreme_calls import CALLS, EXTREME, SLOW, damaged, extremes, narrow, numbers_in
from tests.tabular.tables import QUICK
from tests.wrong_calls import ROWS, TARGET

FEW = (1e300, 5e-324, np.nan, np.inf)
OWN_PRECISION = ("kernels.", "splines.", "derivatives.edge_sums", "train.step")
"""Functions of tensors, which compute in the precision of what they are given."""
BY_ROW = ("trace", "kernels.contract", "kernels.layer_sums", "kernels.network_sums", "derivatives.jet")
"""Functions with a result for each row."""
each_quick = pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.data and name not in SLOW])
each_slow = pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.data and name in SLOW])
ON_NETWORKS = {call.function.__qualname__: name for name, call in CALLS.items() if call.networks}


def answered(call: Callable[[], Any]) -> Any:
    """The result, or None where it is refused by a sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call()
        except SplineworkError as error:
            message = str(error)
    assert len(message) <= MAX_MESSAGE_LENGTH
    return None


def check_extremes(name: str, numbers: tuple[float, ...]) -> None:
    call = CALLS[name]
    for argument in call.data:
        for _, value in extremes(call.values[argument], numbers):
            answered(lambda argument=argument, value=value: call(**{argument: value}))


def check_half(name: str, dtype: torch.dtype) -> None:
    call = CALLS[name]
    for argument in call.data:
        own = call.values[argument]
        value = narrow(own, dtype)
        exact = value.to(own.dtype) if isinstance(own, torch.Tensor) else value.double().numpy()
        found = answered(lambda argument=argument, value=value: call(**{argument: value}))
        if found is None:
            continue
        expected = answered(lambda argument=argument, exact=exact: call(**{argument: exact}))
        tolerance = 20 * torch.finfo(dtype).eps if name.startswith(OWN_PRECISION) else 0.0
        for one, other in zip(numbers_in(found), numbers_in(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@each_quick
def test_extreme_numbers_are_served_or_refused_by_a_sentence(name):
    check_extremes(name, FEW)


@pytest.mark.slow
@each_slow
def test_extreme_numbers_are_served_or_refused_by_functions_that_search(name):
    check_extremes(name, (1e300, np.nan) if name.startswith("hardware") else EXTREME)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in ON_NETWORKS.values()]
)
def test_networks_with_extreme_numbers_are_served_or_refused_by_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call = CALLS[name]
    for number, argument in itertools.product((np.nan,) if name in SLOW else (np.nan, 1e300), call.networks):
        for network in damaged(call.values[argument], number):
            more = {"optimiser": torch.optim.Adam(network.parameters())} if "optimiser" in call.values else {}
            answered(lambda argument=argument, network=network, more=more: call(**{argument: network}, **more))


@each_quick
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_means_the_same_numbers_or_is_refused(name, dtype):
    check_half(name, dtype)


@pytest.mark.parametrize("name", BY_ROW)
@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300, 5e-324])
def test_a_row_of_extreme_numbers_leaves_the_other_rows_alone(name, number):
    call = CALLS[name]
    changed = torch.as_tensor(call.values["x"]).clone()
    changed[0] = number
    usual, found = (numbers_in(_values(call(x=x))) for x in (torch.as_tensor(call.values["x"]), changed))
    assert usual
    for one, other in zip(usual, found, strict=True):
        np.testing.assert_array_equal(one[1:], other[1:])
        if np.isnan(number) and one.ndim == 2:
            assert np.isnan(other[0]).all()


def _values(found: Any) -> Any:
    return [found.layers[-1].edges, found.outputs] if isinstance(found, Trace) else found


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_autocast_changes_nothing(dtype):
    for name in ("kernels.contract", "kernels.network_sums", "trace", "derivatives.jet", "importance.ablation_scores"):
        call = CALLS[name]
        usual = numbers_in(_values(call()))
        with torch.autocast("cpu", dtype=dtype):
            for one, other in zip(usual, numbers_in(_values(call())), strict=True):
                np.testing.assert_array_equal(one, other)


NAMES = ["a\x00b", "\x1b[31mred", "\ud800"]
MORE_NAMES = ["\n", "\u202eevil", "<script>evil", "a" * 5000, " ", "x\r\ny", "\u2028"]


@pytest.mark.quick(1)
@pytest.mark.parametrize("name", [*NAMES, *slow(*MORE_NAMES)], ids=lambda name: ascii(name)[:20])
def test_a_name_with_control_characters_is_kept_or_refused_wherever_it_goes(name, tmp_path):
    """A model with such a name is saved, loaded, exported, reported, verified and turned into formulas, or is refused."""
    model = answered(lambda: sw.KAN([2, 1], names=[name, "b"], dtype=torch.float64))
    if model is not None:
        path = tmp_path / "m.safetensors"
        if answered(lambda: sw.save(model, path) or True):
            assert sw.load(path).config.input_names == model.config.input_names
        for target in ("c", "python", "js", "latex", "numpy"):
            answered(lambda target=target: sw.export(model, target, tmp_path / f"m.{target}"))
        answered(lambda: sw.verify(model, "bounded(-9, 9)", effort=0.1))
        answered(lambda: sw.importance(model, ROWS))
        answered(lambda: repr(model) + str(sw.trace(model, ROWS)))
        if answered(lambda: sw.report(model, tmp_path / "r.html", x=ROWS, y=TARGET[:, None])):
            assert "<script>evil" not in Path(tmp_path / "r.html").read_text("utf-8")
    frame = pd.DataFrame(ROWS, columns=pd.Index([name, "b"], dtype=object))
    fitted = answered(lambda: sw.KANRegressor(**QUICK).fit(frame, TARGET))
    if fitted is not None:
        assert answered(lambda: fitted.predict(frame)) is not None
        if answered(lambda: fitted.save(tmp_path / "e.safetensors") or True):
            assert (load(tmp_path / "e.safetensors").predict(frame) == fitted.predict(frame)).all()
