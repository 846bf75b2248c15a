"""Designs: in the box, of the right number, the same for the same seed, with the marginals that they promise."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import qmc

from splinework.data.designs import DESIGNS, SOBOL, Corners, Faces, Grid, Joined, LatinHypercube, Sobol, Uniform
from splinework.data.marginals import Marginals
from splinework.data.random_streams import BLOCK_ROWS
from splinework.data.serialisation import from_dict, to_dict
from splinework.errors import ConfigError, ShapeError
from tests.families import every

BOX = [(-1.0, 2.0), (10.0, 20.0), (0.0, 1e-3)]
CASES = [
    Uniform(),
    Sobol(),
    Sobol(scramble=False),
    LatinHypercube(),
    LatinHypercube("none"),
    Grid(),
    Grid(4),
    Grid(spacing="chebyshev"),
    Corners(),
    Faces(5),
    Joined((Sobol(), Corners(), Faces(2))),
]
every_design = every("design", CASES)


@every_design
@pytest.mark.parametrize("n", [1, 2, 100])
def test_points_lie_in_the_box_and_are_as_many_as_counted(design, n):
    points = design.points(n, BOX, seed=3)
    assert points.shape == (design.count(n, 3), 3)
    assert points.dtype == np.float64
    low, high = np.array(BOX).T
    assert (points >= low).all()
    assert (points <= high).all()


@every_design
def test_the_seed_decides_every_bit(design):
    first, again, other = (design.points(64, BOX, seed=seed) for seed in (5, 5, 6))
    assert first.tobytes() == again.tobytes()
    still = isinstance(design, (Grid, Corners)) or design == Sobol(scramble=False)
    assert np.array_equal(first, other) is still


@every_design
def test_a_design_survives_as_plain_values(design):
    assert from_dict(to_dict(design), DESIGNS) == design


@every_design
def test_a_changed_number_of_points_is_said(design):
    for n in (8, 100):
        rows = design.count(n, 3)
        if rows != n:
            assert str(rows) in design.note(n, 3) or isinstance(design, Joined)
            assert design.note(n, 3)


def test_blocks_are_the_whole():
    rows = BLOCK_ROWS + 1000
    for design in (Uniform(), Sobol(), Grid(), LatinHypercube("none")):
        blocks = list(design.levels(rows, 2, seed=1))
        assert {len(block) for block in blocks[:-1]} == {BLOCK_ROWS}
        whole = design.points(rows, [(0, 1), (0, 1)], seed=1)
        np.testing.assert_array_equal(np.concatenate(blocks), whole)


def test_sobol_points_are_those_of_scipy_in_a_power_of_two():
    whole = Sobol(scramble=False).points(100, [(0, 1), (0, 1)], seed=0)
    np.testing.assert_array_equal(whole, qmc.Sobol(2, scramble=False).random_base2(7))
    assert Sobol().note(128, 3) == ""
    # a net: each of the 128 slices of either input has one point
    scrambled = Sobol().points(128, [(0, 1)] * 3, seed=9)
    assert all(sorted(np.floor(column * 128)) == list(range(128)) for column in scrambled.T)


def test_a_latin_hypercube_has_a_point_in_every_slice():
    for n in (10, 77, 700):
        points = LatinHypercube().points(n, [(0, 1)] * 4, seed=2)
        assert all(sorted(np.floor(column * n)) == list(range(n)) for column in points.T)
    better, plain = (LatinHypercube(how).points(40, [(0, 1)] * 3, seed=1) for how in ("random-cd", "none"))
    assert qmc.discrepancy(better) < qmc.discrepancy(plain)
    assert "700" in LatinHypercube().note(700, 4)


def test_a_uniform_design_is_uniform_and_independent():
    points = Uniform().points(20_000, BOX, seed=4)
    for column, (low, high) in zip(points.T, BOX, strict=True):
        assert stats.kstest(column, stats.uniform(low, high - low).cdf).pvalue > 0.01
    assert np.abs(np.corrcoef(points.T) - np.eye(3)).max() < 0.03


def test_a_grid_has_the_ends_or_the_chebyshev_roots():
    np.testing.assert_allclose(Grid(3).points(1, [(0, 2)]), [[0.0], [1.0], [2.0]])
    roots = np.sort(np.polynomial.chebyshev.chebroots([0] * 5 + [1]))
    np.testing.assert_allclose(Grid(5, "chebyshev").points(1, [(-1, 1)])[:, 0], roots, atol=1e-15)
    np.testing.assert_array_equal(Grid(2).points(1, [(0, 1), (0, 1)]), [[0, 0], [0, 1], [1, 0], [1, 1]])
    assert [Grid().count(n, 2) for n in (1, 4, 5, 9, 10)] == [1, 4, 9, 9, 16]
    assert Grid().count(1000, 3) == 1000


def test_corners_and_faces_are_on_the_hull():
    corners = Corners().points(1, BOX)
    assert len({tuple(row) for row in corners}) == 8
    assert np.isin(corners, np.array(BOX).ravel()).all()
    faces = Faces(6).points(1, [(0, 1)] * 3, seed=1)
    assert ((faces == 0) | (faces == 1)).any(axis=1).all()
    assert all(((faces[:, d] == side).sum() == 6) for d in range(3) for side in (0, 1))


def test_marginals_keep_marginals_and_dependence():
    generator = np.random.default_rng(0)
    a = generator.exponential(size=400)
    given = np.column_stack([a, a + 0.5 * generator.standard_normal(400), generator.integers(0, 3, 400)])
    rows = tuple(map(tuple, given.tolist()))
    for method in ("copula", "bootstrap"):
        design = Marginals(rows, method)
        points = design.points(5000, seed=1)
        assert points.tobytes() == design.points(5000, seed=1).tobytes()
        for column, real in zip(points.T[:2], given.T, strict=False):
            assert stats.ks_2samp(column, real).statistic < 0.05
        ranks = stats.spearmanr(points[:, 0], points[:, 1]).statistic
        assert ranks == pytest.approx(stats.spearmanr(given[:, 0], given[:, 1]).statistic, abs=0.05)
    assert {tuple(row) for row in Marginals(rows, "bootstrap").points(50, seed=0)} <= set(rows)
    assert Marginals(rows).points(50, [(0, 1)] * 3, seed=0).max() <= 1


def test_older_scipy_takes_the_generator_as_seed():
    from splinework.data import designs

    class Engine:
        def __init__(self, d, *, seed=None):
            self.generator = seed

    generator = np.random.default_rng(0)
    assert designs._engine(Engine, 2, generator).generator is generator


@every(
    ("make", "fragment"),
    [
        (lambda: SOBOL.points(0, BOX), "rows"),
        (lambda: SOBOL.points(1.5, BOX), "1.5"),
        (lambda: SOBOL.points(4, BOX, seed=-1), "seed"),
        (lambda: SOBOL.points(4, [(1, 0)]), "lower to a higher"),
        (lambda: SOBOL.points(4, [(0, np.inf)]), "finite"),
        (lambda: SOBOL.points(4, [(0, 1)] * 21_202), "21201"),
        (lambda: Grid(-1), "must be at least 1"),
        (lambda: Grid(100).points(1, [(0, 1)] * 9), "Sobol"),
        (lambda: Corners().points(1, [(0, 1)] * 30), "20 inputs"),
        (lambda: Faces(0), "must be at least 1"),
        (lambda: Joined(()), "Joined"),
        (lambda: Marginals(((1.0,),)), "2 rows"),
        (lambda: Marginals(((1.0,), (np.nan,))), "finite"),
    ],
)
def test_what_cannot_be_is_refused(make, fragment):
    with pytest.raises(ConfigError, match=fragment):
        make()


def test_a_box_has_two_ends_for_each_input():
    for box in ([], [1, 2], [(1, 2, 3)]):
        with pytest.raises(ShapeError, match="shape"):
            SOBOL.points(3, box)
    with pytest.raises(ShapeError, match="1 columns, the box has 2"):
        Marginals(((1.0,), (2.0,))).points(3, [(0, 3)] * 2)
