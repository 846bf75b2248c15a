"""The defaults where most columns do nothing: drawn targets of the panel with ten to forty columns more.

Case k is a target of the panel's families in turn, with 60, 100, 300 or 1000 rows, noise of 0, 5, 20 or 50 % of its spread, and
10 to 40 further columns: three of four even in [-1, 1], the others 0.8 times a column of the target plus 0.2 times such an even
one. The columns are in a drawn order. Errors are root mean squares on 4000 fresh rows without noise over the spread, those below
1e-6 as 1e-6. Even cases are for development, odd ones for reporting. `alone` is KANRegressor without the further columns.

Run: python -m benchmarks.bench_more_columns [--cases 1,3,5] [--models regressor,fit,gp,boosting,constant,alone]
"""

import argparse
import sys
import time
import warnings
from collections import defaultdict

import numpy as np

from benchmarks.panel.cases import Case, Sample
from benchmarks.panel.families import FAMILIES
from benchmarks.panel.models import KNOWN
from benchmarks.processes import say

CASES = ",".join(str(case) for case in range(1, 40, 2))
"""Cases that nobody developed with."""
ROWS, SHARES, NOISE = (60, 100, 300, 1000), (0.25, 0.3, 0.3, 0.15), (0.0, 0.05, 0.2, 0.5)
MORE, FIRST_SEED, LEAST = (10, 40), 600, 1e-6


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--cases", default=CASES, help="numbers of cases; the odd ones up to 39")
    made.add_argument(
        "--models", default="regressor,fit,gp,boosting,constant,alone", help=f"some of {', '.join(KNOWN)}, alone"
    )
    return made


def drawn(number: int) -> tuple[str, Sample, Sample]:
    """The name of a case, its rows without further columns, and with them."""
    random = np.random.default_rng([number, 600])
    family = list(FAMILIES)[number % len(FAMILIES)]
    rows, noise = int(random.choice(ROWS, p=SHARES)), float(random.choice(NOISE))
    alone = Case(f"{family}-{FIRST_SEED + number // len(FAMILIES)}", rows, noise).sample()
    own, more = alone.x.shape[1], int(random.integers(*MORE, endpoint=True))
    like, order = random.integers(0, own, more // 4), random.permutation(own + more)

    def widened(x: np.ndarray) -> np.ndarray:
        idle = random.uniform(-1, 1, (len(x), more))
        idle[:, : len(like)] = 0.8 * x[:, like] + 0.2 * idle[:, : len(like)]
        return np.concatenate([x, idle], axis=1)[:, order]

    name = f"{number} {family}: {rows} rows, {100 * noise:g} % noise, {own} columns and {more} more"
    return name, alone, Sample(widened(alone.x), alone.y, widened(alone.fresh), alone.truth)


def run(cases: list[int], models: list[str]) -> None:
    ratios, spent, worse = (
        defaultdict[str, list[float]](list),
        defaultdict[str, float](float),
        defaultdict[str, int](int),
    )
    say(f"case | {' | '.join(models)}")
    for number in cases:
        name, alone, wide = drawn(number)
        errors = {}
        for model in models:
            sample, begun = alone if model == "alone" else wide, time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of rivals that have not converged
                fitted = KNOWN["regressor" if model == "alone" else model].fit(sample.x, sample.y)
                errors[model] = max(sample.error(fitted(sample.fresh)), LEAST)
            spent[model] += time.process_time() - begun
            worse[model] += errors[model] > 1.02 * wide.constant
        least = min(error for model, error in errors.items() if model != "alone")
        for model, error in errors.items():
            ratios[model].append(error / least)
        say(f"{name} | {' | '.join(f'{error:.3g}' for error in errors.values())}")
    say("model | geometric mean of error / least | worst | within 1.2 | worse than the mean | s a fit")
    for model, each in ratios.items():
        of = np.array(each)
        values = f"{np.exp(np.log(of).mean()):.3g} | {of.max():.3g} | {100 * (of <= 1.2).mean():.0f} % | {worse[model]}"
        say(f"{model} | {values} | {spent[model] / len(of):.1f}")


def main() -> int:
    made = parser()
    given = made.parse_args()
    cases, models = ([part.strip() for part in text.split(",")] for text in (given.cases, given.models))
    if not all(case.isdigit() for case in cases):
        made.error(f"--cases are whole numbers such as 1,3,5; got {given.cases!r}.")
    if unknown := [model for model in models if model not in (*KNOWN, "alone")]:
        made.error(f"--models knows {', '.join(KNOWN)} and alone; got {unknown[0]!r}.")
    run([int(case) for case in cases], models)
    return 0


if __name__ == "__main__":
    sys.exit(main())
