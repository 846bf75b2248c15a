"""Functions of edges: share of random curves that get their right name, and the time that an edge takes.

Every function of the library is drawn with random constants, range and noise. By description length (the order of
`edge_candidates`), and by pykan's rule, 0.8 complexity + 0.2 log2(1 + 1e-5 - R²), applied to the same fits. A draw counts if its
function can be distinguished from every other one: with λ = rows · left / noise² from the noiseless curve, where left is the
share of variance that the other function leaves at best, the expected gain λ + Δ of the true one (Δ: what its constants and
choice cost less) must be at least 2.33 of its standard deviations 2√λ, so that a perfect test is right in 99 of 100. The others
are counted, not judged. Run it on an idle core: OMP_NUM_THREADS=1 python benchmarks/bench_edges.py --seeds 5
"""

import argparse
import math
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from splinework.interpret.symbolic.edges import EdgeCandidate, edge_candidates
from splinework.interpret.symbolic.library import BOTH, LIBRARY, NONE, RATE, SHIFT, Array, LibraryFunction

SETTINGS = ((0.0, 1000), (1e-3, 1000), (0.05, 1000), (0.05, 100))
"""Noise as a share of the curve's spread, and rows."""
QUANTILE = 2.33
# of pykan's SYMBOLIC_LIB (kan/utils.py); its cosh, commented out there, has 5, which stands for what it does not have
COMPLEXITY = {
    **{"x": 1, "x^2": 2, "x^3": 3, "x^4": 3, "x^5": 3, "1/x": 2, "1/x^2": 2, "1/x^3": 3, "1/x^4": 4, "sqrt": 2},
    **{"x^1.5": 4, "1/sqrt": 2, "exp": 2, "log": 2, "abs": 3, "sin": 2, "tan": 3, "tanh": 3, "sign": 3, "arcsin": 4},
    **{"arctan": 4, "arctanh": 4, "gaussian": 3},
}


def draw(function: LibraryFunction, rng: np.random.Generator) -> tuple[LibraryFunction, float, float, float, float]:
    """The function (a power with a random exponent), a range, and a and b with which it is defined there."""
    low, reach = rng.uniform(-3, 3), 10 ** rng.uniform(-1, 1)
    high, function = low + reach, function.at(rng.choice([-1, 1]) * rng.uniform(0.2, 3))
    if function.free == NONE:
        if function.domain == "positive":
            low = 10 ** rng.uniform(-2, 1)
            high = low * 10 ** rng.uniform(0.3, 2)
        return function, low, high, 1.0, 0.0
    sign = rng.choice([-1.0, 1.0])
    if function.domain == "positive":
        rate = 1.0 if function.free == SHIFT else 10 ** rng.uniform(0, 1) / reach
        gap = reach * 10 ** rng.uniform(-1.5, 0.3)
        return function, low, high, sign * rate, rate * (gap - min(sign * low, sign * high))
    if function.domain == "unit":
        left = rng.uniform(-0.95, 0.6) * function.limit
        right = rng.uniform(left + 0.3 * function.limit, 0.95 * function.limit)
        rate = (right - left) / reach
        return function, low, high, rate, left - rate * low
    if function.free == RATE:
        rate = sign * 10 ** rng.uniform(-0.3, 1) / reach
        return function, low, high, rate, -rate * (low + high) / 2
    if function.free == BOTH:
        rate = 2 * np.pi * rng.uniform(0.6, 3) if function.wave else 10 ** rng.uniform(0.3, 1)
        return function, low, high, sign * rate / reach, -sign * rate / reach * rng.uniform(low, high)
    margin = 0.1 * reach if function.name in ("abs", "relu", "sign") else -0.5 * reach  # a kink must be in view
    return function, low, high, sign, -sign * rng.uniform(low + margin, high - margin)


def code(function: LibraryFunction, rows: int) -> float:
    """Twice the cost of its constants and of its choice, in nats."""
    return function.constants * math.log(rows) + 2 * function.cost


def distinguishable(
    function: LibraryFunction, others: dict[str, float], noise: float, rows: int, library: Sequence[LibraryFunction]
) -> bool:
    """Whether a perfect test would distinguish it from each other function, given what those leave of the noiseless curve."""
    for other in library:
        if other.name == function.name or other.name not in others:
            continue
        gain = (
            rows * others[other.name] / noise**2 if noise else rows * math.log(max(others[other.name], 1e-12) / 1e-12)
        )
        spread = 2 * math.sqrt(gain) if noise else 0.0
        if gain + code(other, rows) - code(function, rows) < QUANTILE * spread + 1e-9:
            return False
    return True


def by_pykan(found: Sequence[EdgeCandidate]) -> str:
    """The name that pykan's rule chooses."""

    def loss(candidate: EdgeCandidate) -> float:
        return 0.8 * COMPLEXITY.get(candidate.function.name, 5) + 0.2 * math.log2(
            1e-5 + max(candidate.unexplained, 0.0)
        )

    return min(found, key=loss).function.name


class Tally:
    """Counts of one setting."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.missed: Counter[tuple[str, str]] = Counter()

    def take(self, function: LibraryFunction, x: Array, y: Array, clear: bool) -> None:
        """Fits one curve."""
        start = time.process_time()
        found = edge_candidates(x, y, np.ones(len(x)), LIBRARY)
        self.seconds.append(time.process_time() - start)
        names = [candidate.function.name for candidate in found]
        own, ours, theirs = function.name in COMPLEXITY, names[0] == function.name, by_pykan(found) == function.name
        self.counts.update(draws=1, any=ours, five=function.name in names[:5])
        if clear:
            self.counts.update(
                clear=1, ours=ours, theirs=theirs, own=own, own_ours=own and ours, own_theirs=own and theirs
            )
            if not ours:
                self.missed[function.name, names[0]] += 1

    def row(self, noise: float, rows: int) -> str:
        """A line of the table."""
        c, ms = self.counts, 1e3 * np.array(self.seconds)

        def share(part: str, whole: str) -> str:
            return f"{100 * c[part] / max(c[whole], 1):.1f} %"

        return (
            f"| {100 * noise:g} % | {rows} | {c['draws']} | {c['clear']} | {share('ours', 'clear')} | "
            f"{share('theirs', 'clear')} | {share('own_ours', 'own')} / {share('own_theirs', 'own')} | {share('any', 'draws')} | "
            f"{share('five', 'draws')} | {np.median(ms):.1f} / {np.percentile(ms, 95):.1f} ms |"
        )


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--missed", action="store_true", help="name the draws that were called by another name")
    arguments = parser.parse_args()
    tallies = {setting: Tally() for setting in SETTINGS}
    edge_candidates(np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2, np.ones(50), LIBRARY)  # the tables are made once
    for seed in range(arguments.seeds):
        for index, member in enumerate(LIBRARY):
            rng = np.random.default_rng([seed, index])
            function, low, high, a, b = draw(member, rng)
            x = rng.uniform(low, high, 1000)
            y = function.value(a * x + b)
            y = (y - y.mean()) / y.std()
            alone = {f.name: edge_candidates(x, y, np.ones(1000), [f]) for f in LIBRARY}
            left = {name: fits[0].unexplained for name, fits in alone.items() if fits}
            for (noise, rows), tally in tallies.items():
                noisy = y[:rows] + noise * rng.normal(size=rows)
                tally.take(function, x[:rows], noisy, distinguishable(function, left, noise, rows, LIBRARY))
    print(f"{len(LIBRARY)} functions, {arguments.seeds} draws of each\n")
    print(
        "| noise | rows | draws | distinguishable | right | by pykan's rule | pykan's functions: right / its rule ",
        end="",
    )
    print("| right of all | among the first five of all | CPU time: median / p95 |\n" + "|---" * 10 + "|")
    for (noise, rows), tally in tallies.items():
        print(tally.row(noise, rows))
    if arguments.missed:
        for (noise, rows), tally in tallies.items():
            print(noise, rows, dict(tally.missed))


if __name__ == "__main__":
    main()
