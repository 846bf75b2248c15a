"""Runs netlists in ngspice, in batch, and reads back what it found: edges swept, networks at given rows, over temperature.

Texts are in `netlist` and `devices`.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from splinework.errors import ConfigError, FileError, ShapeError
from splinework.hardware import tools
from splinework.hardware.analog.devices import library
from splinework.hardware.analog.ekv import NOMINAL, Technology
from splinework.hardware.analog.netlist import edge_text, netlist
from splinework.hardware.analog.network import NO_PERTURBATION, AnalogNetwork, Element, Floats, Perturbation
from splinework.nn.files import write_whole

ZERO_CELSIUS: Final = 273.15

_OPTIONS = ".options reltol=1e-7 abstol=1e-16 vntol=1e-10 gmin=1e-18 itl1=1000 itl2=1000 gminsteps=20 srcsteps=20"


def run_edge(
    elements: tuple[Element, ...],
    voltages: Floats,
    *,
    technology: Technology,
    temperatures: Sequence[float] = (NOMINAL,),
    middle: float | None = None,
    folder: Path | None = None,
    timeout: float = 300.0,
) -> Floats:
    """The currents in A that ngspice finds on an edge's two wires.

    Args:
        elements: Of the edge.
        voltages: Equally spaced input voltages in V, rising.
        technology: The device.
        temperatures: In K.
        middle: Of the input's span in V; matters for centres that follow temperature only.
        folder: Where the netlist and the data are kept; None for a temporary place.
        timeout: Seconds.

    Returns:
        Plus and minus wire: `(temperatures, voltages, 2)`.

    Raises:
        ConfigError: If ngspice is missing or too slow, or the voltages are not equally spaced.
        FileError: If ngspice finds no solution.
    """
    steps = np.diff(voltages)
    if len(voltages) < 2 or not (steps > 0).all() or np.ptp(steps) > 1e-6 * steps.mean():
        raise ConfigError(f"a sweep goes up in equal steps of voltage, got {voltages[:4]} ….")
    centre = (technology.input_low + technology.input_high) / 2 if middle is None else middle
    text = "\n".join(
        [
            "* one edge",
            library(technology),
            edge_text("edge", [(e, 1.0, centre) for e in elements]),
            f"V1 v 0 {float(voltages[0])!r}\nVp hp 0 {technology.drain!r}\nVm hm 0 {technology.drain!r}",
            "Vpa hp p 0\nVma hm m 0\nX1 v p m edge",
            # Half a step more, so that rounding cannot lose the last point.
            _control(
                temperatures,
                f"dc V1 {float(voltages[0])!r} {float(voltages[-1] + steps.mean() / 2)!r} {float(steps.mean())!r}",
                ["i(vpa)", "i(vma)"],
            ),
        ]
    )
    return _run(text, len(temperatures), len(voltages), 2, folder, "edge", timeout)


def run_network(
    network: AnalogNetwork,
    x: Any,
    *,
    temperatures: Sequence[float] = (NOMINAL,),
    perturbation: Perturbation = NO_PERTURBATION,
    name: str = "kan",
    folder: Path | None = None,
    timeout: float = 600.0,
) -> Floats:
    """The outputs in raw units that ngspice finds for rows of x.

    Args:
        network: The circuits.
        x: Rows in raw units, `(B, inputs)`.
        temperatures: In K.
        perturbation: One chip's errors, see `netlist.netlist`.
        name: Of the network in the netlist, and of the files.
        folder: Where `NAME.cir` and the data are kept; None for a temporary place.
        timeout: Seconds.

    Returns:
        `(temperatures, B, outputs)`.

    Raises:
        ConfigError: If ngspice is missing or too slow.
        FileError: If ngspice finds no solution.
        ShapeError: If x has another number of columns.
    """
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != len(network.input_names) or len(rows) == 0:
        raise ShapeError(f"x holds rows of {len(network.input_names)} inputs, got shape {rows.shape}.")
    values = network.input_units.apply(rows)
    order = _near(values)
    text = netlist(network, name=name, perturbation=perturbation) + bench(network, values[order], name, temperatures)
    outputs = len(network.output_names)
    found = _run(text, len(temperatures), len(rows), outputs, folder, name, timeout)
    sums = np.empty_like(found)
    sums[:, order] = found
    result: Floats = network.output_units.inverse(sums)
    return result


def bench(network: AnalogNetwork, values: Floats, name: str, temperatures: Sequence[float]) -> str:
    """What is put round a netlist so that `ngspice -b` works out the network's outputs at rows of values.

    Args:
        network: The circuits.
        values: Rows in network units; row k is in force while the sweep stands at k.
        name: Of the network's subcircuit.
        temperatures: In K.
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
    lines.append(_control(temperatures, f"dc Vrow 0 {count - 0.5!r} 1", outputs))
    return "\n".join(lines)


def _control(temperatures: Sequence[float], sweep: str, vectors: list[str]) -> str:
    lines = [_OPTIONS, ".control", "set numdgt=14", "set noaskquit"]
    for number, kelvin in enumerate(temperatures):
        lines += [f"set temp={float(kelvin) - ZERO_CELSIUS!r}", sweep, f"wrdata data{number}.txt {' '.join(vectors)}"]
    return "\n".join([*lines, "quit 0", ".endc", ".end", ""])


def _run(
    text: str, temperatures: int, rows: int, columns: int, folder: Path | None, name: str, timeout: float
) -> Floats:
    tools.need("ngspice", purpose="simulating an analogue circuit")
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            return _run(text, temperatures, rows, columns, Path(place), name, timeout)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{name}.cir", text.encode())
    for number in range(temperatures):
        (folder / f"data{number}.txt").unlink(missing_ok=True)
    said = tools.call(["ngspice", "-b", f"{name}.cir"], folder, timeout=timeout, refuse=False)
    out = np.empty((temperatures, rows, columns))
    for number in range(temperatures):
        path = folder / f"data{number}.txt"
        table = np.loadtxt(path, ndmin=2) if path.is_file() else np.empty((0, 0))
        # `wrdata` repeats the sweep before every vector.
        if table.shape != (rows, 2 * columns) or not np.isfinite(table).all():
            words = "\n".join((said.stdout + said.stderr).splitlines()[-12:])
            raise FileError(
                f"ngspice gave {table.shape[0]} of {rows} points of {name}.cir, sweep {number}; it said:\n{words}"
            )
        out[number] = table[:, 1::2]
    return out


def _near(values: Floats) -> Any:
    """An order in which each row is near the one before, so that each solution is a good start for the next."""
    left = values.copy()
    scale = np.ptp(values, axis=0)
    left /= np.where(scale > 0, scale, 1.0)
    order, free = [0], np.ones(len(values), dtype=bool)
    free[0] = False
    for _ in range(len(values) - 1):
        distance = ((left - left[order[-1]]) ** 2).sum(axis=1)
        nearest = int(np.argmin(np.where(free, distance, np.inf)))
        order.append(nearest)
        free[nearest] = False
    return np.array(order)
