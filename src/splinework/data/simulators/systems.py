"""Well-known ordinary differential equations by name, with typical parameters and initial values."""

from dataclasses import replace
from typing import Final

from splinework.data.inputs import Input
from splinework.data.simulators.ode import OdeSet
from splinework.errors import DataError, nearest


def system_names() -> tuple[str, ...]:
    """The names of all systems.

    >>> system_names()[:3]
    ('pendulum', 'damped_oscillator', 'van_der_pol')
    """
    return tuple(_SYSTEMS)


def system(name: str, *, end: float | None = None, points: int | None = None) -> OdeSet:
    """A system by its name.

    Raises:
        DataError: If the name is unknown; the message suggests similar ones.
        ConfigError: If a number is out of range, or `end` is too late for a chaotic system.

    Example:
        >>> system("lorenz").parameters
        (('sigma', 10.0), ('rho', 28.0), ('beta', 2.6666666666666665))
    """
    if name not in _SYSTEMS:
        raise DataError(f"there is no system {name!r}; {nearest(name, _SYSTEMS)}")
    found = _SYSTEMS[name]
    changed = {word: value for word, value in (("end", end), ("points", points)) if value is not None}
    return replace(found, **changed) if changed else found  # type: ignore[arg-type]


def _gravity(bodies: int) -> tuple[tuple[str, str], ...]:
    """Newton's law in the plane, G = 1, unit masses: positions x, y and velocities u, v of each body."""
    moving = [(f"{q}{i}", f"{w}{i}") for i in range(1, bodies + 1) for q, w in (("x", "u"), ("y", "v"))]
    pulls = []
    for i in range(1, bodies + 1):
        for q, w in (("x", "u"), ("y", "v")):
            terms = [
                f"({q}{j} - {q}{i})/((x{j} - x{i})**2 + (y{j} - y{i})**2)**1.5" for j in range(1, bodies + 1) if j != i
            ]
            pulls.append((f"{w}{i}", " + ".join(terms)))
    return (*moving, *pulls)


def _near(values: dict[str, float], width: float) -> tuple[Input, ...]:
    return tuple(Input(name, value - width, value + width) for name, value in values.items())


# Chenciner & Montgomery 2000, Annals of Mathematics 152: three equal masses on a figure of eight, period 6.3259
_EIGHT: Final = {
    "x1": 0.97000436, "y1": -0.24308753, "x2": -0.97000436, "y2": 0.24308753, "x3": 0.0, "y3": 0.0,
    "u1": 0.466203685, "v1": 0.43236573, "u2": 0.466203685, "v2": 0.43236573, "u3": -0.93240737, "v3": -0.86473146,
}  # fmt: skip
_PAIR: Final = {"x1": -0.5, "y1": 0.0, "x2": 0.5, "y2": 0.0, "u1": 0.0, "v1": -0.6, "u2": 0.0, "v2": 0.6}

_SYSTEMS: Final[dict[str, OdeSet]] = {
    one.name: one
    for one in (
        OdeSet(
            (("theta", "omega"), ("omega", "-g/length*sin(theta)")),
            (Input("theta", -2.5, 2.5, "rad"), Input("omega", -2.0, 2.0, "rad/s")),
            end=10.0,
            parameters=(("g", 9.81), ("length", 1.0)),
            time_unit="s",
            name="pendulum",
            about="a pendulum of 1 m, without friction",
        ),
        OdeSet(
            (("x", "v"), ("v", "-omega**2*x - 2*zeta*omega*v")),
            (Input("x", -1.0, 1.0, "m"), Input("v", -2.0, 2.0, "m/s")),
            end=10.0,
            parameters=(("omega", 2.0), ("zeta", 0.1)),
            time_unit="s",
            name="damped_oscillator",
            about="a damped harmonic oscillator",
        ),
        OdeSet(
            (("x", "y"), ("y", "mu*(1 - x**2)*y - x")),
            (Input("x", -3.0, 3.0), Input("y", -3.0, 3.0)),
            end=20.0,
            parameters=(("mu", 2.0),),
            name="van_der_pol",
            about="Van der Pol's oscillator, on its way to a limit cycle",
        ),
        OdeSet(
            (("x", "v"), ("v", "-delta*v - alpha*x - beta*x**3 + gamma*cos(omega*t)")),
            (Input("x", -1.5, 1.5), Input("v", -1.0, 1.0)),
            end=50.0,
            points=500,
            parameters=(("delta", 0.3), ("alpha", -1.0), ("beta", 1.0), ("gamma", 0.5), ("omega", 1.2)),
            exponent=0.12,
            name="duffing",
            about="Duffing's oscillator, driven, chaotic",
        ),
        OdeSet(
            (("prey", "a*prey - b*prey*hunters"), ("hunters", "c*prey*hunters - d*hunters")),
            (Input("prey", 0.5, 4.0), Input("hunters", 0.5, 4.0)),
            end=20.0,
            parameters=(("a", 1.1), ("b", 0.4), ("c", 0.1), ("d", 0.4)),
            name="lotka_volterra",
            about="hunters and prey (Lotka, Volterra)",
        ),
        OdeSet(
            (("x", "sigma*(y - x)"), ("y", "x*(rho - z) - y"), ("z", "x*y - beta*z")),
            (Input("x", -10.0, 10.0), Input("y", -10.0, 10.0), Input("z", 10.0, 40.0)),
            end=15.0,
            points=500,
            parameters=(("sigma", 10.0), ("rho", 28.0), ("beta", 8 / 3)),
            exponent=0.906,
            name="lorenz",
            about="Lorenz' equations, chaotic",
        ),
        OdeSet(
            (("s", "-beta*s*i"), ("i", "beta*s*i - gamma*i"), ("r", "gamma*i")),
            (Input("s", 0.8, 0.99), Input("i", 0.001, 0.1), Input("r", 0.0, 0.1)),
            end=60.0,
            parameters=(("beta", 0.4), ("gamma", 0.1)),
            time_unit="day",
            name="sir",
            about="an epidemic: susceptible, infected, removed",
        ),
        OdeSet(
            (("x", "p/sqrt(1 + p**2)"), ("p", "-x")),
            (Input("x", -2.0, 2.0), Input("p", -2.0, 2.0)),
            end=20.0,
            name="relativistic_oscillator",
            about="a spring and a mass near the speed of light (m = c = k = 1)",
        ),
        OdeSet(
            _gravity(2),
            _near(_PAIR, 0.05),
            end=5.0,
            name="two_body",
            about="two bodies of mass 1 in the plane, G = 1, near a round orbit",
        ),
        OdeSet(
            _gravity(3),
            _near(_EIGHT, 0.005),
            end=6.0,
            name="three_body",
            about="three bodies of mass 1 in the plane, G = 1, near the figure of eight",
        ),
    )
}
