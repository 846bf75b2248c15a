"""Whatever bytes come as a table or as a model: the program ends with 0 or 2, says so in a line, and writes all or nothing."""

import csv
import io
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splinework.cli import main
from splinework.nn.checkpoint import save
from splinework.nn.network import KAN
from tests.cli.stand_in import Estimator, Pipeline, tree

CELLS = st.one_of(
    st.sampled_from(
        ["1", "2.5", "-3e2", "1e400", "", "NA", "nan", "inf", "true", "x", '"', "1,5", "1.000,5", "é", "\x00", "0x1"]
    ),
    st.floats().map(repr),
    st.text(max_size=5),
)
TABLES = st.builds(
    lambda head, rows, separator, end, encoding: end.join(separator.join(row) for row in [head, *rows]).encode(
        encoding, errors="replace"
    ),
    st.lists(st.sampled_from(["a", "b", "y", "", "c d", "a"]), min_size=1, max_size=4),
    st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12),
    st.sampled_from([",", ";", "\t", "|", " ", ", "]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
)
CONTENTS = st.one_of(st.binary(max_size=300), TABLES, TABLES.map(lambda content: content + b"\n" + b"1,2,3\n" * 10))
QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of a and b."""
    folder = tmp_path_factory.mktemp("fuzz")
    generator = torch.Generator().manual_seed(0)
    save(KAN([2, 1], names=["a", "b"], generator=generator), folder / "m.safetensors")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="splinework")


def ended_well(result: Result) -> bool:
    """Whether it was done; else it was refused in a line."""
    assert result.exit_code in (0, 2), result.output
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, result.stderr
    return result.exit_code == 0


@given(content=CONTENTS)
@QUICK
def test_predict_on_any_bytes(content, place):
    data, out = place / "d.csv", place / "p.csv"
    out.unlink(missing_ok=True)
    data.write_bytes(content)
    before = tree(place)
    if ended_well(run("predict", place / "m.safetensors", data, "--out", out)):
        rows = list(csv.reader(io.StringIO(out.read_text("utf-8"), newline="")))
        assert "predicted" in rows[0][-1] or len(rows[0]) == 1  # one cell where the separator is another one
    else:
        assert tree(place) == before


@given(
    content=CONTENTS,
    missing=st.sampled_from([[], *(["--missing", how] for how in ("drop", "mean", "learn"))]),
    task=st.sampled_from(["auto", "classification", "regression"]),
)
@QUICK
def test_fit_on_any_bytes(content, missing, task, tmp_path):
    data, out = tmp_path / "d.csv", tmp_path / "o"
    data.write_bytes(content)
    stand_in = Pipeline()
    with pytest.MonkeyPatch.context() as patch:
        stand_in.replace_modules(patch)
        patch.setattr("splinework.cli.estimation._fitted", Estimator)
        before = tree(tmp_path)
        if not ended_well(run("fit", data, "--target", "y", "--out", out, "--overwrite", "--task", task, *missing)):
            assert tree(tmp_path) == before


@given(content=st.binary(max_size=400), at=st.floats(0, 1), many=st.integers(0, 8))
@QUICK
def test_any_bytes_as_a_model(content, at, many, place):
    whole = (place / "m.safetensors").read_bytes()
    begin = int(at * len(whole))
    (place / "x.safetensors").write_bytes(whole[:begin] + content[:many] + whole[begin + many :])
    ended_well(run("show", place / "x.safetensors", "--quiet", "--edges", "1"))
    (place / "x.safetensors").write_bytes(content)
    assert not ended_well(run("show", place / "x.safetensors", "--quiet"))
