"""`splinework plot`: every kind of picture is written, and what does not fit is refused before any work."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from splinework.nn.checkpoint import save
from splinework.nn.network import KAN
from splinework.tabular import KANRegressor
from tests.cli.stand_in import refused

KINDS = ("diagram", "edges", "activations", "grids", "importance", "effects", "interactions", "pair", "structure")


@pytest.fixture
def model(folder) -> str:
    """A network of two inputs, with a table of its values."""
    network = KAN([2, 2, 1], names=["a", "b"], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    save(network, folder / "m.safetensors")
    x = 2 * torch.rand(90, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 1
    with torch.no_grad():
        y = network(x) + 0.1
    pd.DataFrame({"b": x[:, 1], "a": x[:, 0], "y": y[:, 0]}).to_csv(folder / "rows.csv", index=False)
    return "m.safetensors"


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in ("diagram", "effects") else pytest.mark.slow) for kind in KINDS]
)
def test_every_kind_is_drawn(run, folder, model, kind):
    result = run("plot", model, "rows.csv", "--kind", kind, "--out", f"{kind}.svg", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["kind"], found["rows"], found["files"]) == (kind, 90, {"picture": f"{kind}.svg"})
    text = (folder / f"{kind}.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert len(re.findall("<path", text)) > 3


def test_metric_most_and_the_absence_of_rows(run, folder, model):
    sizes = []
    for extra in ([], ["--metric", "spread"], ["--most", "1"]):
        result = run("plot", model, "--out", "n.png", *extra)
        assert result.exit_code == 0, result.output
        assert "drawn evenly" in result.stderr
        with Image.open(folder / "n.png") as image:
            sizes.append((image.size, np.asarray(image).mean()))
    assert len(set(sizes)) == 3
    for extra in ([], ["--held-out"]):
        assert run("plot", model, "rows.csv", "--kind", "interactions", "--out", "i.svg", *extra).exit_code == 0
        assert ("<!-- p " in (folder / "i.svg").read_text(encoding="utf-8")) is bool(extra)
    result = run("plot", model, "rows.csv", "--kind", "pair", "--pair", "b,a", "--out", "p.png")
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_a_film_of_a_fit_to_the_rows(run, folder, model):
    result = run("plot", model, "rows.csv", "--kind", "film", "--budget", "1", "--out", "fit.gif")
    assert result.exit_code == 0, result.output
    with Image.open(folder / "fit.gif") as image:
        assert image.n_frames > 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["diagram", "effects", "edges", "interactions"])
def test_an_estimator_is_drawn_on_its_columns(run, folder, kind):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"size": generator.uniform(-1, 1, 80), "kind": generator.choice(["new", "old"], 80)})
    y = pd.Series(frame["size"] ** 2 + (frame["kind"] == "new"), name="price")
    KANRegressor(hidden=0, grid=3).fit(frame, y).save(folder / "e.safetensors")
    frame.assign(price=y).to_csv(folder / "e.csv", index=False)
    result = run("plot", "e.safetensors", "e.csv", "--kind", kind, "--out", "e.svg")
    assert result.exit_code == 0, result.output
    refused(run("plot", "e.safetensors", "e.csv", "--kind", "film", "--out", "e.gif"), "categories")


def test_what_does_not_fit_is_refused(run, folder, model):
    refused(run("plot", model, "--held-out", "--out", "n.png"), "no DATA")
    refused(run("plot", model, "--out", "n.gif"), "ends in .png")
    refused(run("plot", model, "rows.csv", "--kind", "film", "--out", "n.png"), "ends in .gif")
    refused(run("plot", model, "--kind", "film", "--out", "n.gif"), "no DATA")
    refused(run("plot", model, "--pair", "a,b", "--out", "n.png"), "--kind pair")
    refused(run("plot", model, "--kind", "pair", "--pair", "a,c", "--out", "n.png"), "no column 'c'")
    refused(run("plot", model, "rows.csv", "--out", "rows.csv"), "ends in")
    pd.read_csv(folder / "rows.csv").drop(columns="y").to_csv(folder / "x.csv", index=False)
    refused(run("plot", model, "x.csv", "--kind", "film", "--out", "n.gif"), "needs the target 'y'")
