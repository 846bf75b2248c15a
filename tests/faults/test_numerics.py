"""Rows at the ends of floating-point numbers: NaN stays in its row, nothing overflows silently, half precision is documented."""

import os
import threading

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import DataError, DtypeError
from splinework.nn.frame import Frame, FramedKAN
from tests.tabular.tables import QUICK, labels, numbers

SCALES = (1e-300, 1e-160, 1e-140, 1e140, 1e160, 1e300)
REPRESENTABLE = (1e-140, 1e140)
EXTREME = (0.0, -0.0, 5e-324, 1e-300, -1e300, 1e300, np.finfo(float).max, np.nan, np.inf, -np.inf)
MODELS = {
    "sums": lambda: sw.KAN([2, 3, 1], **seeded()),
    "products": lambda: sw.KAN([2, (1, [2, 3]), 2], **seeded()),
    "fourier": lambda: sw.KAN([2, 2, 1], basis="fourier", **seeded()),
    "chebyshev": lambda: sw.KAN([2, 1], basis="chebyshev", base="none", **seeded()),
    "rbf": lambda: sw.KAN([2, 1], basis="gaussian_rbf", extrapolation="zero", **seeded()),
    "learnable": lambda: sw.KAN([2, 2, 1], grid_kind="learnable", **seeded()),
    "log": lambda: sw.KAN([2, 1], input_scales=["log", "linear"], **seeded()),
    "framed": lambda: FramedKAN(
        sw.KAN([2, 1], **seeded()), Frame(("u", "v"), ("u*v", "u+v"), ("w",), ("z1/(1+u**2)",))
    ),
}


def seeded() -> dict[str, object]:
    return {"dtype": torch.float64, "generator": torch.Generator().manual_seed(0)}


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    return x, x[:, 0] + x[:, 1] ** 2


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_row_of_any_numbers_leaves_the_others_alone(model):
    network = model()
    usual = torch.rand(8, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 0.1
    with torch.no_grad():
        alone = network(usual)
        for value in EXTREME:
            for row in ((value, 0.5), (0.5, value), (value, value)):
                both = network(torch.cat([usual[:4], torch.tensor([row], dtype=torch.float64), usual[4:]]))
                torch.testing.assert_close(torch.cat([both[:4], both[5:]]), alone, rtol=0, atol=1e-15)
                if np.isnan(value):
                    assert bool(both[4].isnan().all()), row


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("of", ["x", "y"])
@pytest.mark.parametrize("how", ["fit", "estimator", "discover"])
def test_a_fit_is_the_same_in_other_units_or_is_refused(how, of, scale):
    x, y = data()
    xs, ys = (x * scale, y) if of == "x" else (x, y * scale)

    def fitted() -> np.ndarray:
        if how == "estimator":
            return np.asarray(sw.KANRegressor(hidden=0).fit(xs, ys).predict(xs))
        if how == "fit":
            found = sw.fit(sw.KAN([2, 1], **seeded()), xs, ys, steps=10, progress=False).model
            return found(xs).detach().numpy()[:, 0]
        sw.discover(xs, ys, budget=1)
        return ys

    if scale not in REPRESENTABLE:
        with pytest.raises(DataError, match="choose other units"):
            fitted()
    elif how != "discover":
        np.testing.assert_allclose(fitted() / (scale if of == "y" else 1), y, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_half_precision_rows_are_converted_without_loss_and_half_precision_models_refuse_more(model, dtype):
    network = model()
    rows = (torch.rand(5, 2, generator=torch.Generator().manual_seed(2)) + 0.1).to(dtype)
    assert torch.equal(network(rows), network(rows.double()))
    if dtype == torch.bfloat16:  # which NumPy does not have
        with pytest.raises(DtypeError, match="dtype"):
            sw.KAN([2, 1], dtype=dtype)(rows.double())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_fits_and_estimators_take_half_precision_rows_as_what_they_are_in_float64(dtype):
    x, y = data()
    rows = torch.tensor(x, dtype=dtype)
    exact = rows.double().numpy()
    found, expected = (
        sw.fit(sw.KAN([2, 1], **seeded()), each, y, steps=5, progress=False).model for each in (rows, exact)
    )
    assert torch.equal(found(exact), expected(exact))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(found(exact), expected(exact))


def test_eight_threads_fit_and_predict_at_once_and_a_fork_after_them_too():
    x, y = numbers()
    expected = sw.KANRegressor(**QUICK).fit(x, y).predict(x)
    classes = sw.KANClassifier(**QUICK).fit(x, labels(y)).predict(x)
    found: list[bool] = []

    def work(number: int) -> None:
        if number % 2:
            found.append(bool(np.array_equal(sw.KANRegressor(**QUICK).fit(x, y).predict(x), expected)))
        else:
            found.append(bool(np.array_equal(sw.KANClassifier(**QUICK).fit(x, labels(y)).predict(x), classes)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
    child = os.fork()
    if child == 0:
        right = np.array_equal(sw.KANRegressor(**QUICK).fit(x, y).predict(x), expected)
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
