"""What the tests of the command line share: a stand-in for the pipeline, an empty folder, a table."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from splinework.cli import main
from tests.cli.stand_in import Pipeline, refused, tree


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    stand_in = Pipeline()
    stand_in.replace_modules(monkeypatch)
    return stand_in


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def run(folder: Path) -> Callable[..., Result]:
    """Runs a command line in the empty folder, and keeps whether it has changed anything in there."""

    def invoke(*arguments: str, input: bytes | str | None = None) -> Result:
        before = tree(folder)
        result = CliRunner().invoke(main, list(arguments), input=input, prog_name="splinework")
        result.wrote = tree(folder) != before  # type: ignore[attr-defined]
        return result

    return invoke


@pytest.fixture
def data(folder: Path) -> Path:
    """Forty rows of y = 2a - b, and an idle c."""
    generator = np.random.default_rng(0)
    a, b, c = generator.uniform(1, 2, (3, 40))
    rows = [f"{p!r},{q!r},{r!r},{2 * p - q!r}" for p, q, r in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)]
    path = folder / "data.csv"
    path.write_text("\n".join(["a,b,c,y", *rows]) + "\n")
    return path


@pytest.fixture
def refuse(
    run: Callable[..., Result], folder: Path, pipeline: Pipeline, request: pytest.FixtureRequest
) -> Callable[..., None]:
    """Runs the module's `COMMAND` on the content of d.csv, and checks that it is refused before any work."""

    def check(content: str | bytes | None, options: list[str], *fragments: str) -> None:
        if content is not None:
            (folder / "d.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        refused(run(*request.module.COMMAND, *(options or request.module.OPTIONS)), *fragments)
        assert pipeline.calls == []

    return check
