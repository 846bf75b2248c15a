"""Differential equations from their statement alone: error, parameters and seconds of each, the median over seeds.

Run: python benchmarks/bench_pde.py poisson, poisson-product, helmholtz, heat, allen-cahn, burgers, kdv, wave, inverse, or
several, or none for all; --seeds 5 for those that begin at random. Every solution is compared where no point was given, with an
exact one, or one far more exact: the Cole-Hopf transform for Burgers' equation (error below 1e-12), Fourier modes with ETDRK4
for Allen and Cahn's (below 1e-7, but 2e-5 near x = ±1 before t = 0.001) and with an integrating factor for Korteweg and de
Vries's (below 1e-7, by halving its steps and doubling its modes). L2² is the mean of the squared error, relative L2 its root
over that of the solution. Seconds are wall time and process time: on a machine that others use the second is the fairer one.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

import splinework as sw
from splinework.data.simulators.equations import AllenCahnSet, BurgersSet
from splinework.knowledge.axioms import Axiom, Boundary, Initial, Periodic, ResidualEquation, Soft
from splinework.knowledge.teach.pde import EquationSolution, Slabs, TimeMarchingModel, separable, solve_equations

PI = math.pi


@dataclass(frozen=True)
class Problem:
    """A problem, the network that solves it, and the truth.

    Attributes:
        axioms: The statement.
        box: Ranges of the inputs, in order.
        truth: Rows of points `(N, 2)` to the solution `(N,)`.
        network: Function that makes the network from a seed.
        options: Options of `solve_equations`.
        random: Whether seeds make a difference.
        unknowns: True values of the unknown constants.
        measured: Number of rows and of columns of points at which the solution is known, and the noise there.
    """

    axioms: list[Axiom]
    box: dict[str, tuple[float, float]]
    truth: Callable[[Tensor], Tensor]
    network: Callable[[int], sw.KAN]
    options: dict[str, Any] = field(default_factory=dict)
    random: bool = True
    unknowns: dict[str, float] = field(default_factory=dict)
    measured: tuple[int, float] = (0, 0.0)


def seeded(seed: int) -> torch.Generator:
    """A source of randomness."""
    return torch.Generator().manual_seed(seed)


def plain(width: int, names: tuple[str, str]) -> Callable[[int], sw.KAN]:
    """`[2, width, 1]` with sum nodes."""
    return lambda seed: sw.KAN(
        [2, width, 1], names=names, output_names=["u"], dtype=torch.float64, generator=seeded(seed)
    )


def product(grid: int, degree: int, names: tuple[str, str], terms: int = 1) -> Callable[[int], sw.KAN]:
    """Product nodes of one function of each input."""
    return lambda seed: separable(names, terms, grid=grid, degree=degree, generator=seeded(seed))


def sines(p: Tensor) -> Tensor:
    """sin πx sin πy."""
    return torch.sin(PI * p).prod(1)


def of_set(name: str) -> Callable[[Tensor], Tensor]:
    """The reference of a data set."""
    recipe = {"burgers": BurgersSet, "allen-cahn": AllenCahnSet}[name]()
    return lambda p: torch.as_tensor(recipe.evaluate(p.numpy())[:, 0])


def travelling(p: Tensor) -> Tensor:
    """sin πx cos πt + sin 2πx sin 2πt / 2π, the string with that start."""
    x, t = PI * p.unbind(1)[0], PI * p.unbind(1)[1]
    return torch.sin(x) * torch.cos(t) + torch.sin(2 * x) * torch.sin(2 * t) / (2 * PI)


def solitons(p: Tensor, modes: int = 512, steps: int = 10_000) -> Tensor:
    """u_t + u u_x + 0.022² u_xxx = 0 from cos πx, by Fourier modes with an integrating factor and Runge and Kutta's steps.

    The points are those of `mesh`, whose times are whole numbers of steps.
    """
    wave = PI * np.fft.rfftfreq(modes, 1 / modes)
    wave[-1] = 0
    kept = np.arange(len(wave)) < modes / 3
    h = 1 / steps
    half = np.exp(1j * 0.022**2 * wave**3 * h / 2)
    rate = -0.5j * h * wave * kept

    def moved(v: np.ndarray) -> np.ndarray:
        return rate * np.fft.rfft(np.fft.irfft(v, modes) ** 2)

    v = np.fft.rfft(np.cos(PI * (-1 + 2 * np.arange(modes) / modes)))
    times = (p[:, 1] * steps).round().long().numpy()
    found = np.empty(len(p))
    for step in range(steps + 1):
        rows = np.flatnonzero(times == step)
        if len(rows):
            factor = np.where((wave == 0) & (np.arange(len(wave)) > 0) | (np.arange(len(wave)) == 0), 1.0, 2.0) / modes
            phases = np.exp(1j * wave * (p[rows, 0].numpy()[:, None] + 1))
            found[rows] = (phases * v * factor).real.sum(1)
        a = moved(v)
        b = moved(half * (v + a / 2))
        c = moved(half * v + b / 2)
        d = moved(half**2 * v + half * c)
        v = half**2 * v + (half**2 * a + 2 * half * (b + c) + d) / 6
    return torch.as_tensor(found)


SQUARE, STRIP = {"x": (-1.0, 1.0), "y": (-1.0, 1.0)}, {"x": (-1.0, 1.0), "t": (0.0, 1.0)}
EDGE = Boundary({"x": (-1, 1), "y": (-1, 1)}, 0)
POISSON: list[Axiom] = [ResidualEquation("u_xx + u_yy = -2*pi**2*sin(pi*x)*sin(pi*y)"), EDGE]
ENDS, START = Boundary({"x": (0, 1)}, 0), Initial("t", 0, "sin(pi*x)")
HEAT = {"x": (0.0, 1.0), "t": (0.0, 1.0)}
XY, XT = ("x", "y"), ("x", "t")


def cooled(p: Tensor) -> Tensor:
    """sin πx exp(-0.1 π² t)."""
    return torch.sin(PI * p[:, 0]) * torch.exp(-0.1 * PI**2 * p[:, 1])


PROBLEMS = {
    "poisson": Problem(POISSON, SQUARE, sines, plain(2, XY), {"starts": 8, "tolerance": 1e-6}),
    "poisson-product": Problem(
        POISSON, SQUARE, sines, product(20, 9, XY), {"starts": 4, "grids": None, "tolerance": 0}
    ),
    "helmholtz": Problem(
        [ResidualEquation("u_xx + u_yy + u = (1 - 17*pi**2)*sin(pi*x)*sin(4*pi*y)"), EDGE],
        SQUARE,
        lambda p: torch.sin(PI * p[:, 0]) * torch.sin(4 * PI * p[:, 1]),
        product(30, 9, XY),
        {"starts": 4, "grids": None, "tolerance": 0},
    ),
    "heat": Problem([ResidualEquation("u_t = 0.1*u_xx"), ENDS, START], HEAT, cooled, plain(2, XT)),
    "wave": Problem(
        [ResidualEquation("u_tt = u_xx"), ENDS, Initial("t", 0, "sin(pi*x)", rate="sin(2*pi*x)")],
        HEAT,
        travelling,
        product(20, 7, XT, 7),
        {"schedule": Slabs(20), "tolerance": 1e-6},
        random=False,
    ),
    "burgers": Problem(
        [ResidualEquation("u_t + u*u_x = 0.01/pi*u_xx"), Initial("t", 0, "-sin(pi*x)"), Boundary({"x": (-1, 1)}, 0)],
        STRIP,
        of_set("burgers"),
        product(20, 7, XT, 7),
        {"schedule": Slabs(20)},
        random=False,
    ),
    "allen-cahn": Problem(
        [
            ResidualEquation("u_t = 1e-4*u_xx + 5*(u - u**3)"),
            Initial("t", 0, "x**2*cos(pi*x)"),
            Periodic("x", 2, strength=Soft()),
        ],
        STRIP,
        of_set("allen-cahn"),
        product(20, 7, XT, 7),
        {"schedule": Slabs(20), "tolerance": 1e-5},
        random=False,
    ),
    "kdv": Problem(
        [
            ResidualEquation("u_t + u*u_x + 0.022**2*u_xxx = 0"),
            Initial("t", 0, "cos(pi*x)"),
            Periodic("x", 2, strength=Soft()),
        ],
        STRIP,
        solitons,
        product(20, 9, XT, 7),
        {"schedule": Slabs(20)},
        random=False,
    ),
    "inverse": Problem(
        [ResidualEquation("u_t = nu*u_xx", {"nu": 1.0}), ENDS, START],
        HEAT,
        cooled,
        plain(2, XT),
        unknowns={"nu": 0.1},
        measured=(6, 0.0),
    ),
    "inverse-noisy": Problem(
        [ResidualEquation("u_t = nu*u_xx", {"nu": 1.0}), ENDS, START],
        HEAT,
        cooled,
        plain(2, XT),
        {"grids": None, "starts": 4},
        unknowns={"nu": 0.1},
        measured=(20, 0.01),
    ),
}


def mesh(box: dict[str, tuple[float, float]], across: int, along: int) -> Tensor:
    """Points `(across · along, 2)`, ends included."""
    ends = zip(box.values(), (across, along), strict=True)
    return torch.cartesian_prod(*(torch.linspace(a, b, n, dtype=torch.float64) for (a, b), n in ends))


def solved(problem: Problem, seed: int) -> EquationSolution:
    """The solution by one call."""
    options = dict(problem.options)
    if "schedule" not in options:
        options = {"seed": seed, "progress": False, **options}
    count, noise = problem.measured
    if count:
        p = mesh(problem.box, count, count)
        y = problem.truth(p)
        options["data"] = p, y + noise * torch.randn(len(y), generator=seeded(seed), dtype=y.dtype)
    return solve_equations(problem.network(seed), problem.axioms, over=problem.box, **options)


def row_of(name: str, problem: Problem, seed: int, points: Tensor, truth: Tensor) -> tuple[str, float, float, float]:
    """A row of the table; L2², relative L2 and process time for the median."""
    wall, own = time.perf_counter(), time.process_time()
    found = solved(problem, seed)
    wall, own = time.perf_counter() - wall, time.process_time() - own
    with torch.no_grad():
        error = found.model(points)[:, 0] - truth
    square, relative = float(error.square().mean()), float(error.norm() / truth.norm())
    if isinstance(found.model, TimeMarchingModel):
        count, parts = found.model.parameter_count(), f", {len(found.model.parts)} slabs"
    else:
        network = getattr(found.model, "network", found.model)
        count, parts = network.parameter_count(active=True), ""
    off = [
        f"{key} {value:.8g}, off by {abs(value / problem.unknowns[key] - 1):.1g}"
        for key, value in found.unknowns.items()
    ]
    cells = (
        f"{name} | {seed} | {square:.2g} | {relative:.2g} | {count}{parts} | {wall:.1f} | {own:.1f} | {', '.join(off)}"
    )
    return f"| {cells} |", square, relative, own


def main() -> None:
    """Prints a table in Markdown, and the median of each problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="*", choices=[*PROBLEMS, []], default=[])
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    print(
        "| problem | seed | L2² | relative L2 | parameters | seconds | process time | found |\n|---|---|---|---|---|---|---|---|"
    )
    for name in asked.problems or PROBLEMS:
        problem = PROBLEMS[name]
        points = mesh(problem.box, 201, 101)
        truth, found = problem.truth(points), []
        for seed in range(asked.seeds if problem.random else 1):
            row, *numbers = row_of(name, problem, seed, points, truth)
            print(row, flush=True)
            found.append(numbers)
        middle = [statistics.median(column) for column in zip(*found, strict=True)]
        print(f"| {name} | median | {middle[0]:.2g} | {middle[1]:.2g} | | | {middle[2]:.1f} | |", flush=True)


if __name__ == "__main__":
    main()
