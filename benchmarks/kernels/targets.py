"""The targets: what was wanted, what was measured, and whether it is met. Ratios are of minima of one run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from benchmarks.speed.results import Case, Results

AGAINST_RIVAL = {"A": {5: 2.5, 20: 7, 100: 25}, "B": {5: 2.4, 20: 4}, "C": {5: 2, 20: 5.5, 100: 20}}
AGAINST_EQUAL_MLP = {5: 0.6, 20: 0.2, 100: 0.05}
RIVALS = ("spline", "rbf")
MEGABYTES = 60


Find = Callable[[str, int, str], "Case | None"]


@dataclass(frozen=True)
class Target:
    """One line of the table.

    Attributes:
        what: The comparison in words.
        wanted: Desired value as text.
        measured: Measured value as text; empty where it was not measured.
        met: Whether it is met; None where it was not measured.
    """

    what: str
    wanted: str
    measured: str = ""
    met: bool | None = None

    @property
    def status(self) -> str:
        """`met`, `missed` or a dash."""
        return {None: "–", True: "met", False: "**missed**"}[self.met]


def targets(results: Results) -> list[Target]:
    """Every target, in float32 with the most threads that were measured."""
    threads = max((c.job.threads for c in results.cases if c.job.dtype == "float32"), default=1)

    def find(config: str, grid: int, mode: str) -> Case | None:
        return results.case(config=config, grid=grid, mode=mode, dtype="float32", threads=threads)

    parts = (_against_rivals(find), _against_perceptrons(find), _flat(find), _memory(results), _small(find))
    return [*chain(*parts), *_share_of_peak(find, results)]


def _against_rivals(find: Find) -> Iterator[Target]:
    for config, wanted in AGAINST_RIVAL.items():
        for grid, least in wanted.items():
            what = f"{config}, G={grid}: against the fastest spline or RBF rival, forward + backward"
            case = find(config, grid, "backward")
            rival = case.fastest(*RIVALS) if case else None
            own = case.seconds("ours") if case else None
            yield _at_least(
                what,
                least,
                _over(rival.minimum if rival else None, own),
                remark=f" ({rival.contender})" if rival else "",
            )


def _against_perceptrons(find: Find) -> Iterator[Target]:
    for grid, most in AGAINST_EQUAL_MLP.items():
        what = f"C, G={grid}: share of the time of an MLP of the same parameter count, forward + backward"
        yield _at_most(what, most, _ratio(find("C", grid, "backward"), "mlp-parameters"))
    for mode, most, words in (("forward", 6, "forward"), ("backward", 5.5, "forward + backward")):
        what = f"A, G=5: {words} against Linear + SiLU of the same width"
        yield _at_most(what, most, _ratio(find("A", 5, mode), "mlp-width"), "×")


def _flat(find: Find) -> Iterator[Target]:
    small, large = (find("A", grid, "backward") for grid in (5, 1000))
    cost = _over(large.seconds("ours") if large else None, small.seconds("ours") if small else None)
    yield _at_most("A: forward + backward at G=1000 against G=5", 1.5, cost, "×")


def _memory(results: Results) -> Iterator[Target]:
    entries = [
        m.bytes
        for m in results.memory
        if (m.job.config, m.job.grid, m.family) == ("C", 100, "ours") and m.bytes is not None and not m.compiled
    ]
    what = "C, G=100: peak memory of forward + backward above parameters, gradients, x and the output's gradient"
    yield _at_most(what, MEGABYTES, entries[0] / 1e6 if entries else None, " MB")


def _small(find: Find) -> Iterator[Target]:
    step, call = find("D", 5, "adam"), find("E1", 5, "forward")
    own = step.seconds("ours") if step else None
    loop = (
        next((r.minimum for r in step.rows if r.contender == "splinework" and r.status == "ok"), None) if step else None
    )
    yield _at_most("D, G=5: a step of Adam, autograd's loop", 0.25, None if loop is None else 1e3 * loop, " ms")
    yield _at_most("D, G=5: a step of Adam, the fastest way", 0.25, None if own is None else 1e3 * own, " ms")
    rows = [r.minimum for r in step.rows if r.contender.startswith("pykan") and r.status == "ok"] if step else []
    yield _at_least("D, G=5: a step of Adam against pykan (stretch: 100)", 40, _over(min(rows, default=None), own))
    latency = call.seconds("ours") if call else None
    yield _at_most("E, G=5: a call with one row", 60, None if latency is None else 1e6 * latency, " µs")


def _share_of_peak(find: Find, results: Results) -> Iterator[Target]:
    for grid in (5, 20, 100):
        case = find("C", grid, "forward")
        own, peak = (case.seconds("ours"), results.peak(case.job)) if case else (None, None)
        share = 100 * case.job.multiply_adds() / own / peak if case and own and peak else None
        yield _at_least(f"C, G={grid}: forward, share of the machine's multiply-add peak", 40, share, unit=" %")


def _ratio(case: Case | None, family: str) -> float | None:
    """Our time over that of a family."""
    return _over(case.seconds("ours"), case.seconds(family)) if case else None


def _over(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None


def _at_least(what: str, least: float, value: float | None, *, unit: str = "×", remark: str = "") -> Target:
    return _judged(what, f"≥ {least:g}{unit}", value, unit + remark, None if value is None else value >= least)


def _at_most(what: str, most: float, value: float | None, unit: str = "") -> Target:
    return _judged(what, f"≤ {most:g}{unit}", value, unit, None if value is None else value <= most)


def _judged(what: str, wanted: str, value: float | None, unit: str, met: bool | None) -> Target:
    return Target(what, wanted) if value is None else Target(what, wanted, f"{value:.3g}{unit}", met)
