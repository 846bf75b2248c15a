"""What is said of one input holds of another that it may change places with."""

from splinework.knowledge.axioms.implications import implied
from splinework.knowledge.axioms.language import axioms_of, parse_axiom
from tests.families import every

NAMES = ("x", "y", "t")


@every(
    ("texts", "follows"),
    [
        ("monotone(x); symmetric(x, y)", "monotone(y)"),
        ("monotone(x); antisymmetric(x, y)", "monotone(y, increasing=False)"),
        ("convex(0); antisymmetric(0, 1)", "concave(y)"),
        ("positive(); antisymmetric(x, y)", "bounded(upper=0.0)"),
        ("monotone(x, domain={x: (0, 1)}); symmetric(x, y, t)", "monotone(t, domain={t: (0, 1)})"),
        ("lipschitz(2, x, t); symmetric(x, y)", "lipschitz(2, y, t)"),
        ("no_interaction(x, t); symmetric(x, y)", "no_interaction(y, t)"),
        ("boundary({x: (0, 1)}, 2); antisymmetric(x, y)", "boundary({y: (0, 1)}, -2.0)"),
        ("initial(x, value=2, rate=1); antisymmetric(x, y)", "initial(y, value=-2.0, rate=-1.0)"),
        ("invariant(rotation, x, y)", "symmetric(x, y)"),
        ("invariant(rotation, x, y)", "even(y)"),
        ("monotone(x, strength=soft); symmetric(x, y)", "monotone(y, strength=soft)"),
        ("monotone(x); symmetric(x, y, strength=soft(2))", "monotone(y, strength=soft(2.0))"),
    ],
)
def test_what_follows(texts, follows):
    found = implied(axioms_of(texts.split("; ")), NAMES)
    assert parse_axiom(follows) in found
    assert len(set(found)) == len(found)
    assert set(implied(found, NAMES)) == set(found)


def test_nothing_follows_for_another_output():
    axioms = axioms_of(["monotone(x, output=p)", "symmetric(x, y, output=q)"])
    assert implied(axioms, NAMES, ("p", "q")) == axioms
    assert len(implied(axioms_of(["monotone(x, output=p)", "symmetric(x, y)"]), NAMES, ("p", "q"))) == 3
