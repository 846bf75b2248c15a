"""`NAME.h`: sizes, what codes and sums mean, and what there is to call."""

from splinework.formula.languages.names import plain
from splinework.hardware.formats import Wire
from splinework.hardware.golden import digest
from splinework.hardware.integer import IntegerModel
from splinework.hardware.mcu.options import Options
from splinework.hardware.mcu.quantiser import slack
from splinework.hardware.mcu.source import Plan, code_type
from splinework.nn.checkpoint import own_version


def title(model: IntegerModel) -> list[str]:
    """Lines of comment that every file begins with."""
    shape = "-".join(map(str, model.shape))
    return [
        f"/* {model.name}: a quantised Kolmogorov-Arnold network of shape {shape}, written by splinework {own_version()}.",
        f"   Golden model {digest(model)}. */",
    ]


def header(what: Plan) -> str:
    """The whole file."""
    model, options = what.model, what.options
    guard = f"{what.name.upper()}_H"
    parts = [
        "\n".join(title(model)),
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


def _sizes(what: Plan) -> str:
    model = what.model
    sizes = {
        "INPUTS": f"{len(model.inputs)}U",
        "OUTPUTS": f"{model.outputs}U",
        "TABLE_BYTES": f"{what.table_bytes}U",
    }
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


def _quantise(model: IntegerModel, options: Options) -> list[str]:
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
   result is how many did, or were no numbers. {text} */
uint32_t $NAME_quantise(const float *values, $NAME_code_t *codes);"""
    ]


_CODES = {
    "trusted": "Every code must lie in its format, as $NAME_quantise makes them: others read beyond the tables.",
    "saturated": "Codes beyond their formats are taken as the nearest in them.",
}

_PREDICT = """/* A row of codes to the sums of the outputs, bit for bit those of the golden model.
   $CODES */
void $NAME_predict(const $NAME_code_t *codes, $NAME_sum_t *sums);"""

_CLASSIFY = """/* The number of the class: the first with the largest sum; of a single output whether it is above 0. */
uint32_t $NAME_classify(const $NAME_code_t *codes);"""
