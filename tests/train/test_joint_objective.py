"""Rows and residuals together: the quadratic is that of both, and the gradient is right."""

import pytest
import torch

import splinework as sw
from splinework.train import fit
from splinework.train.data_objective import DataObjective, JointObjective
from splinework.train.jacobian import ParameterVector
from splinework.train.losses import make_loss
from splinework.train.residual_terms import check_term, term_of


def objective(loss: str = "squared") -> JointObjective:
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN([2, 3, 1], grid=3, dtype=torch.float64, generator=generator)
    u = 2 * torch.rand(30, 2, generator=generator, dtype=torch.float64) - 1
    t = torch.sin(u.sum(1, keepdim=True))
    residual = sw.Residual(lambda m, x: m(x) - m(x.flip(1)), u[:7], weight=3.0)
    term = check_term(model, term_of(model, residual, 1))
    return JointObjective(model, u=u, t=t, criterion=make_loss(loss), terms=(term,))


def at(joint: JointObjective, theta: torch.Tensor) -> float:
    ParameterVector.of(joint.model).write(joint.model, theta)
    return joint.value_on_all_rows()


@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_the_gradient_is_that_of_finite_differences(loss):
    joint = objective(loss)
    parameters = ParameterVector.of(joint.model)
    theta = parameters.read(joint.model)
    _, half = joint.normal_equations(parameters, 10_000)
    move = torch.randn(len(theta), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    step = 1e-6
    slope = (at(joint, theta + step * move) - at(joint, theta - step * move)) / (2 * step)
    assert slope == pytest.approx(float(2 * half @ move), rel=1e-6)


def test_the_parts_add_up():
    joint = objective()
    parameters = ParameterVector.of(joint.model)
    rows = DataObjective(joint.model, u=joint.u, t=joint.t)
    assert joint.value_on_all_rows() > rows.value_on_all_rows()
    matrix, vector = joint.normal_equations(parameters, 10_000)
    blocks = list(joint.jacobian_blocks(parameters, 10_000))
    jacobian, residual = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    torch.testing.assert_close(jacobian.T @ jacobian, matrix)
    torch.testing.assert_close(jacobian.T @ residual, vector)
    assert float(residual.square().sum()) == pytest.approx(joint.value_on_all_rows())
    v = torch.randn(len(vector), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    products = joint.curvature_operator(parameters)
    torch.testing.assert_close(products.times(v), matrix @ v)
    torch.testing.assert_close(products.vector, vector)


def test_a_fit_lowers_both():
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(80, 2, generator=generator, dtype=torch.float64) - 1
    y = x[:, 0] * x[:, 1] + 0.3 * x[:, 0]
    model = sw.KAN([2, 3, 1], dtype=torch.float64, generator=generator)
    swapped = sw.Residual(lambda m, p: m(p) - m(p.flip(1)), x, weight=100.0)
    options = {"steps": 40, "starts": 1, "grids": None, "progress": False, "validation": 0}
    free, held = fit(model, x, y, **options).model, fit(model, x, y, residuals=[swapped], **options).model

    def asymmetry(m: sw.KAN) -> float:
        return float((m(x) - m(x.flip(1))).detach().square().mean())

    assert asymmetry(held) < 0.01 * asymmetry(free)


def test_residuals_do_not_go_with_streams_of_rows(tmp_path):
    import pandas as pd

    from splinework.train.sources import parquet

    path = tmp_path / "rows.parquet"
    pd.DataFrame({"a": [0.0, 0.5, 1.0], "b": [0.0, 0.2, 0.4], "y": [0.0, 1.0, 2.0]}).to_parquet(path)
    with pytest.raises(sw.SplineworkError, match="residuals go with rows in memory"):
        fit(
            sw.KAN([2, 1]),
            parquet(path, target="y"),
            residuals=[sw.Residual(lambda m, x: m(x), [[0.0, 0.0]])],
            progress=False,
        )
