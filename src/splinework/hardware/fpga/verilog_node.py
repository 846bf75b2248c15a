"""Writes a neuron as a Verilog module: table bits as constant vectors indexed by code bits, exact adders, registers, clamp.

Synthesis merges a table bit and an adder bit into one LUT if the bit is a constant vector indexed by the code and the plain
operand is on the left; hence this form. All words are unsigned vectors with explicit extension, so Verilog's rules about signed
expressions do not matter.
"""

from collections.abc import Sequence

from splinework.hardware.formats import Format
from splinework.hardware.fpga.circuit import Adder, CircuitLayer, CircuitNode, CircuitTable, CodeBit
from splinework.hardware.fpga.cost import reduced, support


def node_module(name: str, layer: CircuitLayer, node: CircuitNode) -> str:
    """The module of a scheduled neuron in a layer of the named network."""
    writer = _Writer(layer, node)
    ports = ["input wire clk", "input wire en"]
    ports += [f"input wire {vector(layer.inputs[i].width)} x{i}" for i in node.inputs]
    ports += [f"output wire {vector(node.format.width)} y"]
    title = f"{name}_l{node.layer}_n{node.index} #(\n    parameter PIPELINED = 1\n)"
    return f"// {_about(layer, node)}\n{module_text(title, ports, writer.body())}"


def module_text(title: str, ports: Sequence[str], lines: Sequence[str]) -> str:
    """The text of a module from its name and parameters, its ports, and its body."""
    listed = ",\n".join(f"    {port}" for port in ports)
    body = "".join(f"    {line}\n" if line else "\n" for line in lines)
    return f"module {title} (\n{listed}\n);\n{body}endmodule\n"


def vector(width: int) -> str:
    """The range of a vector.

    >>> vector(4)
    '[3:0]'
    """
    return f"[{width - 1}:0]"


def extended(name: str, width: int, signed: bool, start: int, count: int) -> str:
    """Bits start to start + count - 1 of a word extended with zeros or its sign.

    >>> extended("t0", 3, True, 1, 4)
    '{{2{t0[2]}}, t0[2:1]}'
    """
    taken = max(0, min(start + count, width) - start)
    fill = count - taken
    filler = [] if fill == 0 else [f"{{{fill}{{{name}[{width - 1}]}}}}" if signed else f"{fill}'b{'0' * fill}"]
    bits = []
    if taken == width:
        bits = [name]
    elif taken:
        bits = [f"{name}[{start}]" if taken == 1 else f"{name}[{start + taken - 1}:{start}]"]
    return _joined([*filler, *bits])


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 and not parts[0].startswith("{") else f"{{{', '.join(parts)}}}"


def _about(layer: CircuitLayer, node: CircuitNode) -> str:
    words = f"{len(node.tables)} tables, {len(node.sums)} adders in {node.depth} levels, {layer.cycles} cycles"
    dead = "; nothing looks at it" if node.index in layer.dead else ""
    name = "".join(c if c.isprintable() and c.isascii() else "?" for c in node.name).rstrip("\\")
    return f"{name}: {words}; sums from {node.low} to {node.high}{dead}"


class _Writer:
    """The lines of one neuron, cycle by cycle."""

    def __init__(self, layer: CircuitLayer, node: CircuitNode) -> None:
        self.layer, self.node = layer, node
        self.width: dict[str, int] = {f"x{i}": layer.inputs[i].width for i in node.inputs}
        self.native: dict[str, int] = {f"x{i}": 0 for i in node.inputs}
        self.needed: dict[str, int] = {}
        for number, word in enumerate(node.words):
            self.width[self.word(number)] = word.width
            self.native[self.word(number)] = node.stages[number]
        self.width["q"], self.native["q"] = node.format.width, node.finish

    def word(self, number: int) -> str:
        """The name of a table or sum."""
        tables = len(self.node.tables)
        return f"t{number}" if number < tables else f"s{number - tables}"

    def at(self, name: str, stage: int) -> str:
        """The name of a signal delayed to a later cycle."""
        self.needed[name] = max(self.needed.get(name, 0), stage)
        late = stage - self.native[name]
        return f"{name}_d{late}" if late else name

    def body(self) -> list[str]:
        """All lines of the module body."""
        node = self.node
        if not node.tables:
            return [f"assign y = {_constant(node)};"]
        end = self.layer.cycles
        blocks = [self.cycle(stage) for stage in range(end + 1)]
        output = f"assign y = {self.at('q', end)};"
        lines: list[str] = []
        for stage, block in enumerate(blocks):
            if stage:
                lines += self.registers(stage)
            lines += block
        return [*lines, output]

    def cycle(self, stage: int) -> list[str]:
        """The lines of one cycle."""
        lines = []
        for number, word in enumerate(self.node.words):
            if self.node.stages[number] == stage:
                lines += self.table(number, word) if isinstance(word, CircuitTable) else self.sum(number, word)
        return lines + (self.finish() if self.node.finish == stage else [])

    def registers(self, stage: int) -> list[str]:
        """The registers between the previous cycle and a stage."""
        kept = []
        for name, native in self.native.items():
            if native < stage <= self.needed.get(name, 0):
                kept.append((self.width[name], f"{name}_d{stage - native}", self.before(name, stage)))
        if not kept:
            return []
        lines = ["", f"// cycle {stage}"]
        lines += [f"reg {vector(width)} {after};" for width, after, _ in kept]
        lines += ["generate", f"    if (PIPELINED) begin : clocked_{stage}", "        always @(posedge clk)"]
        lines += ["            if (en) begin"]
        lines += [f"                {after} <= {before};" for _, after, before in kept]
        lines += ["            end", f"    end else begin : direct_{stage}", "        always @* begin"]
        lines += [f"            {after} = {before};" for _, after, before in kept]
        return [*lines, "        end", "    end", "endgenerate"]

    def before(self, name: str, stage: int) -> str:
        late = stage - 1 - self.native[name]
        return f"{name}_d{late}" if late else name

    def table(self, number: int, table: CircuitTable) -> list[str]:
        """The bits of a table, each a constant, a wire or a constant vector indexed by code bits."""
        name, stage = self.word(number), self.node.stages[number]
        shift = f", times {1 << table.shift}" if table.shift else ""
        lines = [f"wire {vector(table.width)} {name}; // {table.low} to {table.high}{shift}"]
        flip = "" if table.flip is None else f" ^ {self.bit(table.flip, stage)}"
        for place, column in enumerate(table.columns.T):
            places = support(column)
            small = reduced(column, places)
            if not places:
                text = f"1'b{int(small[0])}"
            elif len(places) == 1:
                text = ("~" if small[0] else "") + self.bit(table.address[places[0]], stage)
            else:
                constant = f"{name.upper()}_{place}"
                bits = "".join("01"[int(b)] for b in small[::-1])
                lines.append(f"localparam {vector(len(small))} {constant} = {len(small)}'h{int(bits, 2):x};")
                text = f"{constant}[{self.index([table.address[p] for p in places], stage)}]"
            lines.append(f"assign {name}[{place}] = {text}{flip};")
        return lines

    def bit(self, bit: CodeBit, stage: int) -> str:
        """One bit of an address."""
        name = self.at(f"x{bit.input}", stage)
        return f"{name}[{bit.place}]" if bit.fold < 0 else f"({name}[{bit.place}] ^ {name}[{bit.fold}])"

    def index(self, bits: list[CodeBit], stage: int) -> str:
        """An index from address bits, the lowest first; a complete code is its name."""
        first = bits[0]
        run = [CodeBit(first.input, first.place + k) for k in range(len(bits))]
        if bits == run:
            name = self.at(f"x{first.input}", stage)
            whole = first.place == 0 and len(bits) == self.width[f"x{first.input}"]
            return name if whole else f"{name}[{bits[-1].place}:{first.place}]"
        return f"{{{', '.join(self.bit(bit, stage) for bit in reversed(bits))}}}"

    def sum(self, number: int, word: Adder) -> list[str]:
        """An adder; bits below its start are passed through, and a carry is added by an extra bit below both words."""
        node, stage, name = self.node, self.node.stages[number], self.word(number)
        parts = [(node.words[p], self.at(self.word(p), stage)) for p in (word.left, word.right)]
        carry = self.at(self.word(word.carry), stage) if word.carry >= 0 else ""
        start = node.words[word.carry].shift if carry else max(p.shift for p, _ in parts)
        below = start - word.shift
        lines = [f"wire {vector(word.width)} {name}; // {word.low} to {word.high}"]
        high = word.width - below
        if below:
            low, text = next((p, t) for p, t in parts if p.shift == word.shift)
            count = min(below, word.width)
            bits = extended(text, low.width, low.signed, 0, count)
            lines.append(f"assign {name}{_range(0, count, word.width)} = {bits};")
        if high <= 0:
            return lines
        terms = [_from(part, text, start, high) for part, text in parts]
        shown = [t for t in terms if t] or [f"{high}'b0"]
        target = f"{name}{_range(below, high, word.width)}"
        if len(shown) == 2 and word.right < len(node.tables) and node.fused[word.right]:
            lent = f"~{carry}" if carry else "1'b1"
            value = f"{{{shown[0]}, 1'b0}} - {{~{shown[1]}, {lent}}}"
        elif carry:
            value = " + ".join(f"{{{term}, {carry}}}" for term in (*shown, f"{high}'b0")[:2])
        else:
            return [*lines, f"assign {target} = {' + '.join(shown)};"]
        lines.append(f"wire {vector(high + 1)} {name}_c = {value};")
        return [*lines, f"assign {target} = {name}_c[{high}:1];"]

    def finish(self) -> list[str]:
        """Rounding half to even, with the half already in the sum, and the clamp."""
        node, form = self.node, self.node.format
        number = len(node.words) - 1
        root, text = node.words[number], self.at(self.word(number), node.finish)
        lines = []
        if not node.finishes:
            return [f"wire {vector(form.width)} q = {_shifted(text, root, form.width)};"]
        whole = root.width + root.shift
        width, signed, guard = max(whole - node.guard, 1), root.signed, node.guard
        lines.append(f"wire {vector(max(whole, guard + 1))} u = {_shifted(text, root, max(whole, guard + 1))};")
        lines.append(f"wire {vector(width)} r; // rounded, {node.rounded(node.low)} to {node.rounded(node.high)}")
        if width > 1:
            lines.append(f"assign r{_range(1, width - 1, width)} = u[{guard + width - 1}:{guard + 1}];")
        tie = f" & (|u[{guard - 1}:0])" if guard else ""
        lines.append(f"assign r[0] = u[{guard}]{tie};")
        value = extended("r", width, signed, 0, form.width)
        for clip, test, end in zip(node.clips, _tests(width, signed, form), (form.low, form.high), strict=True):
            if clip:
                value = f"{test} ? {form.width}'d{end & (form.count - 1)} : {value}"
        return [*lines, f"wire {vector(form.width)} q = {value};"]


def _tests(width: int, signed: bool, form: Format) -> tuple[str, str]:
    """Whether `r` lies below the lowest, and above the highest code."""
    keep = form.width - 1 if form.signed else form.width
    top = width - 1 if signed else width
    above = f"|r[{top - 1}:{keep}]" if top > keep else "1'b0"
    sign = f"r[{width - 1}]"
    if not signed:
        return "1'b0", f"({above})"
    under = sign
    if form.signed:
        under = f"{sign} & ~(&r[{top - 1}:{keep}])" if top > keep else "1'b0"
    return f"({under})", f"(~{sign} & ({above}))"


def _from(word: CircuitTable | Adder, text: str, start: int, count: int) -> str:
    """The bits of a word from a place on; nothing where all of them are zeros."""
    place = start - word.shift
    if place >= 0:
        return extended(text, word.width, word.signed, place, count) if word.signed or place < word.width else ""
    if -place >= count:
        return ""
    bits = extended(text, word.width, word.signed, 0, count + place)
    return f"{{{bits}, {-place}'b{'0' * -place}}}"


def _range(start: int, count: int, width: int) -> str:
    if start == 0 and count == width:
        return ""
    return f"[{start}]" if count == 1 else f"[{start + count - 1}:{start}]"


def _shifted(text: str, word: CircuitTable | Adder, width: int) -> str:
    """A word with its zero bits below, extended or cut to a width."""
    if word.shift >= width:
        return f"{width}'b0"
    bits = extended(text, word.width, word.signed, 0, width - word.shift)
    return f"{{{bits}, {word.shift}'b{'0' * word.shift}}}" if word.shift else bits


def _constant(node: CircuitNode) -> str:
    form = node.format
    value = min(max(node.rounded(node.constant), form.low), form.high)
    return f"{form.width}'d{value & (form.count - 1)}"
