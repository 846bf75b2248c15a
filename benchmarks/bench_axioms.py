"""Axioms: whether hard ones are ever violated, what they cost, what they buy with few rows, and how soon nonsense is refused.

Run: python benchmarks/bench_axioms.py hard [--points 10000000] [--degrees 1 2 3 4 5] [--recipes monotone …]
     python benchmarks/bench_axioms.py cost [--draws 20] | small [--draws 50] | contradictions | units

`hard` takes some 2 s per recipe, degree, model and number type with a million points. Two fits are timed one after the other, in
turn, and their ratio is printed: other work on the machine meets both.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Sequence

import torch
from axiom_cases import COST, RECIPES, SMALL, Truth, attack, rough
from torch import Tensor

import splinework as sw
from splinework import axioms as ax
from splinework.data import data_set, feynman_ids
from splinework.errors import ConfigError
from splinework.knowledge.axioms.contradictions import check_axioms
from splinework.nn.frame import FramedKAN

BLOCK = 500_000
NOISE_COST, NOISE_SMALL = 0.1, 0.2


def hard(points: int, degrees: Sequence[int], wanted: Sequence[str], seeds: int) -> None:
    """Violations among random and awkward rows, of random models, before and after edits."""
    total = looked = 0
    for name in wanted or RECIPES:
        recipe = RECIPES[name]
        worst, broken = 0.0, 0
        start = time.process_time()
        for degree in degrees:
            for seed in range(seeds):
                model = rough(recipe, degree, seed, hidden=0 if seed % 3 == 2 and recipe.outputs == 1 else 6)
                for dtype in (torch.float64, torch.float32) if recipe.single else (torch.float64,):
                    eps = torch.finfo(dtype).eps
                    cast = model.to(dtype)
                    for block in range(-(-points // BLOCK)):
                        x = attack(min(points - block * BLOCK, BLOCK), cast, seed=1000 * seed + block).to(dtype)
                        with torch.no_grad():
                            found = recipe.violation(cast, x, eps)
                        worst = max(worst, float(found.max()))
                        broken += int((found > recipe.ulps).sum())
                        looked += len(x)
                    model = model.double()
        total += broken
        print(
            f"{name:24s} degrees {min(degrees)}-{max(degrees)}, {seeds} models each: {broken} violations; largest "
            f"{max(worst, 0.0):.3g} of {recipe.ulps:g} units of rounding; {time.process_time() - start:.0f} s",
            flush=True,
        )
    print(f"{total} violations in {looked:.3g} rows")


def _rows(truth: Truth, inputs: int, count: int, noise: float, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rows with noise, and fresh rows without."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, inputs, generator=generator, dtype=torch.float64) - 1
    fresh = 2 * torch.rand(2000, inputs, generator=generator, dtype=torch.float64) - 1
    wanted = truth(fresh)
    y = truth(x) + noise * wanted.std() * torch.randn(count, generator=generator, dtype=torch.float64)
    return x, y, fresh, wanted


@torch.no_grad()
def _error(model: sw.KAN | FramedKAN, x: Tensor, wanted: Tensor) -> float:
    return float((model(x)[:, 0] - wanted).square().mean().sqrt() / wanted.std())


def _pair(shape: list[int], axioms: Sequence[ax.Axiom], seed: int, rows: tuple[Tensor, ...]) -> tuple[float, ...]:
    """Errors and seconds of a fit without and one with axioms."""
    x, y, fresh, wanted = rows
    model = sw.KAN(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    begun = time.process_time()
    free = sw.fit(model, x, y, progress=False)
    middle = time.process_time()
    held = sw.fit(model, x, y, axioms=axioms, progress=False)
    end = time.process_time()
    return _error(free.model, fresh, wanted), _error(held.model, fresh, wanted), middle - begun, end - middle


def cost(draws: int) -> None:
    """1000 rows, noise of 0.1 deviations: errors and times, with over without."""
    print("n = 1000, noise 0.1 deviations; ratios with / without axioms, medians; targets 1.05 and 1.5")
    for name, (inputs, truth, axioms, shape) in COST.items():
        found = [_pair(shape, axioms, s, _rows(truth, inputs, 1000, NOISE_COST, s)) for s in range(draws)]
        errors = statistics.median(b / a for a, b, _, _ in found)
        seconds = statistics.median(d / c for _, _, c, d in found)
        summary = (
            f"error {statistics.median(a for a, *_ in found):.4f} without, ratio {errors:.3f}; time ratio {seconds:.2f}"
        )
        print(
            f"{name:22s} {shape!s:12s} {summary}, {statistics.median(c for _, _, c, _ in found):.2f} s without",
            flush=True,
        )


def small(draws: int) -> None:
    """30 rows, noise of 0.2 deviations."""
    print("n = 30, noise 0.2 deviations; medians of errors in deviations of y, and of ratios")
    for name, (inputs, truth, axioms, shape, target) in SMALL.items():
        found = [_pair(shape, axioms, s, _rows(truth, inputs, 30, NOISE_SMALL, s)) for s in range(draws)]
        free, held = (statistics.median(each) for each in list(zip(*found, strict=True))[:2])
        ratio = statistics.median(b / a for a, b, _, _ in found)
        print(
            f"{name:22s} {shape!s:10s} without {free:.4f}, with {held:.4f}: {held / free:.3f}; median ratio {ratio:.3f}",
            end="",
        )
        print(f" (target {target:g})", end="")
        if "monotone" in name:
            rough_ones = [_unsmoothed(shape, s, _rows(truth, inputs, 30, NOISE_SMALL, s)) for s in range(draws)]
            print(f"; against a fit without smoothing {held / statistics.median(rough_ones):.3f} (target 0.75)", end="")
        print(flush=True)


def _unsmoothed(shape: list[int], seed: int, rows: tuple[Tensor, ...]) -> float:
    """A fit on the grid as it is, with nothing that smooths but the optimiser's tie-break."""
    x, y, fresh, wanted = rows
    model = sw.KAN(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return _error(sw.fit(model, x, y, grids=None, degree="keep", validation=0, progress=False).model, fresh, wanted)


CONTRADICTIONS: dict[str, Sequence[ax.Axiom]] = {
    "monotone and periodic": [ax.Monotone("a", domain="all"), ax.Periodic("a", 1.0)],
    "monotone and even": [ax.Monotone("a"), ax.Even("a")],
    "opposite monotone under exchange": [
        ax.Monotone("a"),
        ax.Monotone("b", increasing=False),
        ax.Symmetric(("a", "b")),
    ],
    "antisymmetric and positive": [ax.Antisymmetric(("a", "b")), ax.Positive()],
    "bounded above everywhere and convex": [ax.Bounded(upper=1.0, domain="all"), ax.Convex("a", domain="all")],
    "bounded everywhere with linear tails": [
        ax.Bounded(0, 1, domain="all"),
        ax.Asymptote("a", kind="linear", domain="all"),
    ],
    "points that fall and monotone": [ax.Through([[0, 0, 0], [0.5, 0, 0]], [1, 0]), ax.Monotone("a")],
    "units that cannot balance": [ax.Units({"a": "kg", "b": "kg", "c": "kg"}, "m")],
    "boundaries that disagree at a corner": [ax.Boundary({"a": (-1, 1)}, 0.0), ax.Boundary({"b": (-1, 1)}, 1.0)],
    "shares with lower bounds too high": [ax.SumToOne(), ax.Bounded(lower=0.6)],
}


def contradictions() -> None:
    """The pairs of the table: named, and how soon."""
    named = 0
    for name, axioms in CONTRADICTIONS.items():
        outputs = ("y1", "y2") if "shares" in name else ("y",)
        best, message = float("inf"), "nothing was found"
        for _ in range(5):
            begun = time.perf_counter()
            try:
                check_axioms(axioms, ("a", "b", "c"), outputs, box=[(-1, 1)] * 3)
            except ConfigError as error:
                message = str(error)
            best = min(best, time.perf_counter() - begun)
        named += message != "nothing was found"
        print(f"{name}: {1000 * best:.1f} ms\n    {message[:220]}")
    print(f"{named} of {len(CONTRADICTIONS)} named")


def units() -> None:
    """The 120 Feynman equations: how many inputs are left once units are known."""
    before, after = [], []
    from splinework.knowledge.axioms.realise import realise

    for identifier in feynman_ids(table="dimensional"):
        found = data_set(f"feynman-si:{identifier}")
        if not all(found.units.values()):
            print(f"{identifier}: the table gives no units")
            continue
        names = list(found.features)
        axiom = ax.Units({name: found.units[name] for name in names}, found.units[found.target])
        made = realise(sw.KAN([len(names), 1], names=names), [axiom], [(1.0, 5.0)] * len(names))
        network = made.network if isinstance(made, FramedKAN) else made
        text = made.frame.features if isinstance(made, FramedKAN) else names
        constant = all(feature.startswith("0*") for feature in text)
        before.append(len(names))
        after.append(0 if constant else network.inputs)
    print(
        f"{len(before)} equations: {statistics.mean(before):.2f} inputs, with units {statistics.mean(after):.2f} (target 1.5)"
    )
    print(f"at most two inputs: {sum(n <= 2 for n in before)} before, {sum(n <= 2 for n in after)} with units")
    print(f"nothing but a constant is left in {sum(n == 0 for n in after)}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["hard", "cost", "small", "contradictions", "units"])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--degrees", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--recipes", nargs="+", default=[], choices=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--draws", type=int, default=None)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.what == "hard":
        hard(given.points, given.degrees, given.recipes, given.seeds)
    elif given.what == "cost":
        cost(given.draws or 20)
    elif given.what == "small":
        small(given.draws or 50)
    else:
        {"contradictions": contradictions, "units": units}[given.what]()


if __name__ == "__main__":
    main()
