"""Laws of `solve`: equations are solved to the limit, and what cannot be one is refused by name."""

import math
import warnings

import pytest
import torch
from torch import Tensor

import splinework as sw
from splinework.errors import ConfigError, DataError, FitWarning, ShapeError
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN
from tests.train.cases import fresh, uniform


def decay(model: KAN, t: Tensor) -> Tensor:
    u, slope = sw.derivatives.partials(model, t, (), 0)
    return slope + u


TIME = torch.linspace(0, 1, 60, dtype=torch.float64)[:, None]
START = sw.Residual(lambda model, t: model(t) - 1, [[0.0]], name="start")


def line() -> KAN:
    return fresh([1, 1], domain=(0, 1))


def solved(model: KAN, residuals: object, **options: object) -> sw.train.FitResult:
    return sw.solve(model, residuals, **{"progress": False, **options})


def test_an_exponential_is_found_from_its_equation():
    result = solved(line(), [sw.Residual(decay, TIME), START])
    with torch.no_grad():
        assert (result.model(TIME) - torch.exp(-TIME)).abs().max() < 1e-10


def test_an_oscillation_of_second_order_is_found_from_its_equation():
    def spring(model: KAN, t: Tensor) -> Tensor:
        u, bend = sw.derivatives.partials(model, t, (), (0, 0))
        return bend + 9 * u

    def begins(model: KAN, t: Tensor) -> Tensor:
        u, slope = sw.derivatives.partials(model, t, (), 0)
        return torch.cat([u - 1, slope], dim=1)

    result = solved(line(), [sw.Residual(spring, TIME, weight=0.1), sw.Residual(begins, [[0.0]])])
    with torch.no_grad():
        assert (result.model(TIME) - torch.cos(3 * TIME)).abs().max() < 1e-9


def test_a_frame_holds_what_it_builds_in_while_the_network_is_trained():
    frame = Frame(("t",), ("2*t",), ("u",), ("1 + t*z1",))
    result = solved(line(), [sw.Residual(decay, TIME)], frame=frame)
    whole = FramedKAN(result.model, frame)
    with torch.no_grad():
        assert float(whole(TIME[:1])) == 1
        assert (whole(TIME) - torch.exp(-TIME)).abs().max() < 1e-10


def test_points_have_the_columns_of_the_frame():
    with pytest.raises(ShapeError, match="points"):
        solved(line(), [sw.Residual(decay, TIME)], frame=Frame(("t", "x"), ("t",), ("u",)))


def test_the_units_of_the_points_do_not_matter():
    t = 1000 + 50 * TIME
    residuals = [
        sw.Residual(lambda m, t: 50 * sw.derivatives.partials(m, t, 0)[0] + m(t), t),
        sw.Residual(lambda m, t: m(t) - 1, [[1000.0]]),
    ]
    result = solved(fresh([1, 1]), residuals)
    with torch.no_grad():
        assert (result.model(t) - torch.exp(-TIME)).abs().max() < 1e-9


def test_measurements_beside_an_equation_are_handed_over_row_by_row():
    measured = sw.Residual(lambda m, t, y: m(t) - y, TIME[::10], data=torch.exp(-TIME[::10, 0]))
    result = solved(line(), [sw.Residual(decay, TIME), measured])
    with torch.no_grad():
        assert (result.model(TIME) - torch.exp(-TIME)).abs().max() < 1e-10


def test_a_mean_over_points_is_solved_by_second_order_steps():
    mean = sw.Residual(lambda m, t: m(t).mean() - 2.0, TIME, name="mean")
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        result = solved(line(), [sw.Residual(decay, TIME), mean], grids=None)
    with torch.no_grad():
        assert float(result.model(TIME).mean()) == pytest.approx(2.0, abs=1e-9)
        assert float(result.model(TIME[:1])) == pytest.approx(2 / float(torch.exp(-TIME).mean()), rel=1e-8)


def test_derivatives_by_autograd_are_solved_without_a_jacobian_and_told():
    def by_hand(model: KAN, t: Tensor) -> Tensor:
        t = t.clone().requires_grad_()
        u = model(t)
        return torch.autograd.grad(u.sum(), t, create_graph=True)[0] + u

    with pytest.warns(FitWarning, match=r"by_hand.*sw\.derivatives\.partials.*ssbroyden"):
        result = solved(line(), [sw.Residual(by_hand, TIME), START], steps=150)
    assert "ssbroyden" in str(result.history.decisions)
    with torch.no_grad():
        assert (result.model(TIME) - torch.exp(-TIME)).abs().max() < 1e-3


def test_the_model_handed_in_stays_and_tails_are_its_own_again():
    model = fresh([2, 2, 1])
    before = {name: value.clone() for name, value in model.state_dict().items()}

    def laplacian(m: KAN, x: Tensor) -> Tensor:
        return sum(sw.derivatives.partials(m, x, (0, 0), (1, 1))) - 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        result = solved(model, sw.Residual(laplacian, uniform(60)), steps=20, starts=1)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert result.model.config.extrapolation == model.config.extrapolation == "linear"
    assert all(layer.extrapolation == "linear" for layer in result.model.kan_layers)


def test_the_same_seed_gives_the_same_bits():
    runs = [solved(line(), [sw.Residual(decay, TIME), START], steps=12, seed=3).model for _ in range(2)]
    assert all(a.equal(b) for a, b in zip(runs[0].state_dict().values(), runs[1].state_dict().values(), strict=True))


@pytest.mark.parametrize("optimiser", ["lm", "ssbroyden", "lbfgs", "adam"])
def test_every_kind_of_optimiser_lowers_the_residual(optimiser):
    model = line()
    residuals = [sw.Residual(decay, TIME), START]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        history = solved(model, residuals, optimiser=optimiser, steps=30, grids=None).history
    assert min(step.objective for step in history) < history[0].objective


def test_a_fit_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path):
    path = tmp_path / "solve.fit"
    residuals = [sw.Residual(decay, TIME), START]
    whole = solved(line(), residuals, steps=15)

    def kill(step: object) -> None:
        if step.number == 8:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        solved(line(), residuals, steps=15, checkpoint=path, callbacks=[kill])
    again = solved(line(), residuals, steps=15, checkpoint=path)
    assert all(
        a.equal(b) for a, b in zip(whole.model.state_dict().values(), again.model.state_dict().values(), strict=True)
    )


def test_own_points_may_judge():
    result = solved(line(), [sw.Residual(decay, TIME), START], validation=[sw.Residual(decay, TIME[5::7])], steps=30)
    assert all(math.isfinite(step.rmse_validation) for step in result.history)


def test_a_residual_that_no_model_can_make_vanish_is_warned_of():
    both = [sw.Residual(lambda m, t: m(t) - 1, TIME), sw.Residual(lambda m, t: m(t) + 1, TIME)]
    with pytest.warns(FitWarning, match="not solved"):
        solved(line(), both, steps=20)


ELSEWHERE = fresh([1, 1])

REFUSED = {
    "does not depend on the model": (ConfigError, sw.Residual(lambda m, t: t - 1, TIME)),
    "the model passed to the function": (ConfigError, sw.Residual(lambda m, t: ELSEWHERE(t), TIME)),
    "with some of its points": (ConfigError, sw.Residual(lambda m, t: m(t) - torch.ones(60, 1), TIME)),
    "one row per point": (ShapeError, sw.Residual(lambda m, t: m(t)[:7], TIME)),
    "got float": (ShapeError, sw.Residual(lambda m, t: 1.0, TIME)),
    "not finite in 1 of 60": (DataError, sw.Residual(lambda m, t: m(t) / t, TIME)),
    "there are no points": (DataError, sw.Residual(decay, torch.zeros(0, 1))),
    "values that are not finite": (DataError, sw.Residual(decay, [[math.nan]])),
    "must have shape": (ShapeError, sw.Residual(decay, torch.zeros(5, 2))),
    "positive number": (ConfigError, sw.Residual(decay, TIME, weight=0.0)),
    "one row per point: 60": (ShapeError, sw.Residual(lambda m, t, y: m(t) - y, TIME, data=[1.0])),
    "a list such as": (ConfigError, []),
    "sw.Residual": (ConfigError, decay),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_no_equation_is_refused_by_name(message):
    error, residuals = REFUSED[message]
    with pytest.raises(error, match=message.replace(".", r"\.")):
        solved(line(), residuals)


def test_a_model_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="a KAN"):
        sw.solve(torch.nn.Linear(1, 1), [sw.Residual(decay, TIME)])
    with pytest.raises(ConfigError, match="validation"):
        solved(line(), sw.Residual(decay, TIME), validation=1.5)
