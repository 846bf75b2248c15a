"""Formulas with one known structure each, for testing structure detection; `pure_noise` has none."""

from typing import Final

from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input


def structure_names() -> tuple[str, ...]:
    """The names of all structures.

    >>> structure_names()[:3]
    ('structure:sparse', 'structure:additive', 'structure:product')
    """
    return tuple(one.name for one in _SETS)


def structure(name: str) -> FormulaSet:
    """A formula with a structure, by one of `structure_names()`.

    Example:
        >>> structure("structure:sparse").schema().active
        ('x2', 'x5', 'x9')
    """
    return next(one for one in _SETS if one.name == name)


def _made(
    name: str, formula: str, about: str, inputs: str, low: float = -1.0, high: float = 1.0, known: str = ""
) -> FormulaSet:
    box = tuple(Input(one, low, high) for one in inputs.split())
    return FormulaSet(formula, box, name=f"structure:{name}", about=about, known=(known,) if known else ())


_TEN: Final = " ".join(f"x{place}" for place in range(1, 11))
_SETS: Final = (
    _made("sparse", "sin(3*x2) + x5**2 + x2*x9", "a formula of 3 of its 10 inputs", _TEN),
    _made("additive", "sin(3*x1) + x2**2 + exp(x3)/2 - x4", "a sum of functions of one input each", "x1 x2 x3 x4"),
    _made("product", "x1*exp(x2)*cos(2*x3)", "a product of functions of one input each", "x1 x2 x3"),
    _made("composition", "sin(3*(a**2 + b)) + c*(a**2 + b)", "g(h(a, b), c) with h = a² + b", "a b c"),
    _made("symmetric", "a*b + sin(2*(a + b)) + c**2", "a formula that is symmetric in a and b", "a b c"),
    _made("antisymmetric", "(a - b)*(1 + c**2)", "a formula that is antisymmetric in a and b", "a b c"),
    _made(
        "scale",
        "(a - b)/(a + b) + sin(c)",
        "a formula of the ratio of a and b",
        "a b c",
        0.5,
        2.0,
        "invariant(scale, a, b)",
    ),
    _made(
        "translation",
        "exp(-(a - b)**2)*c",
        "a formula of the difference of a and b",
        "a b c",
        known="invariant(translation, a, b)",
    ),
    _made(
        "rotation",
        "exp(-(a**2 + b**2)) + a**2*c + b**2*c",
        "a formula of the length of (a, b)",
        "a b c",
        known="invariant(rotation, a, b)",
    ),
    _made("monotone", "exp(x) + tanh(3*z)*(1 + x**2/9)", "a formula that rises in z, and in x", "x z"),
    _made("convex", "(x + z)**2 + exp(x)", "a formula that is convex in both inputs", "x z"),
    _made("periodic", "sin(2*pi*t)*x + cos(4*pi*t)", "a formula of period 1 in t", "t x", -1.0, 1.0),
    _made("even", "cos(2*x)*exp(z) + x**2", "a formula that is even in x", "x z"),
    _made("odd", "sin(2*x)*exp(z) + x**3", "a formula that is odd in x", "x z"),
)
