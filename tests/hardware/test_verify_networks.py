"""Sound artefacts pass their verification, over the family of networks; what is not decided, or cannot be read, never passes."""

import json
import shutil
import subprocess
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest

from splinework.errors import ConfigError, DataError, FileError
from splinework.hardware import tools
from splinework.hardware.fpga import prove
from splinework.hardware.fpga.axi import axi
from splinework.hardware.fpga.circuit import FpgaOptions
from splinework.hardware.fpga.vectors import make_vectors, packed
from splinework.hardware.fpga.verification import verify
from tests.hardware.cases import random_model
from tests.hardware.mutants import sound

TOOLS = ("iverilog", "yosys", "yosys-abc")
needs_tools = pytest.mark.skipif(any(tools.find(t) is None for t in TOOLS), reason=f"takes {', '.join(TOOLS)}")
SHAPES = ((3, 4, 2), (2, 2, 1), (5, 3), (4, 3, 3, 2), (8, 2, 1), (1, 3, 1), (6, 5, 4))


def options_of(seed: int) -> FpgaOptions:
    return FpgaOptions(
        technology=("xcup", "ecp5", "ice40")[seed % 3],
        compress=seed % 5 != 0,
        stage_levels=1 + seed % 2,
        handshake="valid_ready" if seed % 4 == 1 else "stream",
        dont_care=("proof", "off")[seed % 7 == 3],
    )


def network(seed: int):
    return random_model(
        seed,
        SHAPES[seed % len(SHAPES)],
        (2, 5 + seed % 4),
        density=(0.8, 1.0, 0.5)[seed % 3],
        guard=(None, 0, 2)[seed % 3],
    )


MANY = 100_000


@needs_tools
@pytest.mark.parametrize(
    ("seed", "vectors"),
    [(1, 2000), (5, 2000), (46, 2000), *(pytest.param(seed, MANY, marks=pytest.mark.slow) for seed in range(50))],
)
def test_networks_pass_and_every_neuron_is_proven(seed, vectors, tmp_path: Path):
    model = network(seed)
    both = vectors == MANY and seed % 5 == 0 and tools.find("verilator") is not None
    simulators = ("iverilog", "verilator") if both else ("iverilog",)
    found = verify(sound(model, options_of(seed)).write(tmp_path / "a"), vectors=vectors, simulators=simulators)
    assert found.passed, found.failures
    assert (found.mismatches, found.neurons_proven) == (0, sum(model.shape[1:]))
    assert found.vectors >= vectors


@pytest.mark.slow
@needs_tools
def test_a_neuron_of_36_inputs_is_proven(tmp_path: Path):
    model = random_model(7, (36, 1), (3, 5), density=1.0)
    found = verify(sound(model).write(tmp_path / "a"), vectors=1000, simulators=("iverilog",))
    assert found.passed, found.failures
    assert [proof.method for proof in found.proofs] == ["sum and tail"]


@pytest.mark.slow
@needs_tools
def test_what_is_not_decided_is_not_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prove, "_decide", lambda work, name, budget: ("undecided", {}))
    found = verify(sound(random_model(1)).write(tmp_path / "a"), vectors=500, simulators=("iverilog",))
    assert found.neurons_proven == 0
    assert not found.passed
    assert all("not proven" in failure.message for failure in found.failures)


@needs_tools
def test_codes_seen_in_data_bound_what_is_promised(tmp_path: Path):
    model = random_model(2, (3, 3, 1), (3, 4))
    seen = tuple(np.arange(w.format.count) % 3 != 0 for w in model.inputs)
    whole = sound(model, FpgaOptions(dont_care="data"), seen)
    found = verify(whole.write(tmp_path / "a"), vectors=1000, simulators=("iverilog",))
    assert found.passed, found.failures
    assert "occur in the data" in found.limits[0]
    codes = make_vectors(model, 1000, seen=seen).codes
    assert all(flags[c - w.format.low].all() for w, flags, c in zip(model.inputs, seen, codes.T, strict=True))
    with pytest.raises(DataError, match="not among the"):
        verify(tmp_path / "a", vectors=1000, rows=np.array([[w.format.low for w in model.inputs]]))


@needs_tools
def test_the_testbenches_stay_and_run_again(tmp_path: Path):
    whole = sound(random_model(4), FpgaOptions(handshake="valid_ready"))
    folder = whole.write(tmp_path / "a")
    for name, text in axi(whole.planned).items():
        (folder / "rtl" / name).write_text(text, encoding="utf-8")
    found = verify(folder, vectors=1000, simulators=("iverilog",), proof=False)
    assert found.passed, found.failures
    assert [run.simulator for run in found.simulations] == ["iverilog", "iverilog, AXI-stream"]
    assert sorted(file.name for file in folder.iterdir()) == ["design.json", "golden.json", "rtl", "tb"]
    if shutil.which("make"):
        said = subprocess.run(
            ["make", "-C", folder / "tb", "iverilog", "axi"], capture_output=True, text=True, check=True
        )
        assert said.stdout.count("mismatches=0 protocol=0") == 2
    json.dumps(found.to_dict())
    with pytest.raises(FrozenInstanceError):
        found.name = "other"


@needs_tools
def test_a_broken_wrapper_is_found(tmp_path: Path):
    whole = sound(random_model(4), FpgaOptions(handshake="valid_ready"))
    folder = whole.write(tmp_path / "a")
    for name, text in axi(whole.planned).items():
        broken = text.replace("if (s_axis_tready) last", "last")
        assert broken != text
        (folder / "rtl" / name).write_text(broken, encoding="utf-8")
    found = verify(folder, vectors=1000, simulators=("iverilog",), proof=False)
    assert not found.passed
    assert found.simulations[0].passed


def test_files_that_cannot_be_trusted_are_refused(tmp_path: Path):
    whole = sound(random_model(1))
    with pytest.raises(FileError, match=r"golden\.json"):
        verify(tmp_path)
    changed = whole.write(tmp_path / "changed")
    text = (changed / "golden.json").read_text()
    (changed / "golden.json").write_text(text.replace('"bias": [', '"bias": [1', 1))
    with pytest.raises(FileError, match=r"changed|whole"):
        verify(changed)
    other = whole.write(tmp_path / "other")
    write = replace(whole, model=random_model(9)).write(tmp_path / "second")
    shutil.copy(write / "golden.json", other / "golden.json")
    with pytest.raises(FileError, match="another golden model"):
        verify(other)
    old = whole.write(tmp_path / "old")
    (old / "design.json").write_text(
        (old / "design.json").read_text().replace("splinework-fpga/1", "splinework-fpga/0")
    )
    with pytest.raises(FileError, match="another version"):
        verify(old)
    empty = whole.write(tmp_path / "empty")
    shutil.rmtree(empty / "rtl")
    with pytest.raises(FileError, match="no Verilog"):
        verify(empty)
    assert not list(tmp_path.glob("*/tb"))


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = sound(random_model(1)).write(tmp_path / "a")
    monkeypatch.setattr(tools.shutil, "which", lambda program: None)
    with pytest.raises(ConfigError, match=r"iverilog and verilator.*install"):
        verify(folder)
    with pytest.raises(ConfigError, match="simulators are"):
        verify(folder, simulators=("vcs",))
    assert not (folder / "tb").exists()


def test_vectors_look_everywhere():
    model = random_model(3, (14, 2), (3, 4))
    made = make_vectors(model, 5000, rows=model.encode(np.zeros((7, 14))))
    assert len(made) == 5000 == sum(made.kinds.values())
    assert made.kinds["rows"] == 7
    rows = {tuple(row) for row in made.codes.tolist()}
    assert tuple(w.format.low for w in model.inputs) in rows
    assert tuple(w.format.high for w in model.inputs) in rows
    for wire, column in zip(model.inputs, made.codes.T, strict=True):
        assert len(np.unique(column)) == wire.format.count
    assert packed(np.array([[-1, 5, 0]]), [4, 61, 3]) == b"0000000000000005f\n"
    small = random_model(3, (2, 1), (3, 3))
    assert make_vectors(small, 1000).kinds["all"] == 64
