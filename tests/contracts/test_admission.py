"""The price of admission: a basis or a base function is one class, and everything that the library does follows from it.

Both are written here as CONTRIBUTING.md says, registered as anybody would, and go through the laws that the built-in ones obey.
"""

import inspect
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, final
from unittest import mock

import numpy as np
import pytest
import torch
from numpy.polynomial import Legendre as Polynomial

import splinework as sw
from splinework.errors import ConfigError
from splinework.export import export
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.verify import verify
from splinework.knowledge.axioms.verify.certificate import from_dict, seal
from splinework.splines.bases import (
    ACTIVATIONS,
    BASES,
    Activation,
    Basis,
    BSpline,
    basis_from_dict,
    make_basis,
    register_activation,
    register_basis,
)
from tests.contracts import cases, test_primitives, test_tails
from tests.export import cases as export_cases
from tests.export import test_formulas, test_graph_targets, test_text_targets
from tests.export.runners import needs_compiler, needs_node
from tests.splines.bases import test_activations, test_bases


@final
@dataclass(frozen=True)
class Legendre(Basis):
    """`P_0 … P_order` over the domain."""

    order: int = 7

    name: ClassVar[str] = "legendre"
    resolution_field: ClassVar[str] = "order"
    nested: ClassVar[bool] = True

    @property
    def size(self) -> int:
        return self.order + 1

    def formula(self, x: Any, low: Any, high: Any, f: Any) -> list[Any]:
        u = ((x - low) - (high - x)) / (high - low)
        found = [1, u]
        for n in range(1, self.order):
            found.append(((2 * n + 1) * u * found[n] - n * found[n - 1]) / (n + 1))
        return found[: self.size]


@final
@dataclass(frozen=True)
class Wavelet(Activation):
    """`x exp(-x²)`."""

    name: ClassVar[str] = "wavelet"
    asymptotes: ClassVar[Any] = ((0.0, 0.0), (0.0, 0.0))
    odd: ClassVar[bool] = True

    def formula(self, x: Any, f: Any) -> Any:
        return x * f.exp(-(x * x))


@pytest.fixture(autouse=True, scope="module")
def _registered() -> Iterator[None]:
    register_basis(Legendre)
    register_activation(Wavelet)
    cases.ORACLES["legendre"] = _legendre_oracle
    cases.FORMULAS["wavelet"] = "t*exp(-t**2)"
    test_activations.TORCH["wavelet"] = lambda x: x * torch.exp(-(x**2))
    yield
    del BASES["legendre"], ACTIVATIONS["wavelet"], cases.ORACLES["legendre"], cases.FORMULAS["wavelet"]


def _legendre_oracle(basis: Any, ends: Any, x: Any, r: int) -> list[Any]:
    series = [Polynomial.basis(n, domain=[ends[0], ends[-1]]) for n in range(basis.order + 1)]
    return [(s.deriv(r) if r else s)(x) for s in series]


# -------------------------------------------------------------------------------------------------------- laws


NOT_EVERY = "test_a_basis_that_dies_out_is_zero_far_away_however_far"
"""Legendre's polynomials do not."""


def laws(module: ModuleType, **given: Any) -> list[Any]:
    """The laws of a module that take these arguments, with every value of the others."""
    found = []
    for name, law in vars(module).items():
        if name.startswith("test_") and name != NOT_EVERY and set(given) <= set(inspect.signature(law).parameters):
            axes = []
            for mark in getattr(law, "pytestmark", []):
                names = mark.args[0] if mark.name == "parametrize" else None
                if isinstance(names, str) and names not in given:
                    axes.append([(names, value) for value in mark.args[1]])
            for values in itertools.product(*axes):
                title = "-".join([name, *(str(v) for _, v in values)])
                # As everywhere, laws of all backends are slow in Triton's interpreter.
                marks = pytest.mark.slow if "triton" in title else ()
                found.append(pytest.param(law, given | dict(values), id=title[:120], marks=marks))
    return found


OF_BASES = [
    *laws(test_bases, basis=Legendre(6)),
    *laws(test_primitives, basis=Legendre(5)),
    *laws(test_tails, basis=Legendre(5)),
]
OF_FUNCTIONS = [
    *laws(test_activations, name="wavelet"),
    *laws(test_primitives, base="wavelet", basis=BSpline()),
    *laws(test_tails, base="wavelet", basis=BSpline()),
]


@pytest.mark.parametrize(("law", "given"), OF_BASES)
def test_a_new_basis_obeys_the_laws_of_bases(law: Callable[..., None], given: dict[str, Any]) -> None:
    law(**given)


@pytest.mark.parametrize(("law", "given"), OF_FUNCTIONS)
def test_a_new_base_function_obeys_the_laws_of_base_functions(law: Callable[..., None], given: dict[str, Any]) -> None:
    law(**given)


def test_the_laws_are_there():
    assert len(OF_BASES) > 50  # how many there are depends on the backends of this machine
    assert len(OF_FUNCTIONS) > 10
    names = {parameter.values[0].__name__ for parameter in [*OF_BASES, *OF_FUNCTIONS]}
    assert "test_primitives_equal_the_sums_that_define_them" in names
    assert "test_no_derivative_is_beyond_its_bound" in names


# ------------------------------------------------------------------------------------------- the whole library


def target(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(2 * x[:, :1]) + x[:, 1:] ** 2


@pytest.fixture(scope="module")
def fitted(_registered: None) -> sw.KAN:
    generator = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(400, 2, generator=generator, dtype=torch.float64) - 1
    model = sw.KAN([2, 2, 1], basis=Legendre(6), base="wavelet", generator=generator, dtype=torch.float64)
    return sw.fit(model, x, target(x), steps=60, seed=0).model


def test_it_fits_saves_and_loads(fitted, tmp_path):
    x = torch.rand(200, 2, dtype=torch.float64) * 2 - 1
    assert (fitted(x) - target(x)).abs().max() < 0.02
    sw.save(fitted, tmp_path / "m.safetensors")
    loaded = sw.load(tmp_path / "m.safetensors")
    assert loaded.kan_layers[0].basis == Legendre(6)
    assert loaded.kan_layers[0].base == "wavelet"
    assert torch.equal(loaded(x), fitted(x))
    assert basis_from_dict({"name": "legendre", "order": 3}) == make_basis("legendre", grid=1, degree=2) == Legendre(3)


def test_its_functions_compile_without_a_break():
    basis, base = Legendre(4), Wavelet()
    x = torch.rand(20, 2, dtype=torch.float64)
    grid = basis.make_grid(-torch.ones(2).double(), torch.ones(2).double())

    def functions(x: torch.Tensor) -> torch.Tensor:
        return basis.rows(x, grid, grid[:, :0], 1) + base.derivative(x, 1)[..., None]

    compiled = torch.compile(functions, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x), functions(x))


def test_it_refines_exactly(fitted):
    x = torch.rand(200, 2, dtype=torch.float64) * 3 - 1.5
    finer = sw.refine(fitted, grid=9)
    assert finer.kan_layers[0].basis == Legendre(9)
    assert (finer(x) - fitted(x)).abs().max() < 1e-12


@pytest.mark.slow
def test_its_edges_have_formulas():
    x = torch.linspace(-1, 1, 300, dtype=torch.float64)[:, None]
    model = sw.KAN(
        [1, 1], basis=Legendre(8), base="wavelet", dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    model = sw.fit(model, x, torch.sin(2 * x), steps=60, seed=0).model
    assert "sin" in str(sw.symbolify(model, x, torch.sin(2 * x)))


@pytest.mark.parametrize("claim", ["bounded(-2.5, 3.5)", "lipschitz(12.0)"])
def test_it_is_verified_with_a_certificate_that_the_checker_accepts(fitted, claim, tmp_path):
    found = verify(fitted, claim, effort=20)
    assert found.status == "proved"
    found.save(tmp_path / "c.json")
    assert check(fitted, tmp_path / "c.json")


def test_its_curvature_is_verified():
    model = sw.KAN([1, 1], basis=Legendre(2), base="none", bias=False, dtype=torch.float64)
    with torch.no_grad():
        model.kan_layers[0].coefficients.copy_(torch.tensor([0.0, 0.3, 1.0])[None, :, None])
        model.kan_layers[0].spline_weight.fill_(1.0)
    found = verify(model, "convex(x1)", effort=20)
    assert found.status == "proved"
    assert check(model, found)


def test_a_false_claim_of_it_is_refuted_at_a_point_that_the_checker_accepts(fitted):
    found = verify(fitted, "bounded(upper=1.0)", effort=20)
    assert found.status == "refuted"
    assert check(fitted, found)
    forged = verify(fitted, "bounded(-2.5, 3.5)", effort=20).to_dict()
    forged = json.loads(json.dumps(forged).replace("3.5", "1.0"))
    del forged["seal"]
    assert not check(fitted, from_dict(forged | {"seal": seal(forged)}))


def test_the_checker_does_not_rely_on_the_bounds_that_a_member_states(fitted):
    certificate = verify(fitted, "bounded(-2.5, 3.5)", effort=20)
    nothing = (
        (Legendre, lambda self, order, low, high: np.full((len(low), self.size), 1e-3)),
        (Wavelet, lambda *_: 0.1),
    )
    for member, bound in nothing:
        with mock.patch.object(member, "bound", bound):
            assert check(fitted, certificate)
            assert verify(fitted, "bounded(-2.5, 1.0)", effort=2).status != "proved"


EXPORTED = [
    export_cases.Case([2, 3, 1], "legendre", 3, 2, extrapolation, base, logs=n == 1, masked=n == 2)
    for n, (extrapolation, base) in enumerate(
        [("linear", "wavelet"), ("zero", "wavelet"), ("natural", "silu"), ("constant", "wavelet")]
    )
] + [export_cases.Case([2, 3, 1], "bspline", 3, 4, "linear", "wavelet")]
every_export = pytest.mark.parametrize("case", EXPORTED, ids=str)


@every_export
def test_it_is_exported_to_numpy_and_sympy(case):
    test_text_targets.test_numpy_equals_the_model(case)
    test_formulas.check(case, test_formulas.run_python(export(case.model(), "sympy"))["function"]())


@every_export
def test_it_is_exported_to_latex(case):
    text = export(case.model(), "latex")
    assert text.count("{") == text.count("}")
    assert r"\exp" in text


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_it_is_exported_to_c(tmp_path, dtype):
    got = test_text_targets.outside(EXPORTED, "c", dtype, tmp_path)
    test_text_targets.assert_all_equal(EXPORTED, *got, 1e-12 if dtype == torch.float64 else 1e-6)


@needs_node
def test_it_is_exported_to_javascript(tmp_path):
    test_text_targets.assert_all_equal(
        EXPORTED, *test_text_targets.outside(EXPORTED, "js", torch.float64, tmp_path), 1e-12
    )


@pytest.mark.slow
def test_it_is_exported_to_graphs():
    test_graph_targets.check_program(EXPORTED[0], torch.float64)
    held = test_graph_targets.onnx_of(EXPORTED[0], torch.float32)
    test_graph_targets.check_onnx(EXPORTED[0], torch.float32, *held)


# ---------------------------------------------------------------------------------------------------- refusals


def test_a_name_is_given_once():
    class Other(Basis):
        name: ClassVar[str] = "legendre"

    class Another(Activation):
        name: ClassVar[str] = "wavelet"

        def formula(self, x: Any, f: Any) -> Any:
            return x

    with pytest.raises(ConfigError, match="a basis 'legendre' is already registered"):
        register_basis(Other)
    with pytest.raises(ConfigError, match="a base function 'wavelet' is already registered"):
        register_activation(Another)
    assert register_basis(Legendre) is Legendre
    assert register_activation(Wavelet) is Wavelet
