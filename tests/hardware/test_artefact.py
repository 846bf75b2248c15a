"""The order in which any artefact is built: place, rows, programs, plan, folder, report; whatever fails, nothing is left."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from splinework.errors import ConfigError, DataError, FileError
from splinework.hardware.artefact import build, check
from splinework.hardware.folders import read_marker
from splinework.hardware.report_page import ArtefactReport, ReportCheck
from tests.hardware.api_cases import curves, rows, says, tree
from tests.hardware.cases import random_model

FIGURES = {"vectors": 9, "mismatches": 0, "tools": {}}


@dataclass
class Traced:
    """A recipe, and its own plan, that notes what is asked of it and fails where it is told to."""

    kind: ClassVar[str] = "mcu"
    fails: str = ""
    right: bool = True
    seed: int = 3
    name: str = "net"
    details: dict[str, Any] = field(default_factory=lambda: {"vectors": 9, "seed": 3})
    calls: list[str] = field(default_factory=list)

    def _note(self, what: str) -> None:
        self.calls.append(what)
        if what == self.fails:
            raise ConfigError(what)

    def need(self) -> None:
        self._note("need")

    def plan(self, model, found, tell):
        self._note("plan")
        self.rows = found
        return self

    def write(self, folder: Path, tell) -> ArtefactReport:
        (folder / "half.txt").write_text("half")
        self._note("write")
        figures = FIGURES | {"mismatches": 0 if self.right else 2}
        return ArtefactReport("t", "mcu", figures, checks=(ReportCheck("c", "r", self.right),), notes=("n",))


@pytest.mark.parametrize("right", [True, False])
def test_an_artefact_is_built_in_order_and_its_report_is_the_result(tmp_path, right):
    recipe = Traced(right=right)
    found = build(recipe, random_model(0, (2, 1)), tmp_path / "out")
    assert recipe.calls == ["need", "plan", "write"]
    assert recipe.rows is None  # integers take none
    assert (found.kind, found.name, found.passed, found.notes) == ("mcu", "net", right, ("n",))
    assert json.loads((tmp_path / "out" / "report.json").read_text())["mismatches"] == (0 if right else 2)
    assert read_marker(tmp_path / "out").details == {"vectors": 9, "seed": 3}


@pytest.mark.parametrize("fails", ["need", "plan", "write"])
def test_nothing_is_left_wherever_it_fails(tmp_path, fails):
    recipe = Traced(fails=fails)
    with pytest.raises(ConfigError, match=fails):
        build(recipe, random_model(0, (2, 1)), tmp_path / "deep" / "out")
    assert recipe.calls[-1] == fails
    assert tree(tmp_path) == {}


def test_the_place_and_the_rows_are_looked_at_before_anything_is_asked_of_the_recipe(tmp_path):
    recipe, x = Traced(), rows(40)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match="is a file"):
        build(recipe, curves(), tmp_path / "file", x=x, y=says(curves(), x))
    with pytest.raises(ConfigError, match="give x and y"):
        build(recipe, curves(), tmp_path / "out")
    with pytest.raises(DataError, match="at least 10 rows"):
        build(recipe, curves(), tmp_path / "out", x=x[:4], y=says(curves(), x)[:4])
    assert recipe.calls == []
    build(recipe, curves(), tmp_path / "out", x=x, y=says(curves(), x))
    assert len(recipe.rows.x) + len(recipe.rows.held_x) == 40


def test_verifying_asks_for_what_the_marker_says_unless_told_otherwise(tmp_path, monkeypatch):
    from splinework.hardware import mcu_artefact

    asked = []
    monkeypatch.setattr(mcu_artefact, "check_folder", lambda *given: asked.append(given[:5]))
    build(Traced(), random_model(0, (2, 1)), tmp_path / "out")
    check(tmp_path / "out")
    check(tmp_path / "out", vectors=5, seed=8, proof=False)
    assert asked == [(tmp_path / "out", "net", 9, 3, True), (tmp_path / "out", "net", 5, 8, False)]
