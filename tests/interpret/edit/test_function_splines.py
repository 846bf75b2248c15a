"""`to_splines`: functions on edges become splines of the same values, in units that a later fit keeps."""

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, ShapeError
from splinework.interpret import edit
from splinework.train.data_split import set_units

SQUARE = {"x": (-1.0, 1.0), "y": (-2.0, 3.0)}
THEORIES = {
    "sum": "exp(sin(pi*x) + y**2/4)",
    "product": "x*cos(y) + 1",
    "product last": "(x + 2)*exp(y)",
    "constant": "3 + x*0",
    "one layer": "sin(3*x) + y",
}


def rows(count: int = 400) -> torch.Tensor:
    low, high = torch.tensor(list(SQUARE.values()), dtype=torch.float64).T
    return low + (high - low) * torch.rand(count, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("text", THEORIES.values(), ids=list(THEORIES))
def test_splines_have_the_values_of_the_functions(text):
    theory, x = sw.from_formula(text, SQUARE), rows()
    before = {name: value.clone() for name, value in theory.state_dict().items()}
    changes = []
    for grid in (8, 32):
        model, change = edit.to_splines(theory, x, grid=grid)
        assert all(layer.functions is None for layer in model.kan_layers)
        assert {layer.basis.resolution for layer in model.kan_layers} == {grid}
        assert change == pytest.approx(edit.change(theory, model, x))
        assert model.active_edges() == theory.active_edges()
        changes.append(change)
    assert changes[1] < 1e-4
    assert changes[1] <= changes[0] / 50 + 1e-13  # of fourth order
    assert all(torch.equal(value, before[name]) for name, value in theory.state_dict().items())


@pytest.mark.parametrize("text", THEORIES.values(), ids=list(THEORIES))
def test_units_that_a_fit_would_set_are_there_already(text):
    """A fit gives a network without units those of its rows, in which the splines would mean something else."""
    model, x = edit.to_splines(sw.from_formula(text, SQUARE), grid=16).model, rows()
    before = model(x)
    set_units(model, 1.1 * x, 7 * before.detach() + 5, always=False)
    assert torch.equal(model(x), before)


def test_selected_edges_become_splines_and_the_others_stay():
    theory, x = sw.from_formula("exp(sin(3*x) + y**2)", SQUARE), rows()
    model, change = edit.to_splines(theory, x, edges=[("x", "h1")], grid=20)
    assert [(e.i, e.j) for e in model.kan_layers[0].functions.edges()] == [(1, 0)]
    assert model.kan_layers[1].functions is not None
    assert 0 < change < 1e-3
    with pytest.raises(ConfigError, match="spline already"):
        edit.to_splines(model, edges=[("x", "h1")])
    finer = edit.to_splines(model, x, edges=[("y", "h1")], grid=40).model
    torch.testing.assert_close(finer(x), model(x), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
def test_a_theory_is_corrected_by_few_rows():
    draw = torch.Generator().manual_seed(1)

    def truth(x):
        return torch.exp(torch.sin(3 * x[:, 0]) + 0.4 * x[:, 0] ** 3 + x[:, 1] ** 2)

    x, fresh = (2 * torch.rand(count, 2, generator=draw, dtype=torch.float64) - 1 for count in (60, 2000))
    y = truth(x) + 0.02 * torch.randn(60, generator=draw, dtype=torch.float64)
    theory = sw.from_formula("exp(sin(3*x) + y**2)", {"x": (-1, 1), "y": (-1, 1)})
    corrected = sw.fit(edit.to_splines(theory, edges=[("x", "h1")], grid=5).model, x, y, progress=False).model
    alone = sw.fit(sw.KAN([2, 1, 1]), x, y, progress=False).model
    errors = [
        float((m(fresh)[:, 0] - truth(fresh)).detach().square().mean().sqrt()) for m in (theory, alone, corrected)
    ]
    assert errors[2] < 0.03
    assert errors[2] < min(errors[:2]) / 1.2


def test_what_cannot_be_is_refused():
    theory = sw.from_formula("exp(sin(3*x) + y**2)", SQUARE)
    with pytest.raises(ConfigError, match="'z'"):
        edit.to_splines(theory, edges=[("z", "h1")])
    with pytest.raises(ShapeError):
        edit.to_splines(theory, rows()[:, :1])
    with pytest.raises(ConfigError, match="coarsen"):
        edit.to_splines(edit.free(theory, ("x", "h1")), grid=2)
