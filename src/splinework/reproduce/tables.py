"""The results of an experiment as Markdown (table, checks, environment), and the two checks that all tables share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from splinework.formula.figures import DASH, figure, plural
from splinework.reproduce.experiment import OWN_METHOD_FACTOR, OWN_METHOD_SHARE, BoundCheck, ComparisonRow, Experiment
from splinework.train.progress_line import duration

DEFAULT_BOUND: Final = 0.9
"""Share of the rows in which our default is to reach the published value."""
OWN_METHOD_BOUND: Final = 0.8
"""Share of the rows in which the paper's own method is to reach the published value here."""
_MET = {True: "met", False: "**missed**", None: "not measured"}


def row_checks(rows: Sequence[ComparisonRow]) -> list[BoundCheck]:
    """The two statements that every table is held to: published values reached by our default, and by the paper's method here.

    Rows without a published value do not count, whether our default does well there or not.

    >>> row_checks([ComparisonRow("a", "RMSE", published=1.0, ours=0.5)])[0].met
    True
    """
    rows = [row for row in rows if row.published is not None]
    limit = f"within a factor {OWN_METHOD_FACTOR:g}, or {OWN_METHOD_SHARE:g} of accuracy"
    return [
        _share("our default reaches the published value", [row.default_reached for row in rows], DEFAULT_BOUND),
        _share(
            f"the paper's method here reaches the published value ({limit})",
            [row.own_method_reached for row in rows],
            OWN_METHOD_BOUND,
        ),
    ]


def result_text(experiment: Experiment, result: Mapping[str, Any]) -> str:
    """The Markdown of a result."""
    done, cells = len(result["cells"]), result["cell_count"]
    state = "complete" if done == cells else f"incomplete: {done} of {plural(cells, 'cell')}"
    lines = [
        f"{state}; {duration(result['seconds'])} of processor time; {result['scale']} recipe, version {result['version']}.",
        "",
        *_rows(result["rows"], experiment.rival),
        "",
        *checks_table(result["checks"]),
        "",
        *(f"{environment_text(each)}\n" for each in result["environments"]),
    ]
    return "\n".join(lines)


def checks_table(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The checks as lines of a Markdown table."""
    body = [f"| {check['statement']} | {check['value']} | {_MET[check['met']]} |" for check in checks]
    return ["| statement | found | |", "|---|---|---|", *body]


def environment_text(environment: Mapping[str, Any]) -> str:
    """The environment in one sentence."""
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    where = f"{environment['platform']}, {environment['processor'] or 'unknown processor'}"
    threads = f"{plural(environment['cores'], 'core')}, {plural(environment['threads'], 'thread')}"
    return f"Environment: splinework {environment['splinework']}, Python {environment['python']}, {packages}; {where}, {threads}."


def value_text(value: Any) -> str:
    """A value of the table: three digits of a number, a text as it is, a dash for None.

    >>> value_text(1.2345e-7), value_text("x*y"), value_text(None)
    ('1.23e-07', 'x*y', '–')
    """
    if value is None:
        return DASH
    return value.replace("|", "\\|") if isinstance(value, str) else figure(value, ".3g")


def _rows(rows: Sequence[Mapping[str, Any]], rival: str) -> list[str]:
    """The rows as lines of a Markdown table; columns without a value are left out, a missed value has its reason."""
    headings = {
        "name": "",
        "measure": "measure",
        "published": "published",
        "paper": "paper's method here",
        "ours": "our default",
        "rival": rival,
        "place": "place",
        "note": "note",
    }
    shown = [key for key in headings if any(row[key] not in (None, "") for row in rows)]
    lines = ["| " + " | ".join(headings[key] for key in shown) + " |", "|" + "---|" * len(shown)]
    for row in rows:
        cells = [value_text(row[key]) for key in shown]
        flags = {"paper": row["own_method_reached"], "ours": row["default_reached"]}
        for key, reached in flags.items():
            if key in shown and reached is not None:
                cells[shown.index(key)] += " ✓" if reached else " ✗"
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _share(statement: str, reached: Sequence[bool | None], bound: float) -> BoundCheck:
    known = [each for each in reached if each is not None]
    text = f"{statement} in at least {bound:.0%} of the rows"
    if not known:
        return BoundCheck(text, "nothing to compare", None)
    return BoundCheck(text, f"{sum(known)} of {len(known)}", sum(known) >= bound * len(known))
