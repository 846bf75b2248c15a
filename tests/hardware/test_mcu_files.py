"""What C files hold, cost and refuse."""

import dataclasses
import json
import re

import numpy as np
import pytest

from splinework.errors import ConfigError, FileError
from splinework.hardware import tools
from splinework.hardware.formats import Format, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.hardware.mcu import McuOptions, mcu, measure, verify_mcu, write_mcu
from splinework.hardware.mcu.boards import PROCESSORS
from splinework.hardware.mcu.measurement import deepest
from splinework.hardware.mcu.source import plan
from tests.hardware.cases import random_model

needs_gcc = pytest.mark.skipif(tools.find("gcc") is None, reason="needs gcc")
needs_arm = pytest.mark.skipif(
    bool(PROCESSORS["cortex-m3"].missing()), reason="needs arm-none-eabi-gcc, qemu-system-arm"
)


@needs_gcc
@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_test_program_passes_and_a_changed_file_fails(task, tmp_path):
    files = write_mcu(random_model(2, (3, 4, 2), task=task), tmp_path, name="chosen")
    assert set(files) == {
        "chosen.h", "chosen.c", "chosen_vectors.h", "chosen_test.c", "Makefile", "golden.json", "mcu.json"
    }  # fmt: skip
    assert "mismatches 0" in tools.call(["make", "-s", "CC=gcc", "test"], tmp_path).stdout
    place = re.search(r"_l1_b0_x\d\[\d+\](?:\[\d+\])? = \{+\s*\{?(\d+)U", files["chosen.c"])
    changed = files["chosen.c"][: place.start(1)] + str(int(place[1]) ^ 1) + files["chosen.c"][place.end(1) :]
    (tmp_path / "chosen.c").write_text(changed)
    assert tools.call(["make", "-s", "CC=gcc", "test"], tmp_path, refuse=False).returncode != 0


@needs_gcc
def test_predict_calls_nothing_and_keeps_nothing(tmp_path):
    write_mcu(random_model(6, (13, 4, 3), (4, 7)), tmp_path, options=McuOptions(float="none"))
    tools.call(["gcc", "-std=c99", "-O2", "-c", "net6.c"], tmp_path)
    symbols = tools.call(["nm", "net6.o"], tmp_path).stdout.split("\n")
    assert not [line for line in symbols if re.search(r" [UDBdb] ", line) and "_GLOBAL_OFFSET" not in line]
    text = re.sub(r"/\*.*?\*/", "", (tmp_path / "net6.c").read_text(), flags=re.DOTALL)
    assert not re.search(r"\b(float|double|malloc|int|char|long|short|unsigned|goto)\b", text)


@needs_gcc
def test_names_of_columns_and_classes_cannot_break_the_files(tmp_path):
    model = random_model(3, (3, 3, 2), task="classification")
    evil = ["*/ int x; /*", '"; }\\', "größe\n??/"]
    model = dataclasses.replace(
        model,
        inputs=tuple(dataclasses.replace(w, name=name) for w, name in zip(model.inputs, evil, strict=True)),
        classes=('a"b\\', "*/"),
    )
    write_mcu(model, tmp_path)
    assert verify_mcu(tmp_path, rows=500, processors=["gcc"]).passed
    assert (tmp_path / "net3.c").read_bytes().isascii()
    assert (tmp_path / "net3.h").read_bytes().isascii()
    names = "static const char *const names[] = { NET3_INPUT_NAMES, NET3_CLASS_NAMES };"
    (tmp_path / "names.c").write_text(f'#include "net3.h"\n{names}\nint main(void) {{ return names[0][0] == 0; }}\n')
    tools.call(["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "names.c"], tmp_path)


def test_the_header_says_what_codes_mean():
    model = random_model(3, (3, 1), (4, 4))
    text = mcu(model)["net3.h"]
    for wire in (*model.inputs, *model.layers[-1].outputs):
        assert f"{wire.name} = " in text
        assert f"{wire.step:.9g} * code, {wire.format.low} to {wire.format.high}" in text


@pytest.mark.parametrize("case", range(12))
def test_flash_costs_no_more_bytes_and_speed_no_more_instructions_by_the_estimate(case):
    model = random_model(case, (9, 6, 3), (3, 6), density=(0.3, 1.0)[case % 2])
    plans = {key: plan(model, "net", McuOptions(prefer=key)) for key in ("speed", "flash")}
    size = {key: sum(a.table_bytes + a.code_bytes for a in p.arrangements) for key, p in plans.items()}
    count = {key: sum(a.instructions for a in p.arrangements) for key, p in plans.items()}
    assert size["flash"] <= size["speed"]
    assert count["speed"] <= count["flash"]


@needs_arm
def test_what_the_estimate_prefers_is_what_was_preferred(tmp_path):
    model = random_model(6, (13, 4, 3), (5, 6), density=1.0)
    costs = {}
    for key in ("speed", "flash"):
        write_mcu(model, tmp_path / key, options=McuOptions(prefer=key, float="none"))
        costs[key] = measure(tmp_path / key, processors=["cortex-m0plus"], calls=64)["predict"][0]
    assert costs["speed"].instructions < costs["flash"].instructions
    assert costs["flash"].flash < costs["speed"].flash
    assert costs["speed"].ram == costs["flash"].ram == 0
    assert costs["speed"].stack < 128
    # 64 edges and 7 ends of sums: lanes add up two to four edges in five instructions
    assert costs["speed"].instructions < 300


@needs_gcc
@pytest.mark.skipif(tools.find("valgrind") is None, reason="needs valgrind")
def test_instructions_are_counted_on_this_machine(tmp_path):
    write_mcu(random_model(6, (13, 4, 3), (5, 6), density=1.0), tmp_path, options=McuOptions(layout="edges"))
    found = measure(tmp_path, processors=["gcc"], calls=32)
    assert 64 < found["predict"][0].instructions < 1000
    assert found["quantise"][0].instructions > 13


def test_the_deepest_chain_of_calls():
    graph = """graph: { title: "a.c"
node: { title: "f" label: "f\\na.c:1\\n16 bytes (static)\\n0 dynamic objects" }
node: { title: "a.c:g" label: "g\\na.c:2\\n40 bytes (static)\\n0 dynamic objects" }
node: { title: "h" label: "h\\n8 bytes (static)" }
node: { title: "memcpy" label: "__builtin_memcpy\\n<built-in>" shape : ellipse }
edge: { sourcename: "f" targetname: "a.c:g" }
edge: { sourcename: "f" targetname: "h" }
edge: { sourcename: "h" targetname: "memcpy" }
}"""
    assert deepest(graph, "f") == 56


def test_a_sum_that_leaves_its_accumulator_is_refused_by_its_exact_ends(tmp_path):
    table = np.array([[0], [20_000]])
    wires = (Wire("x0", Format(1)), Wire("x1", Format(1)))

    def model(top: int) -> IntegerModel:
        last = np.array([[0], [top]])
        layer = IntegerLayer((table, last), np.ones((2, 1), dtype=bool), np.array([0]), 0, (Wire("load", Format(20)),))
        return IntegerModel("sums", wires, (layer,))

    mcu(model(2**15 - 1 - 20_000), options=McuOptions(accumulator=16))
    with pytest.raises(
        ConfigError, match=r"'load' in layer 0 ranges from 0 to 32768, which does not fit 16 bits; take acc"
    ):
        write_mcu(model(2**15 - 20_000), tmp_path / "none", options=McuOptions(accumulator=16))
    assert not (tmp_path / "none").exists()
    wide = IntegerLayer((np.array([[0], [2**33]]),), np.array([[True]]), np.array([0]), 0, (Wire("y", Format(40)),))
    with pytest.raises(ConfigError, match="does not fit 32 bits; use fewer bits"):
        mcu(IntegerModel("wide", wires[:1], (wide,)))


def test_a_hidden_sum_is_refused_with_its_rounding():
    hidden = Wire("h", Format(4, 0, False))
    for top, fits in ((2**16 - 3, True), (2**16 - 2, False)):
        first = IntegerLayer((np.array([[0], [top]]),), np.array([[True]]), np.array([0]), 2, (hidden,))
        last = IntegerLayer((np.arange(16)[:, None],), np.array([[True]]), np.array([0]), 0, (Wire("y", Format(4)),))
        model = IntegerModel("hidden", (Wire("x", Format(1)),), (first, last))
        if fits:
            mcu(model, options=McuOptions(accumulator=16))
        else:
            with pytest.raises(ConfigError, match="'h' in layer 0"):
                mcu(model, options=McuOptions(accumulator=16))


def test_too_little_flash_is_refused_with_what_to_do():
    model = random_model(6, (13, 4, 3), (6, 6), density=1.0)
    with pytest.raises(ConfigError, match=r"needs about \d+ bytes of flash, but flash=512.*layer 0.*One bit less"):
        mcu(model, options=McuOptions(flash=512))
    mcu(model, options=McuOptions(flash=64_000))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prefer": "size"}, "prefer is one of speed, flash"),
        ({"layout": "grid"}, "layout is one of auto"),
        ({"float": "double"}, "float is one of none"),
        ({"codes": "any"}, "codes is one of trusted"),
        ({"accumulator": 64}, "16 or 32 bits, got 64"),
        ({"unroll": -1}, "0 or more"),
        ({"flash": 0}, "number of bytes"),
    ],
)
def test_wrong_options_are_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        McuOptions(**settings)


def test_wrong_names_and_scales_are_refused():
    model = random_model(1, (1, 1))
    for name in ("", "3d", "a-b", "größe"):
        with pytest.raises(ConfigError, match="C identifier"):
            mcu(model, name=name)
    tiny = dataclasses.replace(model, inputs=(dataclasses.replace(model.inputs[0], scale=1e-60),))
    with pytest.raises(ConfigError, match="use float='exact'"):
        mcu(tiny)
    mcu(tiny, options=McuOptions(float="exact"))


def test_damaged_folders_are_refused(tmp_path):
    write_mcu(random_model(1, (1, 1)), tmp_path)
    recipe = json.loads((tmp_path / "mcu.json").read_text())
    for broken in (
        {**recipe, "format": "splinework-mcu/9"},
        {**recipe, "options": {"prefer": "size"}},
        {**recipe, "name": "../x"},
    ):
        (tmp_path / "mcu.json").write_text(json.dumps(broken))
        with pytest.raises((FileError, ConfigError)):
            verify_mcu(tmp_path)
    (tmp_path / "mcu.json").write_text(json.dumps(recipe))
    (tmp_path / "net1.c").unlink()
    with pytest.raises(FileError, match=r"has no net1\.c"):
        verify_mcu(tmp_path)
    (tmp_path / "golden.json").unlink()
    with pytest.raises(FileError, match=r"golden\.json"):
        verify_mcu(tmp_path)


@needs_gcc
def test_a_file_that_does_not_compile_is_refused(tmp_path):
    write_mcu(random_model(1, (1, 1)), tmp_path)
    with (tmp_path / "net1.c").open("a") as file:
        file.write("static int unused;\n")
    with pytest.raises(FileError, match="unused"):
        verify_mcu(tmp_path, processors=["gcc"])


@needs_gcc
def test_missing_tools_are_skipped_and_said(tmp_path, monkeypatch):
    write_mcu(random_model(1, (2, 1)), tmp_path)
    there = tools.find
    monkeypatch.setattr(
        tools, "find", lambda program: there(program) if program in ("gcc",) or "/" in program else None
    )
    result = verify_mcu(tmp_path, rows=100)
    assert result.passed
    assert [run.processor for run in result.runs] == ["gcc"]
    assert result.skipped["cortex-m3"] == "arm-none-eabi-gcc and qemu-system-arm not installed"
    assert json.loads(json.dumps(result.to_dict()))["skipped"]["clang"] == "clang not installed"
    monkeypatch.setattr(tools, "find", lambda program: None)
    with pytest.raises(ConfigError, match=r"needs gcc and clang and arm-none-eabi-gcc.*install"):
        verify_mcu(tmp_path)
    with pytest.raises(ConfigError, match="processor is one of gcc"):
        verify_mcu(tmp_path, processors=["z80"])
