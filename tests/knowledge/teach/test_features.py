"""Features before a network: part of the model in every fit, call, file and export."""

from typing import Any

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, DataError, FormulaError
from splinework.nn.frame import FramedKAN, network_of, with_features

QUIET = {"progress": False, "steps": 60}


def rows(count: int = 300, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.5


def target(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(3 * x[:, 0] / x[:, 1]) + x[:, 0] ** 2


@pytest.fixture(scope="module")
def fitted():
    x = rows()
    return sw.fit(sw.KAN([3, 1], names=["a", "b", "c"]), x, target(x), features=["a/b"], **QUIET)


def test_a_network_of_features_is_the_network_at_the_features():
    x = rows()
    for shape, names, features in (([3, 2, 1], ["p", "q"], ["p*q"]), ([2, 2], ["p", "q"], ["p/q", "exp(p)"])):
        model = sw.KAN(shape, names=names, features=features, generator=torch.Generator().manual_seed(1)).double()
        plain = sw.KAN(shape, generator=torch.Generator().manual_seed(1)).double()
        made = {"p*q": x[:, 0] * x[:, 1], "p/q": x[:, 0] / x[:, 1], "exp(p)": torch.exp(x[:, 0])}
        inside = torch.stack([*(x.unbind(1) if shape[0] == 3 else ()), *(made[f] for f in features)], 1)
        assert torch.equal(model(x), plain(inside))
        assert torch.equal(network_of(model)(inside), plain(inside))
        assert (model.inputs, model.input_names) == (2, ("p", "q"))


@pytest.mark.slow
def test_a_fit_learns_what_a_sum_of_curves_cannot(fitted):
    x, fresh = rows(), rows(500, seed=1)
    without = sw.fit(sw.KAN([2, 1]), x, target(x), **QUIET)
    assert (fitted.model(fresh)[:, 0] - target(fresh)).abs().median() < 1e-4
    assert (without.model(fresh)[:, 0] - target(fresh)).abs().median() > 1e-2
    assert fitted.history[-1].rmse_train < 2e-3
    assert fitted.interval(fresh[:5]).lower.shape == (5, 1)
    assert sw.symbolify(fitted.model, x, target(x)).best.rmse < 1e-6


def test_the_model_handed_in_stays_and_can_be_fitted_on():
    x = rows()
    model = sw.KAN([3, 1], names=["a", "b"], features=["a/b"], dtype=torch.float64)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first = sw.fit(model, x, target(x), **QUIET)
    again = sw.fit(first.model, x, target(x), **QUIET)
    assert isinstance(again.model, FramedKAN)
    assert again.history[-1].rmse_train <= 1.1 * first.history[-1].rmse_train
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_dtype_is_that_of_the_rows():
    x = rows().float()
    result = sw.fit(sw.KAN([3, 1]), x, target(x), features=["x1/x2"], **QUIET)
    assert result.model(x).dtype == torch.float32


def test_saved_exported_and_edited_it_is_the_same_function(fitted, tmp_path):
    x, model = rows(), fitted.model
    path = tmp_path / "model.safetensors"
    sw.save(model, path)
    assert torch.equal(sw.load(path)(x), model(x))
    sw.export(model, "numpy", tmp_path / "model.py")
    space: dict[str, Any] = {}
    exec((tmp_path / "model.py").read_text(), space)
    np.testing.assert_allclose(space["predict"](x.numpy()), model(x).detach().numpy(), rtol=1e-9)
    torch.testing.assert_close(sw.refine(model, grid=64)(x), model(x), rtol=1e-6, atol=1e-6)


def test_derivatives_are_those_in_the_raw_inputs(fitted):
    x = rows(6).requires_grad_()
    (slopes,) = torch.autograd.grad(fitted.model(x).sum(), x)
    step = 1e-6 * torch.eye(2, dtype=torch.float64)
    for k in range(2):
        ahead = (fitted.model(x + step[k]) - fitted.model(x - step[k]))[:, 0] / 2e-6
        torch.testing.assert_close(slopes[:, k], ahead, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("call", "error", "parts"), [
    (lambda x: sw.KAN([2, 1], names=["a", "b"], features=["a*b"]), ConfigError, ["2 inputs", "so 3", "only, 1"]),
    (lambda x: sw.KAN([3, 1], names=["a", "b"], features=["a*c"]), FormulaError, ["unknown name 'c'"]),
    (lambda x: sw.KAN([3, 1], names=["a", "b"], features="a*b"), ConfigError, ["write ['a*b']"]),
    (lambda x: sw.fit(sw.KAN([2, 1]), x, target(x), features=["x1*x2"]), ConfigError, ["one of 3 inputs"]),
    (lambda x: sw.fit(sw.KAN([3, 1]), x, target(x), features=["1/(x1 - x1)"]), DataError, ["1/(x1 - x1): 300"]),
    (lambda x: sw.fit(sw.KAN([3, 1]), x, target(x), features=["x1"], axioms=["convex(x1)"]), ConfigError, ["axioms"]),
    (lambda x: sw.fit(with_features(sw.KAN([3, 1]), ["x1*x2"]), x, target(x), features=["x1"]), ConfigError, ["leave"]),
])  # fmt: skip
def test_what_cannot_be_is_refused(call, error, parts):
    with pytest.raises(error) as caught:
        call(rows())
    assert [part for part in parts if part not in str(caught.value)] == [], caught.value
