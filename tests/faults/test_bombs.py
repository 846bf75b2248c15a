"""Small files that ask for much: each is refused at once, and what it would take is never taken."""

import gzip
import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import splinework as sw
from splinework.cli.shape import parse_shape
from splinework.errors import MAX_MESSAGE_LENGTH, ConfigError, DataError, FileError, FormulaError, SplineworkError
from splinework.errors.stored_values import typed
from splinework.formula.expression import Expression
from splinework.knowledge.axioms.language import parse_axiom
from splinework.nn.frame import Frame
from splinework.tabular import KANClassifier, load
from splinework.tabular.tables import read_table, table_chunks
from tests.families import every
from tests.fuzz.changes import joined_safetensors, split_safetensors
from tests.tabular.tables import QUICK, labels, numbers


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a classifier of texts."""
    path = tmp_path_factory.mktemp("bombs") / "c.safetensors"
    x, y = numbers()
    KANClassifier(**QUICK).fit(x, labels(y)).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    "dtype", ["<U500000000", "|V9", "<c16", "<M8[s]", "(999999,999999)i4", "i4,i4", "O" * 100, "f8"]
)
def test_a_dtype_of_labels_reserves_no_memory(classifier, tmp_path, dtype):
    header, metadata, tensors = split_safetensors(classifier)
    metadata["splinework"]["notes"]["estimator"]["classes"]["dtype"] = dtype
    path = tmp_path / "c.safetensors"
    path.write_bytes(joined_safetensors(header, metadata, tensors))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FileError, match="estimator with inconsistent parts"):
        load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_a_wide_dtype_of_labels_comes_back(tmp_path):
    x, y = numbers()
    fitted = KANClassifier(**QUICK).fit(x, labels(y).astype("<U50"))
    fitted.save(tmp_path / "c.safetensors")
    again = load(tmp_path / "c.safetensors")
    assert again.classes_.dtype == fitted.classes_.dtype == np.dtype("<U50")
    assert (again.predict(x) == fitted.predict(x)).all()


def test_a_network_in_a_header_takes_no_more_than_its_tensors(tmp_path):
    sw.save(sw.KAN([2, 3, 1]), tmp_path / "m.safetensors")
    header, metadata, tensors = split_safetensors((tmp_path / "m.safetensors").read_bytes())
    for change in (
        {"nodes": [[2, []], [10**9, []], [1, []]]},
        {"bases": [{"name": "bspline", "grid": 10**12, "degree": 3}] * 2},
    ):
        changed = {"splinework": {**metadata["splinework"], "config": {**metadata["splinework"]["config"], **change}}}
        (tmp_path / "x.safetensors").write_bytes(joined_safetensors(header, changed, tensors))
        with pytest.raises(FileError, match="should have coefficients of shape"):
            sw.load(tmp_path / "x.safetensors")


def test_a_packed_table_unpacks_up_to_a_limit_that_can_be_raised(tmp_path):
    path = tmp_path / "b.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" + b"1\n" * 40_000_000, 9, mtime=0))
    size = path.stat().st_size
    with pytest.raises(FileError, match=rf"{size} bytes .* --max-unpacked"):
        next(table_chunks(path))
    assert len(next(table_chunks(path, max_unpacked=100)).frame) == 20_000
    for wrong in (0, -1, float("nan")):
        with pytest.raises(ConfigError, match="above 0"):
            read_table(path, max_unpacked=wrong)


def test_a_parquet_file_may_claim_no_more_rows_than_the_limit(tmp_path):
    path = tmp_path / "b.parquet"
    pd.DataFrame({"a": np.zeros(10_000_000), "b": 1.0}).to_parquet(path)
    with pytest.raises(FileError, match="10000000 rows of 2 columns, more than"):
        read_table(path)
    assert len(read_table(path, max_unpacked=1000).frame) == 10_000_000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_parts_of_a_table_make_the_whole(tmp_path, rows, end):
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(53, 2)).round(3), columns=["a", "b"]).assign(c='x, "y"\nz')
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False, sep=";", decimal=",", lineterminator=end)
    whole, parts = read_table(path), list(table_chunks(path, rows=rows))
    assert pd.concat([part.frame for part in parts]).equals(whole.frame)
    assert {(part.notes, part.decimal, part.separator) for part in parts} == {(whole.notes, ",", ";")}
    assert [len(part.frame) for part in parts] == [
        len(chunk) for chunk in np.split(np.arange(53), range(rows, 53, rows))
    ]


@pytest.mark.slow
def test_predictions_take_memory_for_a_part_of_the_rows_only(tmp_path):
    sw.save(sw.KAN([2, 1], names=["a", "b"]), tmp_path / "m.safetensors")
    peaks = []
    for rows in (20_000, 160_000):
        (tmp_path / "d.csv").write_bytes(b"a,b\n" + b"0.25,0.5\n" * rows)
        program = (
            "import resource, sys; from splinework.cli import main\n"
            "try: main(sys.argv[1:])\n"
            "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        words = ["predict", tmp_path / "m.safetensors", tmp_path / "d.csv", "--out", tmp_path / "p.csv", "--quiet"]
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, words)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
        assert (tmp_path / "p.csv").read_bytes().count(b"\n") == rows + 1
    assert peaks[1] - peaks[0] < 25_000  # kB; the cells of all rows would take twice that


def test_a_pipe_in_the_place_of_a_model_does_not_wait(tmp_path):
    import os

    os.mkfifo(tmp_path / "m")
    with pytest.raises(FileError, match="not a regular file"):
        sw.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("z1+0**-1", np.inf),
        ("z1*0+9**9**9**9", np.inf),
        ("z1+(-8)**(1/3)", np.nan),
        ("floor((-8)**(1/3))+z1", np.nan),
        ("min((-8)**0.5, z1)", np.nan),
        ("where(0**-1 > 2, z1*0, z1)", 0.0),
        ("log(-1)*z1", np.nan),
    ],
)
def test_constants_of_formulas_are_those_of_floating_point_numbers(text, expected):
    found = Expression(text, ("z1",))
    of_tensor = found.of(torch.ones(2, 1, dtype=torch.float64))
    assert of_tensor.dtype == torch.float64
    np.testing.assert_array_equal(of_tensor.numpy(), [expected] * 2)
    np.testing.assert_array_equal(found(np.ones((2, 1))), [expected] * 2)


def test_long_formulas_of_a_frame_are_refused_before_they_are_joined_or_read():
    for corrections, features in (((0, "x+x", 1.0),) * 400_000, ()), ((), ("x+" * 200 + "x",) * 20_000):
        with pytest.raises(ConfigError, match="at most 1048576 characters"):
            Frame(("x",), features, ("y",), (), (), corrections)


@every(
    "call",
    [
        lambda text: parse_shape("2," + text),
        lambda text: parse_axiom(text),
        lambda text: parse_axiom(f"monotone({text})"),
        lambda text: Expression(text, ("x",)),
        lambda text: Expression("x", (text,)),
        lambda text: sw.load(text),
        lambda text: sw.KAN([2, 1], basis=text),
        lambda text: sw.KAN([2, 1], names=[text, text]),
        lambda text: typed(int, text, "a field"),
        lambda text: typed(tuple[int, int], [text] * 5, text),
        lambda text: read_table(text),
    ],
)
def test_messages_are_short_whatever_came(call):
    with pytest.raises(SplineworkError) as caught:
        call("a," * 60_000)
    assert 20 < len(str(caught.value)) <= MAX_MESSAGE_LENGTH


def test_the_column_that_a_table_has_twice_is_named_briefly(tmp_path):
    (tmp_path / "t.csv").write_text("{0},{0}\n1,2\n".format("a" * 100_000))
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv")
    assert len(str(caught.value)) <= MAX_MESSAGE_LENGTH
    assert str(caught.value).endswith("rename one of them.")


def test_a_long_relation_is_refused_before_it_is_parsed(monkeypatch):
    import ast

    def parse(*arguments: object, **words: object) -> None:
        pytest.fail("parsed")

    monkeypatch.setattr(ast, "parse", parse)
    with pytest.raises(FormulaError):
        parse_axiom("a," * 1_000_000)


SCHEMA_FAULTS = [True, "1", None, [], {}, 10**400, [[1], [1, 2]]]


@pytest.mark.parametrize("fault", SCHEMA_FAULTS, ids=repr)
@pytest.mark.parametrize("field", ["kind", "fill", "varies", "gaps"])
def test_no_field_of_a_column_takes_another_type(classifier, tmp_path, field, fault):
    header, metadata, tensors = split_safetensors(classifier)
    column = metadata["splinework"]["notes"]["estimator"]["columns"]["columns"][0]
    if type(column[field]) is type(fault):
        return
    column[field] = fault
    path = tmp_path / "c.safetensors"
    path.write_bytes(joined_safetensors(header, json.loads(json.dumps(metadata)), tensors))
    with pytest.raises(FileError):
        load(path)


def test_a_checkpoint_of_another_kind_of_file_is_refused(tmp_path):
    Path(tmp_path, "c").write_bytes(b"\x00" * 100)
    with pytest.raises(FileError, match="not a checkpoint"):
        sw.fit(
            sw.KAN([1, 1]), [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], steps=1, checkpoint=tmp_path / "c", progress=False
        )
