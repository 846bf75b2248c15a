"""Certificates: how fast bounds and structural proofs are, whether small models are decided, whether any proof is wrong.

Run: python benchmarks/bench_verify.py speed | monotone | near
     | sound [--points 1000000] | tamper [--count 1000]; near and sound take [--first 0 --last 200], too,
and near [--degree 3]

`sound` takes about a second per network with a million points on one core, and can go on anywhere: networks are numbered. Each
command prints seconds of the process besides those of the clock, since other work on the machine lengthens the latter only.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import splinework as sw
from splinework.knowledge.axioms import Bounded, Convex, Lipschitz, Monotone
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.verify import bound, verify
from splinework.knowledge.axioms.verify.certificate import seal
from splinework.knowledge.axioms.verify.exact import ExactModel

TARGETS = {(2, 5, 1): 0.1, (4, 5, 1): 1.0, (4, 5, 5, 1): 5.0, (8, 5, 1): 60.0}
KINDS = ("linear", "constant", "zero", "natural")
CHANGED = (
    "bound", "tree", "box", "model", "status", "point", "lo", "text", "seconds", "axioms", "claims", "tolerance",
)  # fmt: skip
"""What `tamper` changes in a certificate."""
BASES = ("none", "silu", "tanh", "sin", "gelu", "identity")


def smooth(shape: tuple[int, ...], seed: int, degree: int = 3) -> sw.KAN:
    """A network of gentle edges, as fits to smooth functions have: sines of half a period and straight lines, G = 5."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(list(shape), degree=degree, base="none", dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for layer in model.kan_layers:
            x = torch.linspace(-1.6, 1.6, layer.basis.size, dtype=torch.float64)[None, :, None]
            like = (layer.inputs, 1, layer.outputs)
            a, b, c = (torch.randn(like, generator=generator, dtype=torch.float64) for _ in range(3))
            layer.coefficients.copy_((a * torch.sin(1.2 * x + b) + 0.3 * c * x) / layer.inputs**0.5)
    return model


def rough(shape: tuple[int, ...], seed: int) -> sw.KAN:
    """A network of random coefficients, cubic, G = 5."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN(list(shape), dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(0, 0.5, generator=generator)
    return model


def any_model(seed: int) -> sw.KAN:
    """A network of one to three inputs of any degree from 1 to 5, base function, tails, scales, with products and dead edges."""
    draw = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    inputs, outputs = int(draw.integers(1, 4)), int(draw.integers(1, 3))
    hidden: list[Any] = []
    for _ in range(int(draw.integers(0, 3))):
        sums = int(draw.integers(1, 4))
        hidden.append((sums, int(draw.integers(1, 3))) if draw.random() < 0.3 else sums)
    model = sw.KAN(
        [inputs, *hidden, outputs],
        degree=int(draw.integers(1, 6)),
        grid=int(draw.integers(1, 8)),
        base=str(draw.choice(BASES)),
        extrapolation=str(draw.choice(KINDS)),
        input_scales=[str(draw.choice(["linear", "linear", "log"])) for _ in range(inputs)],
        output_scales=[str(draw.choice(["linear", "linear", "log"])) for _ in range(outputs)],
        dtype=torch.float64,
        generator=generator,
    )
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(0, float(draw.uniform(0.1, 0.7)), generator=generator)
            layer.mask.copy_((torch.rand(layer.mask.shape, generator=generator) < 0.85).to(layer.mask))
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


def sound(first: int, last: int, points: int) -> None:
    """Proved bounds of random networks, attacked by Sobol's points and by descent; slopes at a fiftieth of the points."""
    escapes = attacked = 0
    for seed in range(first, last):
        model = any_model(seed)
        scales = model.config.input_scales
        box = {
            name: (0.3, 2.5) if s == "log" else (-1.5, 1.5)
            for name, s in zip(model.config.input_names, scales, strict=True)
        }
        top, low = (bound(model, box=box, largest=largest, gap=0.02, effort=4) for largest in (True, False))
        values = _attack(_value(model), box, points, seed)
        # In float64 the network itself is right to some 1e-13 of the numbers in it.
        slack = 1e-12 * (1 + np.abs(values).max())
        wrong = int((values > top.upper + slack).sum() + (values < -low.upper - slack).sum())
        for found, sign in ((top, 1.0), (low, -1.0)):
            reached = sign * float(ExactModel(model)(list(found.point.values()))[0])
            wrong += reached < found.lower - 1e-9 * (1 + abs(found.lower))
        wrong += _slopes(model, box, max(points // 50, 1), seed)
        escapes, attacked = escapes + wrong, attacked + len(values)
        if wrong:
            print(f"network {seed}: {wrong} escapes", flush=True)
    print(f"networks {first} to {last - 1}: {attacked} points, {escapes} escapes")


def _slopes(model: sw.KAN, box: dict[str, tuple[float, float]], points: int, seed: int) -> int:
    """Escapes of slopes from what `verify` says of them, and counter-examples that do not reproduce."""
    lo, hi = (torch.tensor([pair[end] for pair in box.values()], dtype=torch.float64) for end in (0, 1))
    x = torch.quasirandom.SobolEngine(len(lo), scramble=True, seed=seed).draw(points, dtype=torch.float64)
    x = (lo + (hi - lo) * x).requires_grad_()
    slope = torch.autograd.grad(model(x)[:, 0].sum(), x)[0]
    steepest = 1.1 * float(slope.abs().max()) + 1e-9
    name = model.config.input_names[0]
    asked = [Monotone(name, output=0), Lipschitz(steepest, output=0)]
    found = verify(model, asked, box=box, effort=2)
    wrong = int(not check(model, found))
    for claim in found.of(asked[0]):
        wrong += claim.status == "proved" and int((slope[:, 0] < claim.bound - 1e-12 * steepest).sum())
    return wrong


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


def tamper(count: int) -> None:
    """Certificates changed at random, with the old seal and with a new one."""
    rejected = sealed_rejected = sealed = 0
    draw = np.random.default_rng(0)
    pool = []
    for seed in range(4):
        model = smooth((2, 3, 1), seed)
        top = bound(model).upper
        for axiom in (
            f"bounded(upper={top + 0.1:.3f})",
            "monotone(x1)",
            "lipschitz(9.0)",
            f"bounded(upper={top - 0.2:.3f})",
        ):
            found = verify(model, axiom)
            assert check(model, found), "an untampered certificate was rejected"
            pool.append((model, found.to_dict()))
    for _ in range(count):
        model, content = pool[int(draw.integers(len(pool)))]
        changed = json.loads(json.dumps(content))
        serious = _change(changed, draw)
        rejected += not check(model, changed)
        if serious:
            sealed += 1
            changed.pop("seal")
            changed["seal"] = seal(changed)
            sealed_rejected += not check(model, changed)
    print(f"{rejected} of {count} changed certificates rejected")
    print(f"{sealed_rejected} of {sealed} rejected that say what is not so and were sealed anew")


def _change(content: dict[str, Any], draw: np.random.Generator) -> bool:
    """One change in place; returns whether the certificate then says what is not so, whatever its seal."""
    claim = content["claims"][int(draw.integers(len(content["claims"])))]
    proved = claim["status"] == "proved"
    name = str(draw.choice(CHANGED))
    if name == "bound":
        claim["bound"] = 1e3 if proved else -1e-3
    elif name == "tree":
        claim["tree"] = claim["tree"][:-1] if claim["tree"] else "."
    elif name == "box":
        key = str(draw.choice(list(content["box"])))
        content["box"][key][int(draw.integers(2))] *= 0.5
    elif name == "model":
        content["model"] = content["model"][::-1]
    elif name == "status":
        content["status"] = "refuted" if content["status"] == "proved" else "proved"
    elif name == "point":
        claim["counterexample"] = None if claim["counterexample"] else dict.fromkeys(claim["names"], 0.0)
    elif name == "lo":
        claim["lo"][0] = claim["lo"][0] + 0.25
    elif name == "text":
        claim["text"] += " "
    elif name == "seconds":
        content["seconds"] += 1.0
        return False
    elif name == "axioms":
        content["axioms"].append("positive()")
    elif name == "claims":
        content["claims"].pop()
    else:
        claim["tolerance"] = claim["tolerance"] * 100
    return True


def main() -> None:
    """Runs one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("speed", "monotone", "near", "sound", "tamper"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=200)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--degree", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.command == "speed":
        speed(given.seeds)
    elif given.command == "monotone":
        monotone(given.count or 50)
    elif given.command == "near":
        near(given.first, given.last, given.degree)
    elif given.command == "sound":
        sound(given.first, given.last, given.points)
    else:
        tamper(given.count or 1000)


if __name__ == "__main__":
    main()
