"""A stream has the rows of a draw, whatever the chunk; the file is there whole or not at all."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from splinework.data import RECIPES, FormulaSet, Input, data_set, from_dict, random_streams, write_parquet
from splinework.data import recipe as recipe_module
from splinework.data.designs import Grid, Joined, LatinHypercube, Sobol, Uniform
from splinework.data.marginals import Marginals
from splinework.data.noise import Drift, Gaussian, InputNoise, Missing, Outliers, Quantised, StudentT
from splinework.errors import ConfigError, DataError, FileError

INPUTS = (Input("a", 0.0, 1.0), Input("b", 1.0, 9.0, "s", "loguniform"))
NOISE_STREAM = (Gaussian(0.1), Outliers(0.1), StudentT(0.1), InputNoise(0.1), Quantised(8), Missing(0.1), Drift(0.2))
RECIPES_TO_STREAM = {
    "uniform": FormulaSet("a*b", INPUTS, Uniform(), NOISE_STREAM, correlation=((1.0, 0.5), (0.5, 1.0))),
    "sobol": FormulaSet("a*b", INPUTS, Sobol(), NOISE_STREAM, idle=1),
    "lhs": FormulaSet("a*b", INPUTS, LatinHypercube("none"), NOISE_STREAM),
    "grid": FormulaSet("a*b", INPUTS, Grid(), (Gaussian(0.1),)),
    "joined": FormulaSet("a*b", INPUTS, Joined((Uniform(), Sobol())), (Gaussian(0.1),)),
    "marginals": FormulaSet("a*b", INPUTS, Marginals(((0.1, 2.0), (0.5, 3.0), (0.7, 8.0))), (Gaussian(0.1),)),
    "problem": data_set("feynman-si:I.12.1").recipe,
    "noisy problem": data_set("feynman-si:I.12.1").noisy(0.1, (Missing(0.2),)),
    "special": data_set("special:jv").recipe,
    "ode": data_set("pendulum").noisy(0.1),
    "classes": data_set("mosaic").recipe,
}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 64 rows, so that a few hundred rows are many blocks."""
    for module in ("designs", "problems", "random_streams"):
        monkeypatch.setattr(f"splinework.data.{module}.BLOCK_ROWS", 64)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("name", RECIPES_TO_STREAM)
def test_a_stream_is_the_draw_whatever_the_chunk(name, tmp_path):
    recipe = RECIPES_TO_STREAM[name]
    drawn = recipe.draw(500, seed=7)
    frame = drawn.frame()
    for chunk in (1 << 20, 64, 37):
        path = tmp_path / "rows.parquet"
        card = write_parquet(recipe, path, 500, seed=7, chunk=chunk)
        assert card.facts == drawn.facts
        found = parquet.ParquetFile(path)
        sizes = [found.metadata.row_group(i).num_rows for i in range(found.num_row_groups)]
        assert set(sizes[:-1]) <= {chunk}
        assert sum(sizes) == len(frame) == card.facts["rows"]
        for column, expected in frame.items():
            np.testing.assert_array_equal(found.read()[column].to_numpy(), expected.to_numpy())


@pytest.mark.usefixtures("small_blocks")
def test_the_noise_has_the_scale_of_the_first_block():
    recipe = FormulaSet("a", (Input("a", 0.0, 1.0),), Uniform(), (Gaussian(0.5),))
    clean = FormulaSet("a", (Input("a", 0.0, 1.0),), Uniform()).draw(500, seed=7)
    first = np.sqrt(np.mean(clean.y[:64] ** 2))
    gap = recipe.draw(500, seed=7).y - clean.y
    unit = random_streams.stream(7, random_streams.NOISE_STREAM, 0, 1).standard_normal((64, 1))[:, 0]
    np.testing.assert_allclose(gap[64:128], 0.5 * first * unit, rtol=1e-9)


def test_blocks_are_rows_of_one_size_at_full_scale(tmp_path):
    rows = 3 * random_streams.BLOCK_ROWS + 5
    recipe = FormulaSet("a*b", INPUTS, Uniform(), (Gaussian(0.1),))
    shares = []
    card = write_parquet(recipe, tmp_path / "rows.parquet", rows, seed=1, chunk=50_000, tell=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) == 4
    assert card.facts["sha256"] == recipe.draw(rows, seed=1).digest


def test_recipe_and_seed_are_in_the_file_and_the_card_beside_it(tmp_path):
    recipe = RECIPES_TO_STREAM["sobol"]
    card = write_parquet(recipe, tmp_path / "rows.parquet", 100, seed=9)
    notes = parquet.read_schema(tmp_path / "rows.parquet").metadata
    again = from_dict(json.loads(notes[b"splinework.recipe"]), RECIPES)
    assert again == recipe
    assert again.draw(100, seed=int(notes[b"splinework.seed"])).digest == card.facts["sha256"]
    assert (tmp_path / "rows.md").read_text("utf-8") == card.to_markdown()
    assert {path.name for path in tmp_path.iterdir()} == {"rows.parquet", "rows.md"}
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "rows.parquet").stat().st_mode & 0o777 == 0o666 & ~umask


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [Interrupted(), OSError(28, "No space left on device"), RuntimeError("a defect")])
def test_what_fails_leaves_what_was_there(error, tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"old")

    def fail(share: float) -> None:
        raise error

    with pytest.raises(FileError if isinstance(error, OSError) else type(error)):
        write_parquet(RECIPES_TO_STREAM["uniform"], tmp_path / "rows.parquet", 100, tell=fail)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"rows.parquet": b"old"}


def test_what_is_undefined_in_a_later_block_leaves_nothing(tmp_path, small_blocks):
    recipe = FormulaSet("log(a)", (Input("a", -0.01, 10.0),), Uniform())
    with pytest.raises(DataError, match="not finite"):
        write_parquet(recipe, tmp_path / "rows.parquet", 100_000, seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "options", "error", "fragment"),
    [
        ("rows.parquet", {"chunk": 0}, ConfigError, "chunk"),
        ("rows.parquet", {"seed": -1}, ConfigError, "seed"),
        ("rows.md", {}, ConfigError, "rows.parquet"),
        ("no/rows.parquet", {}, FileError, "cannot write"),
        ("a\0b.parquet", {}, FileError, "null"),
        ("x" * 300 + ".parquet", {}, FileError, "cannot write"),
    ],
)
def test_what_cannot_be_is_refused(path, options, error, fragment, tmp_path):
    with pytest.raises(error, match=fragment):
        write_parquet(RECIPES_TO_STREAM["uniform"], Path(tmp_path, path), 10, **options)
    assert list(tmp_path.iterdir()) == []


def test_only_one_block_is_held(monkeypatch, small_blocks, tmp_path):
    """Of blocks that were given nothing is kept: each is made after the one before was written."""
    made, written = [], []
    plain = recipe_module.BoxSet.clean

    def counted(self, rows, seed):
        for block in plain(self, rows, seed):
            made.append(len(written))
            yield block

    monkeypatch.setattr(recipe_module.BoxSet, "clean", counted)
    write_parquet(RECIPES_TO_STREAM["uniform"], tmp_path / "r.parquet", 640, chunk=64, tell=written.append)
    assert made == list(range(10))
