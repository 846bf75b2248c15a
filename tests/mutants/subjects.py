"""The files in which faults are planted, the tests that are asked to find them, and mutants that change nothing.

`python -m tests.mutants` refuses a file that is not here. Tests stand in the order in which they are run: the quick ones first.
"""

from __future__ import annotations

_VERIFY = "src/splinework/knowledge/axioms/verify"
_LAWS = "tests/knowledge/axioms/verify"
_CHECKED = "src/splinework/knowledge/axioms/checker"
_MEANING = "tests/knowledge/axioms/checker"

TESTS: dict[str, tuple[str, ...]] = {
    f"{_CHECKED}/certificates.py": tuple(f"{_LAWS}/test_{name}.py" for name in ("checker", "forged", "certificate")),
    f"{_CHECKED}/ranges.py": (f"{_MEANING}/test_ranges.py", f"{_MEANING}/test_bundles.py", f"{_MEANING}/test_edges.py"),
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
    f"{_CHECKED}/schema.py": (f"{_LAWS}/test_certificate.py",),
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

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "src/splinework/nn/files.py",
        "file.flush()",
        "pass",
    ): "closing the file writes it all the same, and a full disk is told there",
    (
        "src/splinework/nn/checkpoint.py",
        'for index, (before, after, basis) in enumerate(zip(nodes[:-1], nodes[1:], config["bases"], strict=True)):',
        'for index, (before, after, basis) in enumerate(zip(nodes[:-1], nodes[1:], config["bases"], strict=False)):',
    ): "their numbers were compared before",
    (
        f"{_CHECKED}/formulas.py",
        "pending: list[tuple[Any, int]] = [(tree, -1)]",
        "pending: list[tuple[Any, int]] = [(tree, -2)]",
    ): "the number that goes with a node is not read",
    (
        f"{_CHECKED}/series.py",
        "for k in range(1, u.order + 1 if len(u.terms) > 1 else 1):",
        "for k in range(1, u.order + 1 if len(u.terms) > 1 else (0)):",
    ): "either range is empty",
    (
        f"{_CHECKED}/series.py",
        "for k in range(1, u.order + 1 if len(u.terms) > 1 else 1):",
        "for k in range(1, u.order + 1 if len(u.terms) >= 1 else 1):",
    ): "the derivatives of a constant are zero, which takes time",
    (
        f"{_CHECKED}/series.py",
        "for k in range(len(self.terms) if len(by) == 1 else self.order + 1):",
        "for k in range(len(self.terms) if len(by) == (0) else self.order + 1):",
    ): "the terms that are left out are zero",
    (
        f"{_CHECKED}/series.py",
        "own = [RangeSeries(terms, k - 1) for terms in found]",
        "own = [RangeSeries(terms, (k)) for terms in found]",
    ): "there are no further terms yet",
    (
        f"{_CHECKED}/ranges.py",
        "if h is not None and f.d is not None and f.pairs:",
        "if h is not None or f.d is not None and f.pairs:",
    ): "pairs are asked for where second derivatives are",
    (
        f"{_CHECKED}/points.py",
        "h = _STEPS[1] * (1 if near == low else -1)",
        "h = _STEPS[1] * (2 if near == low else -1)",
    ): "any small step gives the slope at an end",
    (
        f"{_CHECKED}/points.py",
        "columns = zip(u, *r.scalings[0], strict=True)",
        "columns = zip(u, *r.scalings[0], strict=False)",
    ): "a network has as many scales as inputs",
    (
        f"{_CHECKED}/relations.py",
        "if word.startswith(name) and word[len(name) :].isdecimal() and int(word[len(name) :]) <= 20",
        "if word.startswith(name) and word[len(name) :].isdecimal() and int(word[len(name) :]) <= 21",
    ): "the limit is a choice, far beyond the derivatives that are enclosed",
    (
        f"{_CHECKED}/meanings.py",
        "apart = [(a, b) for a, b in pairs if owner.get(a, -1 - a) != owner.get(b, -1 - b)]",
        "apart = [(a, b) for a, b in pairs if owner.get(a, -1 - a) != owner.get(b, -2 - b)]",
    ): "in a pair a is less than b",
    (
        f"{_CHECKED}/edges.py",
        "share = np.arange(count + 1) / count",
        "share = np.arange((count)) / count",
    ): "how many parts there are outside of the body is a choice",
    (
        f"{_CHECKED}/duals.py",
        "return total, [*moves, (np.zeros_like(prices[-1][0]), np.zeros_like(prices[-1][1]))]",
        "return total, [*moves, (np.zeros_like(prices[-1][0]), np.zeros_like(prices[-1][(0)]))]",
    ): "prices of values and slopes are as many",
    (
        f"{_CHECKED}/boxes.py",
        "_WORTHWHILE, _PATIENCE = 1 / 16, 8",
        "_WORTHWHILE, _PATIENCE = 1 / 17, 8",
    ): "when multipliers are worth their time is a choice",
    (
        f"{_CHECKED}/boxes.py",
        "if len(rows) and len(slopes_of) < 2 and (self.gain >= _WORTHWHILE or self.asked % _PATIENCE == 0):",
        "if len(rows) and len(slopes_of) <= 2 and (self.gain >= _WORTHWHILE or self.asked % _PATIENCE == 0):",
    ): "a claim of two slopes is bounded better by multipliers for one of them, which takes time",
    (
        f"{_CHECKED}/boxes.py",
        "axis, every = np.where(relative > 1e-15, effect, -1.0).argmax(1), np.arange(len(lo))",
        "axis, every = np.where(relative > (1e-15 * 0.5), effect, -1.0).argmax(1), np.arange(len(lo))",
    ): "no half is between: widths are powers of two of the whole",
    (
        f"{_CHECKED}/certificates.py",
        "if finite and abs(stated) < math.inf:",
        "if finite and (stated) < math.inf:",
    ): "no number is close to -inf either",
    (
        f"{_CHECKED}/certificates.py",
        "same = bool(abs(value - stated) <= 1e-9 * abs(value))",
        "same = bool(abs(value - stated) < 1e-9 * abs(value))",
    ): "the limit is a float64 number, which no decimal of a value meets",
    (
        f"{_CHECKED}/divisions.py",
        "MOST_CHARACTERS: Final = 40_000_000",
        "MOST_CHARACTERS: Final = (39999999)",
    ): "the limit is a choice",
    (
        f"{_CHECKED}/divisions.py",
        "MOST_CHARACTERS: Final = 40_000_000",
        "MOST_CHARACTERS: Final = 40000001",
    ): "the limit is a choice",
    (
        "src/splinework/formula/enclosures.py",
        "shape = columns[0].shape if columns else (1,)",
        "shape = columns[(-1)].shape if columns else (1,)",
    ): "all variables have as many boxes",
    (
        "src/splinework/formula/enclosures.py",
        "**{each.name: (lambda n, x, name=each.name: of_order(name)(n, x)[0]) for each in FUNCTIONS.values() if each.order},",
        "**{each.name: (lambda n, x, name=each.name: of_order(name)(n, x)[(-1)]) for each in FUNCTIONS.values() if each.order},",
    ): "value and derivatives of a function with an order have the same bound",
    (
        "src/splinework/formula/enclosures.py",
        "return (taken[0].lo >= low) & (taken[0].hi <= high)",
        "return (taken[(-1)].lo >= low) & (taken[0].hi <= high)",
    ): "a function whose domain is not the line has one argument",
    (
        "src/splinework/formula/enclosures.py",
        'return ELEMENTARY["exp"](multiply(b, ELEMENTARY["log"](a)[0]))[0]',
        'return ELEMENTARY["exp"](multiply(b, ELEMENTARY["log"](a)[0]))[(-1)]',
    ): "the derivatives of the exponential are itself",
    (
        "src/splinework/knowledge/axioms/checker/ranges.py",
        "lo = np.where((np.abs(lo) < _SMALL) & ~rises, -_SMALL, np.where(rises, np.maximum(lo, 0), lo))",
        "lo = np.where((np.abs(lo) < _SMALL) & ~rises, -_SMALL, np.where(rises, np.maximum(lo, (-1)), lo))",
    ): "what is below 0 becomes 0 in the next line",
    (
        "src/splinework/train/journal.py",
        "stacklevel=2,",
        "stacklevel=(1),",
    ): "either line is one of the library, and the warning says the same",
    (
        "src/splinework/splines/cones.py",
        "span = xi[-1] - xi[0]",
        "span = xi[-1] - xi[1]",
    ): "hinges of another scale, whose coordinates have no upper bound, span the same cone",
    (
        "src/splinework/splines/cones.py",
        "mirror[count // 2, 0] = 0.0",
        "mirror[count // 2, 0] = 1.0",
    ): "without its constant, the half of an odd spline is zero in the middle already",
    (
        "src/splinework/kernels/calculus.py",
        "if not set(mapped) <= set(per_row):",
        "if not set(mapped) < set(per_row):",
    ): "a loop over the members gives the values that folding gives, more slowly",
    (
        "src/splinework/kernels/calculus.py",
        "size, flat, rows = info.batch_size, list(args), 0",
        "size, flat, rows = info.batch_size, list(args), 1",
    ): "x is among the arguments by row and never None, so the number of rows is set",
    (
        "src/splinework/knowledge/axioms/verify/tree.py",
        'yield ".", -1',
        'yield ".", -2',
    ): "the number that goes with a leaf is not read",
    (
        "src/splinework/knowledge/axioms/verify/smooth.py",
        "return *base.asymptotes[side > 0], 1e-18 if greatest(base, 2) else 0.0",
        "return *base.asymptotes[side >= 0], 1e-18 if greatest(base, 2) else 0.0",
    ): "a side is -1 or 1, never 0",
    (
        "src/splinework/formula/intervals.py",
        "return np.maximum(np.abs(self.lo), np.abs(self.hi))",
        "return np.maximum(np.abs(self.lo), (self.hi))",
    ): "where the upper end is negative, the lower one is larger in size",
    (
        "src/splinework/splines/cones.py",
        "line = (1 - straight if left else straight) * sign",
        "line = ((0) - straight if left else straight) * sign",
    ): "the constant beside it is free, so the cone is the same",
    (
        "src/splinework/data/temporary.py",
        "SPARE_BYTES: Final = 2**22",
        "SPARE_BYTES: Final = 2**(21)",
    ): "how much is held back is a choice; tidying up takes some hundred kilobytes",
    (
        "src/splinework/data/temporary.py",
        "SPARE_BYTES: Final = 2**22",
        "SPARE_BYTES: Final = 2**23",
    ): "how much is held back is a choice; tidying up takes some hundred kilobytes",
    (
        "src/splinework/data/temporary.py",
        "if not folder.is_dir() or folder.is_symlink() or time.time() - state.st_mtime < MIN_AGE_SECONDS:",
        "if not folder.is_dir() or folder.is_symlink() or time.time() - state.st_mtime <= MIN_AGE_SECONDS:",
    ): "no clock stands still at this age",
    (
        "src/splinework/nn/files.py",
        "if sys.version_info >= (3, 11):",
        "if (not (sys.version_info >= (3, 11))):",
    ): "tomli, where it is installed, is the same reader",
    (
        "src/splinework/nn/files.py",
        "TRIAL_BYTES: Final = 1 << 18",
        "TRIAL_BYTES: Final = 1 << 19",
    ): "how much is written on trial is a choice",
    (
        "src/splinework/errors/stored_values.py",
        "_checked(isinstance(value, (list, int, float)) and not isinstance(value, bool), value, where, wanted)",
        "pass",
    ): "NumPy makes arrays of other kinds of such values, which the check below refuses by the same words",
    (
        "src/splinework/tabular/tables/source.py",
        "def seek(self, offset: int, whence: int = 0) -> int:",
        "def seek(self, offset: int, whence: int = (-1)) -> int:",
    ): "the buffer above always says from where",
}
"""(file, line as it is, line as it would be) → why no test can tell them apart."""
