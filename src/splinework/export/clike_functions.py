"""The functions of one variable that edges combine, in the syntax that C and JavaScript share."""

from collections.abc import Sequence

import numpy as np

from splinework.errors import ConfigError
from splinework.export.dialect import Dialect
from splinework.export.layout import Family
from splinework.splines.bases import BSpline, Chebyshev, Fourier, GaussianRBF


def family_function(family: Family, linear: bool, d: Dialect) -> str:
    """`basis_N(g, x, far, b)`: puts the functions at x on grid g into b and gives the number of the first one.

    On a linear tail x is the end of the domain, and the functions go on from there by `far` as straight lines.

    Raises:
        ConfigError: If the family is not known here.
    """
    basis, name = family.basis, d.name(f"points_{family.number}")
    if isinstance(basis, BSpline):
        body = _bspline(family, linear, d)
    elif isinstance(basis, Chebyshev):
        body = _chebyshev(basis, linear, d)
    elif isinstance(basis, Fourier):
        body = _fourier(basis, linear, d)
    elif isinstance(basis, GaussianRBF):
        body = _gaussian_rbf(basis, linear, d)
    else:
        raise ConfigError(f"no target of text knows the basis {basis.name!r}; export to onnx or torch.")
    takes = [("whole", "g"), ("number", "x"), *([("number", "far")] if linear else []), ("out", "b")]
    if not body[-1].startswith("return"):
        body.append("return 0;")
    return d.function(f"basis_{family.number}", "whole", takes, [line.replace("POINTS", name) for line in body])


def _bspline(family: Family, linear: bool, d: Dialect) -> list[str]:
    k, lines = family.degree, [f"{d.row}t = POINTS[g];"]
    if not family.clamped:
        lines += [
            f"if (!(x >= t[0] && x <= t[{family.cells}])) {{",
            f"    for ({d.whole}a = 0; a < {k + 1}; a++) b[a] = x != x ? x : 0;",
            "    return 0;",
            "}",
        ]
    lines += _search(family, d)
    if family.local:
        slopes = _power_slopes(k, d)
        lines += _powers(k, d)
    else:
        slopes = _slopes(k, d)
        lines += _horner(family, d)
    if linear:
        lines += _beyond(slopes)
    if family.local:
        return [*lines, f"return {k + 1} * cell;"]
    return [*lines, *(["return cell;"] if family.clamped or not k else _moved(family, d))]


def _search(family: Family, d: Dialect) -> list[str]:
    return [
        f"{d.whole}cell = 0, top = {d.name(f'last_{family.number}')}[g];",
        "while (cell < top) {",
        f"    {d.pick}middle = (cell + top + 1) >> 1;",
        "    if (x >= t[middle]) cell = middle;",
        "    else top = middle - 1;",
        "}",
    ]


def _powers(k: int, d: Dialect) -> list[str]:
    """The powers of v, the place in the cell."""
    return [
        f"{d.const}width = t[cell + 1] - t[cell];",
        f"{d.const}v = ((x - t[cell]) - (t[cell + 1] - x)) / (2 * width);",
        "b[0] = 1;" if k else "b[0] = 1 + 0 * v;",
        *([f"for ({d.whole}a = 1; a < {k + 1}; a++) b[a] = b[a - 1] * v;"] if k else []),
    ]


def _power_slopes(k: int, d: Dialect) -> list[str]:
    if not k:
        return ["b[0] += 0 * far;"]
    return [
        f"{d.var}power = far / width;",
        "b[0] += 0 * far;",
        f"for ({d.whole}a = 1; a < {k + 1}; a++) {{",
        "    b[a] += a * power;",
        "    power *= v;",
        "}",
    ]


def _horner(family: Family, d: Dialect) -> list[str]:
    k, n = family.degree, family.number
    return [
        f"{d.const}width = t[cell + 1] - t[cell];",
        f"{d.const}v = ((x - t[cell]) - (t[cell + 1] - x)) / (2 * width);",
        f"{d.block('p', k + 1)} = {d.name(f'pieces_{n}')}[{d.name(f'piece_{n}')}[g][cell]];",
        f"for ({d.whole}a = 0; a < {k + 1}; a++) {{",
        f"    {d.var}value = p[{k}][a]{'' if k else ' + 0 * v'};",
        *([f"    for ({d.whole}q = {k - 1}; q >= 0; q--) value = value * v + p[q][a];"] if k else []),
        "    b[a] = value;",
        "}",
    ]


def _slopes(k: int, d: Dialect) -> list[str]:
    return [
        f"for ({d.whole}a = 0; a < {k + 1}; a++) {{",
        f"    {d.var}slope = {f'{k} * p[{k}][a]' if k else '0'};",
        *([f"    for ({d.whole}q = {k - 1}; q >= 1; q--) slope = slope * v + q * p[q][a];"] if k > 1 else []),
        "    b[a] += slope / width * far;",
        "}",
    ]


def _moved(family: Family, d: Dialect) -> list[str]:
    """Near the ends some of the k + 1 splines do not exist: the others move to where they are looked for."""
    k, window = family.degree, family.basis.size - family.degree - 1
    return [
        f"{d.whole}start = cell - {k};",
        "if (start < 0) {",
        f"    for ({d.whole}a = 0; a < {k + 1}; a++) b[a] = a - start <= {k} ? b[a - start] : 0;",
        "    start = 0;",
        f"}} else if (start > {window}) {{",
        f"    {d.pick}by = start - {window};",
        f"    for ({d.whole}a = {k}; a >= 0; a--) b[a] = a >= by ? b[a - by] : 0;",
        f"    start = {window};",
        "}",
        "return start;",
    ]


def _beyond(slopes: Sequence[str]) -> list[str]:
    return ["if (far != 0) {", *(f"    {line}" for line in slopes), "}"]


def _chebyshev(basis: Chebyshev, linear: bool, d: Dialect) -> list[str]:
    """The recurrence T_{n+1} = 2u T_n - T_{n-1}, and the same differentiated."""
    top = basis.order
    if not top:
        return ["b[0] = 1;", *(_beyond(["b[0] += 0 * far;"]) if linear else [])]
    slopes = [
        f"{d.var}before = 0, slope = 1;",
        "b[0] += 0 * far;",
        f"for ({d.whole}n = 1; n <= {top}; n++) {{",
        f"    {d.const}next = 2 * b[n] + 2 * u * slope - before;",
        "    b[n] += slope * (2 / (high - low)) * far;",
        "    before = slope;",
        "    slope = next;",
        "}",
    ]
    return [
        f"{d.const}low = POINTS[g][0], high = POINTS[g][1];",
        f"{d.const}u = ((x - low) - (high - x)) / (high - low);",
        "b[0] = 1;",
        "b[1] = u;",
        *([f"for ({d.whole}n = 2; n <= {top}; n++) b[n] = 2 * u * b[n - 1] - b[n - 2];"] if top > 1 else []),
        *(_beyond(slopes) if linear else []),
    ]


def _fourier(basis: Fourier, linear: bool, d: Dialect) -> list[str]:
    slopes = [
        "b[0] += 0 * far;",
        f"for ({d.whole}n = 1; n <= {basis.harmonics}; n++) {{",
        f"    {d.const}cosine = b[2 * n - 1], sine = b[2 * n];",
        "    b[2 * n - 1] -= sine * (rate * n) * far;",
        "    b[2 * n] += cosine * (rate * n) * far;",
        "}",
    ]
    return [
        f"{d.const}low = POINTS[g][0], rate = {d.number(2 * np.pi)} / (POINTS[g][1] - low);",
        "b[0] = 1;",
        f"for ({d.whole}n = 1; n <= {basis.harmonics}; n++) {{",
        f"    {d.const}angle = (x - low) * (rate * n);",
        f"    b[2 * n - 1] = {d.call('cos')}(angle);",
        f"    b[2 * n] = {d.call('sin')}(angle);",
        "}",
        *(_beyond(slopes) if linear else []),
    ]


def _gaussian_rbf(basis: GaussianRBF, linear: bool, d: Dialect) -> list[str]:
    gaps = basis.centres - 1
    return [
        f"{d.const}low = POINTS[g][0], high = POINTS[g][1];",
        f"{d.const}scale = {d.number(basis.width)} * (high - low) / {gaps};",
        f"for ({d.whole}m = 0; m < {basis.centres}; m++) {{",
        f"    {d.const}share = m / {d.number(gaps)};",
        f"    {d.var}z = (x - (low * (1 - share) + high * share)) / scale;",
        "    z = z < -40 ? -40 : z > 40 ? 40 : z;",
        f"    b[m] = {d.call('exp')}(-(z * z));",
        *(["    if (far != 0) b[m] += 2 * z * b[m] * (-1 / scale) * far;"] if linear else []),
        "}",
    ]


def base_functions(name: str, linear: bool, d: Dialect) -> list[str]:
    """The base function and, where tails are straight, its slope.

    Raises:
        ConfigError: If it is not known here.
    """
    exp, tanh, sin, cos = (d.call(f) for f in ("exp", "tanh", "sin", "cos"))
    if name == "gelu":
        density = f"{exp}(-x * x / 2) * {d.number(1 / np.sqrt(2 * np.pi))}"
        half = f"{d.number(0.5)} * {d.call('erfc')}(-x * {d.number(np.sqrt(0.5))})"
        bodies = [f"x * ({half})"], [f"{half} + x * {density}"]
    elif name == "silu":
        logistic = f"1 / (1 + {exp}(-x))"
        bodies = [f"x * ({logistic})"], [f"{d.const}s = {logistic};", "s + x * (s * (1 - s))"]
    elif name == "tanh":
        bodies = [f"{tanh}(x)"], [f"{d.const}t = {tanh}(x);", "1 - t * t"]
    elif name == "sin":
        bodies = [f"{sin}(x)"], [f"{cos}(x)"]
    elif name == "identity":
        bodies = ["x"], ["1"]
    else:
        raise ConfigError(f"no target of text knows the base function {name!r}; export to onnx or torch.")
    takes = [("number", "x")]
    found = [d.function(name, "number", takes, [*bodies[0][:-1], f"return {bodies[0][-1]};"])]
    if linear:
        found.append(d.function(f"{name}_slope", "number", takes, [*bodies[1][:-1], f"return {bodies[1][-1]};"]))
    return found
