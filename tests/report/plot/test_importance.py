"""Pictures of importance show the numbers that they are given."""

import numpy as np
import pytest

import splinework as sw
from splinework.errors import ConfigError
from splinework.interpret.importance import effects, pair_surface
from splinework.report.plot import plot_effect, plot_explanation, plot_importance, plot_surface
from splinework.report.plot.importance import MAX_BARS


def rows(inputs: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (120, inputs))


def product(x: np.ndarray) -> np.ndarray:
    return x[:, 0] * x[:, 1] + x[:, -1]


def test_bars_are_the_shares_and_the_largest_comes_first():
    found = sw.importance(product, rows(4))
    ax = plot_importance(found)
    bars = [patch.get_width() for patch in ax.patches if patch.get_width()]
    wanted = np.sort(found.sobol.total[:, 0])[::-1]
    assert np.allclose(bars[: np.count_nonzero(wanted)], wanted[wanted > 0])
    assert ax.get_yticklabels()[0].get_text() == "x₄"
    assert "12 largest of 20" in plot_importance(sw.importance(product, rows(20))).get_title()


@pytest.mark.parametrize("inputs", [3, 16])
def test_a_waterfall_ends_at_the_prediction(inputs):
    x = rows(inputs)
    found = sw.explain(lambda x: x.sum(axis=1) + x[:, 0] * x[:, 1], x, pairs=inputs == 3)
    ax = plot_explanation(found, row=2)
    last = ax.patches[-1]
    ends = (last.get_x(), last.get_x() + last.get_width())
    assert min(abs(end - found.prediction[2, 0]) for end in ends) < 1e-9
    assert ax.patches[0].get_x() == pytest.approx(found.base[0])
    assert ax.patches[0].get_width() == pytest.approx(found.row(2)["term"].iloc[0])
    assert len(ax.patches) == (6 if inputs == 3 else MAX_BARS + 1)
    with pytest.raises(ConfigError, match="no output 3"):
        plot_explanation(found, output=3)


def test_effects_and_surfaces_have_their_values():
    x = rows(3)
    for effect in effects(product, x, groups=[[1, 2]], points=5):
        ax = plot_effect(effect)
        drawn = ax.lines[-1].get_ydata() if effect.values.shape[1] == 1 else [bar.get_height() for bar in ax.patches]
        assert np.allclose(drawn, effect.effect[:, 0])
    surface = pair_surface(product, x, 0, 1, points=9)
    for interaction, values in ((True, surface.interaction), (False, surface.joint)):
        mesh = plot_surface(surface, interaction=interaction).collections[0]
        assert np.allclose(np.ravel(mesh.get_array()), values[:, :, 0].T.ravel())
