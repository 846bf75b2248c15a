"""Proofs, hard axioms and integer hardware take splines only, and say so; frames and pictures take functions as well."""

import pytest
import torch
from matplotlib.colors import to_rgb

import splinework as sw
from splinework.errors import ConfigError
from splinework.nn.frame import Frame, FramedKAN
from splinework.report.plot import style
from tests.contracts.cases import seeded

X = torch.rand(60, 2, generator=seeded(), dtype=torch.float64) * 2 - 1
WAY_OUT = r"free\(model, "


def model() -> sw.KAN:
    return sw.fix(sw.KAN([2, 2, 1], generator=seeded(), dtype=torch.float64), ("x1", "h2"), "sin")


def test_a_proof_is_refused():
    with pytest.raises(ConfigError, match=WAY_OUT):
        sw.verify(model(), "monotone(x1)")


def test_hard_axioms_are_refused():
    with pytest.raises(ConfigError, match=r"x1 → h2 is the function 'sin'.*" + WAY_OUT):
        sw.fit(model(), X, X[:, :1], axioms=["monotone(x1)"], steps=2)


def test_a_model_of_hard_axioms_keeps_its_splines():
    shaped = sw.fit(sw.KAN([1, 1]), X[:, :1], X[:, :1] ** 3, axioms=["monotone(x1)"], steps=5, validation=None).model
    with pytest.raises(ConfigError, match=r"fulfils monotone\('x1'\) by the shapes of its splines"):
        sw.fix(shaped, (0, 0, 0), "exp")


def test_integer_hardware_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sw.hardware.FpgaRecipe, "need", lambda recipe: None)  # the programs are not reached
    with pytest.raises(ConfigError, match="integer tables take networks of splines.*" + WAY_OUT):
        sw.hardware.fpga(model(), tmp_path / "out", x=X, y=X[:, :1])


def test_edges_of_a_framed_network_are_edited_inside():
    framed = FramedKAN(sw.KAN([1, 1], generator=seeded(), dtype=torch.float64), Frame(("a", "b"), ("a*b",), ("y",)))
    fixed = sw.fix(framed, (0, 0, 0), "exp", numbers=(1, 0, 1, 0))
    assert (fixed(X) - torch.exp(X[:, :1] * X[:, 1:])).abs().max() < 1e-14
    assert sw.suggest(fixed, X, (0, 0, 0))[0].name == "exp"
    assert sw.freeze(fixed, (0, 0, 0)).network.parameter_count() == 1
    assert (sw.free(fixed, (0, 0, 0), x=X)(X) - fixed(X)).abs().max() < 1e-3


def test_a_picture_names_functions_in_their_colour():
    ax = sw.plot(model(), X)
    texts = {text.get_text(): text.get_color() for text in ax.texts}
    assert to_rgb(texts["sin"]) == to_rgb(style.VERMILION)
    boxes = next(artist for artist in ax.collections if artist.get_gid() == "boxes")
    coloured = [tuple(c[:3]) == to_rgb(style.VERMILION) for c in boxes.get_edgecolors().tolist()]
    assert coloured == [False, True, False, False, False, False]
