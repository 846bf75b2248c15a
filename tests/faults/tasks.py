"""What writes files: each task replaces what lies in a folder by something new, and can say whether a folder is whole."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.cli import main
from splinework.nn.files import whole_folder
from tests.cli.stand_in import Pipeline

ROWS = 3_000


class Task(NamedTuple):
    """A task: it makes the old state, replaces it by the new one, and checks that a folder holds one of the two."""

    old: Callable[[Path], None]
    new: Callable[[Path], Any]
    check: Callable[[Path], None]


def network(seed: int) -> Any:
    """A small network."""
    return sw.KAN([2, 3, 1], names=["a", "b"], dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def _loads(path: Path) -> None:
    if path.exists():
        assert sw.load(path)(torch.zeros(1, 2, dtype=torch.float64)).shape == (1, 1)


def _table(folder: Path, rows: int) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (rows, 2)).round(3)
    lines = [f"{a},{b},{a + b:.3f}" for a, b in x.tolist()]
    (folder / "d.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")


def _fit(folder: Path) -> Any:
    """A fit that writes a checkpoint after every step."""
    import splinework.train.journal as journal

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "CHECKPOINT_SECONDS", 0.0)
        for module in ("run", "fitting"):
            patch.setattr(f"splinework.train.{module}.CHECKPOINT_SECONDS", 0.0, raising=False)
        x = torch.linspace(-1, 1, 60, dtype=torch.float64)[:, None] * torch.tensor([[1.0, -0.5]], dtype=torch.float64)
        return sw.fit(
            network(0),
            x,
            torch.sin(3 * x[:, :1]),
            steps=6,
            starts=2,
            grids=[6],
            checkpoint=folder / "fit",
            progress=False,
        )


def _checkpoint_is_whole(folder: Path) -> None:
    from safetensors import safe_open

    if (folder / "fit").exists():
        with safe_open(str(folder / "fit"), framework="pt") as file:
            json.loads(file.metadata()["splinework-fit"])
            assert [file.get_tensor(key) for key in file.keys()]  # noqa: SIM118  # not a dict


def _export(folder: Path) -> None:
    sw.export(network(0), "c", folder / "model.c")


def _export_is_whole(folder: Path) -> None:
    if (folder / "model.c").exists():
        text = (folder / "model.c").read_text()
        with tempfile.TemporaryDirectory() as other:
            _export(Path(other))
            assert text == Path(other, "model.c").read_text()


def _old_predictions(folder: Path) -> None:
    sw.save(network(0), folder / "m.safetensors")
    _table(folder, ROWS)
    (folder / "p.csv").write_text("old\n")


def _predict(folder: Path) -> None:
    main(["predict", f"{folder}/m.safetensors", f"{folder}/d.csv", "--out", f"{folder}/p.csv", "--quiet"])


def _predictions_are_whole(folder: Path) -> None:
    content = (folder / "p.csv").read_bytes()
    assert content == b"old\n" or (content.count(b"\n") == ROWS + 1 and content.endswith(b"\n"))


def _search(folder: Path) -> None:
    """`fit` with a stand-in for the search."""
    stand_in = Pipeline()
    with pytest.MonkeyPatch.context() as patch:
        stand_in.replace_modules(patch)
        main(["fit", f"{folder}/d.csv", "--target", "y", "--out", f"{folder}/o", "--overwrite", "--quiet"])


def _results_are_whole(folder: Path) -> None:
    out = folder / "o"
    if not out.exists():
        return
    found = {path.name for path in out.iterdir()}
    assert {name for name in found if not name.startswith(".saving-")} in (
        set(),
        {"model.safetensors", "equations.csv", "metrics.json", "report.html"},
    )
    if "metrics.json" in found:
        json.loads((out / "metrics.json").read_text())
        assert (out / "equations.csv").read_text().endswith("\n")
        _loads(out / "model.safetensors")


def _write_folder(folder: Path, content: str) -> None:
    with whole_folder(folder / "artefact") as new:
        for name in "abc":
            (new / name).write_text(content * 1000)


def _folder_is_whole(folder: Path) -> None:
    assert {path.name for path in (folder / "artefact").iterdir()} == set("abc")
    assert len({path.read_text() for path in (folder / "artefact").iterdir()}) == 1
    assert (folder / "artefact" / "a").read_text() in ("old" * 1000, "new" * 1000)


def _parquet(folder: Path, rows: int) -> None:
    from splinework.data import write_parquet
    from splinework.data.suites import suite_set

    write_parquet(suite_set("nguyen:1"), folder / "rows.parquet", rows, chunk=100)


def _parquet_is_whole(folder: Path) -> None:
    import pyarrow.parquet as parquet

    assert parquet.read_table(folder / "rows.parquet").num_rows in (100, 300)


TASKS = {
    "save": Task(
        lambda folder: sw.save(network(0), folder / "m.safetensors"),
        lambda folder: sw.save(network(1), folder / "m.safetensors"),
        lambda folder: _loads(folder / "m.safetensors"),
    ),
    "checkpoint": Task(lambda folder: None, _fit, _checkpoint_is_whole),
    "export": Task(lambda folder: None, _export, _export_is_whole),
    "predict": Task(_old_predictions, _predict, _predictions_are_whole),
    "fit": Task(lambda folder: _table(folder, 60), _search, _results_are_whole),
    "artefact": Task(
        lambda folder: _write_folder(folder, "old"), lambda folder: _write_folder(folder, "new"), _folder_is_whole
    ),
    "parquet": Task(lambda folder: _parquet(folder, 100), lambda folder: _parquet(folder, 300), _parquet_is_whole),
}
