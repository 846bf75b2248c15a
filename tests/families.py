"""Families of tests: settings that are crossed, in pairs or thinned; laws whose members share a test; errors with their words."""

import functools
import inspect
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

SEEDS_A_DRAW = 8
"""A law of drawn cases has one seed at once, and one more for every so many."""

QUICK = 4
"""Members of a family of crossed settings that run at once, and more where that many do not have every value."""

GOLDEN_RATIO = (5**0.5 - 1) / 2


def thinned(family: Sequence[pytest.Function]) -> list[pytest.Function]:
    """The members of a family that are left to the slow tests: further seeds; of crossed settings all but `QUICK` or more.

    A law that says `@pytest.mark.quick(n)`, since each member takes more than about 0.3 s, has n of them at most.

    Members that lie evenly over the family are taken where they have a value of a setting that none before them has: every value
    of every setting is in some of them, beside various values of the others.
    """
    seeded = defaultdict[Any, list[pytest.Function]](list)
    for item in family:
        seeded[tuple((name, id(value)) for name, value in item.callspec.params.items() if name != "seed")].append(item)
    drawn = [item for draws in seeded.values() for item in draws[-(-len(draws) // SEEDS_A_DRAW) :]]
    family = [item for item in family if item not in drawn]
    marks = [mark.args[0] for mark in family[0].iter_markers("parametrize")]
    together = [[name.strip() for name in names.split(",")] if isinstance(names, str) else names for names in marks]
    fixtures = family[0].callspec.params.keys() - {name for names in together for name in names}
    axes = [*together, *([name] for name in sorted(fixtures))]
    axes = [names for names in axes if names != ["seed"]]
    most = next((mark.args[0] for mark in family[0].iter_markers("quick")), None)
    if len(axes) < 2 and most is None:
        return drawn
    values = [[(*names, *(id(item.callspec.params[name]) for name in names)) for names in axes] for item in family]
    spread = sorted(range(len(family)), key=lambda n: n * GOLDEN_RATIO % 1)
    quick, seen = [], set()
    for n in spread:
        if not seen.issuperset(values[n]):
            quick.append(n)
            seen.update(values[n])
    quick += [n for n in spread if n not in quick][: max(QUICK - len(quick), 0)]
    quick = quick[:most]
    return drawn + [item for n, item in enumerate(family) if n not in quick]


def slow(*values: Any) -> list[Any]:
    """Members that are left to the slow tests, each a value of one argument."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def pairwise(
    factors: Mapping[str, Sequence[Any]], possible: Callable[[dict[str, Any]], bool] = lambda case: True
) -> list[dict[str, Any]]:
    """Cases in which any two possible values of any two factors meet at least once; the same ones on every run."""
    chance, names = random.Random(0), list(factors)
    open_pairs = {
        ((a, u), (b, v))
        for a, b in itertools.combinations(names, 2)
        for u, v in itertools.product(factors[a], factors[b])
        if possible({a: u, b: v})
    }
    cases = []
    while open_pairs:
        start = dict(chance.choice(sorted(open_pairs, key=str)))
        drawn = [{name: start.get(name, chance.choice(factors[name])) for name in names} for _ in range(20)]
        met = [(open_pairs & set(itertools.combinations(case.items(), 2)), case) for case in drawn if possible(case)]
        if met:
            pairs, case = max(met, key=lambda found: len(found[0]))
            open_pairs -= pairs
            cases.append(case)
    return cases


def every(
    arguments: str | tuple[str, ...], members: Iterable[Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`parametrize` in one test, where a test each would cost more than the law; a failure names its member."""
    members = list(members)
    names = (arguments,) if isinstance(arguments, str) else arguments

    def decorate(law: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(law)
        def test(**fixtures: Any) -> None:
            for member in members:
                values = (member,) if isinstance(arguments, str) else member
                try:
                    law(**dict(zip(names, values, strict=True)), **fixtures)
                except (Exception, pytest.fail.Exception) as error:
                    raise AssertionError(f"{', '.join(names)} = {member!r}: {error}") from error

        signature = inspect.signature(law)
        others = [value for name, value in signature.parameters.items() if name not in names]
        test.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return test

    return decorate


@contextmanager
def raising(error: type[Exception], told: Iterable[str]) -> Iterator[None]:
    """`pytest.raises`, with a message that has all of these words."""
    with pytest.raises(error) as caught:
        yield
    assert [word for word in told if word not in str(caught.value)] == [], caught.value
