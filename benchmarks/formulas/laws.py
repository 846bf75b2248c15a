"""Laws as scientists fit them, with drawn numbers: kinetics, growth, relaxation, resonance, thresholds; 100 to 1000 rows each.

An odd seed draws the numbers of every second law (development), an even one those of the others (reports). By turns they have no
noise, 1 and 5 % of it.
"""

import random
import re
from functools import cache

from benchmarks.formulas.tasks import ROWS, Task
from splinework.formula.expression import Expression

LEVELS = (0.0, 0.01, 0.05)
FEWEST_ROWS = 100
LAWS = {
    "decay to a floor": ("{2:20} + {30:90}*exp(-{.08:.4}*t)", {"t": (0, 20)}),
    "cooling": ("room + (start - room)*exp(-{.05:.3}*t)", {"room": (5, 30), "start": (50, 95), "t": (0, 20)}),
    "Michaelis-Menten": ("{1:20}*s/({.5:5} + s)", {"s": (0.1, 10)}),
    "competitive inhibition": ("{1:20}*s/({.5:3}*(1 + i/{.5:5}) + s)", {"s": (0.1, 10), "i": (0, 8)}),
    "Hill over a base": ("{.1:2} + {1:9}*s**2/({2:20} + s**2)", {"s": (0.1, 10)}),
    "Hill with enzyme": ("{1:5}*e*s**3/({5:50} + s**3)", {"e": (0.5, 3), "s": (0.2, 6)}),
    "logistic": ("{5:50}/(1 + exp({2:6} - {.4:1.5}*t))", {"t": (0, 10)}),
    "logistic of a start": ("{40:90}/(1 + ({40:90}/n - 1)*exp(-{.3:1}*t))", {"n": (2, 20), "t": (0, 8)}),
    "damped, amplitude": ("a*exp(-{.1:.5}*t)*cos({1.5:4}*t)", {"a": (0.5, 3), "t": (0, 6)}),
    "damped, damping": ("{1:5}*exp(-d*t)*cos({1.5:4}*t)", {"d": (0.1, 0.8), "t": (0, 6)}),
    "threshold": ("{.5:5}*max(x - {1:4}, 0) + {.5:3}*z", {"x": (0, 6), "z": (0, 4)}),
    "capacity": ("min({.5:2}*x, z)", {"x": (0, 6), "z": (1, 5)}),
    "mixture": ("({1:9}*x + {1:9}*y)/(x + y)", {"x": (0.5, 4), "y": (0.5, 4)}),
    "in parallel": ("x*y/(x + y + {.5:3})", {"x": (0.5, 6), "y": (0.5, 6)}),
    "magnitude": ("sqrt(x**2 + y**2 + {1:9})", {"x": (-4, 4), "y": (-4, 4)}),
    "distance": ("sqrt((x - {.5:2})**2 + (y + {.5:2})**2)", {"x": (-4, 4), "y": (-4, 4)}),
    "Arrhenius": ("{2:9}*c*exp(-{2:6}/T)", {"c": (0.2, 3), "T": (1, 4)}),
    "metabolic rate": ("{1:5}*m**0.75*exp(-{.5:2}/T)", {"m": (0.5, 20), "T": (0.5, 2)}),
    "van der Waals": ("{.5:2}*T/(v - {.2:.5}) - {1:4}/v**2", {"T": (1, 4), "v": (1, 5)}),
    "Planck": ("{1:9}*x**3/(exp({.8:2}*x/T) - 1)", {"x": (0.3, 6), "T": (0.7, 2)}),
    "peak on a line": ("{1:5}*exp(-((x - {2:5})/{.5:1.5})**2) + {.1:.6}*x + {1:3}", {"x": (0, 8)}),
    "Lorentz peak": ("{1:5}/(1 + ((x - {2:4})/w)**2)", {"x": (0, 6), "w": (0.5, 2)}),
    "substrate inhibition": ("{5:20}*s/({.5:3} + s + s**2/{4:20})", {"s": (0.1, 20)}),
    "two substrates": ("{1:9}*s/({.5:3} + s)*o/({.5:3} + o)", {"s": (0.1, 8), "o": (0.1, 8)}),
    "Gompertz": ("{5:50}*exp(-{2:6}*exp(-{.3:1}*t))", {"t": (0, 10)}),
    "light at depth": ("{1:9}*tanh({.3:1.5}*i*exp(-{.1:.5}*z))", {"i": (0.2, 4), "z": (0, 6)}),
    "fall with drag": ("v*tanh({1:9}*t/v)", {"v": (2, 12), "t": (0, 4)}),
    "saturation": ("a*(1 - exp(-{.3:2}*x/a))", {"a": (1, 6), "x": (0, 8)}),
    "resonance": ("1/sqrt(({2:6} - w**2)**2 + (g*w)**2)", {"w": (0.3, 4), "g": (0.3, 1.5)}),
    "wind profile": ("u*log((z - {.3:.8})/{.05:.2})", {"u": (0.1, 1), "z": (2, 30)}),
}


@cache
def suite(seed: int) -> tuple[Task, ...]:
    """The laws of a seed."""
    generator = random.Random(seed)

    def number(found: re.Match[str]) -> str:
        low, high = map(float, found.groups())
        return f"{low * (high / low) ** generator.random():.3g}"

    tasks = []
    for turn, (name, (form, ranges)) in enumerate(list(LAWS.items())[1 - seed % 2 :: 2]):
        text = re.sub(r"\{(.+?):(.+?)\}", number, form)
        low, high = zip(*ranges.values(), strict=True)
        rows = round(FEWEST_ROWS * (ROWS / FEWEST_ROWS) ** generator.random())
        level = LEVELS[(turn + seed) % len(LEVELS)]
        function = Expression(text, tuple(ranges))
        tasks.append(Task(f"laws-{seed}", name, tuple(ranges), function, low, high, text, rows=rows, noise=level))
    return tuple(tasks)
