"""Tables of the answers in Markdown: the targets, suite by suite, and what is unsolved."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.formulas import changes, suites
from benchmarks.formulas.contenders import KNOWN
from benchmarks.formulas.judge import READABLE
from benchmarks.formulas.results import Key, Record, Results
from benchmarks.formulas.tasks import Task

LEVELS = (0.0, 0.001, 0.01, 0.1)
ALL = ["27", "main", "bonus", "powers", "random", "noise", *changes.NAMES, "real"]
TITLES = {
    "27": "27 dimensionless",
    "main": "Feynman, 100 main",
    "bonus": "Feynman, 20 bonus",
    "powers": "power products of both",
    "random": "random formulas",
    "noise": "pure noise",
    "idle": "idle inputs",
    "integers": "integer inputs",
    "collinear": "collinear inputs",
    "outliers": "5 % gross outliers",
    "fewer": "30 % fewer rows",
    "categories": "categorical input",
    "real": "measurements",
}
TARGETS: dict[str, tuple[float, ...]] = {
    "27": (23, 21, 18, 10),
    "main": (82, 76, 66, 35),
    "bonus": (9, 8, 6, 2),
    "powers": (1.0, 1.0, 1.0, 0.9),
    "noise": (1.0,),
}
"""Problems to solve at each of `LEVELS`; up to 1 it is a share of them."""


PREDICTION = 0.491
"""R² on diabetes, the mean of the folds: pyGAM's of these folds, less 0.01."""


@dataclass(frozen=True)
class Shown:
    """Answers that a table is made of.

    Attributes:
        suites: Their names, `powers` among them, in order.
        tasks: Tasks by the name of their suite.
        found: The answers.
        contenders: Their names, in order.
        levels: Levels of the noise, ascending.
    """

    suites: tuple[str, ...]
    tasks: dict[str, tuple[Task, ...]]
    found: dict[Key, Record]
    contenders: tuple[str, ...]
    levels: tuple[float, ...]

    def answers(self, suite: str, level: float, contender: str) -> dict[str, list[Record]]:
        """Problem -> its answers, one a seed; problems without any are left out."""
        groups: dict[str, list[Record]] = {}
        names = {(task.suite, task.name) for task in self.tasks[suite]}
        for key, record in self.found.items():
            if (key.suite, key.problem) in names and (key.level, key.contender) == (level, contender):
                groups.setdefault(f"{key.suite} {key.problem}", []).append(record)
        return groups

    def counted(self, suite: str, level: float, contender: str) -> tuple[int, int] | None:
        """Problems solved by most seeds, and problems asked; None if none was."""
        groups = self.answers(suite, level, contender)
        return (sum(map(most, groups.values())), len(groups)) if groups else None


def of(
    store: Results,
    names: Sequence[str],
    levels: Sequence[float] | None,
    seeds: Sequence[int] | None,
    contenders: Sequence[str] | None,
) -> Shown:
    """The answers of some suites; None stands for all available."""
    flat = suites.expanded(names)
    tasks = {name: suites.tasks(name) for name in flat}
    loaded = store.load(task.suite for group in tasks.values() for task in group)
    found = {
        key: record
        for key, record in loaded.items()
        if (levels is None or key.level in levels or (key.level == 0 and key.suite in ("noise", "real")))
        and (seeds is None or key.seed in seeds)
        and (contenders is None or key.contender in contenders)
    }
    present = {key.contender for key in found}
    return Shown(
        flat,
        tasks,
        found,
        tuple(name for name in KNOWN if name in present),
        tuple(sorted({key.level for key in found})),
    )


def most(records: Sequence[Record], criterion: str = "solved") -> bool:
    """Whether most seeds met the criterion."""
    return 2 * sum(bool(record[criterion]) for record in records) > len(records)


def page(shown: Shown) -> str:
    """All tables."""
    if not shown.found:
        return "No answers yet: python benchmarks/bench_formulas.py run --suite 27"
    parts = [_solved(shown), _details(shown), _measured(shown), _unsolved(shown)]
    return "\n\n".join(part for part in parts if part)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(
        ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(r) + " |" for r in rows)]
    )


def target(suite: str, level: float, problems: int) -> float | None:
    """How many problems are to be solved."""
    row = TARGETS.get(suite, ())
    number = row[LEVELS.index(level)] if level in LEVELS[: len(row)] else None
    return None if number is None else number * problems if number <= 1 else number


def _solved(shown: Shown) -> str:
    """Solved of asked, by suite and level; the target beside ours, met or not where the whole suite was asked."""
    rows = []
    for suite in (name for name in shown.suites if name != "real"):
        for contender in shown.contenders:
            cells = [_cell(shown, suite, level, contender) for level in shown.levels]
            if any(cell != "–" for cell in cells):
                rows.append((TITLES.get(suite, suite), contender, *cells))
    head = ("problems", "solved by", *(f"noise {100 * level:g} %" if level else "no noise" for level in shown.levels))
    return table(head, rows) if rows else ""


def _cell(shown: Shown, suite: str, level: float, contender: str) -> str:
    counted = shown.counted(suite, level, contender)
    if counted is None:
        return "–"
    solved, asked = counted
    wanted = target(suite, level, len(shown.tasks[suite])) if contender == "splinework" else None
    if wanted is None:
        return f"{solved} of {asked}"
    status = "" if asked < len(shown.tasks[suite]) else ", met" if solved >= wanted else ", missed"
    return f"{solved} of {asked} (≥ {wanted:g}{status})"


def _details(shown: Shown) -> str:
    """Each criterion alone, SRBench's, and the time."""
    rows = []
    for suite in (name for name in shown.suites if name not in ("real", "noise")):
        for level in shown.levels:
            for contender in shown.contenders:
                groups = list(shown.answers(suite, level, contender).values())
                if groups:
                    rows.append((TITLES.get(suite, suite), f"{100 * level:g} %", contender, *_facts(groups)))
    head = ("problems", "noise", "by", "asked", "seeds", "fresh rows", "wide range", "short", "SRBench's", "idle left")
    return table((*head, "rows counted", "seconds, median", "most", "failed"), rows) if rows else ""


def _facts(groups: list[list[Record]]) -> list[str]:
    records = [record for group in groups for record in group]
    seconds = [record["seconds"] for record in records if record["seconds"] is not None] or [float("nan")]
    shares = [record["wide_share"] for record in records if record["wide_share"] is not None] or [float("nan")]
    return [
        str(len(groups)),
        str(max(map(len, groups))),
        *(str(sum(most(group, name) for group in groups)) for name in ("exact", "holds", "short", "srbench", "idle")),
        f"≥ {100 * min(shares):.0f} %",
        f"{median(seconds):.1f}",
        f"{max(seconds):.0f}",
        str(sum(bool(record["error"]) for record in records)),
    ]


def _measured(shown: Shown) -> str:
    """Laws with their formulas; predictions with R², the mean over folds."""
    if "real" not in shown.suites:
        return ""
    rows = []
    for contender in shown.contenders:
        groups = shown.answers("real", 0.0, contender)
        folds = [record for group in groups.values() for record in group if record["r2"] is not None]
        for record in (record for group in groups.values() for record in group if record["deviation"] is not None):
            status = "yes" if record["solved"] else "no"
            deviation = f"{100 * record['deviation']:.2g} % from the law"
            rows.append(
                (record["problem"], contender, deviation, str(record["nodes"]), status, f"`{record['formula']}`")
            )
        if folds:
            r2 = sum(record["r2"] for record in folds) / len(folds)
            nodes = max(record["nodes"] for record in folds)
            status = "yes" if 0 < nodes <= READABLE and r2 >= PREDICTION else "no"
            rows.append(("diabetes", contender, f"R² {r2:.3f}, folds: {len(folds)}", str(nodes or "–"), status, "–"))
    return (
        table(
            (
                "measurements",
                "by",
                "error",
                "nodes",
                f"solved (diabetes: R² ≥ {PREDICTION}, ≤ {READABLE} nodes)",
                "formula",
            ),
            rows,
        )
        if rows
        else ""
    )


def _unsolved(shown: Shown) -> str:
    """Names, for each contender, suite and level; only of splinework in full, as the others' lists are long."""
    lines = []
    for suite in (name for name in shown.suites if name not in ("powers",)):
        for level in shown.levels:
            groups = shown.answers(suite, level, "splinework")
            names = [name.partition(" ")[2] for name, records in groups.items() if not most(records)]
            if names:
                lines.append(f"- {TITLES.get(suite, suite)}, noise {100 * level:g} %: {', '.join(names)}")
    return "Unsolved by splinework:\n\n" + "\n".join(lines) if lines else ""
