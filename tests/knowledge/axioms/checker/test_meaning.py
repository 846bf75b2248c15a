"""The checker reads every axiom by itself: it means the same claims as the prover, in all words and numbers."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.formula.functions import FUNCTIONS
from splinework.knowledge.axioms.checker.certificates import ModelChecker
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.models import Reading
from splinework.knowledge.axioms.checker.points import PointView
from splinework.knowledge.axioms.language import parse_axiom
from splinework.knowledge.axioms.verify.exact import ExactEnvironment, ExactModel
from splinework.knowledge.axioms.verify.subject import subject_of
from splinework.nn.frame import Frame, FramedKAN
from tests.knowledge.axioms.verify.models import any_model, box_for

AXIOMS = [
    "monotone(x1)",
    "monotone(x2, increasing=False, domain={'x1': (0, 0.5)})",
    "convex(x1)",
    "concave(x2, output='y2')",
    "bounded(-1, 2)",
    "bounded(upper=0.25)",
    "positive()",
    "lipschitz(3)",
    "lipschitz(2.5, along=('x2',))",
    "symmetric(x1, x2, x3)",
    "antisymmetric(x1, x3)",
    "even(x1, centre=0.1)",
    "odd(x2)",
    "periodic(x1, period=0.7)",
    "invariant('sign', ('x1', 'x2'))",
    "invariant('scale', ('x1', 'x2'))",
    "invariant('translation', ('x1', 'x3'))",
    "invariant('rotation', (('x1', 'x2'),))",
    "no_interaction(x1, x2)",
    "additive((('x1', 'x2'),))",
    "sum_to_one()",
    "ordered()",
    "boundary({'x1': (-1, 1), 'x2': (0, inf)}, 'x1*x2')",
    "initial(x1, 0.0, 'sin(x2)', 'x2**2')",
    "units({'x1': 'm', 'x2': 'kg*m/s^2', 'x3': 's'}, 'J')",
    "through(((0.0, 0.1, 0.2),), ((5.0, 6.0),))",
    "integral(3.0, weight='1 + x1**2')",
    "conserved({'x1': 'x2', 'x2': '-x1'})",
    "residual('y1_x1x1 + y1_x2x2 = 0.3*y2')",
    "residual('y1_x1 = nu*y2_x2x2', unknowns=(('nu', 0.1),))",
    "law('f(x1, x2, x3) == f(x2, x1, x3)')",
    "law('f_x1 >= 0 when x2 < 0.5')",
    "law('d2 f/d x1 d x2 <= 1 when x1 > 0 and 0 <= x2 <= 0.5')",
    "law('0 <= y1 <= y2 + f(x1 + s, x2, x3)', output='y1')",
    "law('d2 f/d x22 + d f/d x3 >= -9')",
    "asymptote(x1)",
    "asymptote(x2, side='left', kind='linear')",
    "asymptote(x3, side='right', kind='value', value=0.5)",
    "bounded(lower=0.5, domain={'x2': (-inf, 0.25), 'x3': (-0.5, inf)})",
    "even(x1, domain='all')",
    "lipschitz(2, output='y2', along=('x1', 'x3'))",
    "invariant('sign', 'x1')",
    "invariant('rotation', (('x1', 'x2', 'x3'),))",
    "additive()",
    "additive((('x1', 'x3'),))",
    "ordered(outputs=('y2', 'y1'))",
    "sum_to_one(outputs=('y2', 'y1'))",
    "boundary({'x3': (-1, 1)})",
    "boundary(disc(('x1', 'x2'), (0.25, 0.5), 0.75), 'x1')",
    "boundary(union(box({'x1': (-1, 0.5)}), disc(('x1', 'x2'), (0, 0), 1)), 2)",
    "initial(x3, at=0.5, value=2)",
    "units({'x1': 'm', 'x2': 'm'})",
    "through(((0.0, 0.1, 0.2), (1.0, 0.0, 0.0)), ((5.0,), (6.0,)))",
    "integral(-40.0, over={'x1': (0, 0.5), 'x3': (-0.25, 1)}, output='y2')",
    "residual('y2_x3 <= 4')",
    "law('f_x1 + 2*f_x2 > 0 when x1 >= x2')",
    "law('f(x1, f(x2, x1, x3), x3) >= -9')",
]


def model_of(seed: int) -> sw.KAN:
    model = sw.KAN([3, 3, 2], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    for layer in model.kan_layers:
        with torch.no_grad():
            layer.coefficients.normal_(0, 0.4, generator=torch.Generator().manual_seed(seed + 1))
    return model


@pytest.fixture(scope="module")
def sides():
    """A model as the prover has it, and as the checker has it; in 60 digits both."""
    model = model_of(0)
    subject, reading = subject_of(model), Reading(model)
    ends = zip(subject.lo.tolist(), subject.hi.tolist(), strict=True)
    return subject, ExactModel(model), reading, ModelChecker(reading, dict(zip(subject.inputs, ends, strict=True)))


@pytest.mark.parametrize("text", AXIOMS)
def test_a_claim_has_one_meaning(text, sides):
    subject, exact, reading, checker = sides
    axiom = parse_axiom(text)
    mine, theirs = checker.claims(axiom.text()), axiom.claims(subject)
    assert len(mine) == len(theirs) > 0
    draw = np.random.default_rng(0)
    for a, b in zip(mine, theirs, strict=True):
        assert (a.text, a.names, a.equation, a.integral) == (b.text, b.names, b.equation, b.total)
        assert np.array_equal(a.lo, b.lo)
        assert np.array_equal(a.hi, b.hi)
        assert a.tolerance == pytest.approx(b.tolerance, rel=1e-14)
        assert set(a.along) == set(b.derivatives)
        assert bool(a.open) == bool(b.reason)
        assert len(a.conditions) == len(b.conditions)
        lo, hi = (np.clip(end, -2, 2) for end in (a.lo, a.hi))
        point = lo + draw.uniform(size=len(lo)) * (hi - lo)
        view, env = PointView(reading, point.tolist()), ExactEnvironment(exact, point.tolist(), b.inputs)
        for own, other in [(a.function, b.define), *zip(sum(a.conditions, ()), sum(b.conditions, ()), strict=True)]:
            assert abs(own(view) - (value := other(env))) <= 1e-15 * (1 + abs(value))


@pytest.mark.parametrize("case", range(16))
def test_models_have_the_same_values_in_sixty_digits(case):
    model = any_model(case)
    lo, hi = box_for(model)
    reading, exact = Reading(model), ExactModel(model)
    for share in np.random.default_rng(case).uniform(size=(4, len(lo))):
        point = (lo + share * (hi - lo)).tolist()
        for mine, theirs in zip(PointView(reading, point).f(point), exact(point), strict=True):
            assert abs(mine - theirs) <= 1e-20 * (1 + abs(theirs))


@pytest.mark.parametrize("tails", ["linear", "constant", "zero"])
@pytest.mark.parametrize(
    "basis",
    [*({"degree": k, "grid": 3} for k in (1, 2, 3)), *({"basis": b} for b in ("fourier", "chebyshev", "gaussian_rbf"))],
)
def test_every_basis_has_the_same_values_in_sixty_digits_within_its_grid_and_beyond(basis, tails):
    """Of straight splines the slope jumps at either end of the grid."""
    generator = torch.Generator().manual_seed(0)
    model = sw.KAN([1, 2], domain=(-1.0, 1.5), extrapolation=tails, dtype=torch.float64, generator=generator, **basis)
    reading, exact = Reading(model), ExactModel(model)
    for x in (-3.25, -1.0, 0.4, 1.5, 2.75):
        for mine, theirs in zip(PointView(reading, [x]).f([x]), exact([x]), strict=True):
            assert abs(mine - theirs) <= 1e-20 * (1 + abs(theirs))


WITHOUT_RULE = {"digamma", "logical_not", *(f"{kind}{order}" for kind in "ijky" for order in (0, 1))}
"""Functions at points that the checker does not know."""


@pytest.mark.parametrize(
    "name", sorted(name for name, each in FUNCTIONS.items() if each.arity == 1 and name not in WITHOUT_RULE)
)
def test_a_function_has_its_float_values_in_sixty_digits_wherever_it_has_any(name):
    network = sw.KAN([1, 1], names=["x"], dtype=torch.float64)
    model = FramedKAN(network, Frame(("x",), answers=(f"{name}(x)+0*z1",)))
    for x in (-2.5, -1.5, -0.5, 0.25, 0.75, 1.5, 4.0):
        with torch.no_grad():
            value = float(model(torch.tensor([[x]], dtype=torch.float64)))
        for (found,) in (ExactModel(model)([x]), PointView(Reading(model), [x]).f([x])):
            assert np.isnan(value) or abs(float(found) - value) <= 1e-9 * (1 + abs(value)), x


@pytest.mark.parametrize(
    "text",
    ["", "monotone(x9)", "monotone()", "nothing(x1)", "bounded(__import__('os'))", "monotone(x1).text", "law('f(x1) == 0')",
     "law('g(x1, x2, x3) == 0')",
     "invariant('reflection', (('x1', 'x2'),))", "residual('y1_x1 +')", "law('f[0] == 1')", "law('f(x1, x2, x3, s) == 0')",
     "through(((0.0, 0.1, 0.2),), ((5.0, 6.0, 7.0),))", "through(((0.0, 0.1),), ((5.0, 6.0),))",
     "boundary({'x1': (0, 1)}, 'open(1)')"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(text, sides):
    with pytest.raises(Unreadable):
        sides[-1].claims(text)
