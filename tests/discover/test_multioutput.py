"""Several targets: shared structure and shared parts are found, and cost less than each target's own search."""

import numpy as np
import pytest
import sympy

from splinework.discover.multioutput import discover_multioutput
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.symbolic.expression import symbol
from tests.discover.searches import answering, interrupted

slow = pytest.mark.slow
x1, x2, x3 = (symbol(f"x{i}") for i in (1, 2, 3))


def rows(*formulas, noise=0.0, count=300, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.uniform(0.5, 2, (count, 3))
    y = np.column_stack([sympy.lambdify([x1, x2, x3], f)(*x.T) for f in formulas])
    return x, y + noise * y.std(axis=0) * draw.normal(size=y.shape)


DECAY = sympy.exp(-0.37 * x1) * sympy.sin(2.3 * x2)


@pytest.mark.slow
def test_a_structure_found_once_is_not_searched_again():
    x, y = rows(3 * DECAY, -0.5 * sympy.exp(-1.1 * x1) * sympy.sin(1.9 * x2), x1 / x2)
    calls = []
    table = discover_multioutput(x, y, search=answering(3 * DECAY, x1 / x2, calls=calls), budget=20)
    assert calls == ["y1", "y3"]
    for k, name in enumerate(("y1", "y2", "y3")):
        row = table.of(name)[0]
        assert np.abs(row.numpy()(x) - y[:, k]).max() < 1e-8
    assert any("structure of y1" in note for note in table.of("y2")[0].notes)


def test_a_part_found_once_is_used_in_sums():
    x, y = rows(3 * DECAY, x1**2 - 1.7 * DECAY)
    calls = []
    table = discover_multioutput(x, y, search=answering(3 * DECAY, calls=calls), budget=20)
    assert calls == ["y1"]
    assert sympy.simplify(sympy.nsimplify(table.of("y2")[0].expression - (x1**2 - 1.7 * DECAY), rational=True)) == 0


@pytest.mark.slow
def test_common_parts_are_named_and_their_constants_are_one():
    x, y = rows(3.1 * DECAY, x1**2 - 1.7 * DECAY, noise=0.01)
    search = answering(3 * DECAY, 1.1 * x1**2 - 2 * sympy.exp(-0.4 * x1) * sympy.sin(2.2 * x2))
    table = discover_multioutput(x, y, search=search, budget=20)
    note = next(note for note in table.notes if note.startswith("h1 = "))
    assert note.endswith("occurs in y1, y2")
    assert "exp(" in note
    assert "sin(" in note
    first, second = (table.of(name)[0].expression for name in ("y1", "y2"))
    rates = [e.atoms(sympy.exp).pop().args[0] for e in (first, second)]
    assert rates[0] == rates[1]


def test_idle_inputs_are_told():
    x, y = rows(x1**2, 2 * x1)
    table = discover_multioutput(x, y, search=answering(x1**2, 2 * x1), budget=10)
    assert "no formula needs x2, x3" in table.notes


def test_unrelated_targets_stay_unrelated():
    x, y = rows(x1 * x2, sympy.sin(x3))
    table = discover_multioutput(x, y, targets=["a", "b"], search=answering(x1 * x2, sympy.sin(x3)), budget=10)
    assert [table.of(name)[0].expression for name in ("a", "b")] == [x1 * x2, sympy.sin(x3)]
    assert not any(note.startswith("h") for note in table.notes)


@pytest.mark.parametrize("seed", range(3))
def test_noise_gives_constants(seed):
    draw = np.random.default_rng(seed)
    table = discover_multioutput(draw.uniform(1, 2, (150, 2)), draw.normal(size=(150, 2)), search=answering(), budget=5)
    assert [table.of(name)[0].inputs for name in ("y1", "y2")] == [(), ()]


def test_an_interrupt_leaves_the_table_so_far():
    x, y = rows(x1 * x2, sympy.sin(x3))
    stopped = answering(x1 * x2, notes=("interrupted: the formulas found so far",))
    for search in (stopped, interrupted):
        table = discover_multioutput(x, y, search=search, budget=10)
        assert any("interrupted" in note for note in table.notes)
        assert {row.target for row in table.rows} == {"y1", "y2"}
    assert discover_multioutput(x, y, search=stopped, budget=10).of("y1")[0].expression == x1 * x2


@slow
def test_with_the_real_search():
    x, y = rows(3 * DECAY, x1**2 - 1.7 * DECAY, sympy.sin(2.3 * x2), count=400)
    table = discover_multioutput(x, y, budget=120)
    for k, name in enumerate(("y1", "y2", "y3")):
        assert np.abs(table.of(name)[0].numpy()(x) - y[:, k]).max() < 1e-6
    assert any(note.startswith("h1") for note in table.notes)


@pytest.mark.parametrize(
    ("x", "y", "options", "error"),
    [
        (np.ones((20, 2)), np.ones((19, 2)), {}, ShapeError),
        (np.full((20, 2), np.inf), np.ones((20, 2)), {}, DataError),
        (np.ones((20, 2)), np.ones((20, 2)), {"names": ["a", "b"], "targets": ["a", "c"]}, ConfigError),
    ],
)
def test_wrong_data_are_refused(x, y, options, error):
    with pytest.raises(error):
        discover_multioutput(x, y, search=answering(), **options)
