"""Tasks that take a second or more each: searches, predictions of many rows, artefacts of hardware, reports."""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.cli import main
from splinework.discover.checkpoint import KIND
from splinework.hardware import tools
from splinework.hardware.folders import read_marker
from splinework.hardware.golden import read_golden
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.verify import Certificate, verify
from tests.cli.stand_in import Pipeline
from tests.faults.tasks import TASKS, Task, network
from tests.hardware.api_cases import QUICK, curves, rows, says

MANY_ROWS = 1_000_000


@cache
def _shared() -> Path:
    """A folder with what tasks read and never change: tables of many rows, in two formats."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    folder = Path(tempfile.gettempdir(), "splinework-faults-rows")
    folder.mkdir(exist_ok=True)
    if not (folder / "done").exists():
        x = np.random.default_rng(0).uniform(-1, 1, (MANY_ROWS, 2)).round(3)
        table = pa.table({"a": x[:, 0], "b": x[:, 1]})
        csv.write_csv(table, folder / "d.csv")
        (folder / "parts").mkdir(exist_ok=True)
        parquet.write_table(table, folder / "parts" / "d.parquet", row_group_size=MANY_ROWS // 4)
        (folder / "done").touch()
    return folder


def _old_many(folder: Path) -> None:
    sw.save(network(0), folder / "m.safetensors")
    (folder / "p.csv").write_text("old\n")
    _shared()


def _predict_many(folder: Path) -> None:
    data = _shared() / "d.csv"
    main(["predict", f"{folder}/m.safetensors", str(data), "--out", f"{folder}/p.csv", "--quiet"])


def _many_are_whole(folder: Path) -> None:
    content = (folder / "p.csv").read_bytes()
    assert content == b"old\n" or (content.count(b"\n") == MANY_ROWS + 1 and content.endswith(b"\n"))


def _predict_folder(folder: Path) -> None:
    data = _shared() / "parts"
    main(["predict", f"{folder}/m.safetensors", str(data), "--out", f"{folder}/o", "--quiet"])


def _folder_of_parts_is_whole(folder: Path) -> None:
    from pyarrow import parquet

    for path in (folder / "o").glob("part-*") if (folder / "o").is_dir() else ():
        assert parquet.read_table(path).num_rows == MANY_ROWS // 4
    if (folder / "o" / "_splinework.json").exists():
        assert json.loads((folder / "o" / "_splinework.json").read_text())["pieces"] == 4


def _discover(folder: Path) -> None:
    """`discover` with a stand-in for the search."""
    with pytest.MonkeyPatch.context() as patch:
        Pipeline().replace_modules(patch)
        main(["discover", f"{folder}/d.csv", "--target", "y", "--out", f"{folder}/o", "--overwrite", "--quiet"])


def _discovered_is_whole(folder: Path) -> None:
    found = (
        {path.name for path in (folder / "o").iterdir() if not path.name.startswith(".saving-")}
        if (folder / "o").is_dir()
        else set()
    )
    if "metrics.json" in found:
        json.loads((folder / "o" / "metrics.json").read_text())
        assert (folder / "o" / "equations.csv").read_text().endswith("\n")


def _search(folder: Path) -> None:
    x = np.random.default_rng(0).uniform(0.5, 2.0, (40, 2))
    sw.discover(x, np.sin(x[:, 0]) * x[:, 1], effort=0.3, checkpoint=folder / "s.json", progress=False)


def _search_is_whole(folder: Path) -> None:
    if (folder / "s.json").exists():
        found = json.loads((folder / "s.json").read_text())
        assert found["kind"] == KIND
        assert found["formulas"]


def _artefact(kind: str, folder: Path, seed: int) -> None:
    """An artefact with as few checks by other programs as there may be."""
    from splinework.hardware.analog_artefact import AnalogRecipe
    from splinework.hardware.fpga_artefact import FpgaRecipe
    from splinework.hardware.mcu_artefact import McuRecipe

    model, x = curves(seed, (2, 1)), rows(40)
    recipe: Any = {
        "mcu": lambda: McuRecipe(quantisation=QUICK, vectors=50, processors=("gcc",), name="net"),
        "fpga": lambda: FpgaRecipe(quantisation=QUICK, vectors=50, proof=False, synthesis=False, axi=False, name="net"),
        "analog": lambda: AnalogRecipe(max_elements=6, steps=2, draws=2, vectors=3, name="net"),
    }[kind]()
    getattr(sw.hardware, kind)(model, folder / "artefact", x=x, y=says(model, x), recipe=recipe)


def _artefact_is_whole(folder: Path) -> None:
    place = folder / "artefact"
    if not place.exists():
        return
    marker = read_marker(place)
    assert marker is not None
    assert {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()} == {
        *marker.files,
        "artefact.json",
    }
    if (place / "golden.json").exists():
        read_golden(place / "golden.json")


def _certificate(folder: Path) -> None:
    verify(sw.load(folder / "m.safetensors"), ["bounded(-9, 9)"], effort=1).save(folder / "c.json")


def _certificate_is_whole(folder: Path) -> None:
    if (folder / "c.json").exists():
        assert check(sw.load(folder / "m.safetensors"), Certificate.load(folder / "c.json")).valid


def _report(folder: Path) -> None:
    x = torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None].repeat(1, 2)
    sw.report(network(0), folder / "r.html", x=x, y=x[:, :1])


def _report_is_whole(folder: Path) -> None:
    if (folder / "r.html").exists():
        text = (folder / "r.html").read_text()
        assert text.startswith("<!")
        assert text.rstrip().endswith("</html>")


def _table_and_folder(folder: Path) -> None:
    TASKS["fit"].old(folder)


def _model(folder: Path) -> None:
    sw.save(network(0), folder / "m.safetensors")


LONG_TASKS = {
    "many rows": Task(_old_many, _predict_many, _many_are_whole),
    "parts": Task(_old_many, _predict_folder, _folder_of_parts_is_whole),
    "discover": Task(_table_and_folder, _discover, _discovered_is_whole),
    "search": Task(lambda folder: None, _search, _search_is_whole),
    "certificate": Task(_model, _certificate, _certificate_is_whole),
    "report": Task(lambda folder: None, _report, _report_is_whole),
    **{
        kind: Task(
            lambda folder: None, lambda folder, kind=kind: _artefact(kind, folder, 1), _artefact_is_whole
        )
        for kind, program in (("mcu", "gcc"), ("fpga", "iverilog"), ("analog", "ngspice"))
        if tools.find(program)
    },
}  # fmt: skip
"""Tasks of the campaign only."""
ALL_TASKS = {**TASKS, **LONG_TASKS}
EXACT = ("save", "export", "predict", "artefact", "parquet", "many rows", "parts", "mcu", "fpga")
"""Tasks whose files do not depend on the run, byte by byte."""
