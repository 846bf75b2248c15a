"""Runs netlists in ngspice in batch mode and reads the results.

The netlists come from `netlist` and `devices`; `analog_checks` compares the results with the device model.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splinework.errors import FileError
from splinework.hardware import tools
from splinework.hardware.analog.ekv import ZERO_CELSIUS
from splinework.hardware.analog.network import AnalogNetwork, Floats
from splinework.nn.files import write_whole

_OPTIONS = ".options reltol=1e-7 abstol=1e-16 vntol=1e-10 gmin=1e-18 itl1=1000 itl2=1000 gminsteps=20 srcsteps=20"


def bench(network: AnalogNetwork, values: Floats, name: str, temperatures: Sequence[float]) -> str:
    """A testbench with which `ngspice -b` computes the network's outputs at rows of values in network units.

    Row k is applied at the sweep value k; there is one sweep for each temperature in K.
    """
    count = len(values)
    lines = ["* inputs: row k at V(row) = k, 1 V for one network unit", "Vrow row 0 0"]
    for i, column in enumerate(values.T):
        if count == 1:
            lines.append(f"Vu{i} u{i} 0 {float(column[0])!r}")
            continue
        points = [f"{k},{float(v)!r}" for k, v in enumerate(column)]
        pieces = [",".join(points[k : k + 6]) for k in range(0, count, 6)]
        lines.append(f"Bu{i} u{i} 0 V=pwl(V(row),\n+ " + ",\n+ ".join(pieces) + ")")
    ends = [f"u{i}" for i in range(values.shape[1])] + [f"y{j}" for j in range(len(network.output_names))]
    lines.append(f"Xtop {' '.join(ends)} {name}")
    outputs = [f"v(y{j})" for j in range(len(network.output_names))]
    lines.append(control(temperatures, f"dc Vrow 0 {count - 0.5!r} 1", outputs))
    return "\n".join(lines)


def control(temperatures: Sequence[float], sweep: str, vectors: list[str]) -> str:
    """The control section of a netlist: a sweep, such as `dc V1 0 1 0.1`, at each temperature in K.

    The vectors are written to `data0.txt`, `data1.txt`, ….
    """
    lines = [_OPTIONS, ".control", "set numdgt=14", "set noaskquit"]
    for number, kelvin in enumerate(temperatures):
        lines += [f"set temp={float(kelvin) - ZERO_CELSIUS!r}", sweep, f"wrdata data{number}.txt {' '.join(vectors)}"]
    return "\n".join([*lines, "quit 0", ".endc", ".end", ""])


def simulate(
    text: str, folder: Path, *, sweeps: int, rows: int, columns: int, name: str = "test", timeout: float = 900.0
) -> Floats:
    """Runs a netlist that ends with `control` and returns its vectors, `(sweeps, rows, columns)`.

    `NAME.cir` and the data are written to the folder, which holds the included files.

    Raises:
        ConfigError: If ngspice is missing or exceeds the timeout.
        FileError: If ngspice finds no solution.
    """
    tools.need("ngspice", purpose="simulating an analogue circuit")
    write_whole(folder / f"{name}.cir", text.encode())
    data = [folder / f"data{number}.txt" for number in range(sweeps)]
    for path in data:
        path.unlink(missing_ok=True)
    result = tools.call(["ngspice", "-b", f"{name}.cir"], folder, timeout=timeout, refuse=False)
    out = np.empty((sweeps, rows, columns))
    for number, path in enumerate(data):
        table = np.loadtxt(path, ndmin=2) if path.is_file() else np.empty((0, 0))
        # `wrdata` repeats the sweep before every vector.
        if table.shape != (rows, 2 * columns) or not np.isfinite(table).all():
            output = "\n".join((result.stdout + result.stderr).splitlines()[-12:])
            raise FileError(
                f"ngspice gave {table.shape[0]} of {rows} points of {name}.cir, sweep {number}; its output:\n{output}"
            )
        out[number] = table[:, 1::2]
    return out
