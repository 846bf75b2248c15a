"""The files in which faults are planted, the tests that are asked to find them, and mutants that change nothing.

`python -m tests.mutants` refuses a file that is not here. Tests stand in the order in which they are run: the quick ones first.
"""

from pathlib import Path

_VERIFY = "src/splinework/knowledge/axioms/verify"
_LAWS = "tests/knowledge/axioms/verify"
_CHECKED = "src/splinework/knowledge/axioms/checker"
_MEANING = "tests/knowledge/axioms/checker"

TESTS: dict[str, tuple[str, ...]] = {
    f"{_CHECKED}/certificates.py": tuple(f"{_LAWS}/test_{name}.py" for name in ("checker", "forged", "certificate")),
    f"{_CHECKED}/ranges.py": (f"{_LAWS}/test_intervals.py", f"{_MEANING}/test_bundles.py", f"{_MEANING}/test_edges.py"),
    f"{_CHECKED}/functions.py": (
        f"{_MEANING}/test_ranges.py",
        f"{_MEANING}/test_bundles.py",
        f"{_LAWS}/test_intervals.py",
    ),
    f"{_CHECKED}/formulas.py": (
        f"{_MEANING}/test_bundles.py",
        f"{_MEANING}/test_claims.py",
        f"{_MEANING}/test_meaning.py",
    ),
    f"{_CHECKED}/edges.py": (f"{_MEANING}/test_edges.py", f"{_LAWS}/test_enclosures.py", f"{_LAWS}/test_duals.py"),
    f"{_CHECKED}/pieces.py": (f"{_MEANING}/test_edges.py", f"{_LAWS}/test_enclosures.py", f"{_LAWS}/test_duals.py"),
    f"{_CHECKED}/layers.py": (
        f"{_MEANING}/test_edges.py",
        f"{_MEANING}/test_meaning.py",
        f"{_LAWS}/test_enclosures.py",
    ),
    f"{_CHECKED}/models.py": (
        f"{_MEANING}/test_claims.py",
        f"{_MEANING}/test_boxes.py",
        f"{_LAWS}/test_enclosures.py",
        f"{_LAWS}/test_duals.py",
        f"{_LAWS}/test_checker.py",
    ),
    f"{_CHECKED}/points.py": (
        f"{_MEANING}/test_claims.py",
        f"{_MEANING}/test_meaning.py",
        f"{_LAWS}/test_checker.py",
        f"{_LAWS}/test_forged.py",
    ),
    f"{_CHECKED}/forms.py": (f"{_MEANING}/test_forms.py", f"{_LAWS}/test_checker.py", f"{_LAWS}/test_verify.py"),
    f"{_CHECKED}/claims.py": (f"{_MEANING}/test_claims.py", f"{_MEANING}/test_meaning.py"),
    f"{_CHECKED}/relations.py": (f"{_MEANING}/test_claims.py", f"{_MEANING}/test_meaning.py"),
    f"{_CHECKED}/series.py": (f"{_MEANING}/test_ranges.py", f"{_MEANING}/test_bundles.py"),
    f"{_CHECKED}/boxes.py": (f"{_MEANING}/test_boxes.py", f"{_LAWS}/test_checker.py", f"{_LAWS}/test_forged.py"),
    f"{_CHECKED}/integers.py": (f"{_LAWS}/test_integer.py",),
    f"{_CHECKED}/meanings.py": (f"{_MEANING}/test_meaning.py", f"{_LAWS}/test_verify.py"),
    f"{_CHECKED}/divisions.py": (f"{_MEANING}/test_divisions.py",),
    f"{_VERIFY}/smooth.py": (f"{_LAWS}/test_cells.py", f"{_LAWS}/test_enclosures.py"),
    f"{_VERIFY}/cells.py": (f"{_LAWS}/test_cells.py", f"{_LAWS}/test_enclosures.py"),
    f"{_VERIFY}/integer.py": (f"{_LAWS}/test_integer.py",),
    f"{_VERIFY}/tree.py": (f"{_LAWS}/test_forged.py",),
    f"{_VERIFY}/duals.py": (f"{_LAWS}/test_duals.py",),
    f"{_CHECKED}/duals.py": (f"{_LAWS}/test_duals.py",),
    "src/splinework/formula/enclosures.py": ("tests/formula/test_enclosures.py", f"{_LAWS}/test_intervals.py"),
    "src/splinework/formula/intervals.py": (
        "tests/formula/test_enclosures.py",
        f"{_LAWS}/test_rounding.py",
        f"{_LAWS}/test_intervals.py",
    ),
    "src/splinework/train/uncertainty.py": ("tests/train/test_uncertainty.py",),
    "src/splinework/train/journal.py": ("tests/train/test_journal.py",),
    "src/splinework/splines/cones.py": ("tests/splines/test_cones.py",),
    "src/splinework/nn/checkpoint.py": ("tests/nn/test_checkpoint.py", "tests/nn/test_checkpoint_refusals.py"),
    "src/splinework/data/temporary.py": ("tests/data/test_temporary.py",),
    "src/splinework/nn/files.py": ("tests/nn/test_files.py",),
    "src/splinework/errors/stored_values.py": ("tests/faults/test_stored_values.py",),
    "src/splinework/tabular/tables/source.py": ("tests/tabular/test_source.py",),
    "src/splinework/discover/checkpoint.py": ("tests/discover/test_effort.py",),
    "src/splinework/kernels/calculus.py": ("tests/kernels/test_derivatives.py", "tests/kernels/test_operators.py"),
}


def _equivalent() -> dict[tuple[str, str, str], str]:
    """Blocks of a file's name and, for each mutant, the line as it is (-), as it would be (+), and the reason (=)."""
    found = {}
    for block in Path(__file__).with_name("equivalent.txt").read_text(encoding="utf-8").split("\n\n"):
        file, *lines = (line.strip() for line in block.splitlines())
        for old, new, reason in zip(*(iter(lines),) * 3, strict=True):
            found[file, old.removeprefix("- "), new.removeprefix("+ ")] = reason.removeprefix("= ")
    return found


EQUIVALENT = _equivalent()
"""(file, line as it is, line as it would be) → why no test can tell them apart."""
