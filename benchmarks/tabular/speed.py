"""How long one fit takes: 20 000 rows, about 20 columns, synthetic and measured, with the score on rows that were held out."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import campaign, lines
from benchmarks.processes import say
from benchmarks.tabular import contenders
from benchmarks.tabular.judge import judge
from benchmarks.tabular.results import Results
from benchmarks.tabular.runner import Question, Runner
from benchmarks.tabular.sets import SEED, TabularSet
from benchmarks.tabular.tables import table

ROWS = 20_000
HELD_OUT = 5_000
COLUMNS = 20
MOST = 30.0
"""Seconds that a fit may take on two cores."""
FILE = "speed.jsonl"
FLIGHTS = TabularSet(
    "flights",
    "regression",
    "openintro",
    "nycflights",
    "dep_delay",
    dropped=("arr_delay", "dep_time", "arr_time", "air_time", "tailnum"),
    rows=ROWS + HELD_OUT,
)
CRASHES = TabularSet(
    "crashes",
    "classification",
    "DAAG",
    "nassCDS",
    "dead",
    dropped=("injSeverity", "caseid", "weight"),
    rows=ROWS + HELD_OUT,
)


def _synthetic(kind: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Friedman's first function of five of twenty columns: with noise, or as the log odds of two classes."""
    random = np.random.default_rng(SEED)
    x = random.uniform(size=(ROWS + HELD_OUT, COLUMNS))
    wave = 10 * np.sin(np.pi * x[:, 0] * x[:, 1])
    y = wave + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    if kind == "regression":
        y = y + random.normal(size=len(y))
    else:
        y = (random.uniform(size=len(y)) < 1 / (1 + np.exp(-(y - np.median(y)) / 2))).astype(int)
    return pd.DataFrame(x, columns=[f"x{number}" for number in range(1, COLUMNS + 1)]), y


PROBLEMS: dict[str, tuple[str, Callable[[], tuple[pd.DataFrame, np.ndarray]]]] = {
    "synthetic regression": ("regression", lambda: _synthetic("regression")),
    "synthetic classification": ("classification", lambda: _synthetic("classification")),
    "departure delays of flights": ("regression", FLIGHTS.load),
    "deaths in car crashes": ("classification", CRASHES.load),
}


def question(name: str) -> Question:
    """The rows of a problem."""
    kind, load = PROBLEMS[name]
    x, y = load()
    names = np.unique(y) if kind == "classification" else np.empty(0)
    y = np.searchsorted(names, y) if len(names) else y
    order = np.random.default_rng(SEED).permutation(len(y))
    train, test = order[:-HELD_OUT], order[-HELD_OUT:]
    return Question(x.iloc[train], y[train], x.iloc[test], y[test], len(names))


def run(names: list[str], chosen: argparse.Namespace) -> str:
    """Times one contender after the other, keeps what came, and returns the table."""
    who, absent = campaign.chosen(names, contenders.KNOWN, chosen.rivals_python)
    for sentence in absent:
        say(sentence)
    runner = Runner(Results(chosen.results), limit=chosen.limit, slots=1, threads=chosen.threads)
    for name in PROBLEMS:
        asked = question(name)
        for contender in who:
            facts, predicted = runner.ask(contender, asked)
            judged, wrong = judge(predicted, asked.truth, asked.classes)
            facts["error"] = facts.pop("problem") or wrong
            size = {"rows": len(asked.y), "columns": asked.train.shape[1]}
            record = {"problem": name, "contender": contender.name, **size, **judged, **facts}
            lines.append(chosen.results / FILE, {**record, "threads": chosen.threads, "commit": runner.commit})
            say(f"{name}: {contender.name} {facts.get('last_seconds', '–')} s {facts['error']}")
    return page(chosen.results)


def page(folder: Path) -> str:
    """The last line of each problem and contender, in Markdown."""
    found = {(record["problem"], record["contender"]): record for record in lines.read(folder / FILE)}
    rows = []
    for name in PROBLEMS:
        for contender in contenders.KNOWN.values():
            record = found.get((name, contender.name))
            if record is None:
                continue
            last, quality = record.get("last_seconds"), record.get("r2", record.get("auc"))
            status = record["error"] or ("yes" if last is not None and last <= MOST else "no")
            size = f"{record['rows']} × {record['columns']}"
            shown = "–" if last is None else f"{last:.1f}"
            cells = (name, contender.title, size, str(record["threads"]), shown, status)
            rows.append((*cells, "–" if quality is None else f"{quality:.4f}"))
    head = ("problem", "by", "rows × columns", "threads", "a fit, s", f"≤ {MOST:g} s")
    return table((*head, "R² or area under the curve, held-out rows"), rows) if rows else "Nothing timed yet."
