"""Contradictions are named with both axioms and a way out; axioms that hold for one function together never are."""

import random
import re
from fractions import Fraction

import pytest
import torch

from splinework import axioms as ax
from splinework.errors import ConfigError
from splinework.knowledge.axioms.contradictions import check_axioms, find_contradictions
from splinework.knowledge.axioms.joint_conflicts import solve_rational
from splinework.knowledge.axioms.language import axioms_of, parse_axiom
from splinework.knowledge.axioms.terms import violation
from tests.families import every
from tests.knowledge.axioms.models import formula_model
from tests.work import calls

NAMES, BOX = ("x", "y", "t"), [(-1.0, 1.0), (-1.0, 1.0), (0.0, 2.0)]
WIDE = [(-1.5, 1.5), (-1.5, 1.5), (-2.0, 4.0)]

# Axioms, a piece of the reason, the severity.
CONFLICTS = [
    ("monotone(x); periodic(x, period=1)", "does not depend on it", "constant"),
    ("monotone(x, increasing=False); even(x)", "same on both sides", "constant"),
    ("monotone(x); monotone(x, increasing=False)", "neither falls nor rises", "constant"),
    ("monotone(x); symmetric(x, y); monotone(y, increasing=False)", "give monotone('", "constant"),
    ("monotone(x); antisymmetric(x, y); monotone(y)", "increasing=False", "constant"),
    ("convex(x); antisymmetric(x, y); convex(y)", "give concave('", "note"),
    ("monotone(t); antisymmetric(x, y)", "give monotone('t', increasing=False)", "constant"),
    ("antisymmetric(x, y); positive()", "values of both signs", "constant"),
    ("antisymmetric(x, y); bounded(upper=-1)", "values of both signs", "impossible"),
    ("symmetric(x, y); antisymmetric(y, x)", "zero everywhere", "constant"),
    ("bounded(upper=3, domain=all); convex(x, domain=all)", "with values at 3 or below", "constant"),
    ("positive(domain=all); concave(x, domain=all)", "with values at 0 or above", "constant"),
    ("bounded(0, 1, domain=all, strength=soft)", "continues as a straight line", "impossible"),
    ("convex(x); concave(x)", "must be linear", "note"),
    ("convex(x); periodic(x, period=2)", "does not depend on it", "constant"),
    ("odd(x); positive()", "an odd function is zero", "constant"),
    ("odd(x); bounded(lower=1)", "an odd function is zero", "impossible"),
    ("odd(x); convex(x)", "must be linear", "note"),
    ("odd(x); even(x)", "zero everywhere", "constant"),
    ("periodic(x, period=1); periodic(x, period=pi)", "no small multiples", "constant"),
    ("periodic(x, period=1); asymptote(x)", "the period 1", "constant"),
    ("convex(x, domain=all); asymptote(x)", "constant on both sides", "constant"),
    ("bounded(upper=1); bounded(lower=2)", "no number is", "impossible"),
    ("bounded(upper=-1); positive()", "no number is", "impossible"),
    ("asymptote(x, kind=value, value=5); bounded(upper=1, domain=all)", "tends to 5", "impossible"),
    ("asymptote(x, kind=value, value=5); asymptote(x, side=left, kind=value, value=4)", "to 5 and to 4", "impossible"),
    ("invariant(translation, x, y); monotone(x); monotone(y)", "depends on none", "constant"),
    ("invariant(sign, x, y); monotone(x); monotone(y)", "depends on none", "constant"),
    ("invariant(rotation, x, y); monotone(x)", "means even('x')", "constant"),
    ("invariant(rotation, x, y); odd(y)", "zero everywhere", "constant"),
    ("invariant(rotation, x, y); additive()", "is linear in", "note"),
    ("invariant(sign, x); odd(x)", "zero everywhere", "constant"),
    ("through(((0, 0, 0), (1, 0, 0)), (1, 0)); monotone(x)", "from row 0 to row 1", "impossible"),
    ("through(((0, 0, 0), (1, 1, 0)), (1, 0)); monotone(x); monotone(y)", "from row 0 to row 1", "impossible"),
    (
        "through(((0, 0, 0), (1, -1, 0)), (1, 0)); monotone(x); monotone(y, increasing=False)",
        "row 0 to row 1",
        "impossible",
    ),
    ("through(((0, 0, 0),), (3,)); bounded(upper=2)", "row 0 has the value 3", "impossible"),
    ("through(((0, 0, 0), (0, 0, 0)), (3, 2))", "have the same inputs", "impossible"),
    ("through(((0, 0, 0),), (3,)); through(((0, 0, 0),), (2,))", "have the same inputs", "impossible"),
    ("through(((0, 0.5, 0),), (3,)); odd(x)", "its own image", "impossible"),
    ("through(((0.5, 0.5, 0),), (3,)); antisymmetric(x, y)", "its own image", "impossible"),
    ("through(((-1, 0, 0), (1, 0, 0)), (3, 2)); even(x)", "the same values", "impossible"),
    ("through(((-1, 0, 0), (1, 0, 0)), (3, 2)); periodic(x, period=1)", "the same values", "impossible"),
    ("through(((0, 1, 0), (1, 0, 0)), (3, 2)); symmetric(x, y)", "the same values", "impossible"),
    ("through(((0, 0, 0), (0.5, 0.5, 0)), (3, 1)); lipschitz(1)", "the slopes allow 1", "impossible"),
    ("through(((0, 0, 0), (0.5, 0, 0), (1, 0, 0)), (0, 1, 0)); convex(x)", "on a line with convex", "impossible"),
    (
        "through(((0, 0, 0), (0.5, 0, 0)), (0, 1)); convex(x); bounded(upper=1.5)",
        "convex, bounded together",
        "impossible",
    ),
    (
        "through(((0, 0, 0), (0.5, 0, 0)), (0, 1)); concave(x); bounded(lower=-1)",
        "concave, bounded together",
        "impossible",
    ),
    ("through(((1, 0.5, 0),), (3,)); boundary({x: (-1, 1)}, y)", "row 0 has the value 3", "impossible"),
    ("through(((1, 0.5, 0),), (3,)); initial(t, value=x)", "row 0 has the value 3", "impossible"),
    ("through(((0, 0),), (3,))", "there are 3 inputs", "impossible"),
    ("boundary({x: (-1, 1)}, 0); boundary({y: (-1, 1)}, 1 + x)", "at x = 1, y =", "impossible"),
    ("boundary({x: (-1, 1)}, 0); boundary({x: (-1, inf)}, 1)", "at x = -1", "impossible"),
    ("boundary({x: (-1, 1)}, 0); boundary({x: (-1, inf)}, 0)", "is given twice", "note"),
    (
        "boundary(disc((x, y), (0, 0), 1), 0); boundary(disc((x, y), (0, 0), 1), 1)",
        "one boundary is given",
        "impossible",
    ),
    ("initial(t, value=x**2); boundary({x: (-1, 1)}, 0)", "the second 0", "impossible"),
    ("initial(t, value=0); initial(t, value=1)", "the second 1", "impossible"),
    ("initial(t, value=1 - x**2, rate=1); boundary({x: (-1, 1)}, 0)", "changes at the rate 0", "impossible"),
    ("initial(t, value=1 - x**2, rate=2); boundary({x: (-1, 1)}, 2*t)", "changes at the rate", None),
    ("boundary({x: (-1, 1)}, 3); bounded(upper=2)", "the value 3 at x = -1", "impossible"),
    ("initial(t, value=x); positive()", "does not lie at 0 or above", "impossible"),
    ("boundary({x: (-inf, 1)}, 0); boundary({x: (-1, inf)}, 1); monotone(x)", "1 at x = -1 and 0 at 1", "impossible"),
    ("boundary({x: (-1, 1)}, 2); monotone(x)", "same value at x = -1 and 1", "constant"),
    ("boundary({x: (-1, 1)}, -y); monotone(y)", "which falls", "impossible"),
    ("boundary({x: (-inf, 1)}, 0); boundary({x: (-1, inf)}, 9); lipschitz(2, x)", "allow 4", "impossible"),
    ("boundary({x: (-1, 1)}, 2); odd(x)", "the opposite of 2", "impossible"),
    ("boundary({x: (-inf, 1)}, 0); boundary({x: (-1, inf)}, 1); periodic(x, period=2)", "the same as", "impossible"),
    ("boundary({x: (-1, 1)}, 2); symmetric(x, y); boundary({y: (-1, 1)}, 3)", "give boundary", "impossible"),
    ("integral(9); bounded(0, 1)", "not 9", "impossible"),
    (
        "integral(1, over={x: (-1, 1), y: (0, 1), t: (0, 1)}); odd(x)",
        "the integral over these ranges is 0",
        "impossible",
    ),
    ("integral(1); antisymmetric(x, y)", "the integral over these ranges is 0", "impossible"),
    ("integral(1); integral(2)", "cannot be 1 and 2", "impossible"),
    ("units({x: kg, y: m}, J)", "no input has s in its unit", "impossible"),
    ("units({x: kg, y: 'm/s', t: m}, s); positive()", "", None),
    ("units({x: kg, y: 'm/s'}, s)", "do not combine", "impossible"),
    ("units({x: m, y: s, t: '1'}, 'm/s'); symmetric(x, y)", "cannot be exchanged", "impossible"),
    ("units({x: kg, y: 'm/s'}, J); additive()", "interact", "impossible"),
    ("units({x: kg, y: 'm/s'}, J); no_interaction(x, y)", "interact", "impossible"),
]
for_every_conflict = every(("texts", "why", "severity"), CONFLICTS)


@for_every_conflict
def test_a_contradiction_is_named(texts, why, severity):
    axioms = axioms_of(texts.split("; "))
    found = find_contradictions(axioms, NAMES, box=BOX)
    if severity is None:
        assert found == [] or all(each.severity == "note" for each in found)
        return
    fitting = [each for each in found if why in str(each) and each.severity == severity]
    assert fitting, [str(each) for each in found]
    parts = {part for part in (fitting[0].first, fitting[0].second, *fitting[0].others) if part is not None}
    assert {part for part in parts if not isinstance(part, str)} == set(axioms)
    assert all(str(axiom) in str(fitting[0]) for axiom in axioms)
    if severity == "note":
        assert fitting[0] in check_axioms(axioms, NAMES, box=BOX)
    else:
        with pytest.raises(ConfigError, match="the axioms contradict each other"):
            check_axioms(axioms, NAMES, box=BOX)


@for_every_conflict
def test_no_axiom_of_a_pair_is_at_fault_alone(texts, why, severity):
    axioms = axioms_of(texts.split("; "))
    if severity is None or len(axioms) == 1:
        return
    for left_out in axioms:
        rest = [axiom for axiom in axioms if axiom is not left_out]
        assert not any(why in str(each) for each in find_contradictions(rest, NAMES, box=BOX))


@for_every_conflict
def test_axioms_that_are_only_verified_demand_nothing(texts, why, severity):
    axioms = [type(a)(**{**vars(a), "strength": ax.Verify()}) for a in axioms_of(texts.split("; "))]
    assert find_contradictions(axioms, NAMES, box=BOX) == []


FUNCTIONS = [
    "x + y", "x - y", "x*y", "x**2 + y**2", "exp(-x**2 - y**2)", "sin(pi*x)*y", "x**3 + t", "exp(x) + t**2",
    "sqrt(x**2 + 0.1) - y**2", "x", "t", "x*y*t", "cos(pi*x) + cos(pi*y)", "softplus(9*x)", "sigmoid(x - y) + t",
    "(x - y)**2 + t", "tanh(x + y)", "x**2 - y**2",
]  # fmt: skip
CANDIDATES = [
    *(
        "positive(domain={x: (0, 1)})",
        "positive(domain={x: (0, 1), y: (-1, 0)})",
        "bounded(upper=0, domain={x: (-1, 0)})",
    ),
    *(
        "bounded(upper=1, domain={x: (-1, 1), y: (-1, 1)})",
        "convex(x, domain={x: (0, 1)})",
        "concave(x, domain={x: (-1, 0)})",
    ),
    *(
        "monotone(y, domain={x: (0, 1)})",
        "monotone(y, increasing=False, domain={x: (-1, 0)})",
        "lipschitz(2, domain={x: (0, 1)})",
    ),
    *(f"{word}({name})" for word in ("monotone", "convex", "concave", "even", "odd") for name in NAMES),
    *(f"monotone({name}, increasing=False)" for name in NAMES),
    *("monotone(x, domain={x: (0, 1)})", "monotone(x, increasing=False, domain={x: (-1, 0)})"),
    *(
        "periodic(x, period=2)", "periodic(x, period=1)", "periodic(y, period=2)", "periodic(t, period=4)",
        "even(t, centre=1)",
    ),
    *("symmetric(x, y)", "antisymmetric(x, y)", "invariant(sign, x, y)", "invariant(rotation, x, y)", "additive()"),
    *(
        "invariant(translation, x, y)", "no_interaction(x, y)", "no_interaction(x, t)", "additive((x, y), (t,))",
        "positive()",
    ),
    *(
        "bounded(-1, 1)", "bounded(-2, 2)", "bounded(0, 1)", "bounded(upper=4)", "lipschitz(1)", "lipschitz(2, x)",
        "lipschitz(4)",
    ),
    *(
        "boundary({x: (-1, 1)}, 0)",
        "boundary({x: (-1, 1)}, 1 + y**2)",
        "boundary({x: (-1, 1)}, -y)",
        "boundary({y: (-1, 1)}, 0)",
    ),
    *(
        "initial(t, value=0)",
        "initial(t, value=x*y)",
        "initial(t, value=x**3)",
        "initial(t, value=x**2 + y**2, rate=0)",
    ),
    *("integral(0)", "integral(16/3)", "integral(8)", "asymptote(x, side=right)", "asymptote(y, kind=linear)"),
]  # fmt: skip


@pytest.mark.quick(10)
@pytest.mark.parametrize("formula", FUNCTIONS)
def test_axioms_that_hold_for_one_function_do_not_contradict_each_other(formula):
    model = formula_model("x y t", z=formula)
    true = [axiom for axiom in map(parse_axiom, CANDIDATES) if violation(model, axiom, 256, box=WIDE).worst < 1e-9]
    x = torch.rand(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    x[:20, 1:] = x[:1, 1:]
    x[:, 2] += 1
    true.append(ax.Through(x.tolist(), model(x).detach().tolist()))
    changing = {name for name in NAMES if re.search(rf"\b{name}\b", formula)}
    for each in find_contradictions(true, NAMES, box=WIDE):
        parts = (each.first, each.second, *each.others)
        along = {name for part in parts if isinstance(part, ax.Axiom) for name in part.inputs} & set(NAMES)
        # A function that does not depend on an input is monotone both ways along it, and more.
        assert each.severity == "note" or (each.severity == "constant" and not along <= changing), str(each)


@every(
    "texts",
    [
        "monotone(x, domain={x: (0, 1)}); monotone(x, increasing=False, domain={x: (-1, 0)})",
        "monotone(x, domain={x: (0, 1)}); even(x)",
        "monotone(x, output=p); monotone(x, increasing=False, output=q)",
        "odd(x); positive(domain={x: (0, 1)})",
        "bounded(0, 1, domain=all); asymptote(x); periodic(y, period=2)",
        "periodic(x, period=1); periodic(x, period=1.5)",
        "ordered(); sum_to_one(); bounded(0, 1)",
        "boundary({x: (-1, 1)}, 0); boundary({y: (-1, inf)}, 1 - x**2)",
        "sum_to_one(p, q); bounded(lower=0.5)",
        "through(((0, 0), (1, 0)), ((1, 0), (0, 1))); monotone(x, output=q)",
    ],
)
def test_what_goes_together_is_let_through(texts):
    assert check_axioms(axioms_of(texts.split("; ")), ("x", "y"), ("p", "q"), box=[(-1, 1), (-1, 1)]) == ()


@every(
    ("texts", "fits"),
    [
        ("sum_to_one(); bounded(lower=0.4)", False),
        ("sum_to_one(); bounded(upper=0.3)", False),
        ("sum_to_one(); bounded(lower=0.3)", True),
        ("sum_to_one(); positive(); bounded(lower=0.6, output=p); bounded(lower=0.5, output=q)", False),
        ("sum_to_one(); bounded(0, 0.2, output=r); ordered(p, q, r)", False),
        ("sum_to_one(); positive(); bounded(lower=0.4, output=p); ordered(p, q, r)", False),
        ("sum_to_one(); bounded(0, 0.4, output=r); ordered(p, q, r); positive()", True),
        ("ordered(p, q); bounded(lower=2, output=p); bounded(upper=1, output=q)", False),
        ("ordered(p, q); bounded(lower=1, output=p); bounded(upper=2, output=q)", True),
    ],
)
def test_outputs_have_room(texts, fits):
    found = find_contradictions(axioms_of(texts.split("; ")), ("x",), ("p", "q", "r"))
    assert (found == []) == fits, [str(each) for each in found]


def test_bounds_on_the_whole_line_go_with_constant_tails():
    axioms = axioms_of("bounded(0, 1, domain=all, strength=soft)")
    assert find_contradictions(axioms_of("bounded(0, 1, domain=all)"), NAMES) == []
    assert find_contradictions(axioms, NAMES, extrapolation="constant") == []
    with pytest.raises(ConfigError, match="extrapolation='linear'"):
        check_axioms(axioms, NAMES)


@pytest.mark.parametrize(
    "text", ["monotone(q)", "monotone(7)", "monotone(x, output=w)", "ordered(y, w)", "additive((x, q))"]
)
def test_what_does_not_exist_is_told(text):
    with pytest.raises(ConfigError, match="which does not exist"):
        check_axioms(axioms_of(text), NAMES)


def test_every_list_of_the_table_takes_little_work():
    options = {"box": BOX}
    lists = [axioms_of(texts.split("; ")) for texts, *_ in CONFLICTS]
    for axioms in lists:
        find_contradictions(axioms, NAMES, **options)  # scipy's programs load once
    assert max(calls(find_contradictions, axioms, NAMES, **options) for axioms in lists) < 100_000


def test_elimination_is_exact():
    rows = [[Fraction(v) for v in row] for row in ([1, 2, 3, 6], [2, 4, 6, 12], [0, 1, 1, 2])]
    solution, free = solve_rational(rows, 3)
    assert free == 1
    assert all(sum(a * b for a, b in zip(row, solution, strict=False)) == row[-1] for row in rows)
    assert solve_rational([*rows, [Fraction(0)] * 3 + [Fraction(1)]], 3) == (None, 0)


def test_any_axioms_together_are_judged_and_no_error_escapes():
    pool = [axiom for texts, *_ in CONFLICTS for axiom in axioms_of(texts.split("; "))]
    chooser = random.Random(0)
    for _ in range(150):
        axioms = chooser.sample(pool, 6)
        found = find_contradictions(axioms, NAMES, box=chooser.choice([BOX, WIDE, None]))
        assert all(each.why and each.way_out and each.first in axioms for each in found)
