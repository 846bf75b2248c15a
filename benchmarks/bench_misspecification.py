"""How often a fit warns of an axiom that is wrong, and of one that is right.

Rows uniform in a box, normal noise of 0.2 standard deviations of the function. The column `off` says how far a function is, in
noise deviations where it is most, from the nearest one (in the mean square) of which the axioms are true; with `--off 1` wrong
functions are drawn towards that one until they are off by one. Networks with a hidden layer are fitted from a single start, to
save time; others as `fit` does by itself.
Run: python benchmarks/bench_misspecification.py [--runs 60] [--rows 100 300] [--shape 1,1] [--kind wrong] [--off 1] [--out FILE]
"""

import argparse
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import splinework as sw
from splinework.knowledge.axioms import Boundary
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.sampling import PenaltyContext
from splinework.knowledge.teach.alternatives import alternative_space
from splinework.knowledge.teach.informed import build, fit_with_penalties, given_rows, with_implied
from splinework.knowledge.teach.likelihood_ratio import ResidualSample, likelihood_ratio_test
from splinework.knowledge.teach.misspecification import axiom_tests

PI = math.pi
Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """A function, axioms, the numbers of those that are wrong, and by how much where that is a shift of the function."""

    name: str
    shape: tuple[int, ...]
    axioms: tuple[Any, ...]
    function: Function
    wrong: tuple[int, ...] = ()
    low: float = 0.0
    shift: float = 0.0


def _logistic(x: Tensor, steepness: float) -> Tensor:
    return torch.sigmoid(steepness * (x - 0.5))


ENDS = Boundary({0: (0.0, 1.0)}, 0.0)

BOTH = ("monotone(0)", "monotone(1)")
CASES = (
    Case("parabola", (1, 1), ("monotone(0)",), lambda x: (x[:, 0] - 0.5) ** 2, (0,)),
    Case("x + 0.3 sin 2πx", (1, 1), ("monotone(0)",), lambda x: x[:, 0] + 0.3 * torch.sin(2 * PI * x[:, 0]), (0,)),
    Case(
        "rise and small dip",
        (1, 1),
        ("monotone(0)",),
        lambda x: x[:, 0] - torch.exp(-(((x[:, 0] - 0.6) / 0.12) ** 2)) / 3,
        (0,),
    ),
    Case("sin 4x", (1, 1), ("convex(0)",), lambda x: torch.sin(4 * x[:, 0]), (0,)),
    Case("x² + 0.35x", (1, 1), ("even(0)",), lambda x: x[:, 0] ** 2 + 0.35 * x[:, 0], (0,), -1.0),
    Case("x³ + 0.4x²", (1, 1), ("odd(0)",), lambda x: x[:, 0] ** 3 + 0.4 * x[:, 0] ** 2, (0,), -1.0),
    Case("1.1x²", (1, 1), ("bounded(upper=0.8)",), lambda x: 1.1 * x[:, 0] ** 2, (0,)),
    Case("sin πx + 0.15", (1, 1), (ENDS,), lambda x: torch.sin(PI * x[:, 0]), (0,), shift=0.15),
    Case(
        "periodic and a slope",
        (1, 1),
        ("periodic(0, period=0.5)",),
        lambda x: torch.sin(4 * PI * x[:, 0]) + x[:, 0],
        (0,),
    ),
    Case("constant", (1, 1), ("monotone(0)",), lambda x: 0 * x[:, 0]),
    Case("straight line", (1, 1), ("monotone(0)",), lambda x: x[:, 0]),
    Case("logistic", (1, 1), ("monotone(0)",), lambda x: _logistic(x[:, 0], 12)),
    Case("steep logistic", (1, 1), ("monotone(0)",), lambda x: _logistic(x[:, 0], 40)),
    Case("flat, then ramp", (1, 1), ("monotone(0)",), lambda x: (x[:, 0] - 0.6).clamp_min(0)),
    Case("straight line", (1, 1), ("convex(0)",), lambda x: x[:, 0]),
    Case("parabola", (1, 1), ("convex(0)",), lambda x: (x[:, 0] - 0.4) ** 2),
    Case("kink", (1, 1), ("convex(0)",), lambda x: (x[:, 0] - 0.4).abs()),
    Case("cos 3x", (1, 1), ("even(0)",), lambda x: torch.cos(3 * x[:, 0]), (), -1.0),
    Case("at its bound", (1, 1), ("bounded(upper=0.4)",), lambda x: x[:, 0].clamp_max(0.4)),
    Case("sin πx", (1, 1), (ENDS,), lambda x: torch.sin(PI * x[:, 0])),
    Case("sin 4πx", (1, 1), ("periodic(0, period=0.5)",), lambda x: torch.sin(4 * PI * x[:, 0])),
    Case("second is right", (2, 1), BOTH, lambda x: x[:, 1] + x[:, 0] + 0.3 * torch.sin(2 * PI * x[:, 0]), (0,)),
    Case("product", (2, 1), ("additive()",), lambda x: x.sum(1) + 3 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5), (0,)),
    Case("unlike", (2, 1), ("symmetric([0, 1])",), lambda x: torch.sin(3 * x[:, 0]) + x[:, 1] ** 2, (0,)),
    Case("rise, flat then ramp", (2, 1), BOTH, lambda x: x[:, 0] ** 3 + (x[:, 1] - 0.6).clamp_min(0)),
    Case("network too small", (2, 1), BOTH, lambda x: 2 * x[:, 0] ** 2 * x[:, 1]),
    Case("sum", (2, 1), ("additive()",), lambda x: torch.sin(4 * x[:, 0]) + x[:, 1] ** 2),
    Case("alike", (2, 1), ("symmetric([0, 1])",), lambda x: torch.sin(3 * x).sum(1)),
    Case(
        "network too small", (2, 1), ("symmetric([0, 1])",), lambda x: torch.sin(3 * x).sum(1) + 2 * x[:, 0] * x[:, 1]
    ),
    Case("second is right", (2, 3, 1), BOTH, lambda x: x[:, 1] + x[:, 0] + 0.3 * torch.sin(2 * PI * x[:, 0]), (0,)),
    Case(
        "product",
        (2, 3, 1),
        ("no_interaction(0, 1)",),
        lambda x: x.sum(1) + 3 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5),
        (0,),
    ),
    Case("unlike", (2, 3, 1), ("symmetric([0, 1])",), lambda x: torch.sin(3 * x[:, 0]) + x[:, 1] ** 2, (0,)),
    Case("product of powers", (2, 3, 1), BOTH, lambda x: 2 * x[:, 0] ** 2 * x[:, 1]),
    Case("sum", (2, 3, 1), ("no_interaction(0, 1)",), lambda x: torch.sin(4 * x[:, 0]) + x[:, 1] ** 2),
    Case("alike", (2, 3, 1), ("symmetric([0, 1])",), lambda x: torch.exp(x[:, 0] * x[:, 1]) + x.sum(1)),
)


def measured(case: Case, noise: float, wanted: float | None) -> tuple[Case, float, float]:
    """The case, drawn nearer where `wanted` is given, the deviation of its noise, and by how many deviations it is off."""
    generator = torch.Generator().manual_seed(0)
    x = case.low + (1 - case.low) * torch.rand(2048, case.shape[0], generator=generator, dtype=torch.float64)
    y = case.function(x)
    deviation = noise * (float(y.std()) or 1.0)
    if not case.wrong:
        return case, deviation, 0.0
    if case.shift:
        shift = case.shift if wanted is None else wanted * deviation
        whole = case.function
        return replace(case, function=lambda x: whole(x) + shift), deviation, shift / deviation
    one = torch.ones(1, dtype=torch.float64)
    box = torch.stack([x.amin(0), x.amax(0)], dim=1)
    setting = PenaltyContext(tuple(f"x{i + 1}" for i in range(x.shape[1])), ("y",), box, one, 0 * one, x[:256])
    (demand,) = axioms_of(case.axioms)[case.wrong[0]].linear_conditions(setting, 0)
    its = alternative_space(x, 24, 400)
    assert its is not None
    basis, rows = its.of(x), demand.values(its.of, its.size)
    sample = ResidualSample(basis, (basis,), y)
    sure = None if demand.equal else torch.zeros(len(rows), dtype=torch.float64)
    gap = -likelihood_ratio_test(sample, rows, demand.offset, sure, draws=100, generator=generator).gap * sample.noise
    off = float(gap.abs().max()) / deviation
    if wanted is None:
        return case, deviation, off
    part, weights, whole = 1 - wanted / off, basis.T @ gap, case.function
    return replace(case, function=lambda x: whole(x) + part * (its.of(x) @ weights)), deviation, wanted


def run(case: Case, rows: int, deviation: float, seed: int) -> dict[str, Any]:
    """One fit: the axioms that the test warned of, and seconds of processor time of the fit and of the test."""
    generator = torch.Generator().manual_seed(7919 * seed + rows)
    x = case.low + (1 - case.low) * torch.rand(rows, case.shape[0], generator=generator, dtype=torch.float64)
    y = case.function(x) + deviation * torch.randn(rows, generator=generator, dtype=torch.float64)
    axioms = axioms_of(case.axioms)
    model = sw.KAN(list(case.shape), generator=generator)
    settings = {"progress": False, "seed": seed, "starts": 1 if len(case.shape) > 2 else None}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        given = given_rows(model, x, y, "squared")
        built = build(model, with_implied(axioms, model.config.input_names, model.config.output_names), given)
        fitted, _ = fit_with_penalties(built, axioms, given, settings)
        middle = time.process_time()
        rejected = axiom_tests(fitted.model, axioms, given)
        ended = time.process_time()
    blamed = [number for number, axiom in enumerate(axioms) if any(axiom.text() in test.text for test in rejected)]
    return {"blamed": blamed, "fit": middle - began, "test": ended - middle}


def summary(case: Case, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts and mean seconds."""
    count = len(runs)
    return {
        "case": case.name,
        "shape": list(case.shape),
        "axioms": [axiom.text() for axiom in axioms_of(case.axioms)],
        "wrong": list(case.wrong),
        "runs": count,
        "warned of the wrong": sum(set(case.wrong) <= set(r["blamed"]) for r in runs) if case.wrong else None,
        "warned of a right": sum(bool(set(r["blamed"]) - set(case.wrong)) for r in runs),
        "seconds of the fit": sum(r["fit"] for r in runs) / count,
        "seconds of the test": sum(r["test"] for r in runs) / count,
    }


def chosen(arguments: argparse.Namespace) -> Iterator[Case]:
    """The cases that were asked for."""
    for case in CASES:
        if (
            arguments.kind in (None, "wrong" if case.wrong else "right")
            and arguments.only in case.name
            and arguments.shape in ("", ",".join(map(str, case.shape)))
        ):
            yield case


def shown(line: dict[str, Any]) -> str:
    """A line of the table."""
    wrong = f"wrong {line['warned of the wrong']}/{line['runs']} off {line['off']:.2f}" if line["wrong"] else ""
    return (
        f"{','.join(map(str, line['shape'])):6s} {line['case']:22s} {' '.join(line['axioms']):40s} n={line['rows']:<4d} "
        f"{wrong:22s} right {line['warned of a right']}/{line['runs']}  "
        f"fit {line['seconds of the fit']:.3f} s  test {line['seconds of the test']:.3f} s"
    )


def main() -> None:
    """Goes through the cases and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--shape", default="")
    parser.add_argument("--noise", type=float, default=0.2)
    parser.add_argument("--off", type=float)
    parser.add_argument("--kind", choices=["wrong", "right"])
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    found = []
    for case in chosen(arguments):
        case, deviation, off = measured(case, arguments.noise, arguments.off)
        for rows in arguments.rows:
            line = summary(case, [run(case, rows, deviation, seed) for seed in range(arguments.runs)])
            found.append({"rows": rows, "noise": arguments.noise, "off": off, **line})
            print(shown(found[-1]), flush=True)
            if arguments.out:
                fresh = arguments.out.with_suffix(".part")
                fresh.write_text(json.dumps(found, indent=1, ensure_ascii=False))
                os.replace(fresh, arguments.out)
    for kind, own in (("wrong", [f for f in found if f["wrong"]]), ("right", [f for f in found if not f["wrong"]])):
        total = sum(f["runs"] for f in own)
        if total:
            key = "warned of the wrong" if kind == "wrong" else "warned of a right"
            print(f"{kind}: warned in {sum(f[key] for f in own)} of {total} ({sum(f[key] for f in own) / total:.1%})")


if __name__ == "__main__":
    main()
