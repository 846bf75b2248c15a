"""Raw units to network units and back."""

import numpy as np
import pytest
import torch

from splinework.errors import ConfigError
from splinework.nn.scaling import Scaling
from tests.contracts.cases import normal, relative_distance

MIXES = (("linear",), ("log",), ("linear", "log", "linear", "log"))
every_mix = pytest.mark.parametrize("scales", MIXES, ids="-".join)


def scaling_of(scales: tuple[str, ...]) -> Scaling:
    scaling = Scaling(scales, dtype=torch.float64)
    scaling.set(normal(len(scales), seed=1), normal(len(scales), seed=2).abs() + 0.1)
    return scaling


def raw_of(scales: tuple[str, ...], *batch: int) -> torch.Tensor:
    raw = 3 * normal(*batch, len(scales), seed=3)
    return torch.stack([raw[..., i].exp() if s == "log" else raw[..., i] for i, s in enumerate(scales)], dim=-1)


@pytest.mark.parametrize("batch", [(), (7,), (2, 3), (0,)])
@every_mix
def test_inverse_of_forward_is_the_value(scales, batch):
    scaling, raw = scaling_of(scales), raw_of(scales, *batch)
    back = scaling.inverse(scaling(raw))
    assert back.shape == raw.shape
    assert ((back - raw).abs() <= 1e-13 * (1 + raw.abs())).all()


@every_mix
def test_forward_is_log_then_shift_then_scale(scales):
    scaling, raw = scaling_of(scales), raw_of(scales, 9)
    for i, s in enumerate(scales):
        value = np.log(raw[:, i].numpy()) if s == "log" else raw[:, i].numpy()
        truth = (value - float(scaling.shift[i])) / float(scaling.scale[i])
        assert relative_distance(scaling(raw)[:, i], truth) <= 1e-13


def test_a_fresh_scaling_changes_nothing():
    scaling = Scaling(("linear", "linear"), dtype=torch.float64)
    assert scaling.is_identity()
    assert torch.equal(scaling(normal(5, 2)), normal(5, 2))
    assert not scaling_of(("linear",)).is_identity()


def test_a_constant_column_keeps_a_scale_of_one():
    scaling = Scaling(("linear", "linear", "linear"), dtype=torch.float64)
    scaling.set(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, torch.nan, 4.0]))
    assert scaling.scale.tolist() == [1.0, 1.0, 4.0]
    raw = normal(4, 3)
    assert scaling(raw).isfinite().all()
    assert relative_distance(scaling.inverse(scaling(raw)), raw) <= 1e-14


@every_mix
def test_gradients_pass_through_both_ways(scales):
    scaling, raw = scaling_of(scales), raw_of(scales, 3).requires_grad_()
    assert torch.autograd.gradcheck(scaling, (raw,))
    assert torch.autograd.gradcheck(scaling.inverse, (scaling(raw).detach().requires_grad_(),))


@every_mix
def test_the_numbers_travel_in_the_state_but_are_not_trained(scales):
    scaling, other = scaling_of(scales), Scaling(scales, dtype=torch.float64)
    assert list(scaling.parameters()) == []
    other.load_state_dict(scaling.state_dict())
    assert torch.equal(other(raw_of(scales, 5)), scaling(raw_of(scales, 5)))


def test_a_value_that_has_no_logarithm_is_nan_and_spoils_no_other_column():
    scaling = Scaling(("log", "linear"), dtype=torch.float64)
    unit = scaling(torch.tensor([[-1.0, 2.0]], dtype=torch.float64))
    assert unit[0, 0].isnan()
    assert unit[0, 1] == 2.0


def test_an_unknown_scale_is_refused():
    with pytest.raises(ConfigError, match=r"linear, log, got 'cubic'"):
        Scaling(("linear", "cubic"))
