"""From a network and rows to the network of integers: what is held back, how wide codes are, what is chosen."""

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.hardware.choosing import MAX_LUTS, QuantisationRecipe, choose, needed_widths, pick
from splinework.hardware.examples import examples, figures_of, merit, outputs_of, saturation
from splinework.hardware.quantisation import quantise
from splinework.hardware.students import MAX_EDGES, shapes_for, student
from splinework.hardware.training import QuantisedFit, TrainingStage
from tests.families import every
from tests.hardware.api_cases import QUICK, classes, curves, rows, says, trained


def test_rows_are_held_back_of_each_class_alike():
    x = rows(100, 2)
    y = np.repeat([0, 1, 2], [60, 30, 10])
    found = examples(curves(shape=(2, 3)), x, y, task="classification", classes=["a", "b", "c"])
    assert np.bincount(found.held_y).tolist() == [12, 6, 2]
    both = np.concatenate([found.x, found.held_x])
    assert sorted(map(tuple, both)) == sorted(map(tuple, x))
    again = examples(curves(shape=(2, 3)), x, y, task="classification", classes=["a", "b", "c"])
    np.testing.assert_array_equal(found.held_x, again.held_x)


def test_given_rows_to_judge_by_are_those_judged_by():
    model, x = curves(), rows(40)
    y = says(model, x)
    found = examples(model, x[:30], y[:30], test=(x[30:], y[30:]))
    np.testing.assert_array_equal(found.held_x, x[30:])
    assert len(found.x) == 30


@every(
    ("changes", "error", "said"),
    [
        ({"x": None}, ConfigError, "give x and y"),
        ({"y": None}, ConfigError, "give x and y"),
        ({"task": "guess"}, ConfigError, "task is one of"),
        ({"x": rows(5), "y": np.zeros(5)}, DataError, "at least 10 rows, got 5"),
        ({"y": np.zeros((60, 2))}, ShapeError, "to go with x"),
        ({"y": np.full(60, np.nan)}, DataError, "non-finite"),
        ({"x": np.full((60, 2), np.nan)}, DataError, "finite"),
        ({"x": rows(60, 3)}, ShapeError, "3"),
        ({"held_out": 0}, ConfigError, "between 0 and 1"),
        ({"task": "classification", "y": np.full(60, 2)}, DataError, "class indices from 0 to 1"),
        ({"task": "classification", "y": np.zeros(60), "classes": ["one"]}, ConfigError, "2 classes, but 1"),
        ({"task": "classification", "y": np.zeros(59)}, ShapeError, "59 class indices for 60 rows"),
    ],
)
def test_rows_that_do_not_do_are_told(changes, error, said):
    given = {"x": rows(60), "y": np.zeros(60)} | changes
    with pytest.raises(error, match=said):
        examples(curves(), given.pop("x"), given.pop("y"), **given)


def test_figures_are_those_of_the_networks_on_the_rows_held_back():
    model, x = curves(1), rows(80)
    y = says(model, x) + 0.5
    found = examples(model, x, y)
    golden = quantise(model, found.x, bits=7)
    figures = figures_of(model, golden, found)
    assert figures["rmse_float"] == pytest.approx(0.5, rel=1e-12)
    assert figures["rmse_quantised"] == pytest.approx(
        float(np.sqrt(np.mean((golden.predict(found.held_x) - found.held_y) ** 2))), rel=1e-12
    )
    three = curves(2, (2, 3))
    labels = says(three, x).argmax(axis=1)
    split = examples(three, x, labels, task="classification")
    assert merit(outputs_of(three, split.held_x), split.held_y, "classification") == 1.0
    assert figures_of(three, quantise(three, x, bits=8, task="classification"), split)["accuracy_float"] == 1.0


def test_values_outside_the_codes_are_counted_by_input():
    golden = quantise(curves(), rows(200), bits=6)
    assert saturation(golden, np.array([[9.0, 0.0], [-9.0, 0.0], [0.0, 0.0]])) == {golden.inputs[0].name: 2}
    assert saturation(golden, np.zeros((3, 2))) == {}


def test_codes_are_no_wider_than_values_need():
    x = np.column_stack([np.arange(40) % 2, np.arange(40) % 5, rows(40, 1)[:, 0], np.full(40, 3.0)])
    assert needed_widths(x) == (1, 3, 12, 1)
    model = curves(shape=(4, 1))
    found = examples(model, x, says(model, x))
    golden = choose(model, found, QUICK, name="net").golden
    assert [w.format.width for w in golden.inputs[:3]] == [1, 3, 6]
    two = golden.inputs[0]
    np.testing.assert_allclose(two.decode(two.encode([0.0, 1.0])), [0, 1], atol=1e-9)


def test_small_networks_are_taken_as_they_are_and_large_ones_get_students():
    small, large = curves(shape=(3, 2)), curves(shape=(20, 11, 1))
    assert shapes_for(small, "auto") == ()
    assert shapes_for(large, "same") == ()
    assert large.active_edges() > MAX_EDGES
    assert shapes_for(large, "auto") == ((20, 1), (20, 6, 1))
    assert shapes_for(large, "auto", most=30) == ((20, 1),)
    assert shapes_for(small, (3, 4, 2)) == ((3, 4, 2),)
    for shape in ((3, 1), (4, 2), (3,), "none"):
        with pytest.raises(ConfigError, match="from 3 inputs to 2 outputs"):
            shapes_for(small, shape)  # type: ignore[arg-type]


def test_a_student_has_the_names_and_units_of_its_teacher():
    teacher = sw.KAN([2, 30, 1], names=["mass", "time"], output_names=["v"], input_scales=["log", "linear"])
    teacher.input_scaling.set(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    teacher.output_scaling.set(torch.tensor([5.0]), torch.tensor([6.0]))
    found = student(teacher, (2, 3, 1))
    assert found.config.input_names == ("mass", "time")
    assert found.config.input_scales == ("log", "linear")
    x = torch.tensor([[0.5, 7.0]])
    torch.testing.assert_close(found.input_scaling(x.double()), teacher.input_scaling(x).double())
    assert found.output_scaling.scale.tolist() == [6.0]


def test_the_best_of_the_students_is_chosen_and_the_others_are_told():
    x = rows(150, 2)
    teacher = curves(3, (2, 80, 3))
    found = examples(teacher, x, classes(x), task="classification", classes=["a", "b", "c"])
    chosen = choose(teacher, found, trained(), name="net")
    assert chosen.golden.shape[0] == 2
    assert chosen.golden.outputs == 3
    assert chosen.student in shapes_for(teacher, "auto")
    assert "was trained with it as the teacher" in chosen.notes[0]
    assert "was tried too" in chosen.notes[1]
    assert len(chosen.front) == 2


@pytest.mark.slow
def test_one_alone_is_taken_as_it_is_and_the_choice_is_noted():
    model, x = curves(4, (2, 2, 1)), rows(80)
    found = examples(model, x, says(model, x))
    said: list[str] = []
    chosen = choose(model, found, trained(), name="net", progress=said.append)
    assert chosen.student == ()
    assert said[0] == "calibrating"
    assert chosen.golden.name == "net"
    auto = choose(model, found, trained(bits="auto"), name="net")
    assert len(auto.front) == 8
    assert choose(chosen.golden, None, QUICK, name="other").golden is chosen.golden


def stage(area: float, score: float, train: float = 1.0) -> TrainingStage:
    model = quantise(curves(), rows(20), bits=3, task="classification")
    return TrainingStage(model, 0.0, area, score, train)


def test_what_is_picked_is_what_was_asked_for():
    fit = QuantisedFit((stage(90, 1.0), stage(60, 1.0), stage(50, 1.0, 0.9), stage(40, 0.97), stage(20, 0.9)))
    assert pick(fit, max_luts=None, max_loss=None).area == 60  # the smallest that no row speaks against
    assert pick(fit, max_luts=45, max_loss=None).area == 40
    assert pick(fit, max_luts=None, max_loss=0.03).area == 40
    assert pick(fit, max_luts=None, max_loss=0.2).area == 20
    assert pick(fit, max_luts=55, max_loss=0.0).area == 50
    with pytest.raises(ConfigError, match="the smallest has 20"):
        pick(fit, max_luts=5, max_loss=None)
    errors = QuantisedFit((stage(90, -0.100), stage(60, -0.104), stage(40, -0.2)))
    assert pick(errors, max_luts=None, max_loss=0.05).area == 60


@every(
    ("changes", "said"),
    [
        ({"bits": 0}, "1 to 12 bits"),
        ({"bits": "wide"}, "'auto'"),
        ({"hidden_bits": 13}, "1 to 12 bits"),
        ({"method": "guess"}, "'train' or 'calibrate'"),
        ({"bits": "auto", "method": "calibrate"}, "finds the widths by training"),
        ({"bits": "auto", "hidden_bits": 4}, "finds the widths by training"),
        ({"method": "calibrate", "max_luts": 9.0}, "there is only one"),
        ({"max_luts": -1.0}, "above 0"),
        ({"max_loss": 1.5}, "max_loss < 1"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        QuantisationRecipe(**changes)


@pytest.mark.slow
def test_a_network_that_nothing_holds_is_refused_before_training_with_what_to_prune():
    model = curves(5, (30, 30, 1))
    x = rows(20, 30)
    found = examples(model, x, says(model, x))
    with pytest.raises(
        ConfigError, match=rf"about \d+ six-input LUTs, at most {MAX_LUTS:.0f} .* prune edges .*->.* bits in"
    ):
        choose(model, found, QuantisationRecipe(bits=12, shape="same"), name="net")
    with pytest.raises(ConfigError, match="has to be trained"):
        choose(model, found, QUICK, name="net")
