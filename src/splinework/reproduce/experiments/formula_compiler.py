"""The compiler from formulas to networks (Liu et al. 2024b, arXiv 2408.10205, §3), on the equations of Feynman's lectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, final

import numpy as np
import torch

import splinework as sw
from splinework.data import feynman, feynman_ids
from splinework.reproduce import experiment as ex
from splinework.reproduce.figures import COLOURS

EXACT: Final = 1e-12
"""Largest relative difference of a compiled network."""
NOTEBOOK: Final = 1.5e-15
"""Mean squared residual of equation no. 36 in the authors' notebook, in single precision."""
PART: Final = 20
"""Equations of a cell."""


@final
@dataclass(frozen=True)
class FormulaCompiler(ex.Experiment):
    """Each equation as a network, compared with the equation on random rows."""

    rows_count: int = 1000

    name: ClassVar[str] = "formula-compiler"
    title: ClassVar[str] = "The compiler of formulas (kanpiler), KAN 2.0 §3"
    about: ClassVar[str] = (
        "Each of Feynman's equations with its units, as in AI Feynman's table, is compiled to a network of sums, "
        "products and functions of one variable by `sw.from_formula` and evaluated on 1000 random rows in float64. "
        "KAN 2.0 says that all of its table can be compiled, and shows one residual. A network counts as exact if it "
        "differs from the formula by less than 1e-12 of the largest value."
    )
    minutes: ClassVar[tuple[float, float]] = (0.1, 0.1)
    rival: ClassVar[str] = "–"

    def cells(self, scale: ex.Scale) -> Sequence[ex.ExperimentCell]:
        names, common = equation_names(), {"rows": self.rows_count, "seed": 0}
        parts = [names[k : k + PART] for k in range(0, len(names), PART)]
        return [ex.ExperimentCell(f"equations {part[0]} to {part[-1]}", {**common, "names": part}) for part in parts]

    def run(self, settings: ex.Values) -> ex.Values:
        found = []
        for name in settings["names"]:
            recipe = feynman(name, table="dimensional")
            x, y = recipe.sample(settings["rows"], seed=settings["seed"])
            box = {column: (float(x[:, i].min()), float(x[:, i].max())) for i, column in enumerate(recipe.inputs)}
            try:
                model = sw.from_formula(recipe.formula, box)
            except sw.SplineworkError as error:
                found.append({"name": name, "away": None, "why": str(error)[:200]})
                continue
            with torch.no_grad():
                values = model(torch.as_tensor(x, dtype=torch.float64)).numpy()[:, 0]
            away = float(np.abs(values - np.ravel(y)).max() / np.abs(y).max())
            found.append({"name": name, "away": away, "shape": str(model.config.shape), "edges": model.active_edges()})
        return {"equations": found}

    def rows(self, finished: ex.Cells) -> list[ex.ComparisonRow]:
        every = [each for cell in finished for each in cell.result["equations"]]
        known = [each["away"] for each in every if each["away"] is not None]
        exact = sum(away < EXACT for away in known)
        counts: dict[str, Any] = {"published": "all of 120", "ours_reached": exact == len(every)} if every else {}
        counts |= {"ours": f"{exact} of {len(every)}", "place": "§3"}
        median = float(np.median(np.square(known))) if known else None
        residual: dict[str, Any] = {"ours": median, "place": "authors' notebook, no. 36"}
        return [
            ex.ComparisonRow("equations compiled exactly", "count", **counts),
            ex.ComparisonRow("squared residual, relative", "median", NOTEBOOK, **residual),
        ]

    def checks(self, finished: ex.Cells) -> list[ex.BoundCheck]:
        every = [each for cell in finished for each in cell.result["equations"]]
        missing = [each["name"] for each in every if each["away"] is None or each["away"] >= EXACT]
        if not every:
            return []
        text = f"every equation is compiled to a network within {EXACT:g} of its largest value"
        return [ex.BoundCheck(text, f"missing: {', '.join(missing)}" if missing else f"all {len(every)}", not missing)]

    def draw(self, finished: ex.Cells, figure: ex.Figure) -> None:
        every = [each for cell in finished for each in cell.result["equations"] if each["away"] is not None]
        axes = figure.subplots()
        axes.scatter(
            [each["edges"] for each in every], [max(each["away"], 1e-18) for each in every], s=12, color=COLOURS["ours"]
        )
        axes.axhline(EXACT, color=COLOURS["published"], linewidth=1)
        axes.set(
            yscale="log",
            xlabel="edges of the network",
            ylabel="largest relative difference",
            title="compiled equations",
        )


def equation_names() -> list[str]:
    """Names of the equations."""
    return list(feynman_ids(table="dimensional"))


EXPERIMENT = FormulaCompiler()
