"""Laws of axioms in integers: what edges and frames promise holds in every code, and the page says which of it is proved."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.hardware import McuRecipe, tools
from splinework.hardware.artefact_reports import mcu_report, preserved_axioms
from splinework.hardware.golden import from_dict, read_golden, to_dict, write_golden
from splinework.hardware.integer import IntegerModel, equal
from splinework.hardware.quantisation import Bits
from splinework.hardware.report_page import report_html
from splinework.nn.frame import Frame, FramedKAN

KEPT = {
    "monotone": ("monotone(a)", [2, 2, 1]),
    "falling": ("monotone(b, increasing=False)", [2, 1]),
    "bounded": ("bounded(-1, 2)", [2, 2, 1]),
    "above": ("bounded(-1, None)", [2, 1]),
    "positive": ("positive()", [2, 1]),
    "symmetric": ('symmetric(("a", "b"))', [2, 2, 1]),  # with another axiom, for which inputs share edges
    "even": ("even(a, 0.5)", [2, 1]),
}
BITS = (Bits(2, 2, 3), Bits(5, 4, 8), Bits(7, 9, 12))


def data(seed: int = 0, rows: int = 150) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(rows, 2, generator=generator, dtype=torch.float64)
    noise = 0.3 * torch.randn(rows, generator=generator, dtype=torch.float64)
    return x, torch.exp(x[:, 0]) * x[:, 1] - x[:, 1] + noise


def fitted(axiom: str, shape: list[int]) -> sw.KAN | FramedKAN:
    x, y = data()
    model = sw.KAN(shape, names=["a", "b"], dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    axioms = [axiom, *(["monotone(a)"] if axiom.startswith("symmetric") else [])]
    return sw.fit(model, x, y, axioms=axioms, steps=5, validation=None, progress=False).model


@pytest.mark.filterwarnings("ignore::splinework.errors.FitWarning")
@pytest.mark.parametrize("name", KEPT)
def test_hard_axioms_hold_in_every_code_at_any_width(name):
    axiom, shape = KEPT[name]
    model, (x, _) = fitted(axiom, shape), data()
    for bits in BITS:
        golden = sw.hardware.quantise(model, x, bits=bits)
        assert sw.verify(golden, axiom).status == "proved"
        table, warnings = preserved_axioms(golden)
        assert table is not None
        assert not warnings
        assert {row[1] for row in table.rows} == {"proved"}


@pytest.mark.parametrize("name", ["monotone", "bounded", "symmetric"])
def test_what_is_proved_of_integers_is_seen_when_all_codes_are_run(name):
    axiom, shape = KEPT[name]
    golden = sw.hardware.quantise(fitted(axiom, shape), data()[0], bits=Bits(5, 4, 8))
    axes = [np.arange(wire.format.low, wire.format.high + 1) for wire in golden.inputs]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    y = golden.decode(golden.run(grid.reshape(-1, 2))).reshape(grid.shape[:2])
    if name == "monotone":
        assert np.diff(y, axis=0).min() >= 0
    elif name == "bounded":
        assert -1 <= y.min() <= y.max() <= 2
    else:
        assert (y == y.T).all()


def random_framed(frame: Frame, outputs: int = 1) -> FramedKAN:
    inputs = len(frame.features) or len(frame.input_names)
    network = sw.KAN([inputs, 2, outputs], dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    return FramedKAN(network, frame).requires_grad_(False)


@pytest.mark.parametrize(
    "frame",
    [
        Frame(("a", "b"), ("a**2", "2-b"), ("y",)),
        Frame(("a", "b"), ("b", "a", "a-0.25*floor(a/0.25)", "0.5"), ("y",)),
        Frame(("a", "b"), (), ("y",), ("3*sigmoid(z1)-1",)),
        Frame(("a", "b"), ("exp(a)",), ("y",), ("exp(z1)",)),
    ],
    ids=["features", "several-of-one", "answer", "both"],
)
def test_a_frame_of_one_column_each_becomes_tables_whose_error_falls_with_the_width(frame):
    model, (x, _) = random_framed(frame), data(rows=1500)
    exact = model(x).numpy()
    errors = []
    for bits in (Bits(4, 4, 8), Bits(7, 7, 11), Bits(10, 10, 14)):
        golden = sw.hardware.quantise(model, x, bits=bits)
        assert [wire.name for wire in golden.inputs] == ["a", "b"]
        errors.append(float(np.sqrt(np.mean((golden.predict(x.numpy()) - exact) ** 2)) / exact.std()))
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.5 * errors[1]
    assert errors[2] < 0.02


@pytest.mark.parametrize(
    ("frame", "outputs"),
    [
        (Frame(("a", "b"), ("a*b",), ("y",)), 1),
        (Frame(("a", "b"), (), ("y",), ("a*z1",)), 1),
        (Frame(("a", "b"), (), ("y", "w"), ("z1", "z1+z2")), 2),
    ],
    ids=["feature", "answer", "outputs"],
)
def test_a_frame_that_no_table_can_hold_is_refused_with_a_way_out(frame, outputs):
    with pytest.raises(ConfigError, match=r"sw\.hardware\.quantise\(model\.network, model\.inside\(x\)\)"):
        sw.hardware.quantise(random_framed(frame, outputs), data()[0])
    golden = sw.hardware.quantise(
        random_framed(frame, outputs).network, random_framed(frame, outputs).inside(data()[0])
    )
    assert isinstance(golden, IntegerModel)


def test_axioms_go_into_the_file_of_integers_and_a_file_without_them_is_as_before(tmp_path):
    golden = sw.hardware.quantise(fitted(*KEPT["monotone"]), data()[0])
    assert golden.axioms == ("monotone('a')",)
    write_golden(golden, tmp_path / "golden.json")
    again = read_golden(tmp_path / "golden.json")
    assert equal(again, golden)
    assert again.axioms == golden.axioms
    plain = sw.hardware.quantise(sw.KAN([2, 1], dtype=torch.float64), data()[0])
    assert "axioms" not in to_dict(plain)
    assert from_dict(to_dict(plain)).axioms == ()


def test_the_page_says_what_survived_and_warns_of_what_did_not():
    x, _ = data()
    golden = sw.hardware.quantise(fitted("convex(b)", [2, 1]), x)
    figures = {"verification": {"runs": []}, "vectors": 0, "mismatches": 0, "tools": {}, "instructions": {}}
    figures["quantise_instructions"] = {}
    page = report_html(mcu_report(golden, figures, ()))
    assert "Hard axioms after quantisation" in page
    assert "convex(&#x27;b&#x27;)" in page
    assert "after quantisation this is not known" in page
    kept = report_html(mcu_report(sw.hardware.quantise(fitted(*KEPT["monotone"]), x), figures, ()))
    assert "proved" in kept
    assert "of its integers this is" not in kept


def test_a_refuted_axiom_is_told_with_a_point_at_which_it_fails():
    golden = sw.hardware.quantise(
        sw.KAN([1, 1], names=["a"], dtype=torch.float64), torch.linspace(-2, 2, 60)[:, None] * 1.0
    )
    claimed = IntegerModel(golden.name, golden.inputs, golden.layers, axioms=("bounded(0.0, upper=1e-06)",))
    _, warnings = preserved_axioms(claimed)
    assert len(warnings) == 1
    assert "refuted: it fails at a = " in warnings[0]


def test_a_student_of_a_network_with_axioms_is_refused():
    from splinework.hardware.choosing import QuantisationRecipe, choose
    from splinework.hardware.examples import examples

    model = fitted(*KEPT["monotone"])
    assert isinstance(model, sw.KAN)
    rows = examples(model, *data())
    with pytest.raises(ConfigError, match="hard axioms"):
        choose(model, rows, QuantisationRecipe(shape=(2, 1)), name="m")


def test_an_axiom_of_a_domain_is_looked_at_there():
    x = torch.linspace(-1, 1, 200, dtype=torch.float64)[:, None]
    model = sw.fit(sw.KAN([1, 1], names=["a"], dtype=torch.float64), x, x**2, validation=None, progress=False).model
    golden = sw.hardware.quantise(model, x, bits=6)
    for axiom, verdict in (('monotone(a, domain={"a": (0.1, 1)})', "proved"), ("monotone(a)", "refuted")):
        table, _ = preserved_axioms(replace(golden, axioms=(axiom,)))
        assert table is not None
        assert table.rows[0][1] == verdict


def test_what_cannot_take_a_frame_says_what_can(tmp_path):
    model, (x, y) = random_framed(Frame(("a", "b"), ("a*b",), ("y",))), data()
    with pytest.raises(ConfigError, match="calibrate it"):
        sw.hardware.train_quantised(model, x, y)
    with pytest.raises(ConfigError, match=r"model\.inside\(x\)"):
        sw.hardware.analog(model, tmp_path / "out", x=x, y=y)


def test_the_tables_of_a_framed_model_are_built_and_compared_bit_for_bit(tmp_path):
    if tools.find("gcc") is None:
        pytest.skip("needs gcc")
    model, (x, y) = fitted(*KEPT["bounded"]), data()
    recipe = McuRecipe(vectors=500, processors=("gcc",))
    made = sw.hardware.mcu(model, tmp_path / "out", x=x, y=y, recipe=recipe)
    assert made.passed
    assert made.figures["rmse_quantised"] < 1.2 * made.figures["rmse_float"]
    assert "Hard axioms after quantisation" in (tmp_path / "out" / "report.html").read_text()
