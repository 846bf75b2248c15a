"""Suites that papers on symbolic regression have in common, and sparse polynomials drawn by a rule.

Nguyen (Uy et al. 2011), Keijzer (2003), Vladislavleva (2009), Korns (2011), Jin (2019), Livermore (Mundhenk et al. 2021), and
right sides of Strogatz's two-dimensional systems (La Cava et al. 2016). Ranges are those of the sources, narrower where a
function would have hundreds of waves.
"""

import random

import numpy as np

from benchmarks.formulas.tasks import Task
from splinework.formula.expression import Expression

_TRIG = "exp(-x)*x**3*cos(x)*sin(x)*(cos(x)*sin(x)**2 - 1)"
CLASSICAL = (
    ("nguyen-1", "x**3 + x**2 + x", -1, 1),
    ("nguyen-2", "x**4 + x**3 + x**2 + x", -1, 1),
    ("nguyen-3", "x**5 + x**4 + x**3 + x**2 + x", -1, 1),
    ("nguyen-4", "x**6 + x**5 + x**4 + x**3 + x**2 + x", -1, 1),
    ("nguyen-5", "sin(x**2)*cos(x) - 1", -3, 3),
    ("nguyen-6", "sin(x) + sin(x + x**2)", -3, 3),
    ("nguyen-7", "log(x + 1) + log(x**2 + 1)", 0, 2),
    ("nguyen-8", "sqrt(x)", 0, 4),
    ("nguyen-9", "sin(x) + sin(y**2)", -2, 2),
    ("nguyen-10", "2*sin(x)*cos(y)", -3, 3),
    ("nguyen-11", "x**y", 0.1, 2),
    ("nguyen-12", "x**4 - x**3 + y**2/2 - y", -1, 1),
    ("keijzer-1", "0.3*x*sin(6.283185307179586*x)", -1, 1),
    ("keijzer-4", _TRIG, 0, 6),
    ("keijzer-7", "log(x)", 1, 100),
    ("keijzer-9", "log(x + sqrt(x**2 + 1))", 0, 100),
    ("keijzer-11", "x*y + sin((x - 1)*(y - 1))", -3, 3),
    ("keijzer-13", "6*sin(x)*cos(y)", -3, 3),
    ("keijzer-14", "8/(2 + x**2 + y**2)", -3, 3),
    ("keijzer-15", "x**3/5 + y**3/2 - y - x", -3, 3),
    ("livermore-1", "1/3 + x + sin(x**2)", -3, 3),
    ("livermore-3", "sin(x**3)*cos(x**2) - 1", -2, 2),
    ("livermore-4", "log(x + 1) + log(x**2 + 1) + log(x)", 0.1, 2),
    ("livermore-5", "x**4 - x**3 + x**2 - y", 0, 1),
    ("livermore-6", "4*x**4 + 3*x**3 + 2*x**2 + x", -1, 1),
    ("livermore-7", "sinh(x)", -1, 1),
    ("livermore-8", "cosh(x)", -1, 1),
    ("livermore-9", "x**9 + x**8 + x**7 + x**6 + x**5 + x**4 + x**3 + x**2 + x", -1, 1),
    ("livermore-11", "x**2*y**2/(x + y)", 0.1, 2),
    ("livermore-12", "x**5/y**3", 0.5, 2),
    ("livermore-13", "x**(1/3)", 0, 4),
    ("livermore-14", "x**3 + x**2 + x + sin(x) + sin(x**2)", -2, 2),
    ("livermore-16", "x**(2/3)", 0, 4),
    ("livermore-19", "x**5 + x**4 + x**2 + x", -1, 1),
    ("livermore-21", "x**8 + x**7 + x**6 + x**5 + x**4 + x**3 + x**2 + x", -1, 1),
    ("livermore-22", "exp(-0.5*x**2)", -2, 2),
    ("vladislavleva-1", "exp(-(x - 1)**2)/(1.2 + (y - 2.5)**2)", 0.3, 4),
    ("vladislavleva-3", f"{_TRIG}*(y - 5)", 0.05, 5),
    ("vladislavleva-4", "10/(5 + (x - 3)**2 + (y - 3)**2 + (z - 3)**2 + (v - 3)**2 + (w - 3)**2)", 0.05, 6.05),
    ("vladislavleva-5", "30*(x - 1)*(z - 1)/(y**2*(x - 10))", 0.5, 2),
    ("vladislavleva-7", "(x - 3)*(y - 3) + 2*sin((x - 4)*(y - 4))", 2, 6),
    ("vladislavleva-8", "((x - 3)**4 + (y - 3)**3 - (y - 3))/((y - 2)**4 + 10)", 0.05, 6.05),
    ("jin-1", "2.5*x**4 - 1.3*x**3 + 0.5*y**2 - 1.7*y", -3, 3),
    ("jin-2", "8*x**2 + 8*y**3 - 15", -3, 3),
    ("jin-3", "0.2*x**3 + 0.5*y**3 - 1.2*y - 0.5*x", -3, 3),
    ("jin-4", "1.5*exp(x) + 5*cos(y)", -3, 3),
    ("jin-6", "1.35*x*y + 5.5*sin((x - 1)*(y - 1))", -3, 3),
    ("korns-4", "-2.3 + 0.13*sin(x)", -5, 5),
    ("korns-5", "3 + 2.13*log(x)", 0.1, 50),
    ("korns-7", "213.80940889*(1 - exp(-0.54723748542*x))", 0, 10),
    ("korns-8", "6.87 + 11*sqrt(7.23*x*y*z)", 0, 5),
    ("korns-11", "6.87 + 11*cos(7.23*x**3)", -1, 1),
    ("korns-12", "2 - 2.1*cos(9.8*x)*sin(1.3*y)", -2, 2),
    ("strogatz-bacteria-1", "20 - x - x*y/(1 + 0.5*x**2)", 0, 10),
    ("strogatz-bacteria-2", "10 - x*y/(1 + 0.5*x**2)", 0, 10),
    ("strogatz-magnets", "0.5*sin(x - y) - sin(x)", -3, 3),
    ("strogatz-glider-1", "-0.05*x**2 - sin(y)", -3, 3),
    ("strogatz-glider-2", "x - cos(y)/x", 0.5, 4),
    ("strogatz-competition", "3*x - 2*x*y - x**2", 0, 5),
    ("strogatz-prey", "x*(4 - x - y/(1 + x))", 0, 5),
    ("strogatz-predator", "y*(x/(1 + x) - 0.075*y)", 0, 10),
    ("strogatz-shear-1", "cos(x)/tan(y)", 0.3, 1.4),
    ("strogatz-shear-2", "(cos(y)**2 + 0.1*sin(y)**2)*sin(x)", -3, 3),
    ("strogatz-oscillator", "10*(y - (x**3 - x)/3)", -2, 2),
)
"""Name, formula, and the range of all inputs."""
N_POLYNOMIALS, MAX_TERMS, MAX_DEGREE, MAX_COLUMNS = 40, 8, 10, 4
_INPUTS = ("x", "y", "z", "v", "w")


def classical() -> tuple[Task, ...]:
    """The classical formulas."""
    found = []
    for name, text, low, high in CLASSICAL:
        inputs = tuple(_INPUTS[k] for k in Expression(text, _INPUTS).columns)
        found.append(_task("classical", name, text, inputs, low, high))
    return tuple(found)


def polynomials(seed: int = 0) -> tuple[Task, ...]:
    """Sparse polynomials: columns, terms and degrees equally likely, coefficients in tenths, boxes about zero or beside it."""
    generator = random.Random(seed)
    found = []
    for number in range(N_POLYNOMIALS):
        inputs = _INPUTS[: generator.randint(1, MAX_COLUMNS)]
        terms: dict[tuple[int, ...], int] = {}
        while len(terms) < len(inputs) or not all(any(p[i] for p in terms) for i in range(len(inputs))):
            terms = {}
            for _ in range(generator.randint(1, MAX_TERMS)):
                powers = [0] * len(inputs)
                for _ in range(generator.randint(1, MAX_DEGREE)):
                    powers[generator.randrange(len(inputs))] += 1
                terms[tuple(powers)] = generator.choice([-1, 1]) * generator.randint(2, 50)
        text = " + ".join(
            "*".join([f"({c / 10})", *(f"{x}**{p}" for x, p in zip(inputs, powers, strict=True) if p)])
            for powers, c in terms.items()
        )
        low, high = generator.choice([(-1.0, 1.0), (-1.5, 1.0), (0.0, 1.5), (0.5, 2.0)])
        found.append(_task(f"polynomials-{seed}" if seed else "polynomials", f"{number:02d}", text, inputs, low, high))
    return tuple(found)


def _task(suite: str, name: str, text: str, inputs: tuple[str, ...], low: float, high: float) -> Task:
    function = Expression(text, inputs)
    return Task(
        suite,
        name,
        inputs,
        lambda x: np.broadcast_to(function(x), (len(x),)).astype(float),
        (float(low),) * len(inputs),
        (float(high),) * len(inputs),
        text,
    )
