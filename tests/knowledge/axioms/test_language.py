"""The text of an axiom gives an equal axiom back, and no text gives anything but an axiom or an error of ours."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splinework import axioms as ax
from splinework.errors import ConfigError, FormulaError
from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.language import WORDS, axiom_of, axioms_of, parse_axiom, strength_of
from tests.families import every

finite = st.floats(allow_nan=False, allow_infinity=False)
names = st.text(min_size=1, max_size=6) | st.integers(0, 9)
words = st.sampled_from(["x", "y", "t", "höhe", "a b", "it's", 'say "u"', "back\\slash", "\ud800", "\n"])
formulas = st.sampled_from(["0", "sin(pi*y)", "x**2 - y", "exp(-t)*x"])
ranges = st.tuples(finite, finite).filter(lambda pair: pair[0] < pair[1]) | st.just((-math.inf, 0.0))


def several(least: int) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(names, min_size=least, max_size=4, unique=True).map(tuple)


boxes = st.dictionaries(words, ranges, min_size=1, max_size=3)
discs = st.builds(
    lambda centre, radius: ax.Disc(tuple(centre), tuple(centre.values()), radius),
    st.dictionaries(words, finite, min_size=1, max_size=3),
    st.floats(1e-9, 1e9) | st.integers(1, 5),
)
regions = st.recursive(
    st.builds(ax.Box, boxes) | discs,
    lambda inner: st.sampled_from((ax.Union, ax.Intersection, ax.Difference)).flatmap(
        lambda kind: st.builds(kind, inner, inner)
    ),
    max_leaves=6,
)
rows = st.integers(1, 3).flatmap(
    lambda inputs: st.lists(st.tuples(st.tuples(*[finite] * inputs), finite), min_size=1, max_size=4)
)
spoken = {
    "strength": st.just(ax.Hard()) | st.builds(ax.Soft, st.floats(1e-6, 1e6) | st.just("auto")) | st.just(ax.Verify()),
    "domain": st.sampled_from(["grid", "all"]) | st.dictionaries(names, ranges, min_size=1, max_size=3),
    "output": st.none() | names,
}
alone = {key: spoken[key] for key in ("strength", "domain")}


def one(kind: type[Axiom], /, *values: st.SearchStrategy[object], **fields: st.SearchStrategy[object]) -> object:
    return st.builds(kind, *values, **fields, **(alone if kind in (ax.SumToOne, ax.Ordered) else spoken))


def _through(pairs: list[tuple[tuple[float, ...], float]], **options: object) -> Axiom:
    return ax.Through([p for p, _ in pairs], [v for _, v in pairs], **options)


def _bounded(pair: tuple[float, float], lower: bool, **options: object) -> Axiom:
    low, high = pair
    return ax.Bounded(low if lower and math.isfinite(low) else None, high, **options)


STRATEGIES = {
    ax.Monotone: one(ax.Monotone, names, increasing=st.booleans()),
    ax.Bounded: st.builds(_bounded, ranges, st.booleans(), **spoken),
    ax.Lipschitz: one(ax.Lipschitz, st.floats(1e-9, 1e9), along=several(1) | st.just(())),
    ax.Periodic: one(ax.Periodic, names, st.floats(1e-9, 1e9)),
    ax.Even: one(ax.Even, names, finite),
    ax.Odd: one(ax.Odd, names, finite),
    ax.Asymptote: one(
        ax.Asymptote,
        names,
        side=st.sampled_from(["left", "right", "both"]),
        kind=st.sampled_from(["linear", "constant", "value"]),
        value=finite,
    ),
    ax.Symmetric: one(ax.Symmetric, several(2)),
    ax.Antisymmetric: one(ax.Antisymmetric, several(2)),
    ax.Invariant: one(ax.Invariant, st.sampled_from(["sign", "scale", "translation", "rotation"]), several(2))
    | st.just(ax.Invariant("rotation", (("a", "b"), ("c", "d")))),
    ax.NoInteraction: several(2).flatmap(lambda pair: one(ax.NoInteraction, st.just(pair[0]), st.just(pair[1]))),
    ax.Additive: one(ax.Additive, several(2).map(lambda all_: ((all_[0],), all_[1:])) | st.just(())),
    ax.Through: st.builds(_through, rows, **spoken),
    ax.Boundary: one(ax.Boundary, st.dictionaries(names, ranges, min_size=1, max_size=2) | regions, finite | formulas),
    ax.Initial: one(ax.Initial, names, finite, value=finite | formulas, rate=st.none() | finite | formulas),
    ax.Integral: one(ax.Integral, finite, over=st.none() | st.dictionaries(names, ranges, min_size=1), weight=formulas),
    ax.SumToOne: one(ax.SumToOne, several(2) | st.just(())),
    ax.Ordered: one(ax.Ordered, several(2) | st.just(())),
    ax.Units: one(ax.Units, st.dictionaries(names, st.text(), min_size=1, max_size=3), st.text()),
    ax.Conserved: one(ax.Conserved, st.dictionaries(names, st.text(), min_size=1, max_size=3)),
    ax.ResidualEquation: one(
        ax.ResidualEquation, st.text(min_size=1).filter(str.strip), st.dictionaries(st.text(), finite)
    ),
    ax.Law: one(ax.Law, st.text(min_size=1).filter(str.strip)),
    ax.Convex: one(ax.Convex, names),
    ax.Concave: one(ax.Concave, names),
    ax.Positive: one(ax.Positive),
}
every_axiom = st.one_of(*STRATEGIES.values())


def test_every_axiom_of_the_package_is_in_the_language():
    public = {kind for kind in vars(ax).values() if isinstance(kind, type) and issubclass(kind, Axiom)} - {Axiom}
    assert public == set(WORDS.values()) == set(STRATEGIES) == set(WORDS.values())


@settings(deadline=None, max_examples=250, derandomize=True)
@given(every_axiom)
def test_the_text_of_an_axiom_gives_an_equal_axiom(axiom):
    assert parse_axiom(axiom.text()) == axiom
    assert parse_axiom(axiom.text()).text() == axiom.text()


@settings(deadline=None, max_examples=200, derandomize=True)
@given(every_axiom, st.data())
def test_a_mutated_text_gives_an_axiom_or_an_error_of_ours(axiom, data):
    text = axiom.text()
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(len(text), start + 4)))
    other = data.draw(
        st.text(max_size=3) | st.sampled_from(["(", ")", ",", "{", "'", "=", "\\", "\x00", "**", "inf", "f'"])
    )
    _reads_or_refuses(text[:start] + other + text[stop:])


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin1")))
def test_any_text_gives_an_axiom_or_an_error_of_ours(text):
    _reads_or_refuses(text)


def _reads_or_refuses(text: str) -> None:
    try:
        axiom = parse_axiom(text)
    except (ConfigError, FormulaError):
        return
    assert parse_axiom(axiom.text()) == axiom


@every(
    "text",
    [
        *("(" * 500, "-" * 50_000 + "1", "monotone(" + "-" * 15_000 + "1)", "bounded(" * 90 + ")" * 90, "1" * 10_000),
        *(
            "boundary(" + "union(" * 60 + ")" * 61,
            "additive(" + "(" * 150 + "a" + ")" * 151,
            "f(x) == " + "x+" * 4_000 + "x",
        ),
        *(
            "bounded(9**9**9**9)",
            "bounded(0**-1)",
            "bounded((-1)**0.5)",
            "bounded(10.0**400)",
            "bounded(1e999)",
            "a" * 30_000,
        ),
        *(
            "monotone(**a)", "monotone(*a)", "monotone(a, a=1, a=2)", "bounded({})", "disc(('x',), (0,), 1)", "",
            " ", "\n", "#",
        ),
        *(
            "boundary(disc(5, 6, 7))",
            "boundary(disc(('x',), (0,), 'r'))",
            "boundary(union(1, 2))",
            "boundary(monotone(x))",
        ),
        *(
            "monotone(f'a')", "monotone(b'a')", "monotone(a.b)", "monotone(a[0])", "monotone(lambda: a)",
            "monotone(a := 3)",
        ),
        *(
            "__import__('os')",
            "monotone(__import__('os').system('x'))",
            "bounded(lower=exit())",
            "boundary({'x': (1, 0)})",
        ),
        *(
            "boundary({[]: 1})", "boundary({'x': (0, 1), 'x': (1, 2)})", "monotone(a", "a when", "a > b when c == d",
            "a == b == c", "a < b > c", "d f/d", "f(x) ==", "f(x) == g when", "a and b", "a == 1 when b = 2",
        ),
    ],
)  # fmt: skip
def test_hostile_texts_are_refused(text):
    with pytest.raises((ConfigError, FormulaError)):
        parse_axiom(text)


@every(
    ("text", "axiom"),
    [
        ("monotone(age)", ax.Monotone("age")),
        (" monotone ( 'age' ,increasing = False)\n", ax.Monotone("age", increasing=False)),
        ("Monotone(age, strength=soft(0.1))", ax.Monotone("age", strength=ax.Soft(0.1))),
        ("monotone(2, strength='verify', output=u)", ax.Monotone(2, strength=ax.Verify(), output="u")),
        ("monotone(a, domain={a: (0, 1)})", ax.Monotone("a", domain={"a": (0, 1)})),
        ("convex(a, domain=all)", ax.Convex("a", domain="all")),
        ("bounded(lower=0)", ax.Bounded(0)),
        ("bounded(-1, 2*pi)", ax.Bounded(-1, 2 * math.pi)),
        ("periodic(hour, period=24)", ax.Periodic("hour", 24)),
        ("symmetric(a, b)", ax.Symmetric(("a", "b"))),
        ("symmetric((a, b))", ax.Symmetric(("a", "b"))),
        ("additive()", ax.Additive()),
        ("additive((a, b), c)", ax.Additive((("a", "b"), ("c",)))),
        ("NoInteraction(a, b)", ax.NoInteraction("a", "b")),
        ("invariant(rotation, x, y)", ax.Invariant("rotation", ("x", "y"))),
        ("invariant(rotation, (x, y), (p, q))", ax.Invariant("rotation", (("x", "y"), ("p", "q")))),
        ("invariant(sign, x)", ax.Invariant("sign", ("x",))),
        ("lipschitz(2, x, y)", ax.Lipschitz(2, ("x", "y"))),
        ("ordered(q10, q50, q90)", ax.Ordered(("q10", "q50", "q90"))),
        ("boundary({'x': (0, 1)}, 'sin(pi*y)')", ax.Boundary({"x": (0, 1)}, "sin(pi*y)")),
        ("boundary({x: (0, inf)}, sin(pi*y))", ax.Boundary({"x": (0, math.inf)}, "sin(pi * y)")),
        ("boundary(disc(('x','y'),(0,0),1))", ax.Boundary(ax.Disc(("x", "y"), (0, 0), 1))),
        (
            "boundary(difference(box({x: (-1, 1), y: (-inf, 1)}), disc((x, y), (0, 0), 0.5)), value=1)",
            ax.Boundary(
                ax.Difference(ax.Box({"x": (-1, 1), "y": (-math.inf, 1)}), ax.Disc(("x", "y"), (0, 0), 0.5)), 1
            ),
        ),
        ("initial(t, value=-sin(pi*x))", ax.Initial("t", value="-sin(pi * x)")),
        ("units({'m':'kg', 'v': 'm/s'},'J')", ax.Units({"m": "kg", "v": "m/s"}, "J")),
        ("through(((0, 1),), (2,))", ax.Through([(0, 1)], [2])),
        ("f(x,y) == f(y,x)", ax.Law("f(x,y) == f(y,x)")),
        ("f(x+y) - f(x)*f(y)", ax.Law("f(x+y) - f(x)*f(y)")),
        ("d f/d x >= 0 when y > 0", ax.Law("d f/d x >= 0 when y > 0")),
        ("0 <= d f/d x <= 1", ax.Law("0 <= d f/d x <= 1")),
        ("u_t + u*u_x = 0.01*u_xx", ax.ResidualEquation("u_t + u*u_x = 0.01*u_xx")),
        ("u_t == u_xx", ax.ResidualEquation("u_t = u_xx")),
        ("u_x + sin(u)", ax.ResidualEquation("u_x + sin(u)")),
        ("u_x >= 0", ax.Law("u_x >= 0")),
    ],
)
def test_the_forms_that_people_write(text, axiom):
    assert parse_axiom(text) == axiom


@every(
    ("text", "told"),
    [
        ("monotne(age)", "did you mean 'monotone'"),
        ("monotone(age, increase=True)", "did you mean 'increasing'"),
        ("monotone()", "needs input"),
        ("monotone(a, True, 3)", "takes input, increasing"),
        ("boundary(disk(('x',), (0,), 1))", "did you mean 'disc'"),
        ("monotone(a, strength='sofft')", "a strength is hard, soft"),
        ("monotone(a, input='b')", "no field 'input' left"),
        ("monotone(a, domain='everywhere')", "the domain of monotone"),
        ("d f/x >= 0", "write d f/d x"),
    ],
)
def test_wrong_words_are_told_with_a_way_out(text, told):
    with pytest.raises((ConfigError, FormulaError), match=told):
        parse_axiom(text)


def test_axioms_come_one_or_many():
    monotone, positive = ax.Monotone("a"), ax.Positive()
    assert axioms_of(None) == ()
    assert axioms_of(monotone) == axioms_of("monotone(a)") == (monotone,)
    assert axioms_of(["positive()", monotone]) == (positive, monotone)
    for wrong in (3, [3], [["positive()"]], {"a": 1}):
        with pytest.raises(ConfigError, match="axioms"):
            axioms_of(wrong)


def test_a_table_of_plain_values_is_an_axiom():
    assert axiom_of("monotone", {"input": "a", "strength": "soft"}) == ax.Monotone("a", strength=ax.Soft())
    assert axiom_of("symmetric", {"among": ["a", "b"]}) == ax.Symmetric(("a", "b"))
    disc = axiom_of("boundary", {"face": "disc((x, y), (0, 0), 1)", "value": "x"})
    assert disc == ax.Boundary(ax.Disc(("x", "y"), (0, 0), 1), "x")
    with pytest.raises(ConfigError, match="did you mean 'monotone'"):
        axiom_of("monoton", {})


@pytest.mark.parametrize("strength", [ax.Hard(), ax.Soft(), ax.Soft(0.1), ax.Soft(1e-9), ax.Verify()], ids=str)
def test_a_strength_is_read_back(strength):
    assert strength_of(strength.text()) == strength == strength_of(strength)
