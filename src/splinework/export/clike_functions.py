"""The basis and base functions in the common syntax of C and JavaScript."""

import re
from collections.abc import Sequence

from splinework.export.dialect import Dialect
from splinework.export.network_arrays import BasisFamily
from splinework.export.recording import NodeSyntax, Statements, values_and_slopes
from splinework.splines.bases import Activation, Basis


def family_function(family: BasisFamily, linear: bool, d: Dialect) -> str:
    """`basis_N(g, x, far, b)`: writes the functions at x on grid g to b and returns the index of the first one.

    On a linear tail x is the end of the domain, and the functions are extrapolated linearly by `far`.
    """
    name = d.name(f"points_{family.number}")
    body = _formula(family.basis, linear, d) if family.basis.degree is None else _bspline(family, linear, d)
    takes = [("whole", "g"), ("number", "x"), *([("number", "far")] if linear else []), ("out", "b")]
    if not body[-1].startswith("return"):
        body.append("return 0;")
    return d.function(f"basis_{family.number}", "whole", takes, [line.replace("POINTS", name) for line in body])


def _bspline(family: BasisFamily, linear: bool, d: Dialect) -> list[str]:
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


def _search(family: BasisFamily, d: Dialect) -> list[str]:
    return [
        f"{d.whole}cell = 0, top = {d.name(f'last_{family.number}')}[g];",
        "while (cell < top) {",
        f"    {d.pick}middle = (cell + top + 1) >> 1;",
        "    if (x >= t[middle]) cell = middle;",
        "    else top = middle - 1;",
        "}",
    ]


def _powers(k: int, d: Dialect) -> list[str]:
    """The powers of v, the local coordinate in the cell."""
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


def _horner(family: BasisFamily, d: Dialect) -> list[str]:
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


def _moved(family: BasisFamily, d: Dialect) -> list[str]:
    """Near the ends some of the k + 1 splines do not exist: shifts the others to their positions."""
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


def _formula(basis: Basis, linear: bool, d: Dialect) -> list[str]:
    """A basis with one formula everywhere."""
    ends = "low", "high"
    values, slopes = values_and_slopes(lambda x, f: basis.formula(x, f.own.name("low"), f.own.name("high"), f))
    statements = Statements(_language(d), d.const, ";")
    statements.count([*values, *(slopes if linear else [])])
    lines, beyond = [], []
    for n, node in enumerate(values):
        before, text = statements.bring(node)
        lines += [*before, f"b[{n}] = {text};"]
    for n, node in enumerate(slopes if linear else []):
        before, text = statements.bring(node, 2)
        beyond += [*before, f"b[{n}] += {text} * far;"]
    lines += _beyond(beyond) if linear else []
    used = [end for end in ends if re.search(rf"\b{end}\b", " ".join(lines))]
    given = ", ".join(f"{end} = POINTS[g][{ends.index(end)}]" for end in used)
    return [f"{d.const}{given};", *lines] if used else lines


def base_functions(base: Activation, linear: bool, d: Dialect) -> list[str]:
    """The base function and, for linear tails, its slope."""
    parts = values_and_slopes(lambda x, f: [base.formula(x, f)])
    found = []
    for suffix, (node,) in zip(("", "_slope")[: 1 + linear], parts, strict=False):
        statements = Statements(_language(d), d.const, ";")
        statements.count([node])
        lines, text = statements.bring(node)
        found.append(d.function(f"{base.name}{suffix}", "number", [("number", "x")], [*lines, f"return {text};"]))
    return found


def _language(d: Dialect) -> NodeSyntax:
    return NodeSyntax(d.number, lambda function: f"{d.call(function)}({{}})")
