"""Integer models: by their tables where these tell, else by trying all codes, and then exactly."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from splinework.errors import ConfigError
from splinework.hardware.formats import Format, Wire
from splinework.hardware.integer import IntegerLayer, IntegerModel
from splinework.knowledge.axioms import Bounded, Convex, Even, Lipschitz, Monotone, Positive, Symmetric
from splinework.knowledge.axioms.verify import verify
from splinework.knowledge.axioms.verify.checker import check


def model(bits: int = 4, inputs: int = 2, seed: int = 0, *, rising: bool = False, twins: bool = False) -> IntegerModel:
    """Two layers of random tables."""
    draw = np.random.default_rng(seed)
    wires = tuple(Wire(f"x{i}", Format(bits, 2, signed=True)) for i in range(inputs))
    hidden = tuple(Wire(f"h{j}", Format(5, 2, signed=True)) for j in range(3))

    def table(count: int, width: int) -> np.ndarray:
        if rising:
            return np.cumsum(draw.integers(0, 3, (count, width)), axis=0) - count
        return draw.integers(-9, 10, (count, width))

    first = [table(1 << bits, 3) for _ in range(inputs)]
    if twins:
        first = [first[0]] * inputs
    last = tuple(table(32, 1) for _ in range(3))
    low, high = (sum(int(f(t)) for t in last) for f in (np.min, np.max))
    output = (Wire("y", Format.holding(low, high)),)
    layers = (
        IntegerLayer(tuple(first), np.ones((inputs, 3), dtype=bool), np.zeros(3, dtype=np.int64), 1, hidden),
        IntegerLayer(last, np.ones((3, 1), dtype=bool), np.zeros(1, dtype=np.int64), 0, output),
    )
    return IntegerModel("test", wires, layers)


def every(m: IntegerModel) -> np.ndarray:
    axes = [range(w.format.low, w.format.high + 1) for w in m.inputs]
    codes = np.array(list(itertools.product(*axes)))
    return m.run(codes)[:, 0].reshape([len(a) for a in axes])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rising", [False, True], ids=["any", "rising"])
def test_monotone_is_decided_as_by_trying_all(seed, rising):
    m = model(seed=seed, rising=rising)
    found = verify(m, Monotone("x0"))
    assert found.status == ("proved" if (np.diff(every(m), axis=0) >= 0).all() else "refuted")
    assert check(m, found)
    if rising:
        assert found.claims[0].method == "structure"


def test_a_wide_model_is_proved_by_its_tables_or_unknown():
    wide = model(bits=12, rising=True)
    assert verify(wide, Monotone("x0")).status == "proved"
    assert verify(model(bits=12), Monotone("x0")).status == "unknown"
    assert verify(wide, Bounded(-1000, 1000)).status == "proved"


@pytest.mark.parametrize("seed", range(4))
def test_bounds_and_symmetries_are_decided_as_by_trying_all(seed):
    m = model(seed=seed)
    values = every(m).astype(float)
    assert verify(m, Bounded(values.min() - 0.5, values.max() + 0.5)).status == "proved"
    assert verify(m, Bounded(upper=float(values.max()) - 0.5)).status == "refuted"
    assert verify(m, Positive()).status == ("proved" if values.min() >= 0 else "refuted")
    assert verify(m, Symmetric(("x0", "x1"))).status == "refuted"
    assert verify(m, Even("x0")).status == "refuted"
    steepest = float(np.abs(np.diff(values, axis=0)).max()) * 4  # per unit, which is four codes
    assert verify(m, Lipschitz(steepest, ("x0",))).status == "proved"
    assert verify(m, Lipschitz(steepest - 1, ("x0",))).status == "refuted"


def test_a_symmetry_of_tables_is_structure():
    m = model(bits=12, twins=True)
    found = verify(m, Symmetric(("x0", "x1")))
    assert (found.status, found.claims[0].method) == ("proved", "structure")
    assert check(m, found)


def test_a_counterexample_is_in_raw_units():
    m = model(seed=1)
    found = verify(m, Bounded(upper=float(every(m).max()) - 0.5))
    point = np.array([list(found.counterexample.values())])
    assert m.predict(point)[0, 0] == every(m).max()


@pytest.mark.parametrize("centre", [0.0, -0.125, 0.25, 0.375])
@pytest.mark.parametrize("seed", range(4))
def test_a_counterexample_of_even_is_a_point_whose_mirror_image_differs_by_its_value(seed, centre):
    m = model(seed=seed)
    (claim,) = verify(m, Even("x0", centre)).claims
    assert claim.status == "refuted"
    point = np.array([list(claim.counterexample.values())])
    image = np.column_stack([2 * centre - point[:, 0], point[:, 1]])
    assert np.array_equal(m.encode(image), m.encode(np.clip(image, -2, 1.75)))
    assert -abs(m.predict(point) - m.predict(image))[0, 0] * 1.0 == float(claim.value)


@pytest.mark.parametrize(
    "text", ["bounded(-1000, 1000)", "bounded(upper=0)", "monotone(x0)", "even(x0)", "lipschitz(9)"]
)
@pytest.mark.parametrize("box", [{"x0": (-1.0, 0.5)}, {"x1": (0.0, 1.0), "x0": (-0.5, 0.5)}])
def test_the_checker_takes_right_certificates_on_boxes_and_no_other(text, box):
    m = model()
    found = verify(m, text, box=box)
    assert check(m, found)
    assert check(m, found.to_dict())
    other = replace(found, box={**found.box, "x0": (-8.0, 7.0)})
    wrong = [other, replace(found, box={"x0": (-99.0, 7.0), "x1": (0.0, 1.0)}), replace(found, box={})]
    wrong.append(replace(found, claims=(replace(found.claims[0], bound=found.claims[0].bound + 1), *found.claims[1:])))
    assert not any(check(m, each) for each in wrong)


def test_what_integers_do_not_have_is_refused():
    with pytest.raises(ConfigError, match="convex"):
        verify(model(), Convex("x0"))
    m = model()
    found = verify(m, Monotone("x0"))
    assert not check(model(seed=3), found)
