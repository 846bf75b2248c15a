"""A network in the common syntax of C and JavaScript; a dialect provides the differences.

Only the cell of a point is evaluated: it is found by bisection, its k + 1 splines are evaluated by Horner's rule, once for all
edges of an input, and every edge is one short sum of products. Pruned edges are omitted.
"""

import re

import numpy as np

from splinework.export.clike_functions import base_functions, family_function
from splinework.export.dialect import Dialect
from splinework.export.frames import bracketed, clike_formulas, clike_helpers
from splinework.export.network_arrays import LayerArrays, NetworkArrays
from splinework.nn.frame import Frame


def tables(arrays: NetworkArrays, d: Dialect) -> list[str]:
    """All constant tables."""
    found = []
    for f in arrays.families:
        found.append(d.table(d.name(f"points_{f.number}"), np.array(f.points)))
        if f.last:
            found.append(d.table(d.name(f"last_{f.number}"), np.array(f.last)))
        if f.pieces:
            found.append(d.table(d.name(f"piece_{f.number}"), np.array(f.piece)))
            found.append(d.table(d.name(f"pieces_{f.number}"), np.array(f.pieces)))
    for number, t in enumerate(arrays.layers, start=1):
        found.append(d.table(d.name(f"bias_{number}"), t.bias))
        if t.splines:
            found.append(d.table(d.name(f"grid_{number}"), np.array(t.grid)))
            found.append(d.table(d.name(f"first_{number}"), np.array(t.first)))
            found.append(d.table(d.name(f"target_{number}"), np.array(t.target)))
            found.append(d.table(d.name(f"weights_{number}"), t.weights))
    return found


def functions(arrays: NetworkArrays, d: Dialect, frame: Frame | None = None) -> list[str]:
    """The functions of the bases, the base function, every layer, and a network in a frame."""
    found = []
    living = [t.layer for t in arrays.layers if t.splines]
    formulas = [*arrays.network.formulas, *(() if frame is None else (*frame.before, *frame.after))]
    linear = any(layer.extrapolation == "linear" for layer in living)
    found += [family_function(family, linear, d) for family in arrays.families]
    for _, base in sorted({layer.base.name: layer.base for layer in living if layer.base is not None}.items()):
        found += base_functions(base, linear, d)
    found += clike_helpers(formulas, d)
    found += [_layer(t, number, d) for number, t in enumerate(arrays.layers, start=1)]
    if frame is not None:
        body = predict_body(arrays, d)
        takes = [*([("in", "x")] if arrays.network.columns else []), ("out", "y")]
        found += [d.function("network", "", takes, body)]
    return found


def framed_body(arrays: NetworkArrays, frame: Frame, d: Dialect) -> list[str]:
    """Statements that compute y from x, rows of raw values, for a network in a frame."""
    columns = [f"x[{i}]" for i in range(len(frame.input_names))]
    before = clike_formulas(frame.before, columns, d)
    outputs = arrays.network.outputs
    lines = [d.room("f", len(before))] if before and arrays.network.columns else []
    lines += [d.room("z", outputs)] if frame.after else []
    if arrays.network.columns:
        lines += [f"f[{n}] = {formula};" for n, formula in enumerate(before)]
    given = f"{'f' if before else 'x'}, " if arrays.network.columns else ""
    lines.append(f"{d.name('network')}({given}{'z' if frame.after else 'y'});")
    after = clike_formulas(frame.after, [*columns, *(f"z[{j}]" for j in range(outputs))], d)
    return [*lines, *(f"y[{j}] = {formula};" for j, formula in enumerate(after))]


def predict_body(arrays: NetworkArrays, d: Dialect) -> list[str]:
    """Statements that compute y from x, rows of raw values."""
    network, lines = arrays.network, []
    for place, (column, log) in enumerate(zip(network.columns, network.in_log, strict=True)):
        shift, scale = float(network.in_shift[place]), float(network.in_scale[place])
        value = f"{d.call('log')}(x[{column}])" if log else f"x[{column}]"
        if shift:
            value = f"({value} - {bracketed(d.number(shift))})"
        lines.append(f"u[{place}] = {value}{f' / {bracketed(d.number(scale))}' if scale != 1 else ''};")
    now, then = "u", "v"
    for number, t in enumerate(arrays.layers, start=1):
        lines.append(f"{d.name(f'layer_{number}')}({f'{now}, ' if t.layer.inputs else ''}{then});")
        now, then = then, now
    for j, log in enumerate(network.out_log):
        shift, scale = float(network.out_shift[j]), float(network.out_scale[j])
        value = f"{now}[{j}]"
        value += f" * {bracketed(d.number(scale))}" if scale != 1 else ""
        value += f" + {bracketed(d.number(shift))}" if shift else ""
        lines.append(f"y[{j}] = {d.call('exp')}({value});" if log else f"y[{j}] = {value};")
    width = max(len(network.columns), *(layer.sums for layer in network.layers))
    used = "\n".join(lines)
    return [*(d.room(name, width) for name in "uv" if re.search(rf"\b{name}\b", used)), *lines]


def _layer(t: LayerArrays, number: int, d: Dialect) -> str:
    """`layer_N(u, y)`: from nodes to nodes; y has space for the sums."""
    layer = t.layer
    lines = [f"for ({d.whole}j = 0; j < {layer.sums}; j++) y[j] = {d.name(f'bias_{number}')}[j];"]
    if t.splines:
        size = t.family.size
        inner = [*_point(t, number, d), f"for ({d.whole}e = FIRST[i]; e < FIRST[i + 1]; e++) {{"]
        inner.append(f"    {d.row}c = {d.name(f'weights_{number}')}[e];")
        inner.append(f"    {d.var}sum = {f'c[{size}] * base' if layer.base else '0'};")
        at = "c[start + a]" if t.family.active < size else "c[a]"
        inner.append(f"    for ({d.whole}a = 0; a < {t.family.active}; a++) sum += {at} * b[a];")
        inner += [f"    y[{d.name(f'target_{number}')}[e]] += sum;", "}"]
        lines = [d.room("b", t.family.active), *lines, f"for ({d.whole}i = 0; i < {layer.inputs}; i++) {{"]
        lines += [*(f"    {line}" for line in inner), "}"]
    for each in layer.functions:
        lines.append(f"y[{each.sum}] += {clike_formulas([each.formula], [f'u[{each.input}]'], d)[0]};")
    for node, group in enumerate(layer.groups):  # in place and in order, since no node comes after its sums
        if group != (node,):
            lines.append(f"y[{node}] = {' * '.join(f'y[{j}]' for j in group)};")
    lines = [line.replace("FIRST", d.name(f"first_{number}")) for line in lines]
    return d.function(f"layer_{number}", "", [*([("in", "u")] if layer.inputs else []), ("out", "y")], lines)


def _point(t: LayerArrays, number: int, d: Dialect) -> list[str]:
    """Statements that evaluate the functions `b` and `base` at input i."""
    layer, family, low, high = t.layer, t.family, *t.family.ends
    ends = f"{d.const}low = POINTS[g][{low}], high = POINTS[g][{high}];"
    lines = [f"{d.pick}g = {d.name(f'grid_{number}')}[i];"]
    apart = layer.extrapolation == "zero" and not layer.basis.vanishes_outside
    clamped = layer.extrapolation in ("linear", "constant") or apart
    if clamped or layer.squashed:
        lines.append(ends)
    lines.append(f"{d.var}x = u[i];")
    if layer.squashed:
        lines.append(f"{d.const}middle = (low + high) / 2, half = (high - low) / 2;")
        lines.append(f"x = middle + half * {d.call('tanh')}((x - middle) / half);")
    if clamped:
        lines.append(f"{d.const}near = x < low ? low : x > high ? high : x;")
    linear = layer.extrapolation == "linear"
    if linear:
        lines.append(f"{d.var}far = x - near;")
        lines.append("far += 0 * far; /* an infinite one becomes NaN, as 0 times infinity does */")
    start = f"{d.name(f'basis_{family.number}')}(g, {'near' if clamped else 'x'}{', far' if linear else ''}, b);"
    lines.append(f"{d.pick}start = {start}" if family.active < family.size else start)
    if apart:
        lines.append(f"if (x != near) for ({d.whole}a = 0; a < {family.active}; a++) b[a] = x != x ? x : 0;")
    if layer.base is not None:
        name, at = d.name(layer.base.name), "near" if clamped and not apart else "x"
        lines.append(f"{d.var if linear else d.const}base = {name}({at});")
        if linear:
            lines.append(f"if (far != 0) base += {name}_slope(near) * far;")
    return [line.replace("POINTS", d.name(f"points_{family.number}")) for line in lines]
