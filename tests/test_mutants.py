"""Faults on purpose: each parses and differs, none is written to disk, and the tests' answer is taken from the faulty text."""

from pathlib import Path

from tests.mutants import subjects
from tests.mutants.__main__ import sample
from tests.mutants.operators import differs, mutants

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
