"""C99: one file without memory allocation, in float or double, for any C compiler."""

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, ClassVar, Final

import numpy as np

from splinework.export import clike
from splinework.export.dialect import Dialect
from splinework.export.metadata import ModelMetadata
from splinework.export.network_arrays import NetworkArrays
from splinework.export.number_lists import nested
from splinework.nn.frame import Frame

PRECISIONS: Final = ("float", "double")
_MAX_NAME_BYTES: Final = 900  # C99 guarantees string literals of 4095 characters; an escaped byte takes four


class _CDialect(Dialect):
    """C99 with numbers of one type."""

    language: ClassVar[str] = "c"
    whole: ClassVar[str] = "int "
    pick: ClassVar[str] = "const int "

    def __init__(self, prefix: str, precision: str) -> None:
        super().__init__(f"{prefix}_")
        self.type = precision
        # Declarations begin with the type, which is known only now.
        self.const, self.var, self.row = f"const {precision} ", f"{precision} ", f"const {precision} *"  # type: ignore[misc]

    def number(self, value: float) -> str:
        if self.type == "double":
            return repr(float(value))
        text = repr(float(str(np.float32(value))))
        return f"{text}f"

    def table(self, name: str, values: Any) -> str:
        whole = values.dtype.kind == "i"
        kind = ("unsigned short" if values.max() < 2**16 else "int") if whole else self.type
        sizes = "".join(f"[{size}]" for size in values.shape)
        return f"static const {kind} {name}{sizes} = " + nested(values, str if whole else self.number, "{}") + ";"

    def block(self, name: str, columns: int) -> str:
        return f"const {self.type} (*{name})[{columns}]"

    def room(self, name: str, count: int) -> str:
        return f"{self.type} {name}[{count}];"

    def call(self, function: str) -> str:
        return f"{function}f" if self.type == "float" else function

    def function(self, name: str, gives: str, takes: Sequence[tuple[str, str]], body: Sequence[str]) -> str:
        kinds = {"whole": "int ", "number": f"{self.type} ", "in": f"const {self.type} *", "out": f"{self.type} *"}
        arguments = ", ".join(f"{kinds[kind]}{argument}" for kind, argument in takes)
        source = "\n".join(body)
        unused = [f"(void){argument};" for _, argument in takes if not re.search(rf"\b{argument}\b", source)]
        result = {"": "void", "whole": "int", "number": self.type}[gives]
        lines = "\n".join(f"    {line}" for line in (*unused, *body))
        return f"static {result} {self.name(name)}({arguments})\n{{\n{lines}\n}}"


def c_file(arrays: NetworkArrays, metadata: ModelMetadata, precision: str, frame: Frame | None = None) -> str:
    """The C file of a network."""
    name = metadata.name
    d = _CDialect(name, precision)
    head = "\n".join(
        [
            *(f"/* {line} */" for line in metadata.sentences()),
            f"/* {arrays.numbers} numbers in tables, no memory allocation. Compile: cc -std=c99 -O2 FILE.c -lm;",
            "   with -DSPLINEWORK_MAIN it is a program that reads rows of numbers and writes the predictions. */",
            "#include <math.h>",
            "#include <stddef.h>",
        ]
    )
    counts = f"enum {{ {name}_inputs = {len(metadata.inputs)}, {name}_outputs = {arrays.network.outputs} }};"
    body = clike.predict_body(arrays, d) if frame is None else clike.framed_body(arrays, frame, d)
    predict = "\n".join(f"    {line}" for line in body)
    unused = "" if re.search(r"\bx\b", predict) else "    (void)x;\n"
    return "\n\n".join(
        [
            head,
            counts,
            _names(f"{name}_input_names", metadata.inputs),
            _names(f"{name}_output_names", metadata.outputs),
            *clike.tables(arrays, d),
            *clike.functions(arrays, d, frame),
            _ENTRY_POINT.format(name=name, real=precision, body=f"{unused}{predict}"),
            _MAIN.replace("NAME", name)
            .replace("REAL", precision)
            .replace("DIGITS", "17" if precision == "double" else "9"),
        ]
    )


_ENTRY_POINT: Final = """/* One row: x holds the inputs, y gets the outputs. */
void {name}_predict(const {real} *x, {real} *y);
void {name}_predict(const {real} *x, {real} *y)
{{
{body}
}}

/* Many rows, one after the other. */
void {name}_predict_batch(const {real} *x, {real} *y, size_t rows);
void {name}_predict_batch(const {real} *x, {real} *y, size_t rows)
{{
    for (size_t row = 0; row < rows; row++)
        {name}_predict(x + row * {name}_inputs, y + row * {name}_outputs);
}}"""

_MAIN: Final = files("splinework.export").joinpath("main.c").read_text("utf-8")


def _names(name: str, columns: Sequence[str]) -> str:
    texts = ",\n".join(f"    {_text(column)}" for column in columns)
    declared = f"const char *const {name}[{len(columns)}]"
    return f"extern {declared};\n{declared} = {{\n{texts}\n}};"


def _text(column: str) -> str:
    """A string literal in UTF-8; all but plain characters as octal escapes of three digits."""
    data = column.encode("utf-8", "replace")[:_MAX_NAME_BYTES]
    return (
        '"'
        + "".join(chr(b) if (chr(b).isalnum() and b < 128) or chr(b) in " _-.()" else f"\\{b:03o}" for b in data)
        + '"'
    )
