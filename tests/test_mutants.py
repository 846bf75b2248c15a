"""Faults on purpose: each parses and differs, none is written to disk, and the tests' answer is taken from the faulty text."""

from pathlib import Path

from tests.mutants import subjects
from tests.mutants.__main__ import sample
from tests.mutants.operators import differs, mutants
from tests.mutants.tracing import Traced, functions

ROOT = Path(__file__).resolve().parent.parent
SOURCE = '''
"""A text."""
LIMIT: int = 3

def f(x: float, y=0.5) -> bool:
    """Says."""
    if x < 0 and not y:
        raise ValueError(f"negative {x:.3f}")
    total = down(x + y * 2)
    total -= 1
    note(total)
    return min(total, -x) >= LIMIT
'''


def test_every_kind_of_fault_is_among_the_mutants():
    texts = {each.apply(SOURCE) for each in mutants(SOURCE)}
    assert all(differs(each, SOURCE) for each in mutants(SOURCE))
    for old, new in (
        ("x < 0", "x <= 0"),
        ("x < 0", "x > 0"),
        ("x < 0 and", "x < 0 or"),
        ("x < 0 and not y", "(not (x < 0 and not y))"),
        ("not y", "(y)"),
        ('raise ValueError(f"negative {x:.3f}")', "pass"),
        ("down(x + y * 2)", "(x + y * 2)"),
        ("x + y * 2", "x - y * 2"),
        ("x + y * 2", "(x)"),
        ("x + y * 2", "(y * 2)"),
        ("y * 2", "y / 2"),
        ("total -= 1", "pass"),
        ("note(total)", "pass"),
        ("min(", "max("),
        (">= LIMIT", "> LIMIT"),
        ("-x", "(x)"),
        ("= 3", "= 4"),
        ("= 3", "= (2)"),
        ("0.5", "(0.5 * 1.1)"),
        ("0.5", "0.0"),
        ("min(total, -x) >= LIMIT", "(not (min(total, -x) >= LIMIT))"),
    ):
        assert SOURCE.replace(old, new) in texts, (old, new)
    assert not any(".3f" not in text and "raise" in text for text in texts)
    assert not any('"""Says."""' not in text for text in texts)


def test_subjects_and_their_tests_are_there():
    for file, tests in subjects.TESTS.items():
        assert len(mutants((ROOT / file).read_text(encoding="utf-8"))) >= 30
        assert all((ROOT / test).is_file() for test in tests), tests


def test_a_sample_is_the_same_each_time_spread_over_the_files_and_without_what_changes_nothing():
    files = list(subjects.TESTS)[-3:]
    cases = sample(files, 12, 0)
    assert [case.key for case in cases] == [case.key for case in sample(files, 12, 0)]
    assert len({case.key for case in cases}) == len(cases) == 12
    assert {case.file for case in cases} == set(files)
    assert [case.key for case in sample(files, 12, 1)] != [case.key for case in cases]
    assert all(differs(case.mutant, case.source) and not case.equivalent for case in cases)


def test_each_equivalent_mutant_is_one_of_its_file_with_a_reason():
    for (file, old, new), reason in subjects.EQUIVALENT.items():
        source = (ROOT / file).read_text(encoding="utf-8")
        line = next(n for n, text in enumerate(source.encode().splitlines(keepends=True)) if old.encode() in text)
        start = sum(map(len, source.encode().splitlines(keepends=True)[:line]))
        near = [each for each in mutants(source) if start <= each.start < start + 200]
        assert any(new in each.apply(source) for each in near), new
        assert len(reason) > 20


PROGRAM = '''
def outer(x):
    """Says."""
    def inner(y):
        return y + 1
    if x > 3:
        x = inner(x)
    elif x < 0:
        x = -x
    for k in range(x):
        try:
            continue
        except ValueError:
            x = 7
    return [each * 2 for each in (x,)]

class Thing:
    size = 4
    table = {"a": lambda z: z * 2, "b": lambda z: z - 1}
    def area(self, factor=2):
        return self.size * factor
'''


def test_tracing_says_which_statements_are_run_and_change_nothing_else():
    traced, names = Traced(PROGRAM, "traced.py"), {}
    exec(traced.code, names | {"__reached__": traced.reached.add}, names)
    assert traced.reached == set()
    plain = {}
    exec(PROGRAM, plain)
    lines = PROGRAM.encode()

    def reached(*steps):
        traced.reached.clear()
        names["__reached__"] = traced.reached.add
        for step in steps:
            assert step(names) == step(plain)
        return {lines[traced.spans[n].start : traced.spans[n].end].split(b"\n")[0].decode() for n in traced.reached}

    assert names["outer"].__doc__ == "Says."
    body = {"def inner(y):", "if x > 3:", "for k in range(x):", "return [each * 2 for each in (x,)]"}
    loop, other = {"try:", "continue"}, {"elif x < 0:"}
    assert reached(lambda m: m["outer"](0)) == body | other
    assert reached(lambda m: m["outer"](5)) == body | loop | {"x = inner(x)", "return y + 1"}
    assert reached(lambda m: m["outer"](-1)) == body | other | loop | {"x = -x"}
    assert reached(lambda m: m["Thing"].table["b"](3)) == {"z - 1"}
    assert reached(lambda m: m["Thing"]().area()) == {"return self.size * factor"}


def test_a_mutant_takes_the_place_of_functions_that_are_loaded():
    for mutant in mutants(PROGRAM):
        traced, names = Traced(PROGRAM, "traced.py"), {"__reached__": lambda number: None}
        exec(traced.code, names)
        expected = {}
        exec(mutant.apply(PROGRAM), expected)
        thing = names["Thing"]
        if traced.innermost(mutant) is None:
            continue  # read when the module is loaded
        traced.replace(mutant.apply(PROGRAM), [names["outer"], *thing.table.values(), thing.area])
        for value in (0, 2, 5):
            assert _outcome(names["outer"], value) == _outcome(expected["outer"], value), mutant
            assert _outcome(thing.table["b"], value) == _outcome(expected["Thing"].table["b"], value), mutant
            assert _outcome(thing().area, value) == _outcome(expected["Thing"]().area, value), mutant


def test_functions_that_are_loaded_are_found_wherever_they_are_kept():
    def here():
        return 1

    assert here in functions()


def _outcome(function, value):
    try:
        return function(value)
    except (ArithmeticError, NameError, TypeError) as error:
        return type(error)
