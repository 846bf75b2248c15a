"""Tables of the cells in Markdown: scores and ranks of both kinds of sets, then the time that they took."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import numpy as np

from benchmarks.processes import ROOT
from benchmarks.tabular import ranks
from benchmarks.tabular.contenders import KNOWN, OURS, SIMPLE
from benchmarks.tabular.part import INTERVAL
from benchmarks.tabular.results import Key, Record, Results
from benchmarks.tabular.sets import FOLDS, GROUPS, SETS, Group
from splinework.errors import ConfigError

PAGE = ROOT / "docs" / "tabular.md"
TARGETS: dict[Group, float] = {"regression": 2.5, "classification": 3.0, "new": 2.2, "newest": 2.2}
"""Largest mean rank that ours may have."""
COVERED = (0.87, 0.93)
"""Bounds of the share of rows that 90 % intervals should cover."""
TITLES: dict[Group, str] = {
    "regression": "RMSE",
    "classification": "log loss",
    "new": "RMSE or log loss",
    "newest": "RMSE or log loss",
}


@dataclass(frozen=True)
class Shown:
    """Cells that a table is made of.

    Attributes:
        found: The cells.
        sets: Names of the sets, in order.
        contenders: Those that there are cells of, in order.
    """

    found: dict[Key, Record]
    sets: tuple[str, ...]
    contenders: tuple[str, ...]

    def of_group(self, group: Group) -> list[str]:
        """Names of the sets that are ranked together."""
        return [name for name in self.sets if SETS[name].group == group]

    def folds(self, contender: str, name: str) -> list[Record]:
        """The cells of a contender on a set."""
        keys = (Key(contender, name, fold) for fold in range(FOLDS))
        return [self.found[key] for key in keys if key in self.found]

    def ranks(self, group: Group) -> ranks.Ranks | None:
        """Ranks on the sets that all these contenders have been asked on."""
        return ranks.of(self.found, self.of_group(group), self.contenders)


def shown(store: Results, sets: Sequence[str] | None, contenders: Sequence[str] | None) -> Shown:
    """The cells of some sets and contenders; None stands for all available."""
    found = store.load(contenders or KNOWN)
    present = {key.contender for key in found}
    return Shown(
        found,
        tuple(name for name in SETS if sets is None or name in sets),
        tuple(name for name, one in KNOWN.items() if name in present and one.ranked),
    )


def page(store: Results, sets: Sequence[str] | None, contenders: Sequence[str] | None) -> str:
    """All tables."""
    what = shown(store, sets, contenders)
    if not what.contenders:
        return "No cells yet: python benchmarks/bench_tabular.py run"
    parts = [text for group in GROUPS for text in (_scores(what, group), _target_status(what, group))]
    return "\n\n".join(
        part for part in (*parts, _coverage(what), _edges(what), _more(what), _time(what), _failed(what)) if part
    )


def write(text: str, path: Path, mark: str) -> Path:
    """Puts tables between the comments `<!-- mark: begin -->` and `<!-- mark: end -->` of a page.

    Raises:
        ConfigError: If the page has no such comments.
    """
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if begin not in old or end not in old:
        raise ConfigError(f"{path} has no place for the tables: a line {begin!r} and, below it, a line {end!r}.")
    head, _, rest = old.partition(begin)
    path.write_text(f"{head}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    return path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _scores(what: Shown, group: Group) -> str:
    """A row a set: the mean over folds, and the rank where all have been asked; then the mean ranks."""
    found = what.ranks(group)
    rows = []
    for name in what.of_group(group):
        cells = [_cell(what, found, name, number) for number in range(len(what.contenders))]
        if any(cell != "–" for cell in cells):
            rows.append((name, *cells))
    if not rows:
        return ""
    if found is not None:
        bounds = zip(found.mean, found.low, found.high, strict=True)
        rows.append(
            ("**mean rank** (90 % of draws of folds)", *(f"**{m:.2f}** ({a:.2f} to {b:.2f})" for m, a, b in bounds))
        )
    return table((f"{group}, {TITLES[group]} (rank)", *(KNOWN[name].title for name in what.contenders)), rows)


def _cell(what: Shown, found: ranks.Ranks | None, name: str, number: int) -> str:
    records = what.folds(what.contenders[number], name)
    if not records:
        return "–"
    values = [record["score"] for record in records if record["score"] is not None]
    text = f"{mean(values):.4g}" if values else "none"
    if len(values) < FOLDS:
        text += f" on {len(values)} of {FOLDS}"
    if found is None or name not in found.sets:
        return text
    rank = found.each[found.sets.index(name), number]
    return f"**{text}** (1)" if rank == 1 else f"{text} ({rank:g})"


def _target_status(what: Shown, group: Group) -> str:
    """Whether ours is where it should be, once all that took part have been asked on all sets."""
    found = what.ranks(group)
    everything = [name for name, one in SETS.items() if one.group == group]
    if found is None or OURS not in found.contenders or list(found.sets) != everything:
        return ""
    ours, wanted = found.mean[found.contenders.index(OURS)], TARGETS[group]
    status = "met" if ours <= wanted else "missed"
    among = f"a mean rank of at most {wanted:g} among {len(found.contenders)}"
    return f"Target for the KAN, {group}: {among}. Reached: {ours:.2f}, {status}."


def _coverage(what: Shown) -> str:
    """Shares of the rows of all folds that lie in their intervals, each predicted by a fit that has not seen it."""
    rows = []
    for name in what.sets:
        found = [r for r in what.folds(OURS, name) if r.get("covered") is not None]
        if found:
            share, count = mean(r["covered"] for r in found), len(found)
            low, high = COVERED
            rows.append((name, f"{share:.3f}", str(count), "yes" if low <= share <= high else "no"))
    head = (f"{INTERVAL:.0%} intervals", "covered", "folds", f"{COVERED[0]:g} to {COVERED[1]:g}")
    return table(head, rows) if rows else ""


def _edges(what: Shown) -> str:
    """Edges and scores of the most accurate and the simplest of ours, and how far these are apart."""
    rows, counts = [], []
    for name in what.sets:
        best, simple = (
            {r["fold"]: r for r in what.folds(who, name) if r.get("edges") is not None} for who in (OURS, SIMPLE)
        )
        folds = sorted(best.keys() & simple.keys())
        if not folds:
            continue
        edges = [median(found[k]["edges"] for k in folds) for found in (best, simple)]
        scores = [np.array([found[k]["score"] for k in folds]) for found in (best, simple)]
        apart = f"{(scores[1] - scores[0]).mean() / scores[0].std(ddof=1):.2f}" if len(folds) > 1 else "–"
        counts.append(edges)
        means = (f"{score.mean():.4g}" for score in scores)
        rows.append((name, f"{edges[0]:g}", f"{edges[1]:g}", *means, apart))
    if not rows:
        return ""
    rows.append(("**median**", *(f"**{median(side):g}**" for side in zip(*counts, strict=True)), "", "", ""))
    head = (
        "edges, medians over folds",
        "`accuracy`",
        "`simplicity`",
        "score",
        "score",
        "loss in spreads of a fold's score",
    )
    return table(head, rows)


def _more(what: Shown) -> str:
    """R², accuracy and area under the curve, the means over folds."""
    rows = []
    for name in what.sets:
        for measure, title in (("r2", "R²"), ("accuracy", "accuracy"), ("auc", "area under the curve")):
            cells = []
            for contender in what.contenders:
                values = [value for r in what.folds(contender, name) if (value := r.get(measure)) is not None]
                cells.append(f"{mean(values):.3f}" if values else "–")
            if any(cell != "–" for cell in cells):
                rows.append((name, title, *cells))
    return table(("set", "not ranked", *(KNOWN[name].title for name in what.contenders)), rows) if rows else ""


def _time(what: Shown) -> str:
    """Processor time of a cell with its tuning, and of its last fit."""
    rows = []
    for contender in what.contenders:
        records = [record for name in what.sets for record in what.folds(contender, name)]
        whole = [record["cpu_seconds"] for record in records if record["cpu_seconds"] is not None]
        last = [record["last_cpu_seconds"] for record in records if record.get("last_cpu_seconds") is not None]
        if whole and last:
            tried = max(len(record.get("tried") or ()) for record in records)
            cells = (f"{np.sum(whole) / 60:.1f}", f"{mean(whole):.1f}", f"{max(whole):.0f}", f"{median(last):.2f}")
            rows.append((KNOWN[contender].title, str(tried or "none"), *cells, f"{max(last):.1f}"))
    head = ("processor time, one thread", "configurations tried", "all cells, min", "a cell, mean s", "most s")
    return table((*head, "last fit, median s", "most s"), rows) if rows else ""


def _failed(what: Shown) -> str:
    """Cells without a result; they count as worse than any other."""
    lines = [
        f"- {KNOWN[key.contender].title}, {key.set}, fold {key.fold}: {record['error']}"
        for key, record in sorted(what.found.items(), key=str)
        if record["score"] is None and key.set in what.sets
    ]
    return "Without a result, which counts as the worst one:\n\n" + "\n".join(lines) if lines else ""
