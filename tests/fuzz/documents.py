"""Targets: documents of other kinds, such as what programs write, recipes, options, other libraries' models, arrays."""

import io
import json
import os
import shutil
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import click
import numpy as np
import pandas as pd
import torch

import splinework as sw
from splinework.cli import main
from splinework.cli.config import options_in
from splinework.cli.data_files import read_recipe, write_recipe
from splinework.data import suites
from splinework.discover.checkpoint import KIND, read_checkpoint
from splinework.errors import SplineworkError
from splinework.hardware.analog_files import read_analog, write_analog
from splinework.hardware.fpga.netlist import read_netlist
from splinework.hardware.golden import digest_of
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.verify.certificate import seal
from splinework.report.editor.service import EditorService
from splinework.report.editor.session import EditSession
from splinework.tabular.tables.arrow_rows import arrow_rows
from splinework.train.sources import memmap
from tests.fuzz.changes import any_value, changed, changed_bytes, changed_text
from tests.fuzz.subjects import FOLDER, certificates, models, written
from tests.fuzz.tables import PIECES, tables
from tests.hardware.analog_cases import random_network

PYKAN = Path(__file__).parents[1] / "nn" / "data" / "pykan"


def analog_file(rng: Random) -> None:
    """An analogue network with a digest that fits: read, and run."""
    content = changed(_analog(rng.randrange(2)), rng)
    if isinstance(content, dict) and rng.random() < 0.95:
        content["digest"] = digest_of({key: value for key, value in content.items() if key not in ("format", "digest")})
    network = read_analog(written("analog.json", json.dumps(content).encode()))
    network.forward(np.zeros((2, len(network.input_names))))


@cache
def _analog(seed: int) -> Any:
    write_analog(random_network(seed, product=bool(seed)), FOLDER / "analog")
    return json.loads((FOLDER / "analog").read_text())


NETLIST = {
    "modules": {
        "m": {
            "attributes": {"hdlname": "net"},
            "ports": {"a": {"direction": "input", "bits": [2, 3]}, "y": {"direction": "output", "bits": [4]}},
            "cells": {
                "c": {
                    "type": "$lut",
                    "parameters": {"LUT": "0110", "WIDTH": "10"},
                    "port_directions": {"A": "input", "Y": "output"},
                    "connections": {"A": [2, 3], "Y": [4]},
                }
            },
            "netnames": {"a": {"bits": [2, 3]}},
        }
    }
}


def netlist_file(rng: Random) -> None:
    """A netlist as yosys writes it."""
    read_netlist(written("netlist.json", json.dumps(changed(NETLIST, rng)).encode()))


def forged_certificate(rng: Random) -> None:
    """A changed certificate with a seal that fits, given to the checker, which answers whatever it is."""
    content = changed(rng.choice(certificates()), rng)
    if isinstance(content, dict):
        content["seal"] = seal({key: value for key, value in content.items() if key != "seal"})
    found = check(_model(), content)
    assert found.valid in (True, False)
    assert len(found.reason) <= 5000


@cache
def _model() -> Any:
    return sw.load(written("m", models()[0]))


def search_file(rng: Random) -> None:
    """The checkpoint of a search."""
    content = {"kind": KIND, "search": "s", "runs": 2, "formulas": ["x1 + 2.5*x2", "sin(x1)", "x1**0.5"]}
    path = written("search.json", json.dumps(changed(content, rng)).encode())
    read_checkpoint(path, "s").expressions(["x1", "x2"])


def recipe_file(rng: Random) -> None:
    """A recipe of data as `data --save-recipe` writes it: read, and a few rows drawn."""
    text = changed_text(_recipe(rng.choice(("nguyen:1", "keijzer:4"))), rng, TOML)
    recipe, _, _ = read_recipe(str(written("recipe.toml", text.encode("utf-8", "replace"))))
    recipe.draw(5, seed=0)


@cache
def _recipe(name: str) -> str:
    write_recipe(suites.suite_set(name), 10, 0, str(FOLDER / "recipe"))
    return (FOLDER / "recipe").read_text()


TOML = (
    '"',
    "'",
    "[",
    "]",
    "=",
    "\n",
    "{",
    "}",
    "1e400",
    "nan",
    "inf",
    "true",
    "[fit]",
    '"x"',
    "9" * 5000,
    "\\u0000",
    "1979-05-27",
    "a.b",
    "-",
)


def options_file(rng: Random) -> None:
    """A file of options, read for one of the commands."""
    text = 'target = "y"\n[fit]\nbudget = 2.5\nshape = "2,3,1"\naxiom = ["monotone(a)"]\n[predict]\nquiet = true\n'
    path = written(
        "options.toml", changed_text(text, rng, (*TOML, "edges", "--out", "seed")).encode("utf-8", "replace")
    )
    name = rng.choice(("fit", "discover", "predict"))
    command = main.get_command(click.Context(main), name)
    assert command is not None
    with click.Context(main, info_name="splinework") as parent:
        options_in(str(path), click.Context(command, info_name=name, parent=parent))


VARIABLES = (
    "FIT_BUDGET", "FIT_SEED", "PREDICT_QUIET", "SHOW_CONFIG", "CONFIG", "DEBUG", "FIT_SHAPE", "FIT_AXIOM",
    "EXPORT_TO", "BACKEND", "ISA", "KERNEL",
)  # fmt: skip
VALUES = (
    "",
    "0",
    "1",
    "-1",
    "nan",
    "1e400",
    "x",
    "é",
    "a" * 5000,
    "native",
    "2,5,1",
    "none.toml",
    "\x7f",
    "\u202e",
    "true",
    "9" * 30,
    "c,js",
)


def environment(rng: Random) -> None:
    """Variables of the environment, as options take their defaults from them, and those of other programs."""
    names = [
        *(f"SPLINEWORK_{name}" for name in VARIABLES),
        "COLUMNS",
        "LINES",
        "TERM",
        "NO_COLOR",
        "LANG",
        "TMPDIR",
        "OMP_NUM_THREADS",
        "RANK",
    ]
    given = {name: rng.choice(VALUES) for name in rng.sample(names, rng.choice((1, 2, 4)))}
    words = rng.choice(
        (
            ["show", str(FOLDER / "m"), "--quiet"],
            ["fit", "none.csv", "--target", "y"],
            ["export", str(FOLDER / "m"), "--to", "c", "--out", str(FOLDER / "m.c")],
        )
    )
    written("m", models()[0])
    _refused_in_a_line(words, given)


def _refused_in_a_line(words: list[str], variables: dict[str, str]) -> None:
    from click.testing import CliRunner

    from tests.fuzz.tables import check_result

    before = {name: os.environ.get(name) for name in variables}
    check_result(CliRunner(env=dict(variables)).invoke(main, words, prog_name="splinework"), words)
    assert {name: os.environ.get(name) for name in variables} == before


def pykan_files(rng: Random) -> None:
    """The two files of a model of pykan."""
    stem = FOLDER / "pykan"
    for suffix in ("_config.yml", "_state"):
        shutil.copyfile(f"{PYKAN / 'symbolic'}{suffix}", f"{stem}{suffix}")
    kind = rng.randrange(4)
    if kind == 0:
        pieces = (
            "&a [*a]", "*a", "!!python/object/apply:os.system ['true']", "- ", "[", "]", "1e400", ".nan", "999999",
            "!!binary", "\n", ": ", "{a: *a}",
        )  # fmt: skip
        path = Path(f"{stem}_config.yml")
        path.write_bytes(changed_text(path.read_text(), rng, pieces).encode("utf-8", "replace"))
    elif kind == 1:
        Path(f"{stem}_state").write_bytes(changed_bytes(Path(f"{stem}_state").read_bytes(), rng))
    elif kind == 2:
        state = dict(torch.load(f"{stem}_state", weights_only=True))
        key = rng.choice(list(state))
        state[rng.choice((key, "x"))] = rng.choice(
            (
                torch.zeros(1).expand(10**6, 10**6),
                torch.zeros(0),
                torch.full((3,), torch.nan),
                state[key][:0],
                state[key].to(torch.int64),
                state[key].to_sparse(),
                3,
            )
        )
        torch.save(state, f"{stem}_state")
    else:
        _packed(Path(f"{stem}_state"), rng)
    sw.from_pykan(stem, functions={"Own": "j0(u)"})


def _packed(path: Path, rng: Random) -> None:
    """The same archive, compressed, with one member replaced by many equal bytes."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    members[rng.choice(list(members))] = bytes(rng.choice((10, 10**6, 10**8)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def array_files(rng: Random) -> None:
    """Rows in `.npy` files, mapped and read."""
    content = io.BytesIO()
    np.save(content, np.arange(12.0).reshape(6, 2))
    whole = content.getvalue()
    if rng.random() < 0.5:
        header = changed_text(
            whole[10:128].decode(), rng, ("(10**9,", "<U9", "|O", "'", "{", "<f2", "<c16", "99999999999", "-1", "True")
        )[:118].ljust(118)
        whole = whole[:10] + header.encode("utf-8", "replace")[:118].ljust(118) + whole[128:]
    else:
        whole = changed_bytes(whole, rng)
    source = memmap(written("x.npy", whole), np.zeros(6))
    for piece in range(len(source.pieces)):
        assert all(x.dtype == torch.float64 for x, _, _ in source.read(piece, 100))


def arrow_data(rng: Random) -> None:
    """A data set of Arrow: one file or two, as Parquet or CSV, all batches read."""
    folder = FOLDER / "rows"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    kind = rng.choice(("parquet", "csv"))
    whole = _parquet() if kind == "parquet" else tables()[0]
    for number in range(rng.choice((1, 2))):
        content = whole
        if rng.random() < 0.8:
            content = (
                changed_bytes(whole, rng)
                if kind == "parquet" or rng.random() < 0.3
                else changed_text(whole.decode(), rng, PIECES).encode("utf-8", "replace")
            )
        (folder / f"{number}.{kind}").write_bytes(content)
    found = arrow_rows(str(folder))
    for piece in found.pieces:
        for batch in found.batches(piece):
            assert batch.num_rows >= 0


@cache
def _parquet() -> bytes:
    content = io.BytesIO()
    pd.DataFrame({"a": np.arange(20.0), "b": ["x", "y"] * 10}).to_parquet(content, index=False, row_group_size=7)
    return content.getvalue()


def editor_request(rng: Random) -> None:
    """Requests to the editor: answered or refused, one after the other."""
    service = EditorService(EditSession(_model()), FOLDER / "editor")
    for _ in range(2):
        name = rng.choice(list(service.requests))
        request = changed(
            {
                "name": "widen",
                "arguments": {"layer": 1, "count": 2, "i": 0, "j": 1},
                "at": 0,
                "to": 1,
                "first": 0,
                "second": 1,
                "path": "x.c",
                "edge": [0, 0, 0],
            },
            rng,
        )
        if name in ("save", "export") and isinstance(request, dict):
            request["path"] = rng.choice(("m.safetensors", "../m", "a/b", "\x00", "a" * 300, any_value(rng)))
        try:
            service.answer(name, request)
        except SplineworkError as error:
            assert len(str(error)) <= 500  # noqa: PT017  # the next request comes anyway
