"""What the tests of the report share: networks, histories and tables to report on, and a strict reader of pages."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import numpy as np
import sympy
import torch

from splinework import KAN
from splinework.interpret.symbolic.expression import compile_expression, symbol

HOSTILE = "\"'><script>alert('x')</script><img src=x onerror=alert(1)> ${title} \x00\ud800"
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SECTIONS = ["answer", "try", "network", "formulas", "effects", "fit", "residuals", "worst", "learning", "data", "notes"]
SECTIONS += ["use", "repeat"]  # in this order


@dataclass(frozen=True)
class Step:
    number: int
    stage: str
    rmse_train: float
    rmse_validation: float = float("nan")
    seconds: float = 1.5


@dataclass(frozen=True)
class History:
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ("ended: converged",)


@dataclass(frozen=True)
class Formula:
    target: str
    expression: sympy.Expr
    complexity: int
    rmse: float
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return str(self.expression)

    def sympy(self) -> sympy.Expr:
        return self.expression


@dataclass(frozen=True)
class Table:
    rows: tuple[Formula, ...]
    notes: tuple[str, ...] = ("sin was taken for one edge",)


@dataclass(frozen=True)
class Constant:
    value: float
    low: float
    high: float


class Parabola:
    """A spline that is left in a formula."""

    def __call__(self, raw):
        return np.asarray(raw) ** 2

    def table(self):
        places = np.linspace(0, 2, 21)
        return np.r_[-20, places, 22], np.r_[0, places**2, 0]


@dataclass(frozen=True)
class Found(Formula):
    """A formula with all that `discover` knows of it."""

    names: tuple[str, ...] = ()
    splines: dict = field(default_factory=dict)
    constants: tuple[Constant, ...] = ()
    valid: dict = field(default_factory=dict)
    probability: float = 0.5
    bits: float = -100.0

    @property
    def inputs(self):
        return tuple(s.name for s in self.expression.free_symbols)

    def numpy(self):
        return compile_expression(self.expression, self.names, self.splines)


@dataclass(frozen=True)
class Discovered(Table):
    refusal: str | None = None
    noise: float | None = None


@dataclass
class Page(HTMLParser):
    """Reads a page and keeps what the laws ask for; refuses tags that do not match."""

    text: str
    open: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.feed(self.text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "section":
            self.sections.append(dict(attrs)["id"])

    def handle_endtag(self, tag):
        assert self.open[-1:] == [tag]
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def network(shape=(2, (2, 1), 1), **options):
    generator = torch.Generator().manual_seed(0)
    model = KAN(list(shape), generator=generator, dtype=torch.float64, **options)
    x = torch.rand(80, model.inputs, generator=generator, dtype=torch.float64) + 0.1
    with torch.no_grad():
        y = model(x) * (1 + 0.01 * torch.rand(80, model.outputs, generator=generator, dtype=torch.float64))
    return model, x, y


def everything(name: str = "b", target: str = "y") -> tuple[KAN, dict]:
    model, x, y = network(names=["a", name], output_names=[target])
    a, b = symbol("a"), symbol(name)
    expression = sympy.exp(1.23456789 * a) + sympy.sqrt(b) * sympy.Function("spline_1")(a)
    more = {"constants": (Constant(2.0, 1.9, float("inf")), Constant(3.0, 2.9, 3.1)), "valid": {name: (0.1, 1.1)}}
    rows = (
        Found(target, expression, 7, 1e-3, (name,), ("a", name), {"spline_1": Parabola()}, **more),
        Found(target, sympy.Float(0.5) * a, 2, 0.2, (), ("a", name), bits=-0.5),
    )
    given = {
        "x": x[:60],
        "y": y[:60],
        "test": (x[60:], y[60:]),
        "table": Discovered(rows, (name,), refusal=name, noise=0.01),
        "history": History(tuple(Step(n, name, 1 / n, 2 / n) for n in range(1, 9)), (name,)),
        "notes": [name, f"{name} too"],
        "title": name,
        "metrics": {"seed": 3, "rmse_test": 0.125},
    }
    return model, given


def page(path) -> Page:
    return Page(path.read_text("utf-8"))


def discovered(**more) -> tuple[Discovered, np.ndarray, np.ndarray]:
    """A table of two formulas for y = 2 p² + q, of which the better has its square as a spline, and rows."""
    p, q = symbol("p"), symbol("q")
    rows = (
        Found(
            "y", 2 * sympy.Function("spline_1")(p) + q, 8, 1e-3, ("one spline is left",), ("p", "q"),
            {"spline_1": Parabola()}, (Constant(2.0, 1.98765, 2.0123),), {"p": (0.25, 1.75)}, 0.75, -200.0,
        ),
        Found("y", sympy.Float(1.23456789) * p, 3, 0.3, (), ("p", "q"), probability=1e-9, bits=-20.0),
    )  # fmt: skip
    x = np.random.default_rng(0).uniform(0.25, 1.75, (60, 2))
    return Discovered(rows, ("y is a sum of parts",), **more), x, 2 * x[:, 0] ** 2 + x[:, 1]
