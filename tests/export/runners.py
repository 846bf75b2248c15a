"""Runs artefacts where they are meant to run: a C compiler, node, onnxruntime, a Python without splinework."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")
COMPILER = next((found for name in ("gcc", "cc", "clang") if (found := shutil.which(name))), None)
NODE = shutil.which("node")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler on this machine")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no node on this machine")

_DRIVER = """#include <stdio.h>
#include <stdlib.h>
{prototypes}
/* Each case: its number and its rows as two doubles, then the rows; the answer as doubles. */
int main(void)
{{
    double head[2];
    while (fread(head, sizeof(double), 2, stdin) == 2) {{
        size_t rows = (size_t)head[1];
        switch ((int)head[0]) {{
{cases}
        default: return 3;
        }}
    }}
    return 0;
}}
"""
_CASE = """        case {number}: {{
            double *in = malloc((rows * {inputs} + 1) * sizeof *in), *out = malloc((rows * {outputs} + 1) * sizeof *out);
            {real} *x = malloc((rows * {inputs} + 1) * sizeof *x), *y = malloc((rows * {outputs} + 1) * sizeof *y);
            if (fread(in, sizeof *in, rows * {inputs}, stdin) != rows * {inputs}) return 4;
            for (size_t n = 0; n < rows * {inputs}; n++) x[n] = ({real})in[n];
            {name}_predict_batch(x, y, rows);
            for (size_t n = 0; n < rows * {outputs}; n++) out[n] = (double)y[n];
            fwrite(out, sizeof *out, rows * {outputs}, stdout);
            free(in); free(out); free(x); free(y);
            break;
        }}"""


def run(command: list[str], data: bytes = b"", **options: Any) -> bytes:
    """The standard output of a program that must succeed."""
    done = subprocess.run(command, input=data, capture_output=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[:3000]
    return done.stdout


def run_c(
    folder: Path,
    files: Mapping[str, str],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, int],
    real: str,
    optimise: str,
) -> Any:
    """Compiles C files, called as their functions, with one driver in one go; the outputs of each for its rows."""
    prototypes, cases = [], []
    for number, (name, text) in enumerate(files.items()):
        (folder / f"{name}.c").write_text(text)
        prototypes.append(f"void {name}_predict_batch(const {real} *x, {real} *y, size_t rows);")
        columns = inputs[name].shape[1]
        cases.append(_CASE.format(number=number, name=name, real=real, inputs=columns, outputs=outputs[name]))
    (folder / "driver.c").write_text(_DRIVER.format(prototypes="\n".join(prototypes), cases="\n".join(cases)))
    sources = [f"{name}.c" for name in files]
    assert COMPILER is not None
    run([COMPILER, *FLAGS, optimise, "driver.c", *sources, "-o", "all", "-lm"], cwd=folder)
    data = b"".join(
        np.array([number, len(inputs[name])], dtype=float).tobytes()
        + np.ascontiguousarray(inputs[name], dtype=float).tobytes()
        for number, name in enumerate(files)
    )
    flat, found, at = np.frombuffer(run([str(folder / "all")], data)), {}, 0
    for name in files:
        size = len(inputs[name]) * outputs[name]
        found[name] = flat[at : at + size].reshape(-1, outputs[name])
        at += size
    assert at == flat.size
    return found


_SCRIPT = """import fs from "node:fs";
for (const line of fs.readFileSync("list.txt", "utf8").trim().split("\\n")) {
  const [name, inputs] = line.split(" ");
  const { predictBatch } = await import(`./${name}.mjs`);
  const raw = fs.readFileSync(`${name}.in`);
  const x = new Float64Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
  const rows = [];
  for (let at = 0; at < x.length; at += Number(inputs)) rows.push(Array.from(x.subarray(at, at + Number(inputs))));
  fs.writeFileSync(`${name}.out`, Buffer.from(Float64Array.from(predictBatch(rows).flat()).buffer));
}
"""


def run_js(folder: Path, files: Mapping[str, str], inputs: Mapping[str, Any], outputs: Mapping[str, int]) -> Any:
    """The outputs of each module for its rows, from one run of node."""
    for name, text in files.items():
        (folder / f"{name}.mjs").write_text(text)
        (folder / f"{name}.in").write_bytes(np.ascontiguousarray(inputs[name], dtype=float).tobytes())
    (folder / "list.txt").write_text("\n".join(f"{name} {inputs[name].shape[1]}" for name in files))
    (folder / "run.mjs").write_text(_SCRIPT)
    assert NODE is not None
    run([NODE, "run.mjs"], cwd=folder)
    return {name: np.frombuffer((folder / f"{name}.out").read_bytes()).reshape(-1, outputs[name]) for name in files}


def run_python(text: str) -> dict[str, Any]:
    """The names that a Python file defines."""
    names: dict[str, Any] = {"__name__": "artefact"}
    exec(compile(text, "artefact.py", "exec"), names)
    return names


def run_without_splinework(code: str, folder: Path) -> str:
    """What Python code prints where splinework cannot be imported."""
    block = "import sys; sys.modules['splinework'] = None\n"
    return run([sys.executable, "-c", block + code], cwd=folder, env={"OMP_NUM_THREADS": "1"}).decode()
