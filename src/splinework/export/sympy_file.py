"""SymPy: a Python file that builds the network from exact expressions, one piecewise function per edge."""

import re
from collections.abc import Sequence
from typing import Final, SupportsFloat

from splinework.export.frames import SYMPY, bracketed, python_formulas
from splinework.export.frozen import FrozenLayer, FrozenNetwork
from splinework.export.metadata import ModelMetadata
from splinework.export.pieces import EdgeFormula, EdgeTerm, Terms, check_size, edges
from splinework.export.recording import NodeSyntax, called
from splinework.formula.functions import templates
from splinework.nn.frame import Frame

_KNOWN: Final = frozenset({"Piecewise", "cos", "erfc", "exp", "log", "sin", "sqrt", "tanh"})
_FURTHER: Final = frozenset({*templates("sympy"), "And", "Eq", "Ne", "Not", "Or"}) - _KNOWN
"""Functions called by the formulas of frames only."""
_HEAD: Final = '''"""A network of splines as expressions of sympy.

`x` are the inputs; `steps` the hidden nodes, each a symbol and what it stands for in terms of those before; `y` the outputs
in terms of the last ones. `function()` is all of it as a function for numpy.

{notes}
"""

from sympy import Piecewise, Symbol, cos, erfc, exp, lambdify, log, sin, sqrt, tanh{more}

INPUTS = {inputs}
x = [Symbol(name, real=True) for name in INPUTS]
steps = []'''
_TAIL: Final = '''def function():
    """A function of the columns x, one array each, that returns the list of the outputs."""
    return lambdify(x, y, cse=lambda outputs: (steps, outputs))
'''


def sympy_file(network: FrozenNetwork, metadata: ModelMetadata, frame: Frame | None = None) -> str:
    """The Python file of a network.

    Raises:
        ConfigError: If there would be too many pieces, or for a basis without a formula.
    """
    check_size(network)
    inputs = f"({', '.join(ascii(name) for name in metadata.inputs)},)"
    found = list(edges(network))
    terms = [t for e in found for terms in (e.everywhere, *(case for case, _ in e.cases)) for t in terms]
    nodes = _nodes(network, metadata, frame)
    more = {name[0] for name in called(t.body for t in terms if t.body) if isinstance(name, tuple)}
    more |= _FURTHER & set(re.findall(r"\w+", nodes)) if frame or network.formulas else set()
    further = f"\nfrom sympy import {', '.join(sorted(more))}" if more else ""
    head = _HEAD.format(notes="\n".join(metadata.sentences()), inputs=inputs, more=further)
    return "\n\n\n".join([head, *map(_function, found), nodes, _TAIL])


def _nodes(network: FrozenNetwork, metadata: ModelMetadata, frame: Frame | None) -> str:
    """Lists of the nodes, layer by layer; the last is `y`."""
    columns = [f"x[{i}]" for i in range(len(metadata.inputs))]
    before = columns if frame is None or not frame.before else python_formulas(frame.before, columns, SYMPY, "sympy")
    after = () if frame is None else frame.after
    letter = "h"
    while any(name.startswith(letter) for name in metadata.inputs):  # to avoid conflicts of hidden nodes with inputs
        letter += "_"
    units = []
    for place, column in enumerate(network.columns):
        value = f"log({before[column]})" if network.in_log[place] else before[column]
        units.append(f"({value}{_minus(network.in_shift[place])})/{_number(network.in_scale[place])}")
    lines = _step(0, letter, units) if units else []
    for number, layer in enumerate(network.layers, start=1):
        nodes = [" * ".join(f"({_sum(layer, number, j)})" for j in group) for group in layer.groups]
        if number < len(network.layers):
            lines += _step(number, letter, nodes)
    outputs = []
    for j, node in enumerate(nodes):
        raw = f"{_number(network.out_scale[j])}*({node}) + {_number(network.out_shift[j])}"
        outputs.append(f"exp({raw})" if network.out_log[j] else raw)
    if after:
        last = len(network.layers)
        lines += _step(last, letter, outputs)
        outputs = python_formulas(after, [*columns, *(f"h{last}[{j}]" for j in range(len(outputs)))], SYMPY, "sympy")
    return "\n".join([*lines, "y = [", *(f"    {output}," for output in outputs), "]"])


def _step(number: int, letter: str, nodes: Sequence[str]) -> list[str]:
    """Symbols of a layer's nodes and their definitions."""
    symbols = f'h{number} = [Symbol(f"{letter}{number}_{{n}}", real=True) for n in range(1, {len(nodes) + 1})]'
    return [symbols, f"steps += zip(h{number}, [", *(f"    {node}," for node in nodes), "])"]


def _sum(layer: FrozenLayer, number: int, j: int) -> str:
    parts = [
        f"edge_{number}_{i + 1}_{j + 1}(h{number - 1}[{i}])" for i in range(layer.inputs) if bool(layer.alive[i, j])
    ]
    for each in layer.functions:
        if each.sum == j:
            parts += python_formulas([each.formula], [f"h{number - 1}[{each.input}]"], SYMPY, "sympy")
    return " + ".join([*parts, _number(layer.bias[j])])


def _function(edge: EdgeFormula) -> str:
    """`edge_LAYER_INPUT_SUM(t)`."""
    lines = [f"def edge_{edge.layer}_{edge.input}_{edge.sum}(t):"]
    if edge.squash is not None:
        middle, half = map(_number, edge.squash)
        lines.append(f"    t = {middle} + {half}*tanh((t{_minus(edge.squash[0])})/{half})")
    beside = f"{_terms(edge.everywhere)} + " if edge.everywhere else ""
    if len(edge.cases) == 1:
        return "\n".join([*lines, f"    return {beside}{_terms(edge.cases[0][0])}"])
    lines.append(f"    return {beside}Piecewise(")
    cases = [
        (terms, f"t {'<=' if number in edge.closed else '<'} {_number(bound)}")
        for number, (terms, bound) in enumerate(edge.cases[:-1])
    ]
    last = edge.cases[-1][0]
    if not _varies(last):  # the case of all other t is also that of NaN, which must stay NaN
        sign = ">" if len(cases) - 1 in edge.closed else ">="
        cases.insert(0, (last, f"t {sign} {_number(edge.cases[-2][1])}"))
        last = cases.pop()[0]
    lines += [f"        ({_terms(terms)}, {condition})," for terms, condition in [*cases, (last, "True")]]
    return "\n".join([*lines, "    )"])


def _varies(terms: Terms) -> bool:
    """Whether a sum depends on t."""
    return any(float(term.factor) != 0 and (term.body is not None or term.n > 0) for term in terms)


def _terms(terms: Terms) -> str:
    return " + ".join(_term(term) for term in terms) or "0"


def _term(term: EdgeTerm) -> str:
    """A product, or a constant."""
    if term.body is not None:
        return f"{_number(term.factor)}*{_LANGUAGE.text(term.body, rank=2)}"
    if term.n == 0:
        return _number(term.factor)
    return f"{_number(term.factor)}*(t{_minus(term.a)})" + (f"**{term.n}" if term.n > 1 else "")


_LANGUAGE: Final = NodeSyntax(repr, lambda f: f"{f}({{}})" if isinstance(f, str) else f"{f[0]}({f[2]}, {{}})", "{}**2")


def _number(value: SupportsFloat) -> str:
    return bracketed(repr(float(value)))


def _minus(value: SupportsFloat) -> str:
    """Text that subtracts a value from the preceding expression; empty for zero."""
    value = float(value)
    return f" - {value!r}" if value > 0 else f" + {-value!r}" if value < 0 else ""
