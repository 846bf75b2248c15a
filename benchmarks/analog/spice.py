"""Edges and networks in ngspice: edges swept, networks at given rows, over temperature."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splinework.errors import ConfigError, ShapeError
from splinework.hardware.analog.devices import library
from splinework.hardware.analog.ekv import NOMINAL, AnalogTechnology
from splinework.hardware.analog.netlist import edge_text, netlist
from splinework.hardware.analog.network import NO_PERTURBATION, AnalogNetwork, Element, Floats, Perturbation
from splinework.hardware.analog.ngspice import bench, control, simulate


def run_edge(
    elements: tuple[Element, ...],
    voltages: Floats,
    *,
    technology: AnalogTechnology,
    temperatures: Sequence[float] = (NOMINAL,),
    middle: float | None = None,
    folder: Path | None = None,
    timeout: float = 300.0,
) -> Floats:
    """The currents in A that ngspice finds on an edge's two wires.

    Args:
        elements: Elements of the edge.
        voltages: Equally spaced input voltages in V, rising.
        technology: The device.
        temperatures: Temperatures in K.
        middle: Middle of the input's span in V; matters for centres that follow temperature only.
        folder: Where the netlist and the data are kept; None for a temporary place.
        timeout: Longest time in seconds.

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
            control(
                temperatures,
                f"dc V1 {float(voltages[0])!r} {float(voltages[-1] + steps.mean() / 2)!r} {float(steps.mean())!r}",
                ["i(vpa)", "i(vma)"],
            ),
        ]
    )
    return _run(text, folder, sweeps=len(temperatures), rows=len(voltages), columns=2, name="edge", timeout=timeout)


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
        temperatures: Temperatures in K.
        perturbation: One chip's errors, see `netlist.netlist`.
        name: Name of the network in the netlist, and of the files.
        folder: Where `NAME.cir` and the data are kept; None for a temporary place.
        timeout: Longest time in seconds.

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
    found = _run(text, folder, sweeps=len(temperatures), rows=len(rows), columns=outputs, name=name, timeout=timeout)
    sums = np.empty_like(found)
    sums[:, order] = found
    result: Floats = network.output_units.inverse(sums)
    return result


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


def _run(text: str, folder: Path | None, **options: Any) -> Floats:
    if folder is None:
        with tempfile.TemporaryDirectory() as place:
            return simulate(text, Path(place), **options)
    folder.mkdir(parents=True, exist_ok=True)
    return simulate(text, folder, **options)
