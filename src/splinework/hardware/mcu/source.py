"""Writes `NAME.c`: the tables and the functions over codes. The tables come from `sums` and `blocks`, the header from `files`.

The code is for any C99 compiler, with MISRA C in mind: fixed-width types, explicit casts, one return per function, braces
everywhere, no recursion, no dynamic memory, no shift of a signed number, no float outside the quantiser.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from splinework.export.number_lists import nested
from splinework.formula.languages.names import plain
from splinework.hardware.formats import Format, storage
from splinework.hardware.integer import IntegerModel
from splinework.hardware.mcu.blocks import Arrangement, TableArray, WordBlock, arrange
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu.sums import UnsignedLayer, UnsignedSum, stages

TableNames = dict[bytes, tuple[str, str]]
"""Name and text of each table by its content."""


@dataclass(frozen=True, eq=False)
class SourcePlan:
    """The plan of the C files: golden model, prefix of names, options, layers in unsigned integers, and memory layouts."""

    model: IntegerModel
    name: str
    options: McuOptions
    stages: tuple[UnsignedLayer, ...]
    arrangements: tuple[Arrangement, ...]

    @property
    def table_bytes(self) -> int:
        """Size of all tables in bytes."""
        return sum(a.table_bytes for a in self.arrangements)

    @property
    def code_bytes(self) -> int:
        """Estimated bytes of Thumb code, without the quantiser."""
        return sum(a.code_bytes + 12 * len(s.sums) + 16 for a, s in zip(self.arrangements, self.stages, strict=True))


def plan(model: IntegerModel, name: str, options: McuOptions) -> SourcePlan:
    """Plans the memory layout of a model.

    Raises:
        ConfigError: If a sum does not fit the accumulator.
    """
    parts = stages(model, options)
    return SourcePlan(model, name, options, parts, tuple(arrange(stage, options) for stage in parts))


def unsigned(value: int) -> str:
    """A non-negative constant in C.

    >>> unsigned(7), unsigned(70000)
    ('7U', 'UINT32_C(70000)')
    """
    return f"{value}U" if value < 1 << 16 else f"UINT32_C({value})"


def signed(value: int) -> str:
    """A signed constant in C.

    >>> signed(-5), signed(70000), signed(-(2**31))
    ('-5', 'INT32_C(70000)', '(-INT32_C(2147483647) - 1)')
    """
    if value == -(1 << 31):
        return "(-INT32_C(2147483647) - 1)"
    text = str(abs(value)) if abs(value) < 1 << 15 else f"INT32_C({abs(value)})"
    return f"-{text}" if value < 0 else text


def code_type(forms: Sequence[Format]) -> str:
    """The narrowest C integer type that holds the codes of all formats.

    >>> code_type([Format(8), Format(3)]), code_type([Format(8), Format(3, signed=True)])
    ('uint8_t', 'int16_t')
    """
    low, high = min(f.low for f in forms), max(f.high for f in forms)
    sign = "" if low < 0 else "u"
    return f"{sign}int{storage(Format.holding(low, high).width)}_t"


def functions(what: SourcePlan) -> str:
    """The text of tables, layers, `NAME_predict` and `NAME_classify`."""
    tables: TableNames = {}
    layers = [
        _layer(what, stage, arrangement, tables)
        for stage, arrangement in zip(what.stages, what.arrangements, strict=True)
    ]
    body, predict = "\n\n".join(layers), _predict(what)
    helpers = [text for name, text in _HELPERS.items() if f"$NAME_{name}(" in body + predict]
    text = "\n\n".join([*(text for _, text in tables.values()), *helpers, body, predict, *_classify(what)])
    return text.replace("$WORD", f"uint{what.options.accumulator}_t").replace("$NAME", what.name)


_HELPERS: Final = {
    "round": """/* sum / 2^bits, half to even. */
static $WORD $NAME_round($WORD sum, $WORD bits)
{
    const $WORD half = ($WORD)(($WORD)(($WORD)1U << ($WORD)(bits - 1U)) - 1U);
    const $WORD odd = ($WORD)(($WORD)(sum >> bits) & 1U);

    return ($WORD)(($WORD)(sum + half + odd) >> bits);
}""",
    "above": """/* How far a value lies above low, 0 where it lies below. */
static $WORD $NAME_above($WORD value, $WORD low)
{
    return (value > low) ? ($WORD)(value - low) : ($WORD)0U;
}""",
    "below": """/* A value, or high where it lies above. */
static $WORD $NAME_below($WORD value, $WORD high)
{
    return (value < high) ? value : high;
}""",
    "place": """/* How far a code lies above low, kept within 0 to count. */
static uint32_t $NAME_place(int32_t code, int32_t low, int32_t count)
{
    int32_t place = (code > low) ? (code - low) : 0;

    place = (place < count) ? place : count;
    return (uint32_t)place;
}""",
    "apart": """/* sum - zero, without a step outside the signed numbers. */
static int32_t $NAME_apart(uint32_t sum, uint32_t zero)
{
    return (sum < zero) ? (-(int32_t)(uint32_t)(zero - sum - 1U) - 1) : (int32_t)(uint32_t)(sum - zero);
}""",
}


def state_type(stage: UnsignedLayer) -> str:
    """The C type of the output codes of a hidden layer."""
    spans = [one.last - one.first for one in stage.sums if one.last is not None and one.first is not None]
    return f"uint{storage(max(spans, default=0).bit_length())}_t"


def _layer(what: SourcePlan, stage: UnsignedLayer, arrangement: Arrangement, tables: TableNames) -> str:
    given = "uint8_t" if stage.number else "$NAME_code_t"
    if stage.number:
        given = state_type(what.stages[stage.number - 1])
    elif what.options.codes == "saturated":
        given = code_type([Format(w.format.width) for w in what.model.inputs])
    gives = f"int{what.options.accumulator}_t" if stage.last else state_type(stage)
    lines = [line for block in arrangement.blocks for line in _block(what, stage, block, tables)]
    placed = {lane.place for block in arrangement.blocks for word in block.words for lane in word}
    lines += [
        f"    y[{place}] = {_end(what, one, f'{one.start}U', gives)};"
        for place, one in enumerate(stage.sums)
        if place not in placed
    ]
    if not any("x[" in line for line in lines):
        lines.insert(0, "    (void)x;")
    if not stage.sums:
        lines.insert(0, "    (void)y;")
    title = f"/* Layer {stage.number}: {len(stage.rows)} inputs, {len(stage.sums)} nodes; tables in {arrangement.layout}. */"
    return (
        f"{title}\nstatic void $NAME_layer{stage.number}(const {given} *x, {gives} *y)\n{{\n" + "\n".join(lines) + "\n}"
    )


def _block(what: SourcePlan, stage: UnsignedLayer, block: WordBlock, tables: TableNames) -> list[str]:
    """The lines of one block."""
    prefix = f"$NAME_l{stage.number}"
    first = min(lane.place for word in block.words for lane in word)
    lines = ["    {"]
    lines += [f"        $WORD a{k} = {unsigned(start)};" for k, start in enumerate(block.starts)]
    lines += ["        $WORD s;"] * (stage.last and any(len(word) > 1 for word in block.words))
    if block.loop is not None:
        lines += _loop(block, block.loop, f"{prefix}_b{first}", tables)
    else:
        lines.append("")
        for place, array in block.arrays.items():
            table = _table(f"{prefix}_b{first}_x{place}", array, tables)
            row = f"{table}[{_index(f'x[{place}]', -stage.lows[place])}]"
            lines += _additions(array, row, plain(stage.names[place]))
    lines.append("")
    gives = f"int{what.options.accumulator}_t" if stage.last else state_type(stage)
    for k, word in enumerate(block.words):
        for lane in word:
            one = stage.sums[lane.place]
            value = f"a{k}" if lane.at == 0 else f"(a{k} >> {lane.at}U)"
            if lane is not word[-1]:
                value = f"({value} & {unsigned((1 << lane.bits) - 1)})"
            if stage.last and len(word) > 1:  # cast a variable to signed, never an expression
                lines.append(f"        s = ($WORD){value};")
                value = "s"
            lines.append(f"        y[{lane.place}] = {_end(what, one, value, gives)}; /* {plain(one.wire.name)} */")
    return [*lines, "    }"]


def _loop(block: WordBlock, loop: TableArray, name: str, tables: TableNames) -> list[str]:
    count = len(block.arrays)
    table = _table(name, loop, tables)
    value = f"x[{_listed(list(block.arrays), f'{name}_inputs', tables)}]" if block.listed else "x[i]"
    if block.stride is None:
        first = _listed(block.firsts, f"{name}_firsts", tables)
        place = f"(uint32_t){first} + (uint32_t){value}"
    else:
        place = f"(uint32_t)(i * {unsigned(block.stride)}) + {_index(value, block.firsts[0])}"
    lines = [f"        const uint32_t c = {place};", "", *_additions(loop, f"{table}[c]", "")]
    return [
        "        uint32_t i;",
        "",
        f"        for (i = 0U; i < {count}U; i++) {{",
        *("    " + x for x in lines),
        "        }",
    ]


def _listed(values: Sequence[int], name: str, tables: TableNames) -> str:
    """An entry of a constant list of small integers, which is added to the tables."""
    kind = code_type([Format.holding(min(values), max(values))])
    key = repr((kind, values)).encode()
    if key not in tables:
        text = nested(np.array(values), lambda v: unsigned(v) if kind[0] == "u" else signed(v), "{}")
        tables[key] = name, f"static const {kind} {name}[{len(values)}] = {text};"
    return f"{tables[key][0]}[i]"


def _additions(array: TableArray, row: str, note: str) -> list[str]:
    """Adds the words of a row; a pointer to the row keeps compilers from using a pointer per word."""
    end = f" /* {note} */" if note else ""
    if len(array.words) == 1:
        return [_add(array.words[0], row) + end]
    return [
        "        {" + end,
        f"            const uint{array.bits}_t *const row = {row};",
        "",
        *("    " + _add(word, f"row[{k}]") for k, word in enumerate(array.words)),
        "        }",
    ]


def _add(word: int, value: str) -> str:
    return f"        a{word} = ($WORD)(a{word} + ($WORD){value});"


def _index(value: str, moved: int) -> str:
    """An index in unsigned arithmetic, which wraps for negative values."""
    if moved == 0:
        return f"(uint32_t){value}"
    return f"(uint32_t){value} {'+' if moved > 0 else '-'} {unsigned(abs(moved))}"


def _table(name: str, array: TableArray, tables: TableNames) -> str:
    """The name of a table, which is added unless an equal one exists."""
    if array.key not in tables:
        values = array.values[:, 0] if array.values.shape[1] == 1 else array.values
        sizes = "".join(f"[{size}]" for size in values.shape)
        text = nested(values, lambda value: unsigned(int(value)), "{}")
        tables[array.key] = name, f"static const uint{array.bits}_t {name}{sizes} = {text};"
    return tables[array.key][0]


def _end(what: SourcePlan, one: UnsignedSum, value: str, gives: str) -> str:
    """The output expression of a node from its unsigned sum."""
    if one.first is None or one.last is None:
        return _exact(what, one, value)
    low, high = one.ends()
    first, last = one.first + one.lift, one.last + one.lift
    text = f"$NAME_round(($WORD){value}, {one.guard}U)" if one.guard else value
    if low < first:
        text = f"$NAME_above(($WORD){text}, {unsigned(first)})"
    elif first > 0:
        text = f"({text} - {unsigned(first)})"
    if high > last:
        text = f"$NAME_below(($WORD){text}, {unsigned(last - first)})"
    return f"({gives}){text}"


def _exact(what: SourcePlan, one: UnsignedSum, value: str) -> str:
    """The exact signed sum."""
    gives = f"int{what.options.accumulator}_t"
    if one.most >= 1 << 31:
        return f"$NAME_apart({value}, {unsigned(-one.base)})"
    if one.base == 0:
        return f"({gives}){value}"
    moved = f"(int32_t){value} {'-' if one.base < 0 else '+'} {signed(abs(one.base))}"
    return moved if what.options.accumulator == 32 else f"({gives})({moved})"


def _predict(what: SourcePlan) -> str:
    """The text of `NAME_predict`, the chain of layers."""
    lines, calls, given = [], [], "codes"
    if what.options.codes == "saturated":
        kind = code_type([Format(w.format.width) for w in what.model.inputs])
        lines.append(f"    {kind} places[{len(what.model.inputs)}];")
        calls += [
            f"    places[{i}] = ({kind})$NAME_place((int32_t)codes[{i}], {signed(w.format.low)}, {signed(w.format.count - 1)});"
            for i, w in enumerate(what.model.inputs)
        ]
        given = "places"
    for stage in what.stages:
        if stage.last:
            calls.append(f"    $NAME_layer{stage.number}({given}, sums);")
        else:
            gives = f"h{stage.number}"
            lines.append(f"    {state_type(stage)} {gives}[{max(1, len(stage.sums))}];")
            calls.append(f"    $NAME_layer{stage.number}({given}, {gives});")
            given = gives
    head = "void $NAME_predict(const $NAME_code_t *codes, $NAME_sum_t *sums)"
    return "\n".join([head, "{", *lines, *([""] if lines else []), *calls, "}"])


def _classify(what: SourcePlan) -> list[str]:
    if what.model.task != "classification":
        return []
    decide = "best = (sums[0] > 0) ? 1U : 0U;"
    if what.model.outputs > 1:
        decide = f"""for (k = 1U; k < {what.model.outputs}U; k++) {{
        if (sums[k] > sums[best]) {{
            best = k;
        }}
    }}"""
    counter = "    uint32_t k;\n" if what.model.outputs > 1 else ""
    return [
        f"""uint32_t $NAME_classify(const $NAME_code_t *codes)
{{
    $NAME_sum_t sums[{what.model.outputs}];
    uint32_t best = 0U;
{counter}
    $NAME_predict(codes, sums);
    {decide}
    return best;
}}"""
    ]
