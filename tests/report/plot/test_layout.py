"""Laws of the places: blocks in a row keep order and distance, and move no further than they must."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import lsq_linear

from splinework.report.plot.layout import spread

SIZES = st.lists(st.tuples(st.floats(0, 10), st.floats(0.01, 1)), min_size=1, max_size=8)


def _sorted(blocks):
    return sorted(t for t, _ in blocks), [w for _, w in blocks]


@given(SIZES)
def test_blocks_keep_their_order_and_do_not_overlap(blocks):
    targets, widths = _sorted(blocks)
    middles = spread(targets, widths, 0.0, 10.0)
    left = np.array(middles) - np.array(widths) / 2
    assert (left[1:] >= left[:-1] + widths[:-1] - 1e-9).all()
    assert left[0] >= -1e-9
    assert left[-1] + widths[-1] <= 10 + 1e-9


@given(SIZES)
def test_blocks_move_no_further_than_least_squares_asks(blocks):
    targets, widths = _sorted(blocks)
    half = np.array(widths) / 2
    # middles as a first place and gaps, all of them not negative
    steps = np.tril(np.ones((len(targets), len(targets))))
    distances = np.concatenate([[half[0]], half[:-1] + half[1:]])
    best = lsq_linear(steps, np.array(targets) - steps @ distances, bounds=(0, np.inf), tol=1e-14, method="bvls")
    wanted = steps @ (best.x + distances)
    if wanted[-1] + half[-1] <= 10:
        found = spread(targets, widths, 0.0, 10.0)
        assert np.sum((np.array(found) - targets) ** 2) <= np.sum((wanted - targets) ** 2) + 1e-6


def test_blocks_with_room_stay_where_they_are():
    assert spread([1.0, 3.0, 8.5], [1.0, 1.0, 2.0], 0.0, 10.0) == [1.0, 3.0, 8.5]
    assert spread([], [], 0.0, 1.0) == []
