"""NumPy: one Python file that needs only NumPy and can be run on a CSV file."""

from typing import Any, Final

import numpy as np

from splinework.export.frames import NUMPY, NUMPY_COLUMNS, NUMPY_HELPERS, python_formulas
from splinework.export.metadata import ModelMetadata
from splinework.export.network_arrays import BasisFamily, LayerArrays, NetworkArrays
from splinework.export.number_lists import nested
from splinework.export.numpy_parts import PREDICT, SCRIPT, SPLINES
from splinework.export.recording import NodeSyntax, Statements, values_and_slopes
from splinework.nn.frame import Frame
from splinework.splines.bases import Activation


def numpy_file(arrays: NetworkArrays, metadata: ModelMetadata, frame: Frame | None = None) -> str:
    """The Python file of a network."""
    living = [t for t in arrays.layers if t.splines]
    bases = {t.layer.base.name: t.layer.base for t in living if t.layer.base is not None}
    functions = [
        *sorted({_source(family) for family in arrays.families}),
        *(_base(b) for _, b in sorted(bases.items())),
    ]
    framed = [] if frame is None else _framed(arrays, frame)
    predicts = _predict(arrays, "_predict" if frame is None else "_network")
    written = "".join([*functions, *framed, predicts])
    functions += [source for name, source in NUMPY_HELPERS.items() if f"_{name}(" in written]
    math = ["import math"] if any("math." in text for text in functions) else []
    imports = ["import csv", *math, "import sys", "", "import numpy as np"]
    title = "Predictions of a network of splines: `predict(x)`, or as a program, `python FILE.py DATA.csv > PRED.csv`."
    notes = [*metadata.sentences(), f"{arrays.numbers} numbers in tables; every result is in double precision."]
    head = "\n".join(['"""' + title, "", *notes, '"""', "", *imports, "", f"INPUTS = {_texts(metadata.inputs)}"])
    parts = [f"{head}\nOUTPUTS = {_texts(metadata.outputs)}"]
    parts += [_grids(family) for family in arrays.families]
    parts += [_constants(t, number) for number, t in enumerate(arrays.layers, start=1)]
    parts += [PREDICT, predicts]
    parts += framed
    parts += [_layer(living[0])] if living else []
    return "\n\n\n".join([*parts, *functions, SCRIPT])


def _source(family: BasisFamily) -> str:
    """Source of the function of a family: values `(rows, size)`, extrapolated linearly by `far`."""
    if family.basis.degree is not None:
        return SPLINES[_kind(family)]
    values, slopes = values_and_slopes(lambda x, f: family.basis.formula(x, f.own.name("low"), f.own.name("high"), f))
    statements = Statements(_LANGUAGE, "", "")
    statements.count([*values, *slopes])
    lines: list[str] = []
    beyond: list[str] = []
    for nodes, found, sign in ((values, lines, "="), (slopes, beyond, "+=")):
        for n, node in enumerate(nodes):
            before, text = statements.bring(node, 2 * (sign == "+="))
            found += [*before, f"rows[:, {n}] {sign} {text}{' * far' if sign == '+=' else ''}"]
    return "\n".join(
        [
            f"def _{_kind(family)}(size, x, far, low, high):",
            f'    """Values `(rows, size)` of {family.basis}; straight on by `far`."""',
            "    rows = np.empty((len(x), size))",
            *(f"    {line}" for line in lines),
            "    if far is not None:",
            *(f"        {line}" for line in beyond),
            "    return rows",
        ]
    )


def _kind(family: BasisFamily) -> str:
    """Name of the function of a family in the file."""
    if family.basis.degree is None:
        return f"family_{family.number}"
    return "local" if family.local else "clamped" if family.clamped else "whole"


def _base(base: Activation) -> str:
    """Source of a base function, which returns value and slope."""
    (value,), (slope,) = values_and_slopes(lambda x, f: [base.formula(x, f)])
    statements = Statements(_LANGUAGE, "", "")
    statements.count([value, slope])
    (first, value_text), (then, slope_text) = statements.bring(value), statements.bring(slope)
    lines = [*first, *then, f"return {value_text}, {slope_text}"]
    return "\n".join([f"def _{base.name}(x):", *(f"    {line}" for line in lines)])


_LANGUAGE: Final = NodeSyntax(repr, lambda function: "_erfc({})" if function == "erfc" else f"np.{function}({{}})")


def _texts(names: tuple[str, ...]) -> str:
    return f"({', '.join(ascii(name) for name in names)},)"


def _array(values: Any) -> str:
    return f"np.array({nested(np.asarray(values), repr, '[]')})"


def _grids(family: BasisFamily) -> str:
    """Source of the arguments of a family's function for each grid, the ends of the domain last."""
    n, lines, rows = family.number, [], []
    low, high = family.ends
    for number, points in enumerate(family.points):
        ends = f"{float(points[low])!r}, {float(points[high])!r}"
        if family.last:
            pieces = f"PIECES_{n}[{family.piece[number]}], " if family.pieces else ""
            ends = f"{_array(points)}, {pieces}{family.last[number]}, {ends}"
        rows.append(f"    ({ends}),")
    if family.pieces:
        lines.append(f"PIECES_{n} = {_array(np.array(family.pieces))}")
    return "\n".join([*lines, f"GRIDS_{n} = [", *rows, "]"])


def _constants(t: LayerArrays, number: int) -> str:
    """Source of a layer's constants: for each input its grid, the sums of its edges, and their coefficients."""
    lines = [f"BIAS_{number} = {_array(t.bias)}"]
    if t.splines:
        lines.append(f"EDGES_{number} = [  # for each input: grid, sums of its edges, coefficients")
        for i in range(t.layer.inputs):
            part = slice(t.first[i], t.first[i + 1])
            lines.append(f"    ({t.grid[i]}, {t.target[part]}, {_array(t.weights[part])}),")
        lines.append("]")
    return "\n".join(lines)


def _framed(arrays: NetworkArrays, frame: Frame) -> list[str]:
    """`_predict` for a network in a frame, with the helpers of its formulas."""
    columns = [f"x[:, {i}]" for i in range(len(frame.input_names))]
    before = python_formulas(frame.before, columns, NUMPY, "numpy")
    given = "x" if not before else f"_columns(x, {', '.join(before)})"
    after = python_formulas(
        frame.after, [*columns, *(f"z[:, {j}]" for j in range(arrays.network.outputs))], NUMPY, "numpy"
    )
    lines = ["def _predict(x):", f"    z = _network({given})"]
    listed = ", ".join(after)
    lines.append(f"    return _columns(x, {listed})" if after else "    return z")
    return ["\n".join(lines), NUMPY_COLUMNS]


def _predict(arrays: NetworkArrays, name: str) -> str:
    """`_predict`, the prediction for one batch; `_network` for a network in a frame."""
    network, lines = arrays.network, []
    if network.columns:
        lines.append(f"u = x[:, {list(network.columns)}]")
        logs = [place for place, log in enumerate(network.in_log) if log]
        lines += [f"u[:, {logs}] = np.log(u[:, {logs}])"] if logs else []
        lines.append(f"u = (u - {_array(network.in_shift.numpy())}) / {_array(network.in_scale.numpy())}")
    for number, t in enumerate(arrays.layers, start=1):
        lines += ["v = u"] if t.layer.functions else []
        if t.splines:
            grids, functions = f"GRIDS_{t.family.number}", f"_{_kind(t.family)}"
            lines.append(f"u = _layer(u, EDGES_{number}, {grids}, BIAS_{number}, {functions})")
        else:
            lines.append(f"u = np.repeat(BIAS_{number}[None], len(x), axis=0)")
        for each in t.layer.functions:
            (text,) = python_formulas([each.formula], [f"v[:, {each.input}]"], NUMPY, "numpy")
            lines.append(f"u[:, {each.sum}] += {text}")
        if t.layer.multiplies:
            nodes = ", ".join(" * ".join(f"u[:, {j}]" for j in group) for group in t.layer.groups)
            lines.append(f"u = np.column_stack([{nodes}])")
    lines.append(f"y = u * {_array(network.out_scale.numpy())} + {_array(network.out_shift.numpy())}")
    logs = [j for j, log in enumerate(network.out_log) if log]
    lines += [f"y[:, {logs}] = np.exp(y[:, {logs}])"] if logs else []
    return "\n".join([f"def {name}(x):", *(f"    {line}" for line in [*lines, "return y"])])


def _layer(t: LayerArrays) -> str:
    """`_layer`, with the base function, tails and squashing of the network."""
    layer = t.layer
    apart = layer.extrapolation == "zero" and not layer.basis.vanishes_outside
    clamped = layer.extrapolation in ("linear", "constant") or apart
    linear = layer.extrapolation == "linear"
    base = None if layer.base is None else f"_{layer.base.name}({'near' if clamped and not apart else 'x'})"
    inner = ["low, high = grids[number][-2:]"] if clamped or layer.squashed else []
    if layer.squashed:
        inner.append("middle, half = (low + high) / 2, (high - low) / 2")
        inner.append("x = middle + half * np.tanh((x - middle) / half)")
    inner += ["near = np.clip(x, low, high)"] if clamped else []
    if linear:
        inner.append("far = (x - near) + 0 * (x - near)  # an infinite one becomes NaN, as 0 times infinity does")
        inner.append("far = far if far.any() else None  # no tail is needed")
    size = "weights.shape[1]" if base is None else "weights.shape[1] - 1"
    at = f"{'near' if clamped else 'x'}, {'far' if linear else 'None'}"
    inner.append(f"rows = functions({size}, {at}, *grids[number])")
    if apart:
        inner.append("rows[x != near] = 0.0")
        inner.append("rows[np.isnan(x)] = np.nan")
    if base is not None:
        inner.append(f"base{', slope' if linear else ''} = {base}{'' if linear else '[0]'}")
        inner += ["base = base if far is None else base + slope * far"] if linear else []
        inner.append("rows = np.column_stack([rows, base])")
    inner.append("sums[:, targets] += rows @ weights.T")
    return "\n".join(
        [
            "def _layer(u, edges, grids, bias, functions):",
            '    """Sums `(rows, J)`: of each input the functions there, once for all its edges, times their coefficients."""',
            "    sums = np.repeat(bias[None], len(u), axis=0)",
            "    for x, (number, targets, weights) in zip(u.T, edges):",
            *(f"        {line}" for line in inner),
            "    return sums",
        ]
    )
