"""Thinned families still have every value of every setting, and a law of many members names the one that breaks it."""

import itertools
from types import SimpleNamespace

import pytest

from tests.families import every, thinned


def made(marks, members):
    """A family as pytest collects it."""
    return [
        SimpleNamespace(
            callspec=SimpleNamespace(params=each),
            iter_markers=lambda name: [mark for mark in marks if mark.name == name],
        )
        for each in members
    ]


@pytest.mark.parametrize("sizes", [(3, 8), (8, 3, 3), (10, 10), (2, 40), (2, 2, 2, 7), (30,)], ids=str)
def test_every_value_of_every_setting_is_quick(sizes):
    axes = {f"a{n}": [object() for _ in range(size)] for n, size in enumerate(sizes)}
    marks = [pytest.mark.parametrize(name, values).mark for name, values in axes.items()]
    family = made(marks, [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())])
    slow = {id(item) for item in thinned(family)}
    quick = [item.callspec.params for item in family if id(item) not in slow]
    assert all({params[name] for params in quick} == set(values) for name, values in axes.items())
    assert (len(quick) < len(family)) == (len(sizes) > 1)


@pytest.mark.parametrize(("seeds", "kept"), [(1, 1), (8, 1), (9, 2), (40, 5)])
def test_of_seeds_one_in_eight_is_quick_for_every_value_of_the_other_setting(seeds, kept):
    marks = [pytest.mark.parametrize("seed", range(seeds)).mark, pytest.mark.parametrize("kind", "abc").mark]
    family = made(marks, [{"seed": n, "kind": kind} for kind in "abc" for n in range(seeds)])
    slow = {id(item) for item in thinned(family)}
    quick = [tuple(item.callspec.params.values()) for item in family if id(item) not in slow]
    assert quick == [(n, kind) for kind in "abc" for n in range(kept)]


@pytest.mark.parametrize(("sizes", "most"), [((12,), 4), ((3,), 4), ((6, 3), 4), ((2, 2), 1)], ids=str)
def test_of_costly_members_as_many_as_are_said_are_quick_with_as_many_values_as_they_can_have(sizes, most):
    axes = {f"a{n}": range(size) for n, size in enumerate(sizes)}
    marks = [pytest.mark.quick(most).mark, *(pytest.mark.parametrize(*axis).mark for axis in axes.items())]
    family = made(marks, [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())])
    slow = {id(item) for item in thinned(family)}
    quick = [item.callspec.params for item in family if id(item) not in slow]
    assert len(quick) == min(most, len(family))
    assert max(len({params[name] for params in quick}) for name in axes) == min(len(quick), max(sizes))


def test_the_member_that_breaks_a_law_is_named():
    @every("n", [1, 2, 3])
    def law(n, fixture):
        assert n != fixture

    law(fixture=4)
    with pytest.raises(AssertionError, match="n = 2"):
        law(fixture=2)


def test_several_arguments_and_a_refusal_that_did_not_come_are_told_too():
    @every(("n", "wrong"), [(1, True), (2, False)])
    def law(n, wrong):
        with pytest.raises(ValueError, match="wrong"):
            int("wrong" if wrong else "1")

    with pytest.raises(AssertionError, match=r"n, wrong = \(2, False\): DID NOT RAISE"):
        law()
