"""The targets: what is read, and what is then done with it; each takes a generator of random numbers and makes one case."""

import json
import tempfile
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.data import RECIPES, from_dict, suites, to_dict
from splinework.data.recipe import Recipe
from splinework.errors import FileError
from splinework.formula.expression import Expression
from splinework.formula.parse import parse_formula
from splinework.formula.units.parsing import parse_dimension
from splinework.hardware.folders import read_marker
from splinework.hardware.golden import digest_of, read_golden
from splinework.hardware.golden import to_dict as golden_dict
from splinework.interpret.symbolic.partial import parse_partial
from splinework.knowledge.axioms.files import read_axioms
from splinework.knowledge.axioms.language import parse_axiom
from splinework.knowledge.axioms.verify import Certificate, verify
from splinework.knowledge.axioms.verify.certificate import seal
from splinework.nn.checkpoint import read_header
from splinework.nn.files import read_toml
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.shaping import Shaping
from splinework.splines.cones import CONVEX, INCREASING
from splinework.tabular import KANClassifier, KANRegressor, KANTransformer, load
from splinework.train.journal import open_journal
from tests.fuzz.changes import changed, changed_bytes, changed_safetensors, changed_text, split_safetensors
from tests.hardware.cases import random_model
from tests.tabular.tables import QUICK, labels, mixed, numbers

FOLDER = Path(tempfile.mkdtemp(prefix="splinework-fuzz-"))
"""Where the changed files are written, one of each kind at a time."""


def written(name: str, content: bytes) -> Path:
    """A file with this content."""
    path = FOLDER / name
    path.write_bytes(content)
    return path


def _bytes_of(save: Any) -> bytes:
    path = FOLDER / "whole"
    save(path)
    return path.read_bytes()


@cache
def models() -> list[bytes]:
    """Model files: products, every basis, learnable grids, a frame, shaped edges."""
    seeded = {"generator": torch.Generator().manual_seed(0), "dtype": torch.float64}
    plain = [
        sw.KAN([2, 3, 1], **seeded),
        sw.KAN([2, (2, [2, 3]), 2], basis="fourier", names=["a", "b"], **seeded),
        sw.KAN([1, 2], basis="chebyshev", base="none", extrapolation="zero", **seeded),
        sw.KAN([2, 1], grid_kind="learnable", input_scales=["log", "linear"], **seeded),
        FramedKAN(
            sw.KAN([2, 1], **seeded), Frame(("u", "v"), ("u*v", "sqrt(u)"), ("w",), ("z1*2**0.5+u",), ((0, 1), (1, 2)))
        ),
    ]
    shaped = sw.KAN([2, 1], base="none", **seeded)
    rules = Shaping(torch.tensor([[INCREASING], [CONVEX]]), torch.arange(2), torch.full((2, 1), torch.inf))
    shaped.kan_layers[0].shape(rules)
    return [_bytes_of(partial(sw.save, model, notes={"target": "y"})) for model in [*plain, shaped]]


@cache
def estimators() -> list[bytes]:
    """Files of fitted estimators: numbers, categories and gaps, classes, several outputs."""
    x, y = numbers()
    frame, price = mixed()
    fitted = [
        KANRegressor(**QUICK).fit(x, y),
        KANRegressor(**QUICK, loss="quantile", quantile=0.3).fit(frame, price),
        KANClassifier(**QUICK).fit(frame, labels(price.to_numpy(), 3)),
        KANClassifier(**QUICK, class_weight="balanced").fit(x, (y > y.mean()).astype(int)),
        KANTransformer(**QUICK).fit(x, y),
    ]
    return [_bytes_of(each.save) for each in fitted]


@cache
def certificates() -> list[dict[str, Any]]:
    """Certificates that prove, refute and leave open."""
    model = sw.load(written("m", models()[0]))
    return [
        verify(model, text, effort=1).to_dict()
        for text in ("bounded(upper=9)", "monotone(x1)", "lipschitz(0.001)", "residual('y_x1x1')")
    ]


@cache
def checkpoint_file() -> bytes:
    """A checkpoint of a fit."""
    x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None].repeat(1, 2)
    path = FOLDER / "fit"
    path.unlink(missing_ok=True)
    sw.fit(sw.KAN([2, 2, 1], dtype=torch.float64), x, x[:, :1], steps=2, checkpoint=path, progress=False)
    return path.read_bytes()


def model_file(rng: Random) -> None:
    """A model file: loaded, then evaluated."""
    model = sw.load(written("m", changed_safetensors(rng.choice(models()), rng)))
    x = torch.tensor([[0.1, 0.2], [3.0, -1e300], [float("nan"), 1.0]], dtype=torch.float64)[:, : _inputs(model)]
    assert not model(x.to(next(model.parameters()).dtype)).is_complex()
    read_header(FOLDER / "m")


def _inputs(model: Any) -> int:
    return int(model.inputs)


def estimator_file(rng: Random) -> None:
    """The file of an estimator: loaded, then asked for everything that a file should be able to answer."""
    estimator = load(written("e", changed_safetensors(rng.choice(estimators()), rng)))
    columns = estimator.columns_.columns
    rows = np.array([[column.levels[0] if column.levels else 0.5 for column in columns]] * 2, dtype=object)
    if not any(column.levels for column in columns):
        rows = rows.astype(float)
    import pandas as pd

    frame = (
        pd.DataFrame(rows, columns=[column.name for column in columns]).infer_objects()
        if hasattr(estimator, "feature_names_in_")
        else rows
    )
    for ask in ("predict", "predict_proba", "transform", "extrapolates"):
        if hasattr(estimator, ask):
            try:
                getattr(estimator, ask)(frame)
            except ValueError as error:  # a renamed column, in the words of scikit-learn
                if "feature names" not in str(error) and "levels" not in str(error):
                    raise


def certificate_file(rng: Random) -> None:
    """A certificate, mostly with a seal that fits its content."""
    content = changed(rng.choice(certificates()), rng)
    if isinstance(content, dict) and rng.random() < 0.9:
        values = {key: value for key, value in content.items() if key != "seal"}
        content["seal"] = seal(values)
    found = Certificate.load(written("c.json", json.dumps(content).encode()))
    assert f"{found}{found.bound}{found.counterexample}"


def golden_file(rng: Random) -> None:
    """A golden model with a digest that fits: read, and run on codes."""
    content = changed(
        golden_dict(random_model(rng.randrange(4), task=rng.choice(("regression", "classification")))), rng
    )
    if not isinstance(content, dict):
        content = {"format": content}
    content.pop("digest", None)
    if rng.random() < 0.95:
        content["digest"] = digest_of(content)
    model = read_golden(written("golden.json", json.dumps(content).encode()))
    model.run(
        np.zeros((2, len(model.inputs)), dtype=np.int64).clip(
            [w.format.low for w in model.inputs], [w.format.high for w in model.inputs]
        )
    )


def marker_file(rng: Random) -> None:
    """The marker of an artefact."""
    marker = {
        "format": "splinework-artefact/1",
        "kind": "mcu",
        "name": "net",
        "version": "1",
        "files": ["a.c"],
        "details": {},
    }
    (FOLDER / "artefact").mkdir(exist_ok=True)
    written("artefact/artefact.json", json.dumps(changed(marker, rng)).encode())
    read_marker(FOLDER / "artefact")


def recipe_values(rng: Random) -> None:
    """The recipe of a set of data: read, and a few rows drawn."""
    recipe = from_dict(changed(to_dict(rng.choice(_recipes())), rng), RECIPES)
    if isinstance(recipe, Recipe):
        recipe.draw(5, seed=0)


@cache
def _recipes() -> list[Any]:
    return [suites.suite_set(name) for name in ("nguyen:1", "nguyen:12", "keijzer:4")]


def journal_file(rng: Random) -> None:
    """The checkpoint of a fit."""
    path = written("fit.ckpt", changed_safetensors(checkpoint_file(), rng))
    _, metadata, _ = split_safetensors(checkpoint_file())
    open_journal(path, next(iter(metadata.values()))["fingerprint"])


FORMULAS = (
    "2*sin(x1)+x2**2/3", "where(x1 < 2, exp(-x2), log(abs(x1)+1))", "(-8)**(1/3)*x1", "0**-1+x2", "9**9**9*x1",
    "besselj(1, x1)+gamma(x2)", "x1/(x2-x2)", "min(x1,max(x2,-x1))", "sqrt(x1**2+x2**2)", "floor((-8)**0.5)+x1",
    "tan(pi*x1/2)+e",
)  # fmt: skip
PIECES = (
    "sin(", ")", "**", "x1", "x2", "0", "1e308", "-", "/", "(", ",", "9**9**9", "1/0", "where(", "<", "==",
    "pi", "log(", "abs(", "nan",
    "inf", "lambda", "__import__", "0x1", "1j", "gamma(", "(-8)**", "**0.5", "besselj(", "polygamma(", " ",
)  # fmt: skip


def formula(rng: Random) -> None:
    """A formula: on tensors, on arrays, as a derivative and in sympy, always numbers and never complex ones."""
    text = changed_text(rng.choice(FORMULAS), rng, (*PIECES, *FORMULAS))
    found = Expression(text, ("x1", "x2"))
    rows = [[0.5, -1.5], [0.0, 0.0], [1e300, 1e-300], [float("nan"), 1.0]]
    assert not found.of(torch.tensor(rows, dtype=torch.float64)).is_complex()
    assert found(rows).dtype == np.float64
    try:
        found.derivative("x1")(rows)
    finally:
        if len(text) < 200 and "**" not in text:
            parse_formula(text, ["x1", "x2"])


def partial_formula(rng: Random) -> None:
    """A formula with unknown parts."""
    text = changed_text(
        rng.choice(("a*x1 + f(x2)", "k*sin(w*x1)", "f(x1, x2)/g(x2)")), rng, (*PIECES, "f(", "g(", "a", "k")
    )
    parse_partial(text, ["x1", "x2"])


UNITS = ("kg*m/s^2", "m/s", "1", "J/(mol*K)", "mW/cm^2", "kg^(1/2)", "10 m", "°C", "N m")


def unit(rng: Random) -> None:
    """A unit."""
    parse_dimension(
        changed_text(rng.choice(UNITS), rng, (*UNITS, "^", "/", "(", ")", "999", "-", "*", "^9999", "10^400", "µ"))
    )


AXIOMS = (
    "monotone(x1)", "bounded(0, 1)", "f(x,y) == f(y,x)", "u_t = 0.1*u_xx", "through(x1=1, y=2)",
    "periodic(x1, 2*pi)", "residual('y_x1x1')",
    "convex(x1, domain={'x1': (0, 1)}, strength=soft(0.1))", "symmetric(a, b)", "lipschitz(9.0)",
    "boundary(box(x=(0,1)), value='0')",
    "bounded(lower=0, strength=soft)", "d2 u/d x2 + u >= 0 when x > 0",
)  # fmt: skip


def axiom(rng: Random) -> None:
    """An axiom: parsed, written and parsed again."""
    pieces = (
        *AXIOMS,
        *PIECES,
        "strength=",
        "soft(",
        "domain=",
        "'",
        '"',
        "{",
        "}",
        "=",
        "==",
        ">=",
        "u_t",
        "d u/d x",
        "when",
        "*" * 50,
    )
    found = parse_axiom(changed_text(rng.choice(AXIOMS), rng, pieces))
    assert parse_axiom(found.text()) == found


def axioms_file(rng: Random) -> None:
    """A TOML file of axioms."""
    text = (
        'axioms = ["monotone(age)", "bounded(0, 1)"]\n[[axiom]]\nkind = "monotone"\ninput = "age"\n'
        "domain = { age = [18, 65] }\n"
    )
    read_axioms(
        written(
            "a.toml",
            changed_text(
                text, rng, ('"', "[", "]", "=", "\n", "{", "1e400", "nan", "kind", "[[axiom]]", "9" * 5000)
            ).encode("utf-8", "replace"),
        )
    )


def toml_file(rng: Random) -> None:
    """Any small file in TOML, changed byte by byte."""
    read_toml(
        written("t.toml", changed_bytes(b'a = 1\n[fit]\nbudget = 2.5\nlist = [1, "x"]\n', rng)),
        "it takes TOML",
        what="a test",
    )


def place(rng: Random) -> None:
    """A name of a file that is none."""
    name = changed_text("folder/model.safetensors", rng, ("..", "\x00", "/", "~", "a" * 300, "\ud800"))
    with pytest.raises(FileError):
        sw.load(Path(FOLDER, "none", name.lstrip("/")))
