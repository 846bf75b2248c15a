"""Laws of the smaller pictures: what they show is what they were given, and wrong input is refused."""

import itertools
from dataclasses import dataclass, field

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from splinework import KAN
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.report.plot import (
    plot_edges,
    plot_fit,
    plot_history,
    plot_pareto,
    plot_residual_histogram,
    plot_residuals,
)
from splinework.report.plot.splines import plot_spline
from splinework.report.plot.style import new_figure, shown_name
from tests.families import slow
from tests.report.pages import Step


@dataclass(frozen=True)
class History:
    steps: list[Step]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Formula:
    target: str
    text: str
    complexity: int
    rmse: float


@dataclass(frozen=True)
class Table:
    rows: list[Formula]


def network(shape, **options):
    generator = torch.Generator().manual_seed(3)
    model = KAN(shape, generator=generator, dtype=torch.float64, **options)
    return model, torch.rand(60, model.inputs, generator=generator, dtype=torch.float64) + 0.1


def lines(ax, gid):
    return [line for line in ax.lines if line.get_gid() == gid]


def points(ax, gid):
    return np.concatenate([c.get_offsets() for c in ax.collections if c.get_gid() == gid])


@pytest.fixture(autouse=True)
def _no_pyplot_figure():
    yield
    assert plt.get_fignums() == []


# ------------------------------------------------------------------------------------------------------- edges


@pytest.mark.parametrize("shape", [[2, 3, 1], [2, (1, 1), 2], [1, 1]], ids=str)
def test_edges_are_drawn_over_the_range_of_the_data_in_raw_units(shape):
    model, x = network(shape, input_scales=["log"] * shape[0])
    model.input_scaling.set(torch.full((shape[0],), 0.2), torch.full((shape[0],), 1.7))
    axes = plot_edges(model, x)
    assert axes.shape == (model.active_edges(),)
    values = model.kan_layers[0].edges(model.input_scaling(x)).detach()
    for ax, (i, j) in zip(axes, torch.nonzero(model.kan_layers[0].mask).tolist(), strict=False):
        (curve,) = lines(ax, "curve")
        at, value = (np.asarray(data) for data in curve.get_data())
        assert ax.get_xscale() == "log"
        np.testing.assert_allclose([at[0], at[-1]], [x[:, i].min(), x[:, i].max()], rtol=1e-12)
        ends = [float(values[x[:, i].argmin(), i, j]), float(values[x[:, i].argmax(), i, j])]
        np.testing.assert_allclose([value[0], value[-1]], ends, atol=1e-9)


def test_only_the_strongest_edges_are_drawn_when_asked():
    model, x = network([3, 4, 1])
    assert len(plot_edges(model, x, most=5)) == 5
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.mask.zero_()
    assert len(plot_edges(model, x)) == 0


# ------------------------------------------------------------------------------------------------ fit, residuals


def test_a_fit_shows_every_row_and_the_line_of_equality():
    y, prediction = np.array([1.0, 2.0, 4.0]), torch.tensor([[1.5], [2.0], [3.0]])
    ax = plot_fit(y, prediction)
    np.testing.assert_allclose(points(ax, "rows"), np.column_stack([prediction[:, 0], y]))
    (line,) = lines(ax, "identity")
    np.testing.assert_allclose(*line.get_data())


def test_residuals_are_measured_less_predicted():
    y, prediction = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0])
    np.testing.assert_allclose(points(plot_residuals(y, prediction), "rows"), [[1.5, -0.5], [2.0, 0.0], [3.0, 1.0]])
    against = points(plot_residuals(y, prediction, against=[7.0, 8.0, 9.0]), "rows")
    np.testing.assert_allclose(against[:, 0], [7, 8, 9])
    logs = points(plot_residuals(y, prediction, scale="log"), "rows")
    np.testing.assert_allclose(logs[:, 1], np.log(y) - np.log(prediction))


def test_medians_of_equally_filled_bins_follow_the_trend():
    at = np.linspace(0, 1, 1200)
    ax = plot_residuals(at**2, np.zeros(1200), against=at)
    (line,) = lines(ax, "medians")
    x, y = line.get_data()
    np.testing.assert_allclose(y, x**2, atol=1e-3)


def test_a_histogram_counts_every_row():
    rng = np.random.default_rng(0)
    ax = plot_residual_histogram(rng.normal(size=500), np.zeros(500))
    assert sum(patch.get_height() for patch in ax.patches) == 500


@pytest.mark.parametrize("size", [0.0, 0.01, 1e9, 1e100])
def test_residuals_that_differ_by_rounding_have_a_histogram_too(size):
    ax = plot_residual_histogram(size * (1 + np.finfo(float).eps * np.arange(100.0) / 40), np.zeros(100))
    assert sum(patch.get_height() for patch in ax.patches) == 100


def test_many_rows_are_thinned():
    y = np.arange(10_000.0)
    assert len(points(plot_fit(y, y), "rows")) <= 1500


@pytest.mark.parametrize("draw", [plot_fit, plot_residuals, plot_residual_histogram])
def test_pictures_of_a_fit_work_on_one_row_on_given_axes_and_when_drawn(draw):
    ax = new_figure(4, 3).add_subplot()
    assert draw([2.0], [2.0], ax=ax) is ax
    ax.figure.canvas.draw()


@pytest.mark.parametrize("draw", [plot_fit, plot_residuals, plot_residual_histogram])
def test_pictures_of_a_fit_refuse_what_does_not_fit(draw):
    with pytest.raises(ShapeError, match="one row"):
        draw([], [])
    with pytest.raises(ShapeError, match=r"\(2,\)"):
        draw([1.0, 2.0], [1.0])
    with pytest.raises(ShapeError, match="one output"):
        draw(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(ConfigError, match="linear"):
        draw([1.0], [1.0], scale="cubic")
    with pytest.raises(DataError, match="positive"):
        draw([-1.0], [-1.0], scale="log")


# ---------------------------------------------------------------------------------------------------- history


def test_a_learning_curve_shows_both_errors_and_every_stage():
    stages = ["start 1 of 2"] * 3 + ["start 2 of 2"] * 3 + ["grid 5"] * 20 + ["polish"] * 4
    steps = [Step(n, stage, 1 / n, 2 / n if stage != "polish" else float("nan")) for n, stage in enumerate(stages, 1)]
    ax = plot_history(History(steps))
    (train,) = lines(ax, "rmse_train")
    np.testing.assert_allclose(train.get_ydata(), [step.rmse_train for step in steps])
    (held,) = lines(ax, "rmse_validation")
    assert np.isfinite(held.get_ydata()).sum() == 26
    assert len(lines(ax, "stage")) == 4
    assert [t.get_text() for t in ax.texts] == ["starts", "grid 5", "polish"]
    ax.figure.canvas.draw()


def test_a_learning_curve_without_held_out_rows_or_with_one_step_works():
    ax = plot_history(History([Step(1, "start", 0.5)]))
    assert not lines(ax, "rmse_validation")
    plot_history(History([Step(1, "a", 0.0), Step(2, "b", float("inf"))])).figure.canvas.draw()
    with pytest.raises(DataError, match="at least one step"):
        plot_history(History([]))


# ----------------------------------------------------------------------------------------------------- pareto


def test_the_front_falls_and_nothing_lies_below_it():
    rows = [
        Formula("f", "a", c, e) for c, e in ((9, 1e-5), (4, 0.2), (14, 1e-6), (7, 0.05), (8, 0.5), (1, 0.9), (9, 1.0))
    ]
    ax = plot_pareto(Table(rows))
    (front,) = lines(ax, "front")
    complexity, error = (np.asarray(data) for data in front.get_data())
    assert (np.diff(complexity) > 0).all()
    assert (np.diff(error) < 0).all()
    assert all(row.rmse >= error[complexity <= row.complexity].min() for row in rows)
    np.testing.assert_allclose(points(ax, "best"), [[9, 1e-5]])


def test_tables_with_several_targets_zeros_and_what_is_not_finite_are_drawn():
    rows = [Formula(t, "a", c, e) for t, c, e in (("f", 1, 0.0), ("g", 2, 0.1), ("h", 3, float("inf")))]
    plot_pareto(Table(rows)).figure.canvas.draw()
    plot_pareto(Table(rows[:1])).figure.canvas.draw()
    with pytest.raises(DataError, match="empty"):
        plot_pareto(Table([]))


def test_held_out_errors_noise_and_ranks_are_drawn():
    rows = [Formula("f", "a", c, e) for c, e in ((9, 1e-3), (4, 0.2), (1, 0.9), (9, 1.1e-3))]
    ax = plot_pareto(Table(rows), held_out=[2e-3, None, float("nan"), 3e-3], noise=5e-4)
    np.testing.assert_allclose(points(ax, "held out"), [[9, 2e-3], [9, 3e-3]])
    (noise,) = lines(ax, "noise")
    np.testing.assert_allclose(noise.get_ydata(), 5e-4)
    assert [t.get_text() for t in ax.texts if t.get_gid() == "rank"] == ["1", "2", "3"]  # 4 lies on 1
    assert not lines(plot_pareto(Table(rows)), "noise")
    with pytest.raises(ShapeError, match="4 formulas"):
        plot_pareto(Table(rows), held_out=[1.0])


# ----------------------------------------------------------------------------------------------------- splines


class Parabola:
    def __call__(self, raw):
        return np.asarray(raw) ** 2

    def table(self):
        places = np.array([-100.0, 0.0, 1.0, 2.0, 100.0])
        return places, places**2


def test_a_spline_is_drawn_over_the_data_or_else_over_its_table_without_the_ends():
    at = np.array([0.5, 1.25, np.nan, 0.75])
    for given, ends in ((at, (0.5, 1.25)), (None, (0.0, 2.0))):
        ax = plot_spline(Parabola(), at=given, name="spline_1", argument="x1")
        ax.figure.canvas.draw()
        (curve,) = lines(ax, "spline")
        places, values = curve.get_data()
        np.testing.assert_allclose((places[0], places[-1]), ends)
        np.testing.assert_allclose(values, places**2)
    ax = plot_spline(Parabola(), at=at)
    (ticks,) = lines(ax, "rows")
    np.testing.assert_array_equal(ticks.get_xdata(), [0.5, 0.75, 1.25])
    with pytest.raises(DataError, match="no finite values"):
        plot_spline(Parabola(), at=np.array([np.nan]))


@pytest.mark.parametrize("ratio", [1.3, 80.0, 1e6, *slow(2.0, 8.0, 900.0)])
def test_numbers_on_logarithmic_axes_do_not_run_into_each_other(ratio):
    y = np.geomspace(0.3, 0.3 * ratio, 30)
    ax = plot_fit(y, y, scale="log")
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    shown = [t for t in ax.get_xticklabels(which="both") if t.get_text() and low <= t.get_position()[0] <= high]
    boxes = sorted((t.get_window_extent().x0, t.get_window_extent().x1) for t in shown)
    assert len(boxes) >= 2
    assert all(left[1] < right[0] for left, right in itertools.pairwise(boxes))


# ------------------------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "shown"),
    [("x1", "x₁"), ("x_12", "x₁₂"), ("h4, factor 2", "h₄, factor 2"), ("mass", "mass"), ("a\nb\x00", "a b"), ("", "·")],
)
def test_names_are_shown_as_people_write_them(name, shown):
    assert shown_name(name) == shown
    assert len(shown_name("n" * 99)) == 32
