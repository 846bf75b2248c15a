"""JavaScript: one ES module for browsers and node, in double precision, without dependencies."""

import json
import math
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, ClassVar, Final

from splinework.export import clike
from splinework.export.dialect import Dialect
from splinework.export.metadata import ModelMetadata
from splinework.export.network_arrays import NetworkArrays
from splinework.export.number_lists import nested
from splinework.nn.frame import Frame


class _JavaScriptDialect(Dialect):
    """ECMAScript 2015."""

    language: ClassVar[str] = "js"
    const: ClassVar[str] = "const "
    var: ClassVar[str] = "let "
    whole: ClassVar[str] = "let "
    pick: ClassVar[str] = "const "
    row: ClassVar[str] = "const "

    def number(self, value: float) -> str:
        value = float(value)
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)

    def table(self, name: str, values: Any) -> str:
        return f"const {name} = {nested(values, str if values.dtype.kind == 'i' else self.number, '[]')};"

    def block(self, name: str, columns: int) -> str:
        return f"const {name}"

    def room(self, name: str, count: int) -> str:
        return f"const {name} = new Float64Array({count});"

    def call(self, function: str) -> str:
        return "erfc" if function == "erfc" else f"Math.{function}"

    def function(self, name: str, gives: str, takes: Sequence[tuple[str, str]], body: Sequence[str]) -> str:
        lines = "\n".join(f"  {line}" for line in body)
        return f"function {self.name(name)}({', '.join(argument for _, argument in takes)}) {{\n{lines}\n}}"


def js_file(arrays: NetworkArrays, metadata: ModelMetadata, frame: Frame | None = None) -> str:
    """The ES module of a network."""
    d = _JavaScriptDialect("")
    head = "\n".join(
        [
            *(f"// {line}" for line in metadata.sentences()),
            f"// {arrays.numbers} numbers in tables. In node and browsers: import {{ predict }} from './FILE.mjs'.",
        ]
    )
    functions = clike.functions(arrays, d, frame)
    lines = clike.predict_body(arrays, d) if frame is None else clike.framed_body(arrays, frame, d)
    if any("erfc(" in text for text in (*functions, *lines)):
        functions.insert(0, _ERFC)
    body = "\n".join(f"  {line}" for line in lines)
    return "\n\n".join(
        [
            head,
            f"export const inputs = Object.freeze({_texts(metadata.inputs)});",
            f"export const outputs = Object.freeze({_texts(metadata.outputs)});",
            *clike.tables(arrays, d),
            *functions,
            _ENTRY_POINT.replace("INPUTS", str(len(metadata.inputs)))
            .replace("OUTPUTS", str(arrays.network.outputs))
            .replace("BODY", body),
        ]
    )


_ENTRY_POINT: Final = """function row(x, y) {
BODY
  return y;
}

/** One row: an array of inputs, in the order of `inputs`, to an array of outputs. */
export function predict(x) {
  if (x === null || typeof x !== "object" || x.length !== INPUTS) {
    throw new TypeError(`predict takes an array of INPUTS numbers, got ${x && x.length !== undefined ? x.length : x}`);
  }
  return row(x, new Array(OUTPUTS));
}

/** Many rows: an array of arrays to an array of arrays. */
export function predictBatch(rows) {
  return Array.from(rows, predict);
}

export default predict;
"""

# Kummer's series for the error function, all terms of one sign (DLMF 7.6.2), and Lentz's method for the continued
# fraction of its complement (DLMF 7.9.1).
_ERFC: Final = files("splinework.export").joinpath("erfc.js").read_text("utf-8")


def _texts(names: Sequence[str]) -> str:
    """JSON strings in ASCII that are safe inside HTML."""
    return json.dumps(list(names), ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e")
