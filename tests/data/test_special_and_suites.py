"""The special functions of the KAN paper and the classical suites: their values, and the spreads on their ranges."""

import mpmath
import numpy as np
import pytest
from scipy import special

from splinework.data import SpecialSet, data_names, data_set
from splinework.data.special import special_names
from splinework.data.suites import suite_names, suite_set
from splinework.errors import DataError
from tests.families import every

# standard deviations over these ranges, computed independently
SPREADS = {
    "ellipj": 0.613, "ellipkinc": 0.522, "ellipeinc": 0.383, "jv": 0.252, "yv": 0.302, "kv": 0.528, "iv": 2.29,
    "lpmv0": 0.441, "lpmv1": 1.12, "lpmv2": 4.39, "sph_harm01": 0.345, "sph_harm11": 0.172, "sph_harm02": 0.334,
    "sph_harm12": 0.193, "sph_harm22": 0.168,
}  # fmt: skip
ORACLES = {
    "ellipj": lambda u, m: mpmath.ellipfun("sn", u, m=m),
    "ellipkinc": mpmath.ellipf,
    "ellipeinc": mpmath.ellipe,
    "jv": mpmath.besselj,
    "yv": mpmath.bessely,
    "kv": mpmath.besselk,
    "iv": mpmath.besseli,
}


def test_the_fifteen_of_the_table_are_there():
    assert set(special_names()) == set(SPREADS)
    assert {f"special:{name}" for name in SPREADS} <= set(data_names())


@every("name", SPREADS)
def test_the_spread_is_that_of_the_range(name):
    assert SpecialSet(name).draw(4096, seed=0).y.std() == pytest.approx(SPREADS[name], rel=0.02)


@pytest.mark.parametrize("name", ORACLES)
def test_values_are_those_of_arbitrary_precision(name):
    drawn = SpecialSet(name).draw(16, seed=1)
    expected = [float(ORACLES[name](*row)) for row in drawn.x.tolist()]
    np.testing.assert_allclose(drawn.y, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_legendre_functions_are_those_of_their_hypergeometric_series(order):
    x = SpecialSet(f"lpmv{order}").draw(16, seed=1)
    for (degree, at), y in zip(x.x.tolist(), x.y.tolist(), strict=True):
        if degree > order:  # mpmath's definition is scipy's there
            assert y == pytest.approx(float(mpmath.legenp(degree, order, at).real), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("order", "degree"), [(0, 1), (1, 1), (0, 2), (1, 2), (2, 2)])
def test_harmonics_are_the_real_parts_of_scipys(order, degree):
    drawn = SpecialSet(f"sph_harm{order}{degree}").draw(64, seed=1)
    azimuth, polar = drawn.x.T
    if hasattr(special, "sph_harm_y"):
        expected = special.sph_harm_y(degree, order, polar, azimuth).real
    else:
        expected = special.sph_harm(order, degree, azimuth, polar).real
    np.testing.assert_allclose(drawn.y, expected, atol=1e-14)
    assert drawn.truth.active == (("azimuth", "polar") if order else ("polar",))


@every("name", special_names())
def test_stated_monotonicity_holds(name):
    recipe = SpecialSet(name)
    box = {one.name: one for one in recipe.box()}
    for text in recipe.axioms():
        place = [f"({key}" in text for key in box].index(True)
        low, high = (np.array([getattr(one, end) for one in box.values()]) for end in ("low", "high"))
        x = low + np.random.default_rng(0).random((2000, 2)) * (high - low)
        further = x.copy()
        further[:, place] += np.random.default_rng(1).random(2000) * (high[place] - x[:, place])
        rise = recipe.evaluate(further) - recipe.evaluate(x)
        assert (rise <= 1e-12).all() if "False" in text else (rise >= -1e-12).all()


def test_suites_are_whole_and_finite():
    counts = {suite: sum(name.startswith(f"{suite}:") for name in suite_names()) for suite in ("nguyen", "keijzer")}
    assert counts == {"nguyen": 12, "keijzer": 14}
    assert len([name for name in suite_names() if name.startswith("korns:")]) == 15
    assert len([name for name in suite_names() if name.startswith("strogatz:")]) == 14
    for name in suite_names():
        assert np.isfinite(suite_set(name).draw(3000, seed=5).y).all(), name


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [
        ("nguyen:4", [0.5], 0.984375),
        ("nguyen:12", [0.5, -1.0], 0.0625 - 0.125 + 0.5 + 1.0),
        ("keijzer:5", [0.5, 2.0, 1.0], 15 / (-9.5 * 4)),
        ("korns:7", [1.0, 0, 0, 0, 0], 213.80940889 * (1 - np.exp(-0.54723748542))),
        ("strogatz:bacres1", [2.0, 3.0], 20 - 2 - 2.0),
        ("strogatz:vdp1", [3.0, 1.0], 10 * (1 - 8.0)),
    ],
)
def test_formulas_are_those_of_the_papers(name, at, value):
    assert suite_set(name).evaluate(np.array([at]))[0, 0] == pytest.approx(value, rel=1e-14)


def test_idle_inputs_of_korns_are_known():
    assert data_set("korns:1").draw(8).truth.active == ("x3",)
    assert len(data_set("korns:1").features) == 5


def test_unknown_names_bring_the_nearest():
    with pytest.raises(DataError, match="jv"):
        SpecialSet("jvv")
    with pytest.raises(DataError, match="nguyen:1"):
        suite_set("nguyen:13")
