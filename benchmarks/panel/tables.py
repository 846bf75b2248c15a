"""Tables of the results in Markdown: ratios to the least error of all models, by family, rows and noise, and the time.

A model that failed, or was stopped, counts as the constant: with the error of predicting the mean of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.panel.cases import Case
from benchmarks.panel.families import FAMILIES
from benchmarks.panel.models import KNOWN, OURS
from benchmarks.panel.results import Key, Record, Results
from benchmarks.processes import ROOT
from benchmarks.tabular.tables import table

PAGE = ROOT / "docs" / "defaults.md"
FLOOR = 1e-6
"""Errors below it count as it."""
NEAR = 1.2
"""Ratio to the least error that counts as near."""
NO_BETTER = 1.02
"""Ratio to the error of the constant from which a model is no better than it."""


@dataclass(frozen=True)
class Wanted:
    """Targets of a model of ours on the half that nobody developed with: mean and worst ratio, share near."""

    mean: float
    worst: float
    near: float


TARGETS = {"regressor": Wanted(1.15, 4.0, 0.75), "fit": Wanted(1.4, 10.0, 0.60)}


@dataclass(frozen=True)
class Shown:
    """Cases that all of some models have been asked on.

    Attributes:
        models: Their names.
        cases: The cases.
        asked: Number of cases that any of them has been asked on.
        errors: Errors (cases, models), at least the floor; a failure has that of the constant.
        constant: Errors of the constant (cases,).
        seconds: Processor seconds (cases, models); of a fit that was stopped its limit, NaN if its process broke down.
        problems: Reasons of failures, by model and case.
        commits: Commits of the results of ours, by model.
    """

    models: tuple[str, ...]
    cases: tuple[Case, ...]
    asked: int
    errors: np.ndarray
    constant: np.ndarray
    seconds: np.ndarray
    problems: dict[Key, str]
    commits: dict[str, list[str]]

    @property
    def ratios(self) -> np.ndarray:
        """Errors over the least of a case (cases, models)."""
        return np.asarray(self.errors / self.errors.min(axis=1, keepdims=True))

    def some(self, which: np.ndarray) -> Shown:
        """Only some of the cases."""
        cases = tuple(case for case, chosen in zip(self.cases, which, strict=True) if chosen)
        rows = self.errors[which], self.constant[which], self.seconds[which]
        problems = {key: text for key, text in self.problems.items() if key.case in cases}
        return Shown(self.models, cases, self.asked, *rows, problems, self.commits)


def shown(store: Results, cases: Sequence[Case], models: Sequence[str] | None, floor: float = FLOOR) -> Shown:
    """The results on some cases; None stands for all models that there are, labelled ones aside."""
    there = store.models()
    names = [name for name in KNOWN if name in there] if models is None else list(models)
    found = store.load(names)
    whole = [case for case in cases if names and all(Key(name, case) in found for name in names)]
    records = [[found[Key(name, case)] for name in names] for case in whole]
    errors = [[_error(record) for record in row] for row in records]
    shape = (len(whole), len(names))
    return Shown(
        tuple(names),
        tuple(whole),
        sum(any(Key(name, case) in found for name in names) for case in cases),
        np.maximum(np.asarray(errors, dtype=float).reshape(shape), floor),
        np.asarray([row[0]["constant"] for row in records], dtype=float),
        np.asarray([[_seconds(record) for record in row] for row in records], dtype=float).reshape(shape),
        {key: text for case in whole for name in names if (text := found[key := Key(name, case)]["problem"])},
        {
            name: sorted({str(found[Key(name, case)]["commit"]) for case in whole})
            for name in names
            if name.partition("@")[0] in OURS
        },
    )


def _error(record: Record) -> float:
    return float(record["constant"] if record["error"] is None else record["error"])


def _seconds(record: Record) -> float:
    return float("nan") if record["cpu_seconds"] is None else float(record["cpu_seconds"])


def title(name: str) -> str:
    """The title of a model, with its label."""
    model, _, label = name.partition("@")
    return (KNOWN[model].title if model in KNOWN else model) + (f" @{label}" if label else "")


def page(what: Shown, half: str) -> str:
    """All tables."""
    if not what.cases:
        return f"No case of this half that all of {', '.join(what.models) or 'them'} have been asked on."
    opening = f"Cases of the {half} half: {len(what.cases)}"
    opening += "." if len(what.cases) == what.asked else f" of {what.asked}; all models have been asked on these."
    for name, commits in what.commits.items():
        mixed = "" if len(commits) == 1 else " (mixed; --again measures all of them anew)"
        opening += f" {title(name)}: commit {', '.join(commits)}{mixed}."
    parts = [
        opening,
        summary(what),
        *(target_status(what, name) for name in TARGETS if name in what.models),
        *(_by(what, heading, of) for heading, of in GROUPS.items()),
        failed(what),
    ]
    return "\n\n".join(part for part in parts if part)


def geometric(ratios: np.ndarray) -> np.ndarray:
    """Geometric means over cases (cases, models)."""
    return np.asarray(np.exp(np.log(ratios).mean(axis=0)))


def summary(what: Shown) -> str:
    """A row a model."""
    ratios = what.ratios
    means, near = geometric(ratios), (ratios <= NEAR).mean(axis=0)
    useless = (what.errors > NO_BETTER * what.constant[:, None]).sum(axis=0)
    rows = []
    for number, name in enumerate(what.models):
        seconds = what.seconds[:, number]
        seconds = seconds[np.isfinite(seconds)]
        times = (f"{np.median(seconds):.2g}", f"{seconds.max():.3g}") if len(seconds) else ("–", "–")
        broken = sum(key.model == name for key in what.problems)
        rows.append(
            (
                title(name),
                f"{means[number]:.3g}",
                f"{ratios[:, number].max():.2g}",
                f"{100 * near[number]:.0f} %",
                f"{np.median(what.errors[:, number]):.2g}",
                str(useless[number]),
                str(broken),
                *times,
            )
        )
    ratio = "error / least error of all: geometric mean"
    head = ("model", ratio, "worst", f"within {NEAR:g}", "median error", "no better than the mean", "failed")
    return table((*head, "median s", "most s"), rows)


def target_status(what: Shown, name: str) -> str:
    """Whether one of ours is where it should be."""
    number, ratios, wanted = what.models.index(name), what.ratios, TARGETS[name]
    mean, worst = float(geometric(ratios)[number]), float(ratios[:, number].max())
    near = float((ratios[:, number] <= NEAR).mean())
    parts = [
        f"mean at most {wanted.mean:g}: {mean:.3g}, {_met(mean <= wanted.mean)}",
        f"worst at most {wanted.worst:g}: {worst:.2g}, {_met(worst <= wanted.worst)}",
        f"within {NEAR:g} at least {100 * wanted.near:.0f} %: {100 * near:.0f} %, {_met(near >= wanted.near)}",
    ]
    return f"Targets of {title(name)}: {'; '.join(parts)}."


def _met(reached: bool) -> str:
    return "met" if reached else "missed"


GROUPS: dict[str, Callable[[Case], str]] = {
    "family": lambda case: case.target.family,
    "rows": lambda case: str(case.rows),
    "noise": lambda case: f"{100 * case.noise:g} %",
}


def _by(what: Shown, heading: str, of: Callable[[Case], str]) -> str:
    """Geometric means, and in brackets the share that is near, for groups of cases; the best one is bold."""
    groups = np.asarray([of(case) for case in what.cases])
    order = sorted(range(len(groups)), key=lambda k: _place(what.cases[k], heading))
    rows = []
    for group in dict.fromkeys(groups[order]):
        ratios = what.some(groups == group).ratios
        means, near = geometric(ratios), (ratios <= NEAR).mean(axis=0)
        cells = [f"{mean:.3g} ({100 * share:.0f} %)" for mean, share in zip(means, near, strict=True)]
        cells[int(means.argmin())] = f"**{cells[int(means.argmin())]}**"
        rows.append((f"{group} ({len(ratios)})", *cells))
    return table((f"{heading} (cases)", *map(title, what.models)), rows)


def _place(case: Case, heading: str) -> float:
    return {"family": float(list(FAMILIES).index(case.target.family)), "rows": float(case.rows), "noise": case.noise}[
        heading
    ]


def failed(what: Shown) -> str:
    """Fits without a result, each counted as the constant."""
    lines = [f"- {title(key.model)}, {key.case}: {text}" for key, text in what.problems.items()]
    return "Without a result, which counts as that of the constant:\n\n" + "\n".join(lines) if lines else ""


def worst(what: Shown, count: int) -> str:
    """The cases where each model is furthest behind the best one."""
    lines = []
    for number, name in enumerate(what.models):
        for k in np.argsort(-what.ratios[:, number], kind="stable")[:count]:
            best = what.models[int(what.errors[k].argmin())]
            errors = f"{what.errors[k, number]:.3g}, {best} {what.errors[k].min():.3g}"
            lines.append(f"{name:12} {what.ratios[k, number]:10.3g} times: {what.cases[k]}: {errors}")
    return "\n".join(lines)


def rules() -> str:
    """The families with their rules."""
    rows = [(family.name, f"{family.fewest} to {family.most}", family.rule) for family in FAMILIES.values()]
    return table(
        ("family", "active columns", "rule"), [tuple(cell.replace("|", "\\|") for cell in row) for row in rows]
    )
