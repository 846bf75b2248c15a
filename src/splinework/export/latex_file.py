r"""LaTeX: the network as an `align*` environment, numbers rounded for reading, one function with cases for each edge."""

from collections.abc import Iterator, Sequence
from typing import Final

from splinework.export.frozen import FrozenLayer, FrozenNetwork
from splinework.export.metadata import ModelMetadata
from splinework.export.pieces import EdgeFormula, EdgeTerm, Terms, check_size, edges
from splinework.export.recording import ExpressionNode
from splinework.formula.composer import Composer
from splinework.formula.languages import safe_names
from splinework.nn.frame import Expression, Frame

_N_DIGITS: Final = 6
_TERMS_PER_LINE: Final = 4
_NAMES: Final = {
    "exp": r"\exp",
    "log": r"\ln",
    "sin": r"\sin",
    "cos": r"\cos",
    "tanh": r"\tanh",
    "erfc": r"\operatorname{erfc}",
}


def latex_file(network: FrozenNetwork, metadata: ModelMetadata, frame: Frame | None = None) -> str:
    """The LaTeX text of a network, which needs the package amsmath.

    Raises:
        ConfigError: If there would be too many pieces, or for a basis without a formula.
    """
    check_size(network)
    columns = safe_names(
        [*metadata.inputs, *(name for name in metadata.outputs if name not in metadata.inputs)], "latex"
    )
    inputs, outputs = [columns[name] for name in metadata.inputs], [columns[name] for name in metadata.outputs]
    lines: list[str] = []
    if frame is not None and frame.after:
        hidden = [f"z_{{{j + 1}}}" for j in range(network.outputs)]
        lines += _formulas(frame.after, outputs, [*inputs, *hidden])
        outputs = hidden
    lines += _outputs(network, outputs)
    for number in range(len(network.layers) - 1, 0, -1):
        lines += _hidden(network.layers[number - 1], number)
    if network.columns:
        before = () if frame is None else frame.before
        features = [f"f_{{{n + 1}}}" for n in range(len(before))]
        lines += _units(network, features or inputs)
        lines += _formulas(before, features, inputs)
    lines += [_function(edge) for edge in edges(network)]
    for number, layer in enumerate(network.layers, start=1):
        names = [rf"\varphi_{{{number},{each.input + 1},{each.sum + 1}}}(t)" for each in layer.functions]
        for each, name in zip(layer.functions, names, strict=True):
            lines += _formulas([each.formula], [name], ["t"])
    notes = [*metadata.sentences(), f"Numbers are rounded to {_N_DIGITS} digits. Needs the package amsmath."]
    return "\n".join([*(f"% {note}" for note in notes), r"\begin{align*}", " \\\\\n".join(lines), r"\end{align*}", ""])


def _formulas(formulas: Sequence[Expression], names: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    """Formulas, each with its name."""
    import sympy

    composer = Composer()
    symbols = [sympy.Dummy(real=True) for _ in columns]
    for formula, name in zip(formulas, names, strict=True):
        expression = composer.expression(formula, symbols)
        numbers = {s: sympy.Float(f"{value:.{_N_DIGITS}g}") for s, value in composer.numbers.items()}
        written = sympy.latex(expression.xreplace(numbers), symbol_names=dict(zip(symbols, columns, strict=True)))
        yield f"{name} &= {written}"


def _outputs(network: FrozenNetwork, names: list[str]) -> Iterator[str]:
    number, layer = len(network.layers), network.layers[-1]
    for j, group in enumerate(layer.groups):
        parts = _product(layer, number, group)
        scale, shift = float(network.out_scale[j]), float(network.out_shift[j])
        log = network.out_log[j]
        if scale == 1 and shift == 0 and not log:
            yield f"{names[j]} &= {parts}"
        else:
            text = f"{_number(scale)}\\, o_{{{j + 1}}}"
            text = f"{_number(shift)} + {text}" if shift else text
            yield f"{names[j]} &= " + (rf"\exp\left({text}\right)" if log else text)
            yield f"o_{{{j + 1}}} &= {parts}"


def _hidden(layer: FrozenLayer, number: int) -> Iterator[str]:
    for n, group in enumerate(layer.groups):
        yield f"h_{{{number},{n + 1}}} &= {_product(layer, number, group)}"


def _units(network: FrozenNetwork, names: list[str]) -> Iterator[str]:
    for place, column in enumerate(network.columns):
        text = rf"\ln {names[column]}" if network.in_log[place] else names[column]
        shift, scale = float(network.in_shift[place]), float(network.in_scale[place])
        text = f"{text} {_signed(-shift)}" if shift else text
        yield f"h_{{0,{place + 1}}} &= " + (rf"\frac{{{text}}}{{{_number(scale)}}}" if scale != 1 else text)


def _product(layer: FrozenLayer, number: int, group: tuple[int, ...]) -> str:
    sums = [_sum(layer, number, j) for j in group]
    return sums[0] if len(sums) == 1 else r" \cdot ".join(rf"\bigl({text}\bigr)" for text in sums)


def _sum(layer: FrozenLayer, number: int, j: int) -> str:
    own = {each.input for each in layer.functions if each.sum == j}
    parts = [
        rf"\varphi_{{{number},{i + 1},{j + 1}}}(h_{{{number - 1},{i + 1}}})"
        for i in range(layer.inputs)
        if bool(layer.alive[i, j]) or i in own
    ]
    bias = float(layer.bias[j])
    rows = [" + ".join(parts[k : k + _TERMS_PER_LINE]) for k in range(0, len(parts), _TERMS_PER_LINE)]
    text = " \\\\\n&\\quad + ".join(rows)
    return (f"{text} {_signed(bias)}" if bias else text) if parts else _number(bias)


def _function(edge: EdgeFormula) -> str:
    name = rf"\varphi_{{{edge.layer},{edge.input},{edge.sum}}}"
    left = f"{name}(t) &= "
    if edge.squash is not None:
        middle, half = edge.squash
        bent = rf"{_number(middle)} + {_number(half)} \tanh\frac{{t {_signed(-middle)}}}{{{_number(half)}}}"
        left = rf"{name}(t) &= \psi\left({bent}\right),\quad \psi(t) = "
    text = ""
    if len(edge.cases) == 1:
        return left + _terms(edge.everywhere + edge.cases[0][0])
    if edge.everywhere:
        text = f"{_terms(edge.everywhere)} + "
    rows = []
    for number, (terms, bound) in enumerate(edge.cases):
        sign = r"\le" if number in edge.closed else "<"
        condition = r"\text{otherwise}" if number == len(edge.cases) - 1 else f"t {sign} {_number(bound)}"
        rows.append(f"{_terms(terms)} & {condition}")
    return f"{left}{text}\\begin{{cases}}\n" + " \\\\\n".join(rows) + "\n\\end{cases}"


def _terms(terms: Terms) -> str:
    text = ""
    for term in terms:
        if term.factor == 0:
            continue
        body = _body(term)
        if not text:
            text = f"{_number(term.factor)}{body}"
        else:
            text += f" {_signed(term.factor)}{body}"
    return text or "0"


def _body(term: EdgeTerm) -> str:
    """The function that a factor multiplies; empty for a constant term."""
    moved = f"t {_signed(-term.a)}" if term.a else "t"
    if term.body is not None:
        return rf"\,{_written(term.body, 2)}"
    if term.n == 0:
        return ""
    text = rf"({moved})" if term.a else "t"
    return rf"\,{text}" + (f"^{{{term.n}}}" if term.n > 1 else "")


def _written(node: ExpressionNode, rank: int = 0) -> str:
    """A formula as an operand of a sum (rank 1), a product (2) or a power (3)."""
    if node.kind == "number":
        return rf"\left({_number(node.value)}\right)" if node.value < 0 and rank else _number(node.value)
    if node.kind == "name":
        return str(node.value)
    parts = node.parts
    if node.kind == "call":
        if node.value == "sqrt":
            return rf"\sqrt{{{_written(parts[0])}}}"
        known = isinstance(node.value, str)
        name = _NAMES[node.value] if known else rf"{node.value[1]}_{{{node.value[2]}}}"
        return rf"{name}\left({_written(parts[0])}\right)"
    if node.kind == "/":
        text, own = rf"\frac{{{_written(parts[0])}}}{{{_written(parts[1])}}}", 2
    elif node.kind == "*" and parts[0] is parts[1]:
        text, own = f"{_written(parts[0], 3)}^{{2}}", 2
    elif node.kind == "*" and parts[1].kind == "/":  # a product with a fraction becomes one fraction
        above, under = parts[1].parts
        whole = "" if above.value == 1 else rf"\,{_written(above, 2)}"
        text, own = rf"\frac{{{_written(parts[0], 2)}{whole}}}{{{_written(under)}}}", 2
    elif node.kind == "*":
        text, own = rf"{_written(parts[0], 2)}\,{_written(parts[1], 2)}", 2
    elif parts[0].kind == "number" and parts[0].value == 0:
        text, own = f"-{_written(parts[1], 2)}", 1
    elif parts[1].kind == "number":
        text, own = f"{_written(parts[0], 1)} {_signed(parts[1].value * (-1 if node.kind == '-' else 1))}", 1
    else:
        text, own = f"{_written(parts[0], 1)} {node.kind} {_written(parts[1], 2)}", 1
    return rf"\left({text}\right)" if own < rank else text


def _signed(value: float) -> str:
    return f"- {_number(-value)}" if value < 0 else f"+ {_number(value)}"


def _number(value: float) -> str:
    mantissa, _, exponent = f"{value:.{_N_DIGITS}g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
