"""Targets for the command line: tables in every form, and options."""

import gzip
import io
import os
import tempfile
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
from click.testing import CliRunner, Result

import splinework as sw
from splinework.cli import main
from splinework.tabular.tables import numbers, read_table, table_chunks
from tests.fuzz.changes import changed_bytes, changed_text

PIECES = (
    ",", ";", "\t", "|", '"', "\n", "\r", "\r\n", "a,b,y", "1e400", "nan", "é", "1,5", "1.000,5", "\x1a", "\x00",
    "=cmd()", "0x1", "true",
)  # fmt: skip


@cache
def tables() -> list[bytes]:
    """Tables as CSV with several separators and encodings, packed, and as Parquet."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(12, 3)), columns=["a", "b", "y"]).assign(c=draw.choice(["p", "q"], 12))
    plain = frame.to_csv(index=False)
    packed = io.BytesIO()
    frame.to_parquet(packed, index=False)
    return [
        plain.encode(),
        frame.to_csv(index=False, sep=";", decimal=",").encode("utf-8-sig"),
        plain.encode("utf-16"),
        plain.replace(",", " ").encode(),
        gzip.compress(plain.encode(), mtime=0),
        packed.getvalue(),
        gzip.compress(b"a,b\n" + b"1,2\n" * 300_000, 9, mtime=0),
        gzip.compress(b"a\n" + b"\n" * 80_000_000, 9, mtime=0),
    ]


def table(rng: Random) -> None:
    """A table: read whole and in parts, which agree, and its cells read as numbers."""
    at = rng.randrange(len(tables()) + 8) % len(tables())
    content = rng.choice(tables()[:6]) if at >= 6 and rng.random() < 0.97 else tables()[at]
    if at < 4 and rng.random() < 0.6:
        content = changed_text(content.decode("utf-16" if at == 2 else "utf-8"), rng, PIECES).encode("utf-8", "replace")
    elif rng.random() < 0.9:
        content = changed_bytes(content, rng)
    path = _place() / "t.csv"
    path.write_bytes(content)
    whole = read_table(path)
    for name in whole.columns:
        numbers(whole, name)
    if len(whole.frame) < 1000:
        parts = [part.frame for part in table_chunks(path, rows=3)]
        assert pd.concat(parts).equals(whole.frame)


@cache
def _place() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="splinework-fuzz-"))
    sw.save(sw.KAN([2, 1], names=["a", "b"]), folder / "m.safetensors")
    (folder / "d.csv").write_bytes(tables()[0])
    return folder


WORDS = (
    "--out", "--quiet", "--json", "--config", "--debug", "--max-unpacked", "--to", "--edges", "--budget", "--effort",
    "--seed", "--target", "-", "",
    "y", "a", "1", "-1", "1e400", "nan", "none.csv", "\x00", "a" * 5000, "=", "2,5,1", "monotone(a)",
    "--version",
    "--print-config", "bounded(0,1)", "--axiom", "--shape", "--help", "onnx", "c", "é",
)  # fmt: skip


def options(rng: Random) -> None:
    """Words in any order after a command: done or refused by one line, without a traceback."""
    place = _place()
    model, data, out = str(place / "m.safetensors"), str(place / "d.csv"), str(place / "o.csv")
    usual = rng.choice(
        (
            ["predict", model, data, "--out", out],
            ["show", model, "--quiet"],
            ["export", model, "--to", "python", "--out", out],
            ["verify", model, "--axiom", "bounded(-9, 9)", "--effort", "0.1"],
            ["fit", data, "--target", "none", "--out", str(place / "f")],
            ["data", "nguyen:1", "--rows", "5", "--out", "-"],
            ["units", "kg"],
        )
    )
    words = list(usual)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(words) + 1)
        kind = rng.randrange(3)
        if kind == 0:
            words.insert(at, rng.choice(WORDS))
        elif kind == 1 and words:
            words[at % len(words)] = rng.choice(WORDS)
        elif words:
            del words[at % len(words)]
    if words[:1] == ["demo"] or (words[:1] == ["fit"] and "none" not in words):
        return
    before = Path.cwd()
    os.chdir(place)  # words may stand where the name of a file does
    try:
        check_result(CliRunner().invoke(main, words, prog_name="splinework"), words)
    finally:
        os.chdir(before)


def check_result(result: Result, words: list[str]) -> None:
    """Whether a command was done, or refused by one line without a traceback.

    Raises:
        AssertionError: If not.
    """
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.exit_code in (0, 1, 2), (result.exit_code, words)
    assert "Traceback" not in result.output or "--debug" in words, words
    assert "internal error" not in result.stderr, (result.stderr[-300:], words)
    assert all(len(line) <= 500 for line in errors), words
    assert result.exit_code == 0 or len(errors) <= 1, words
