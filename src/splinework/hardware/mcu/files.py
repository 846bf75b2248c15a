"""A quantised network as C99: `mcu` returns the files as texts, `write_mcu` writes them.

`NAME.h` and `NAME.c` are the files for an application; `NAME_test.c`, `NAME_vectors.h` and the `Makefile` test them on this
machine or on a board; `golden.json` is the golden model, `mcu.json` holds the options.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np

from splinework.errors import ConfigError, FileError
from splinework.export.number_lists import nested
from splinework.formula.languages.names import plain
from splinework.hardware.formats import Integers, Wire
from splinework.hardware.golden import digest, golden_text
from splinework.hardware.integer import IntegerModel
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu.quantiser import quantiser, slack
from splinework.hardware.mcu.source import SourcePlan, code_type, functions, plan, signed, unsigned
from splinework.hardware.mcu.vectors import vectors
from splinework.nn.checkpoint import own_version
from splinework.nn.files import write_whole

FORMAT: Final = "splinework-mcu/1"
WARNINGS: Final = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-pedantic")
"""Compiler flags; the files compile without warnings."""
_N_TEST_ROWS: Final = 200


def mcu(model: IntegerModel, *, name: str | None = None, options: McuOptions | None = None) -> dict[str, str]:
    """A quantised network as C99: no dynamic memory, no recursion, integer-only sums, tables in flash.

    `void NAME_predict(const NAME_code_t *codes, NAME_sum_t *sums)` computes the integers of the golden model bit for bit,
    `uint32_t NAME_classify(codes)` the class, and `uint32_t NAME_quantise(values, codes)` codes from floats.

    Args:
        model: The golden model.
        name: Prefix of all names and files; None takes the name of the model.
        options: Options of the generator; None takes the defaults.

    Returns:
        The text of each file by its name.

    Raises:
        ConfigError: If a sum does not fit the accumulator, the code does not fit `flash`, or the name is not an identifier.

    Example:
        >>> import numpy as np
        >>> from splinework.hardware.formats import Format, Wire
        >>> from splinework.hardware.integer import IntegerLayer
        >>> table = np.array([[0], [1], [4], [9]])
        >>> layer = IntegerLayer((table,), np.array([[True]]), np.array([0]), 0, (Wire("y", Format(4)),))
        >>> files = mcu(IntegerModel("square", (Wire("x", Format(2)),), (layer,)))
        >>> "square_l0_b0_x0[4] = {0U, 1U, 4U, 9U};" in files["square.c"]
        True
    """
    chosen = name if name is not None else model.name
    if not chosen.isidentifier() or not chosen.isascii():
        raise ConfigError(f"name must be a C identifier such as 'wine', got {name!r}.")
    what = plan(model, chosen, options or McuOptions())
    _check_flash(what)
    return {
        f"{chosen}.h": _header(what),
        f"{chosen}.c": _source(what),
        f"{chosen}_vectors.h": _vectors(what),
        f"{chosen}_test.c": "\n".join(_title(model)) + _test(what),
        "Makefile": _MAKEFILE.replace("$NAME", chosen).replace("$WARNINGS", " ".join(WARNINGS)),
        "golden.json": golden_text(model),
        "mcu.json": json.dumps({"format": FORMAT, "name": chosen, "options": asdict(what.options)}, indent=1) + "\n",
    }


def write_mcu(
    model: IntegerModel, folder: str | os.PathLike[str], *, name: str | None = None, options: McuOptions | None = None
) -> dict[str, str]:
    """Writes the files of `mcu` to a folder, which is created if needed; other files in it are kept.

    Raises:
        ConfigError: See `mcu`; nothing is written then.
        FileError: If a file cannot be written.
    """
    files = mcu(model, name=name, options=options)
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{place} cannot be created: {error.strerror}; choose another folder.") from error
    for file, text in files.items():
        write_whole(place / file, text.encode())
    return files


def _title(model: IntegerModel) -> list[str]:
    """The comment at the top of every file."""
    shape = "-".join(map(str, model.shape))
    return [
        f"/* {model.name}: a quantised Kolmogorov-Arnold network of shape {shape}, written by splinework {own_version()}.",
        f"   Golden model {digest(model)}. */",
    ]


def _header(what: SourcePlan) -> str:
    """The text of `NAME.h`: sizes, meaning of codes and sums, and function declarations."""
    model, options = what.model, what.options
    guard = f"{what.name.upper()}_H"
    parts = [
        "\n".join(_title(model)),
        f"#ifndef {guard}\n#define {guard}",
        "#include <stdint.h>",
        _sizes(what),
        _meaning(model),
        f"typedef {code_type([w.format for w in model.inputs])} $NAME_code_t;\ntypedef int{options.accumulator}_t $NAME_sum_t;",
        *_quantise(model, options),
        _PREDICT.replace("$CODES", _CODES[options.codes]),
        *([_CLASSIFY] if model.task == "classification" else []),
        "#endif",
    ]
    return "\n\n".join(parts).replace("$NAME", what.name).replace("$UPPER", what.name.upper()) + "\n"


def _sizes(what: SourcePlan) -> str:
    model = what.model
    sizes = {"INPUTS": f"{len(model.inputs)}U", "OUTPUTS": f"{model.outputs}U", "TABLE_BYTES": f"{what.table_bytes}U"}
    names = {"INPUT_NAMES": [w.name for w in model.inputs], "OUTPUT_NAMES": [w.name for w in model.layers[-1].outputs]}
    if model.classes:
        sizes["CLASSES"] = f"{len(model.classes)}U"
        names["CLASS_NAMES"] = list(model.classes)
    lines = [f"#define $UPPER_{key} {value}" for key, value in sizes.items()]
    lines += ["/* To be put between braces: static const char *const names[] = { $UPPER_INPUT_NAMES }; */"]
    for key, texts in names.items():
        rows = ", \\\n".join(f'    "{plain(text)}"' for text in texts)
        lines.append(f"#define $UPPER_{key} \\\n{rows}")
    return "\n".join(lines)


def _meaning(model: IntegerModel) -> str:
    lines = ["/* Codes:"]
    lines += [f"     codes[{i}]: {_wire(wire)}" for i, wire in enumerate(model.inputs)]
    lines += ["   Sums, exact:"]
    lines += [f"     sums[{j}]: {_wire(wire)}" for j, wire in enumerate(model.layers[-1].outputs)]
    return "\n".join(lines) + " */"


def _wire(wire: Wire) -> str:
    value = f"{wire.shift:.9g} + {wire.step:.9g} * code" if wire.shift else f"{wire.step:.9g} * code"
    value = f"exp({value})" if wire.log else value
    return f"{plain(wire.name)} = {value}, {wire.format.low} to {wire.format.high}"


def _quantise(model: IntegerModel, options: McuOptions) -> list[str]:
    if options.float == "none":
        return []
    text = "Equal to the golden model for every float."
    if options.float == "single":
        worst = max(slack(w) for w in model.inputs)
        text = (
            f"Computed in single precision: a code differs from the golden model's by at most one, and\n"
            f"   only where the value lies within {worst:.2g} codes of the boundary between two."
        )
    return [
        f"""/* The nearest codes of a row of values, half to even. A value beyond its codes gets the nearest of them; the
   result is how many did, or were not numbers. {text} */
uint32_t $NAME_quantise(const float *values, $NAME_code_t *codes);"""
    ]


def _source(what: SourcePlan) -> str:
    code, includes, quantise = f"{what.name}_code_t", list[str](), list[str]()
    if what.options.float != "none":
        includes, text = quantiser(what.model, code, what.name, what.options.float)
        quantise = [text]
    lines = [*_title(what.model), f'#include "{what.name}.h"', *(f"#include {name}" for name in includes)]
    return "\n\n".join(["\n".join(lines), functions(what), *quantise]) + "\n"


def _check_flash(what: SourcePlan) -> None:
    limit, size = what.options.flash, what.table_bytes + what.code_bytes
    if limit is None or size <= limit:
        return
    stage, largest = max(zip(what.stages, what.arrangements, strict=True), key=lambda pair: pair[1].table_bytes)
    costs = [sum(s.columns[i].size for s in stage.sums if i in s.columns) for i in range(len(stage.rows))]
    name = stage.names[int(np.argmax(costs))]
    raise ConfigError(
        f"{what.name} needs about {size} bytes of flash, but flash={limit}: {what.table_bytes} are tables, {largest.table_bytes} "
        f"of them in layer {stage.number}, the largest those of {name!r}. One bit less for its code halves them; pruning edges "
        "or prefer='flash' also saves flash."
    )


def _vectors(what: SourcePlan) -> str:
    model = what.model
    codes = vectors(model, _N_TEST_ROWS)[: 4 * _N_TEST_ROWS]
    sums = model.run(codes)
    parts = [
        "\n".join(_title(model)),
        f"#define {what.name.upper()}_VECTORS {len(codes)}U",
        _array(code_type([w.format for w in model.inputs]), f"{what.name}_vector_codes", codes),
        _array(f"int{what.options.accumulator}_t", f"{what.name}_vector_sums", sums),
    ]
    if model.task == "classification":
        parts.append(_array("uint32_t", f"{what.name}_vector_classes", model.decide(sums)))
    return "\n\n".join(parts) + "\n"


def _array(kind: str, name: str, values: Integers) -> str:
    sizes = "".join(f"[{size}]" for size in values.shape)
    text = nested(values, unsigned if kind.startswith("u") else signed, "{}")
    return f"static const {kind} {name}{sizes} = {text};"


def _test(what: SourcePlan) -> str:
    classify = ""
    if what.model.task == "classification":
        classify = """
        if ($NAME_classify($NAME_vector_codes[row]) != $NAME_vector_classes[row]) {
            mismatches++;
        }"""
    return _TEST.replace("$CLASSIFY", classify).replace("$NAME", what.name).replace("$UPPER", what.name.upper())


_CODES: Final = {
    "trusted": "Every code must lie in its format, as $NAME_quantise makes them: others read beyond the tables.",
    "saturated": "Codes beyond their formats are taken as the nearest in them.",
}

_PREDICT: Final = """/* A row of codes to the sums of the outputs, bit for bit those of the golden model.
   $CODES */
void $NAME_predict(const $NAME_code_t *codes, $NAME_sum_t *sums);"""

_CLASSIFY: Final = """/* The number of the class: the first with the largest sum; of a single output whether it is above 0. */
uint32_t $NAME_classify(const $NAME_code_t *codes);"""

_TEST: Final = """
/* Compares $NAME.c with the golden model on the vectors of $NAME_vectors.h; the exit code is 0 where all are equal. */
#include <stdio.h>

#include "$NAME.h"
#include "$NAME_vectors.h"

int main(void)
{
    uint32_t mismatches = 0U;
    uint32_t row;
    uint32_t j;

    for (row = 0U; row < $UPPER_VECTORS; row++) {
        $NAME_sum_t sums[$UPPER_OUTPUTS];

        $NAME_predict($NAME_vector_codes[row], sums);
        for (j = 0U; j < $UPPER_OUTPUTS; j++) {
            if (sums[j] != $NAME_vector_sums[row][j]) {
                mismatches++;
            }
        }$CLASSIFY
    }
    (void)printf("vectors %u, mismatches %u\\n", (unsigned int)$UPPER_VECTORS, (unsigned int)mismatches);
    return (mismatches == 0U) ? 0 : 1;
}
"""

_MAKEFILE: Final = """# `make test` compares with the golden model on this machine, `make size` says what a Cortex-M0+ needs.
CC ?= cc
CFLAGS ?= -O2
WARNINGS = $WARNINGS
ARM = arm-none-eabi-

test: $NAME_test
\t./$NAME_test

$NAME_test: $NAME_test.c $NAME.c $NAME.h $NAME_vectors.h
\t$(CC) $(CFLAGS) $(WARNINGS) -o $@ $NAME_test.c $NAME.c -lm

size: $NAME.c $NAME.h
\t$(ARM)gcc -mcpu=cortex-m0plus -mthumb $(CFLAGS) $(WARNINGS) -c -o $NAME_arm.o $NAME.c
\t$(ARM)size $NAME_arm.o

clean:
\trm -f $NAME_test $NAME_arm.o

.PHONY: test size clean
"""
