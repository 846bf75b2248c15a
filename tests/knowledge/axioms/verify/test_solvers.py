"""Claims in the formats of other solvers: the same functions in exact arithmetic, and the same verdicts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.knowledge.axioms.language import parse_axiom
from splinework.knowledge.axioms.verify import verify
from splinework.knowledge.axioms.verify.exact import ExactEnvironment, ExactModel
from splinework.knowledge.axioms.verify.smtlib import script_of, smt_scripts
from splinework.knowledge.axioms.verify.subject import subject_of
from splinework.knowledge.axioms.verify.vnnlib import vnn_properties
from splinework.nn.frame import Frame, FramedKAN

TEXTS = [
    "bounded(-0.3, 0.4)", "monotone(x1)", "convex(x1)", "even(x1)", "lipschitz(2)", "law('f(x1)*2 <= abs(x1) + 1')",
]  # fmt: skip


def drawn(shape, *, degree=3, grid=2, seed=0, **options):
    """A piecewise polynomial network with coefficients of random size."""
    generator = torch.Generator().manual_seed(seed)
    words = {"base": "identity", **options}
    model = sw.KAN(shape, grid=grid, degree=degree, dtype=torch.float64, generator=generator, **words)
    for layer in model.kan_layers:
        size = layer.edge_coefficients().shape
        layer.set_edge_coefficients(0.5 * torch.randn(size, generator=generator, dtype=torch.float64))
    return model


def solved(script, *, seconds=20):
    """The verdict of z3."""
    z3 = pytest.importorskip("z3")
    solver = z3.Solver()
    solver.set("timeout", 1000 * seconds)
    solver.from_string(script)
    return str(solver.check())


def scaled():
    """One edge between affine scales."""
    model = drawn([1, 1])
    model.input_scaling.set(torch.tensor([0.5], dtype=torch.float64), torch.tensor([1.5], dtype=torch.float64))
    model.output_scaling.set(torch.tensor([-2.0], dtype=torch.float64), torch.tensor([0.75], dtype=torch.float64))
    return model


MODELS = {
    "one edge": lambda: drawn([1, 1]),
    "two layers": lambda: drawn([1, 2, 1], grid=1),
    "no base, tails of zero": lambda: drawn([1, 2, 1], base="none", extrapolation="zero", grid=1),
    "constant tails": lambda: drawn([1, 1, 1], extrapolation="constant", grid=3),
    "a product": lambda: drawn([1, (1, 1), 1], grid=1),
    "scaled": scaled,
    "a frame": lambda: FramedKAN(drawn([1, 1]), Frame(("x1",), ("x1**2 - 0.5",), ("y",), ("z1 * x1 + 1/(x1**2 + 2)",))),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_script_states_the_function_of_the_claim_to_the_last_digit(name, text):
    model = MODELS[name]()
    subject = subject_of(model, {"x1": (-0.9, 0.8)})
    for claim in parse_axiom(text).claims(subject):
        at = 0.0625 if "bounded" in text else -0.875
        value = float(claim.define(ExactEnvironment(ExactModel(model), [at], 1)))
        here = replace(claim, lo=np.array([at]), hi=np.array([at]))
        away = 1e-12 * max(abs(value), 1e-3)
        for tolerance, verdict in ((away - value, "unsat"), (-away - value, "sat")):
            assert solved(script_of(replace(here, tolerance=tolerance), model)) == verdict, (claim.text, value)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_an_smt_solver_has_the_verdict_of_verify(seed):
    draw = np.random.default_rng(seed)
    shape = [[1, 1], [2, 1], [1, 2, 1], [1, (0, 1), 1]][seed % 4] if seed % 4 != 3 else [1, 1, 1]
    model = drawn(shape, degree=int(draw.integers(2, 4)), grid=int(draw.integers(1, 4)), seed=seed)
    x = torch.as_tensor(draw.uniform(-1, 1, (4096, shape[0])))
    y = model(x).detach()
    spread = float(y.max() - y.min())
    ends = [
        float(y.max()) + spread * float(draw.choice([-0.05, 0.02])),
        float(y.min()) - spread * float(draw.choice([-0.05, 0.02])),
    ]
    axioms = [f"bounded(upper={ends[0]!r})", f"bounded(lower={ends[1]!r})", "monotone(x1)", "lipschitz(3)", "odd(x1)"]
    scripts, results = smt_scripts(model, axioms), verify(model, axioms, effort=5).claims
    known = {"unsat": "proved", "sat": "refuted", "unknown": None}
    found = [
        (script.claim, known[solved(script.text, seconds=10)], result.status)
        for script, result in zip(scripts, results, strict=True)
    ]
    assert [each for each in found if each[1] not in (None, each[2]) and each[2] != "unknown"] == []


def test_a_claim_that_is_not_polynomial_is_refused_by_name():
    for model, text, why in (
        (sw.KAN([1, 1]), "bounded(0, 1)", "silu"),
        (sw.KAN([1, 1], basis="fourier", base="none"), "bounded(0, 1)", "fourier"),
        (drawn([1, 1], degree=1), "monotone(x1)", "degree 1"),
        (drawn([1, 1]), "law('f(x1) <= sin(x1)')", "sin"),
        (drawn([1, 1]), "integral(3)", "integral"),
    ):
        with pytest.raises(ConfigError, match=why):
            smt_scripts(model, text)


def test_a_property_of_vnnlib_excludes_what_the_axiom_allows_and_nothing_else():
    model = sw.KAN([2, 3, 2], dtype=torch.float64)
    names = {"y1": "Y_0", "y2": "Y_1"}
    for text, allowed, excluded in (
        ("bounded(-1, 2)", [(0.0, 0.0), (2.0, -1.0)], [(-1.1, 0.0), (0.0, -1.1), (2.1, 0.0), (0.0, 2.1)]),
        ("ordered()", [(0.0, 0.0), (0.0, 1.0)], [(0.1, 0.0)]),
    ):
        opposites = [each.text.rstrip().splitlines()[-1] for each in vnn_properties(model, text)]
        for points, whether in ((allowed, "unsat"), (excluded, "sat")):
            for point in points:
                at = [
                    f"(declare-const {s} Real)(assert (= {s} {v}))" for s, v in zip(names.values(), point, strict=True)
                ]
                assert [solved("".join(at) + opposite) for opposite in opposites].count("sat") == (whether == "sat")


def test_vnnlib_refuses_slopes_and_products_of_outputs():
    for text in ("monotone(x1)", "sum_to_one()", "even(x1)"):
        with pytest.raises(ConfigError, match="linear properties of outputs"):
            vnn_properties(sw.KAN([1, 2]), text)


def test_files_hold_the_texts(tmp_path):
    (script,) = smt_scripts(drawn([1, 1]), "bounded(upper=9)")
    (stated,) = vnn_properties(drawn([1, 1]), "bounded(upper=9)")
    for each in (script, stated):
        each.save(tmp_path / "claim")
        assert (tmp_path / "claim").read_text() == each.text
