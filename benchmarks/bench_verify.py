"""Certificates: how fast bounds and structural proofs are, and whether small models are decided.

Run: python benchmarks/bench_verify.py speed | monotone | near [--first 0 --last 200 --degree 3]

Each command prints seconds of the process besides those of the clock, since other work on the machine lengthens the latter only.
`make attack` looks for wrong proofs and accepted forgeries.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import splinework as sw
from splinework.knowledge.axioms import Bounded, Convex, Monotone
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.verify import bound, verify
from tests.knowledge.axioms.verify.models import smooth

TARGETS = {(2, 5, 1): 0.1, (4, 5, 1): 1.0, (4, 5, 5, 1): 5.0, (8, 5, 1): 60.0}


def rough(shape: tuple[int, ...], seed: int) -> sw.KAN:
    """A network of random coefficients, cubic, G = 5."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(list(shape), dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(0, 0.5, generator=generator)
    return model


def timed(run: Callable[[], Any], repeats: int) -> tuple[Any, float, float]:
    """The result of a function, and the best seconds of process and clock."""
    cpu = wall = np.inf
    for _ in range(repeats):
        start, clock = time.process_time(), time.perf_counter()
        found = run()
        cpu, wall = min(cpu, time.process_time() - start), min(wall, time.perf_counter() - clock)
    return found, cpu, wall


def speed(seeds: int) -> None:
    """Bounds to 1 % of the range, and structural proofs."""
    print("| network | kind | boxes | seconds of process | of the clock | target |\n|---|---|---|---|---|---|")
    for shape, target in TARGETS.items():
        for kind, make in (("smooth", smooth), ("rough", rough)):
            for seed in range(seeds):
                model = make(shape, seed)
                found, cpu, wall = timed(lambda m=model: bound(m, gap=0.01, effort=60), 1)
                done = "" if found.upper - found.lower < 0.02 * abs(found.upper) + 0.1 else " (not done)"
                print(
                    f"| {list(shape)} | {kind} {seed} | {found.boxes}{done} | {cpu:.3f} | {wall:.3f} | {target} |",
                    flush=True,
                )
    from splinework.knowledge.axioms.realise import realise

    for shape in ([2, 5, 1], [4, 5, 1], [4, 5, 5, 1], [8, 8, 8, 1]):
        for axiom in (Monotone("x1"), Convex("x2"), Bounded(0, 1)):
            plain = sw.KAN(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
            model = realise(plain, [axiom], [(-1.0, 1.0)] * shape[0])
            found, cpu, wall = timed(lambda m=model, a=axiom: verify(m, a), 5)
            how = f"{axiom.text()}: {found.status} by {found.claims[0].method}"
            print(f"| {shape} | {how} | {found.boxes} | {cpu:.4f} | {wall:.4f} | 0.01 |", flush=True)


def monotone(count: int) -> None:
    """Small random networks, half of them pushed towards rising: each is proved or refuted."""
    found = {"proved": 0, "refuted": 0, "unknown": 0}
    start = time.process_time()
    for seed in range(count):
        draw = np.random.default_rng(seed)
        shape = [int(draw.integers(1, 4)), int(draw.integers(2, 5)), 1]
        model = rough(tuple(shape), seed)
        with torch.no_grad():
            for layer in model.kan_layers:
                steps = torch.linspace(-1, 1, layer.basis.size, dtype=torch.float64)[None, :, None]
                layer.coefficients.mul_(float(draw.uniform(0.02, 0.4))).add_(float(draw.uniform(0, 1.0)) * steps)
        found[verify(model, Monotone("x1"), effort=20).status] += 1
    print(f"{count} networks: {found}; {time.process_time() - start:.1f} s of the process")


def _value(model: sw.KAN) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: model(x)[:, 0]


def _slope(model: sw.KAN, i: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def of(x: torch.Tensor) -> torch.Tensor:
        x = x if x.requires_grad else x.requires_grad_()
        return torch.autograd.grad(model(x)[:, 0].sum(), x, create_graph=True)[0][:, i]

    return of


def _attack(
    function: Callable[[torch.Tensor], torch.Tensor], box: dict[str, tuple[float, float]], points: int, seed: int
) -> Any:
    """Values of a function on Sobol's points, and on an ascent and a descent from the best of them."""
    lo, hi = (torch.tensor([pair[end] for pair in box.values()], dtype=torch.float64) for end in (0, 1))
    engine = torch.quasirandom.SobolEngine(len(lo), scramble=True, seed=seed)
    values, best = [], []
    for start in range(0, points, 1 << 16):
        x = lo + (hi - lo) * engine.draw(min(1 << 16, points - start), dtype=torch.float64)
        y = function(x).detach()
        values.append(y.numpy())
        best += [x[y.argmax()].detach(), x[y.argmin()].detach()]
    for sign in (1.0, -1.0):
        x = torch.stack(best).requires_grad_()
        step = 0.05 * (hi - lo)
        for _ in range(30):
            y = function(x)
            values.append(y.detach().numpy())
            slope = torch.autograd.grad(y.sum(), x)[0]
            x = torch.clamp(x + sign * step * torch.sign(slope), lo, hi).detach().requires_grad_()
            step = step * 0.8
        values.append(function(x).detach().numpy())
    return np.concatenate(values)


def _near_claim(model: sw.KAN, box: dict[str, tuple[float, float]], number: int) -> str:
    """A claim within 5 % of the truth on either side: a bound of the values (kinds 0, 1) or of a slope (2, 3)."""
    draw = np.random.default_rng(number)
    by = float(draw.choice([-1, 1]) * draw.uniform(0, 0.05))
    kind, i = number % 4, number // 4 % 8
    values = _attack(_value(model) if kind < 2 else _slope(model, i), box, 1 << 14, number)
    name, spread = model.config.input_names[i], float(np.ptp(values))
    if kind == 3:
        return f"lipschitz({float(np.abs(values).max()) * (1 + by)!r}, along=({name!r},))"
    end = float(values.max() + by * spread if kind == 1 else values.min() - by * spread)
    if kind == 2:
        return f"residual('d y/d {name} >= {end!r}')"
    return f"bounded({'upper' if kind else 'lower'}={end!r})"


def near(first: int, last: int, degree: int) -> None:
    """Claims about smooth [8, 6, 1] networks, true and false, within 5 % of the truth: the share unknown at 3 units of work."""
    found: Counter[str] = Counter()
    proofs, checks = [], []
    for number in range(first, last):
        model = smooth((8, 6, 1), number // 10, degree)
        box = dict.fromkeys(model.config.input_names, (-1.0, 1.0))
        text = _near_claim(model, box, number)
        certificate, whole, _ = timed(lambda m=model, t=text, b=box: verify(m, t, box=b, effort=3.0), 1)
        accepted, checked, _ = timed(lambda m=model, c=certificate: check(m, c), 1)
        found[certificate.status] += 1
        if certificate.status == "proved":
            proofs.append(whole - checked)
            checks.append(checked)
        print(
            f"{number} {text}: {certificate.status} in {whole:.2f} s, checked in {checked:.2f} s: {bool(accepted)}",
            flush=True,
        )
    ratio = sum(checks) / max(sum(proofs), 1e-9)
    print(f"{last - first} claims: {dict(found)}; checks of what is proved take {ratio:.2f} times the proofs")


def main() -> None:
    """Runs one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("speed", "monotone", "near"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=200)
    parser.add_argument("--degree", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.command == "speed":
        speed(given.seeds)
    elif given.command == "monotone":
        monotone(given.count or 50)
    else:
        near(given.first, given.last, given.degree)


if __name__ == "__main__":
    main()
