"""Compares C files with their golden model bit for bit on every available processor: `verify_mcu`.

The golden model is read from `golden.json` and run in NumPy; the C files are used as they are. A test program of the verifier
reads codes from a file and writes the results of the functions to another one.
"""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from splinework.errors import FileError
from splinework.errors.stored_values import typed
from splinework.hardware import tools
from splinework.hardware.formats import Integers
from splinework.hardware.golden import read_document, read_golden
from splinework.hardware.integer import IntegerModel
from splinework.hardware.mcu import boards
from splinework.hardware.mcu.files import FORMAT
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu.quantiser import undecided
from splinework.hardware.mcu.source import code_type
from splinework.hardware.mcu.vectors import vectors

Singles = NDArray[np.float32]
_MAX_SHOWN: Final = 5  # Counter-examples kept per run


@dataclass(frozen=True)
class ProcessorRun:
    """The comparison on one processor.

    Attributes:
        vectors: Number of compared rows.
        mismatches: Number of rows whose sums or class differ from the golden model.
        quantised: Number of values passed through the quantiser, if there is one.
        misquantised: Number of values with a code that the golden model does not allow.
        failures: Some mismatches with codes, values, received and expected results.
    """

    processor: str
    vectors: int
    mismatches: int
    quantised: int = 0
    misquantised: int = 0
    failures: tuple[str, ...] = ()


@dataclass(frozen=True)
class McuVerification:
    """The result of a verification."""

    name: str
    runs: tuple[ProcessorRun, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)

    @property
    def vectors(self) -> int:
        """Number of rows compared on each processor."""
        return min((run.vectors for run in self.runs), default=0)

    @property
    def mismatches(self) -> int:
        """Number of mismatches on all processors."""
        return sum(run.mismatches + run.misquantised for run in self.runs)

    @property
    def passed(self) -> bool:
        """Whether rows were compared and none differ."""
        return self.vectors > 0 and self.mismatches == 0

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        runs = [{**vars(run), "failures": list(run.failures)} for run in self.runs]
        found: dict[str, Any] = {"vectors": self.vectors, "mismatches": self.mismatches, "runs": runs}
        return found | {"skipped": dict(self.skipped), "tools": dict(self.tools)}


@dataclass(frozen=True, eq=False)
class McuArtefact:
    """A folder of C files: the prefix of all names, the golden model and the options."""

    folder: Path
    name: str
    model: IntegerModel
    options: McuOptions


def read_artefact(folder: str | os.PathLike[str]) -> McuArtefact:
    """Reads a folder written by `write_mcu`.

    Raises:
        FileError: If a file is missing, damaged or of another version.
    """
    place = Path(folder)
    model = read_golden(place / "golden.json")
    file = place / "mcu.json"
    content = read_document(file, FORMAT, "a recipe of C files")
    try:
        name: str = typed(str, content["name"], "name")
        options: McuOptions = typed(McuOptions, content["options"], "options")
    except (ValueError, LookupError, TypeError) as error:
        raise FileError(f"{file} is not a recipe of C files ({error}); rebuild the artefact.") from error
    for suffix in (".h", ".c"):
        if not name.isidentifier() or not (place / f"{name}{suffix}").is_file():
            raise FileError(f"{place} has no {name}{suffix}; rebuild the artefact.")
    return McuArtefact(place, name, model, options)


def verify_mcu(
    folder: str | os.PathLike[str],
    *,
    rows: int = 100_000,
    seed: int = 0,
    processors: Sequence[str] | None = None,
    data: ArrayLike | None = None,
    level: str = "-O2",
) -> McuVerification:
    """Compares C files with their golden model on every processor.

    Vectors are all combinations of codes if these are few, else corners, sweeps and random rows. Values for the quantiser are
    random values, boundaries between codes and their neighbours, infinities and NaN.

    Args:
        folder: Folder written by `write_mcu`; it is not changed.
        rows: Number of vectors.
        seed: Seed of random vectors.
        processors: Names in `boards.PROCESSORS`; None takes all whose tools are installed.
        data: Further raw rows `(n, I)`.
        level: Optimisation level of the compilers.

    Raises:
        FileError: If a file is missing or damaged, or does not compile.
        ConfigError: If the tools of none of the processors are installed.
    """
    given = None if data is None else [data]
    artefacts = [read_artefact(folder)]
    return verify_artefacts(artefacts, rows=rows, seed=seed, processors=processors, data=given, level=level)[0]


def verify_artefacts(
    artefacts: Sequence[McuArtefact],
    *,
    rows: int = 100_000,
    seed: int = 0,
    processors: Sequence[str] | None = None,
    data: Sequence[ArrayLike] | None = None,
    level: str = "-O2",
) -> list[McuVerification]:
    """Verifies several folders with different names in one program, which is faster than `verify_mcu` for each."""
    chosen = boards.processors(processors)
    skipped = {p.name: f"{' and '.join(p.missing())} not installed" for p in chosen if p.missing()}
    there = [p for p in chosen if not p.missing()]
    if not there:
        tools.need(*dict.fromkeys(name for p in chosen for name in p.missing()), purpose="the verification of C files")
    tried = [
        vectors(a.model, rows, seed=seed, data=None if data is None else a.model.encode(data[k]))
        for k, a in enumerate(artefacts)
    ]
    floats = [_floats(a, max(1, rows // (4 * len(a.model.inputs))), seed) for a in artefacts]
    runs: list[list[ProcessorRun]] = [[] for _ in artefacts]
    with tempfile.TemporaryDirectory(prefix="splinework-mcu-") as name:
        place = Path(name)
        for artefact, codes, values in zip(artefacts, tried, floats, strict=True):
            for suffix in (".c", ".h"):
                shutil.copyfile(artefact.folder / f"{artefact.name}{suffix}", place / f"{artefact.name}{suffix}")
            kind = code_type([w.format for w in artefact.model.inputs])[:-2]
            codes.astype(kind).tofile(place / f"{artefact.name}.in")
            values.tofile(place / f"{artefact.name}.real")
        whole = "".join(f'#include "{a.name}.c"\n' for a in artefacts)
        (place / "all.c").write_text(whole, encoding="ascii")
        (place / "harness.c").write_text(harness(artefacts), encoding="ascii")
        for processor in there:
            program = boards.build(processor, place, ["all.c"], "harness.c", level=level)
            boards.start(processor, program, place)
            for k, artefact in enumerate(artefacts):
                runs[k].append(_compare(artefact, place, processor.name, tried[k], floats[k]))
    versions = boards.versions(there)
    return [McuVerification(a.name, tuple(runs[k]), skipped, versions) for k, a in enumerate(artefacts)]


def harness(artefacts: Sequence[McuArtefact]) -> str:
    """The test program that runs the functions on files of codes and values."""
    parts = ["#include <stdio.h>", *(f'#include "{a.name}.h"' for a in artefacts)]
    for a in artefacts:
        classify = f"result[{a.model.outputs}] = (int32_t){a.name}_classify(codes);" if a.model.classes else ""
        text = _HARNESS if a.options.float == "none" else _HARNESS + _QUANTISE
        columns = a.model.outputs + bool(a.model.classes)
        parts.append(text.replace("$CLASSIFY", classify).replace("$COLUMNS", str(columns)).replace("$NAME", a.name))
        parts[-1] = parts[-1].replace("$INPUTS", str(len(a.model.inputs))).replace("$OUTPUTS", str(a.model.outputs))
    calls = [f"    try_{a.name}();" for a in artefacts]
    calls += [f"    quantise_{a.name}();" for a in artefacts if a.options.float != "none"]
    return "\n\n".join([*parts, "int main(void)\n{\n" + "\n".join(calls) + "\n    return 0;\n}"]) + "\n"


_HARNESS: Final = """static void try_$NAME(void)
{
    FILE *in = fopen("$NAME.in", "rb"), *out = fopen("$NAME.out", "wb");
    $NAME_code_t codes[$INPUTS];

    while (fread(codes, sizeof codes, 1, in) == 1) {
        $NAME_sum_t sums[$OUTPUTS];
        int32_t result[$COLUMNS];
        int j;

        $NAME_predict(codes, sums);
        for (j = 0; j < $OUTPUTS; j++)
            result[j] = sums[j];
        $CLASSIFY
        fwrite(result, sizeof result, 1, out);
    }
    fclose(in);
    fclose(out);
}
"""

_QUANTISE: Final = """
static void quantise_$NAME(void)
{
    FILE *in = fopen("$NAME.real", "rb"), *out = fopen("$NAME.codes", "wb");
    float values[$INPUTS];

    while (fread(values, sizeof values, 1, in) == 1) {
        $NAME_code_t codes[$INPUTS];
        int32_t result[$INPUTS + 1];
        int i;

        result[$INPUTS] = (int32_t)$NAME_quantise(values, codes);
        for (i = 0; i < $INPUTS; i++)
            result[i] = codes[i];
        fwrite(result, sizeof result, 1, out);
    }
    fclose(in);
    fclose(out);
}
"""


def _floats(artefact: McuArtefact, rows: int, seed: int) -> Singles:
    """Values around all boundaries between codes, random and non-finite values, `(n, I)`."""
    rng = np.random.default_rng(seed)
    columns = []
    for wire in artefact.model.inputs:
        form = wire.format
        halves = rng.integers(form.low - 2, form.high + 2, size=rows) + 0.5 + rng.normal(size=rows) * 1e-6
        even = rng.uniform(form.low - 2, form.high + 2, size=rows)
        plain = wire.shift + wire.step * np.concatenate([halves, even])
        with np.errstate(over="ignore"):
            column = (np.exp(plain) if wire.log else plain).astype(np.float32)
            beside = np.nextafter(column[:rows], np.float32(rng.choice([-np.inf, np.inf])))
        odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -1.0, 3e38, -3e38], dtype=np.float32)
        columns.append(np.concatenate([column, beside, odd]))
    return np.column_stack(columns)


def _compare(artefact: McuArtefact, place: Path, processor: str, codes: Integers, values: Singles) -> ProcessorRun:
    model = artefact.model
    expected = model.run(codes)
    if model.classes:
        expected = np.column_stack([expected, model.decide(expected)])
    got = np.fromfile(place / f"{artefact.name}.out", dtype=np.int32).reshape(-1, expected.shape[1])
    if got.shape != expected.shape:
        raise FileError(
            f"{artefact.name}.c gave {len(got)} rows for {len(expected)} on {processor}; rebuild the artefact."
        )
    wrong = np.flatnonzero((got != expected).any(axis=1))
    failures = tuple(
        f"codes {codes[row].tolist()} (values {[f'{w.decode(c):.6g}' for w, c in zip(model.inputs, codes[row], strict=True)]}) "
        f"gave {got[row].tolist()}, expected {expected[row].tolist()}"
        for row in wrong[:_MAX_SHOWN]
    )
    if artefact.options.float == "none":
        return ProcessorRun(processor, len(codes), len(wrong), failures=failures)
    found = np.fromfile(place / f"{artefact.name}.codes", dtype=np.int32).reshape(len(values), -1).astype(np.int64)
    bad = _misquantised(artefact, values, found)
    return ProcessorRun(processor, len(codes), len(wrong), values.size, bad, failures)


def _misquantised(artefact: McuArtefact, values: Singles, found: Integers) -> int:
    """Number of codes that the golden model does not allow, plus wrong counts of saturated values in unambiguous rows."""
    model, number = artefact.model, ~np.isnan(values)
    plain = np.where(number, values, np.float32(0))
    codes = model.encode(plain)
    equal = found[:, :-1] == codes
    near = np.abs(found[:, :-1] - codes) <= 1
    free = undecided(model, plain) if artefact.options.float == "single" else np.zeros(codes.shape, dtype=bool)
    forms = [w.format for w in model.inputs]
    ends = (found[:, :-1] == [f.low for f in forms]) | (found[:, :-1] == [f.high for f in forms])
    right = np.where(number, equal | (free & near), ends)
    raw = np.column_stack([w.unsaturated(c) for w, c in zip(model.inputs, plain.T.astype(np.float64), strict=True)])
    beyond = (raw < [f.low for f in forms]) | (raw > [f.high for f in forms]) | ~number
    counted = (found[:, -1] == beyond.sum(axis=1)) | free.any(axis=1)
    return int((~right).sum() + (~counted).sum())
