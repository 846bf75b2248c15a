"""Laws of the answer that a page begins with: baselines on the same rows, what a formula explains, rows that are off."""

import re

import numpy as np
import pytest
import sympy
import torch

import splinework as sw
from splinework.interpret.symbolic.expression import symbol
from splinework.report import formula_sections, result_sections
from splinework.report.facts import gather
from tests.report.pages import Discovered, Found, network


def formula(expression, rmse, **more):
    return Found("y", expression, 3, rmse, (), ("x1", "x2"), **more)


@pytest.fixture(scope="module")
def fitted():
    """A network that is one of its rows' formulas, and these."""
    x1, x2 = symbol("x1"), symbol("x2")
    model = sw.from_formula("2 * x1 + x2 ** 2", {"x1": (0, 1), "x2": (0, 1)})
    model = getattr(model, "model", model)
    x = torch.rand(90, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return model, x, (2 * x[:, 0] + x[:, 1] ** 2 + 0.01 * torch.sin(90 * x[:, 0])), (x1, x2)


def facts_of(model, table=None, x=None, y=None, test=None):
    return gather(model, table, x=x, y=y, test=test, history=None, notes=())


def answer(model, **given):
    """The section that a page begins with."""
    return str(result_sections.comparison(facts_of(model, **given)))


def test_a_formula_as_good_as_the_network_explains_it_and_a_worse_one_does_not(fitted):
    model, x, y, (x1, x2) = fitted
    given = {"x": x[:60], "y": y[:60], "test": (x[60:], y[60:])}
    good = Discovered((formula(2.0 * x1 + x2**2, 0.01),), ())
    text = answer(model, table=good, **given)
    assert "The formula explains what the network explains" in text
    bad = Discovered((formula(sympy.Float(2.0) * x1, 0.3),), ())
    text = answer(model, table=bad, **given)
    assert "No formula found explains what the network explains" in text


def test_figures_beside_baselines_are_those_of_the_same_rows(fitted):
    model, x, y, _ = fitted
    text = answer(model, x=x[:60], y=y[:60], test=(x[60:], y[60:]))
    found = dict(re.findall(r'<th scope="row" class="words">([^<]*)</th><td class="number">([^<]*)</td>', text))
    slopes = np.linalg.lstsq(np.c_[np.ones(60), x[:60]], y[:60].numpy(), rcond=None)[0]
    linear = np.c_[np.ones(30), x[60:]] @ slopes
    assert float(found["linear regression"]) == pytest.approx(
        np.sqrt(((linear - y[60:].numpy()) ** 2).mean()), rel=1e-3
    )
    mean = ((y[:60].mean() - y[60:]) ** 2).mean().sqrt()
    assert float(found["mean of the training rows"]) == pytest.approx(float(mean), rel=1e-3)
    assert "below that of the best baseline" in text


def test_a_model_that_is_no_better_than_its_mean_is_said_to_be():
    model, x, _ = network([2, 1])
    y = torch.randn(80, 1, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    text = answer(model, x=x[:60], y=y[:60], test=(x[60:], y[60:]))
    assert "A baseline (" in text or "no better than" in text


def test_rows_that_are_off_are_named_with_their_cells(fitted):
    model, x, y, _ = fitted
    y = y.clone()
    y[75] += 10
    section = result_sections.worst(facts_of(model, x=x[:60], y=y[:60], test=(x[60:], y[60:])))
    first = re.search(r"<tbody><tr>(.*?)</tr>", section)[1]
    cells = re.findall(r">([^<>]+)</t[hd]>", first)
    assert cells[0] == "16"
    assert float(cells[3].replace("−", "-")) == pytest.approx(-10, abs=0.1)
    assert cells[4] == f"{x[75, 0]:.5g}"


def test_without_held_out_rows_the_page_says_so(fitted):
    model, x, y, _ = fitted
    assert "No rows were held out" in answer(model, x=x, y=y)
    assert "cannot say how good" in answer(model, x=x)
    assert "No data" in answer(model)


def test_probabilities_of_formulas_never_add_up_to_more_than_one():
    x1, x2 = symbol("x1"), symbol("x2")
    rows = tuple(
        formula(each, 0.1, probability=1.0, bits=-bits) for each, bits in ((x1, 60.0), (x1 + x2, 59.0), (x2, 0.0))
    )
    text = formula_sections.formulas(facts_of(None, table=Discovered((*rows, rows[0]), ())))
    for shown in ("66.7 %", "33.3 %", "&lt; 0.1 %"):
        assert shown in text, shown
    assert text.count('<tr><th scope="row" class="number">') == 3  # a formula that is there twice is shown once


def test_notebooks_show_models_results_and_tables(fitted):
    _, x, y, (x1, _) = fitted
    named = sw.KAN([2, 2, 1], names=["<b>a</b>", "b"])
    shown = named._repr_html_()
    assert "&lt;b&gt;a" in shown
    assert "<b>a" not in shown
    assert "<script" not in shown
    assert len(shown) < 80_000
    result = sw.fit(sw.KAN([2, 1]), x[:40], y[:40], steps=2, progress=False)
    assert "RMSE on the fitted rows" in result._repr_html_()
    from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

    row = FormulaRow("y", 2.0 * x1, ("x1",), rmse=0.5, r2=0.9, description=1.0)
    shown = FormulaTable((row,), refusal="nothing <i>fits")._repr_html_()
    assert "<math" in shown
    assert "nothing &lt;i&gt;fits" in shown
    assert "No formula" in FormulaTable(())._repr_html_()
