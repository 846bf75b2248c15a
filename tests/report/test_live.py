"""Laws of the model inside a page: it computes what the model computes, edge by edge, and its terms add up."""

import json
import subprocess

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.trace import trace
from splinework.report.live import live_model
from splinework.report.scripts import bundled, embedded
from tests.export.runners import NODE, needs_node
from tests.report.pages import network

pytestmark = needs_node


def run(model, rows, body):
    """What a function of `(row, model, layers, trace)` in JavaScript gives for every row."""
    live = live_model(model)
    assert live.lacking == ""
    given = {"rows": rows, "trace": live.trace}
    script = f"""{bundled("live", before=live.script)}
const given = JSON.parse(require("fs").readFileSync(0, "utf-8"));
const each = ({body});
const found = given.rows.map((row) => each(row, liveModel, liveLayers, given.trace));
process.stdout.write(JSON.stringify(found));
"""
    done = subprocess.run([NODE, "-e", script], input=embedded(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def made(kind):
    if kind == "framed":
        model, x, _ = network([2, 3, 1])
        return FramedKAN(model, Frame(("a", "b"), ("a * b", "a + b"), ("exp(z1)",))), x
    if kind == "functions":
        model, x, _ = network([2, 3, 1])
        fixed = sw.fix(model, (0, 1, 2), "sin", x=x)
        return getattr(fixed, "model", fixed), x
    shapes = {
        "plain": ([3, 4, 2], {}),
        "products": ([3, (2, 2), 2], {}),
        "product outputs": ([2, 3, (1, 1)], {}),
        "logarithms": ([2, 3, 1], {"input_scales": ["log", "linear"], "output_scales": ["log"]}),
        "chebyshev": ([2, 3, 1], {"basis": "chebyshev"}),
        "normalised": ([2, 3, 1], {"grid_kind": "normalised"}),
        "additive": ([4, 1], {}),
    }
    shape, options = shapes[kind]
    model, x, _ = network(shape, **options)
    return model, x


KINDS = ["plain", "products", "product outputs", "logarithms", "chebyshev", "normalised", "additive"]


@pytest.mark.parametrize("kind", [*KINDS, "framed", "functions"])
def test_the_model_in_the_page_is_the_model(kind):
    model, x = made(kind)
    x = torch.cat([x, 3 * x])  # beyond the grids too
    with torch.no_grad():
        expected = model(x).numpy()
    found = run(model, x.tolist(), "(row, model) => predicted(model, row)")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


@pytest.mark.slow
def test_ten_thousand_rows_agree_to_twelve_digits():
    model, _, _ = network([8, 6, 1])
    x = 1.5 * torch.rand(10_000, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        expected = model(x).numpy()
    found = np.array(run(model, x.tolist(), "(row, model) => predicted(model, row)"))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("kind", [*KINDS, "functions"])
def test_every_edge_and_node_has_its_value_and_the_last_terms_add_up(kind):
    model, x = made(kind)
    x = x[:7]
    with torch.no_grad():
        known = trace(model, x)
    body = """(row, model, layers, trace) => {
  const found = traced(layers, trace, row);
  const terms = trace.out.shift.map((_, j) => lastTerms(trace, found.edges, j));
  return { ...found, terms };
}"""
    for b, found in enumerate(run(model, x.tolist(), body)):
        np.testing.assert_allclose(found["outputs"], known.outputs[b], rtol=1e-11, atol=1e-12)
        edges = 0
        for l, layer in enumerate(known.layers):
            np.testing.assert_allclose(found["nodes"][l], layer.inputs[b], rtol=1e-11, atol=1e-12)
            for i, j in torch.nonzero(model.kan_layers[l].alive).tolist():
                place, value = found["edges"][f"{l}:{i}:{j}"]
                np.testing.assert_allclose(value, layer.edges[b, i, j], rtol=1e-11, atol=1e-12)
                np.testing.assert_allclose(place, x[b, i] if l == 0 else layer.inputs[b, i], rtol=1e-11, atol=1e-12)
                edges += 1
        assert edges == len(found["edges"]) == model.active_edges()
        logs = [scale == "log" for scale in model.config.output_scales]
        for terms, output, log in zip(found["terms"], known.outputs[b].tolist(), logs, strict=True):
            if terms is None:
                assert kind == "product outputs"
                continue
            total = terms["constant"] + sum(term["value"] for term in terms["terms"])
            assert total == pytest.approx(np.log(output) if log else output, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("kind", ["plain", "additive"])
def test_shapley_values_add_up_and_are_exact_for_sums_of_curves(kind):
    model, x = made(kind)
    rows = x[:5].tolist()
    other = x[20:28]
    groups = [[i] for i in range(model.inputs)]
    body = f"""(row, model) => shapley((r) => model.predict(r)[0], row, {other.tolist()}, {groups})"""
    found = run(model, rows, body)
    with torch.no_grad():
        expected, base = model(x[:5])[:, 0].tolist(), model(other)[:, 0].mean().item()
    for each, value in zip(found, expected, strict=True):
        assert each["base"] == pytest.approx(base, rel=1e-12)
        assert each["base"] + sum(each["terms"]) == pytest.approx(value, rel=1e-11)
    exact = sw.explain(model, x[:5], background=other).terms[:, :, 0]
    gaps = np.abs(np.array([each["terms"] for each in found]) - exact).max()
    assert gaps < (1e-12 if kind == "additive" else 0.3 * np.abs(exact).max())


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("lapses", [(), (0.1, 0.02, 0.03)])
def test_probabilities_are_those_of_the_classifier(classes, lapses):
    from splinework.tabular.classes import Classes

    lapses = lapses[:classes]
    outputs = np.random.default_rng(0).normal(0, 3, (6, 1 if classes == 2 else classes))
    known = Classes(np.array(["a", "b", "c"][:classes]), lapses).probabilities(outputs)
    model, _, _ = network([1, 1])
    found = run(model, outputs.tolist(), f"(row) => probabilities(row, {classes}, {list(lapses)})")
    np.testing.assert_allclose(found, known, rtol=1e-12)


def test_what_cannot_run_in_the_page_is_said_and_too_large_a_network_left_out(monkeypatch):
    from splinework.report import live

    model, _, _ = network([2, 3, 1])
    monkeypatch.setattr(live, "MAX_TRACED", 100)
    assert live_model(model).trace is None
    assert live_model(model).lacking == ""
    monkeypatch.setattr(live, "MAX_SCRIPT", 100)
    assert "too large" in live_model(model).lacking
    assert live_model(model).script == live.NO_MODEL
    assert live_model(None).lacking
