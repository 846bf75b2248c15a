"""Any black box becomes a KAN: whatever its interface, with its fidelity told at points that it has not learned from."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

import splinework as sw
from splinework.errors import ConfigError, DataError, FileError, FitWarning, ShapeError
from splinework.knowledge.teach.black_box import MIN_PROBABILITY, black_box, labels, log_odds
from splinework.knowledge.teach.discontinuities import find_discontinuities
from splinework.knowledge.teach.distil import distil
from splinework.knowledge.teach.query_points import QueryPoints, Sampler
from tests.families import every

FEW = QueryPoints(160, rounds=1)
BOX = [(-1.0, 1.0), (0.0, 2.0)]


def rows(n=120, seed=0):
    return np.random.default_rng(seed).uniform([-1, 0], [1, 2], (n, 2))


def small(outputs=1):
    return sw.KAN([2, outputs], dtype=torch.float64, generator=torch.Generator().manual_seed(0))


class Predicts:
    """What is not scikit-learn's but behaves so."""

    def predict(self, x):
        return np.sin(2 * x[:, 0]) + x[:, 1] ** 2


# ------------------------------------------------------------------------------------------------------- black boxes


def network():
    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    with torch.no_grad():
        for k, parameter in enumerate(net.parameters()):
            parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape) + 0.1 * k)
    return net


TEACHERS = {
    "function of arrays": (lambda: lambda x: np.exp(x[:, 0]), 1),
    "function of tensors": (lambda: lambda x: torch.stack([x[:, 0].sin(), x[:, 1]], 1), 2),
    "torch module": (network, 2),
    "KAN": (small, 1),
    "object with predict": (Predicts, 1),
    "regressor of a frame": (lambda: Ridge().fit(pd.DataFrame(rows(), columns=["a", "b"]), rows()[:, 0]), 1),
    "two classes": (lambda: LogisticRegression().fit(rows(), rows()[:, 0] > 0), 1),
    "three classes": (lambda: LogisticRegression().fit(rows(), np.digitize(rows()[:, 1], [0.6, 1.3])), 3),
    "decision function": (lambda: LinearSVC().fit(rows(), rows()[:, 0] > 0), 1),
}


@every("name", TEACHERS)
def test_teachers_of_any_kind_give_one_row_of_finite_numbers(name):
    make, outputs = TEACHERS[name]
    box = black_box(make(), 2)
    answers = box.values(rows(9))
    assert answers.shape == (9, outputs)
    assert answers.dtype == np.float64
    assert np.allclose(np.concatenate([box.values(rows(9)[:4]), box.values(rows(9)[4:])]), answers, rtol=1e-6)
    if box.slopes is not None:
        slopes = box.slopes(rows(9))
        assert slopes.shape == (9, outputs, 2)
        for i in range(2):
            step = np.zeros(2)
            step[i] = 1e-3
            numeric = (box.values(rows(9) + step) - box.values(rows(9) - step)) / 2e-3
            assert np.allclose(slopes[:, :, i], numeric, atol=2e-3)


def test_a_module_is_asked_as_in_use_and_left_as_it_is():
    net = network().train()
    first, second = (black_box(net, 2).values(rows(50)) for _ in range(2))
    assert np.array_equal(first, second)  # no dropout
    assert net.training


def test_log_odds_are_those_of_the_probabilities():
    p = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    odds = log_odds(p)
    back = np.exp(odds) / np.exp(odds).sum(1, keepdims=True)
    assert np.allclose(back, np.clip(p, MIN_PROBABILITY, 1) / np.clip(p, MIN_PROBABILITY, 1).sum(1, keepdims=True))
    two = np.array([[0.2, 0.8], [1.0, 0.0]])
    assert log_odds(two)[0, 0] == pytest.approx(np.log(4))
    assert np.isfinite(log_odds(two)).all()
    assert np.allclose(log_odds(two[:, 1:]), log_odds(two), rtol=1e-12)
    assert labels(odds).tolist() == p.argmax(1).tolist()


@pytest.mark.parametrize(
    ("teacher", "error", "words"),
    [
        (3, ConfigError, "got int"),
        ("nowhere.onnx", FileError, "no ONNX file"),
        (lambda x: "text", DataError, "not numbers"),
        (lambda x: np.zeros(3), ShapeError, "one answer per row"),
        (lambda x: np.full(len(x), np.nan), DataError, "no finite number"),
        (lambda x: x.no_such_thing(), ConfigError, "neither an array"),
        (None, ConfigError, "a teacher first"),
    ],
    ids=["number", "path", "text", "shape", "nan", "broken", "none"],
)
def test_what_is_no_teacher_is_refused(teacher, error, words):
    with pytest.raises(error, match=words):
        distil(teacher, box=BOX, points=FEW, progress=False)


# ------------------------------------------------------------------------------------------------------------ points


@pytest.mark.parametrize(
    "points", [QueryPoints(), QueryPoints(rows=0), QueryPoints(box=0, faces=1), QueryPoints(jitter=0)], ids=str
)
def test_points_have_their_shares_and_stay_in_the_box(points):
    low, high = np.array([-1.0, 0.0]), np.array([1.0, 2.0])
    sampler = Sampler(points, rows(30), low, high, np.random.default_rng(0))
    drawn = sampler.design(1000)
    assert abs(len(drawn) - 1000) <= 2
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    on_faces = ((drawn == low) | (drawn == high)).any(1).mean()
    total = points.rows + points.box + points.faces
    assert on_faces >= points.faces / total - 0.01
    if points.jitter == 0:
        known = {tuple(row) for row in rows(30)}
        assert sum(tuple(row) in known for row in drawn) == pytest.approx(1000 * points.rows / total, abs=2)


@pytest.mark.parametrize(
    "change", [{"total": 3}, {"rounds": -1}, {"jitter": -0.1}, {"box": 0.0, "faces": 0.0}], ids=str
)
def test_impossible_points_are_refused(change):
    with pytest.raises(ConfigError):
        QueryPoints(**change)


@pytest.mark.parametrize(
    ("x", "box", "error"),
    [
        (None, None, ConfigError),
        (np.zeros(3), None, ShapeError),
        (np.full((3, 2), np.nan), None, DataError),
        (rows(5), [(0, 1)], ShapeError),
        (None, [(1, 0)], ConfigError),
        ([["a", "b"]], None, DataError),
    ],
)
def test_rows_and_boxes_are_checked(x, box, error):
    with pytest.raises(error):
        distil(Predicts(), x, box=box, points=FEW, progress=False)


# ---------------------------------------------------------------------------------------------------------- students


def test_a_student_follows_a_smooth_teacher_and_says_how_well():
    found = distil(Predicts(), rows(), model=small(), points=FEW, progress=False)
    assert found.rows > 0.99999
    assert found.box > 0.99999
    assert [count for count, _ in found.rounds] == [96, 160]
    fresh = rows(500, seed=9)
    left = small().double() and found.model(torch.as_tensor(fresh)).detach().numpy()[:, 0] - Predicts().predict(fresh)
    assert np.var(left) / np.var(Predicts().predict(fresh)) == pytest.approx(1 - found.box, abs=1e-5)


def test_fidelity_is_told_separately_where_rows_are_not_the_box():
    rng = np.random.default_rng(0)
    line = rng.uniform(-1, 1, 100)
    x = np.stack([line, line], 1) + 0.02 * rng.standard_normal((100, 2))
    found = distil(lambda x: np.sin(4 * (x[:, 0] - x[:, 1])), x, model=small(), points=FEW, progress=False)
    # A sum of curves cannot follow it anywhere but near the diagonal, where it hardly varies beyond a plane.
    assert found.box < 0.9
    assert found.rows != pytest.approx(found.box, abs=0.01)


class Wave(torch.nn.Module):
    def forward(self, x):
        return torch.sin(3 * x[:, 0]) + x[:, 1] ** 2


def test_derivatives_are_learned_where_that_pays():
    found = distil(Wave(), box=BOX, model=small(), points=QueryPoints(16, rounds=0), progress=False)
    (note,) = found.notes
    assert "of the teacher were learned" in note
    without = distil(
        lambda x: np.sin(3 * x[:, 0]) + x[:, 1] ** 2,
        box=BOX,
        model=small(),
        points=QueryPoints(16, rounds=0),
        progress=False,
    )
    assert 1 - found.box < 0.5 * (1 - without.box)
    ample = distil(Wave(), box=BOX, model=small(), points=QueryPoints(400, rounds=0), progress=False)
    assert ample.box > 0.99999
    assert all("derivatives" in one for one in ample.notes)


def test_of_a_linear_classifier_the_log_odds_are_straight():
    x = rows(300)
    teacher = LogisticRegression().fit(x, x[:, 0] + x[:, 1] > 1)
    found = distil(teacher, x, model=small(), points=FEW, progress=False)
    assert found.kind == "log odds"
    assert found.classes == (False, True)
    assert found.agreement > 0.99
    assert found.box > 0.9999


def test_steps_are_counted_and_warned_of():
    teacher = DecisionTreeRegressor(max_leaf_nodes=6, random_state=0).fit(rows(400), np.round(2 * rows(400)[:, 0]))
    thresholds = {t for t, f in zip(teacher.tree_.threshold, teacher.tree_.feature, strict=True) if f == 0}
    seen = find_discontinuities(
        lambda x: teacher.predict(x)[:, None], np.array([-1.0, 0.0]), np.array([1.0, 2.0]), rows(20)
    )
    assert seen.thresholds == (len(thresholds), 0)
    with pytest.warns(FitWarning, match="made of steps"):
        found = distil(teacher, rows(), model=small(), points=FEW, progress=False)
    assert "grids of 4" in found.notes[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("error", FitWarning)
        smooth = distil(teacher, rows(), model=small(), points=QueryPoints(160, rounds=1, blur=0.1), progress=False)
    assert min(smooth.box, found.box) > 0.98


def test_a_smooth_function_has_no_steps():
    assert not find_discontinuities(lambda x: np.sin(x), np.zeros(1), np.ones(1), np.zeros((3, 1))).any
    assert not find_discontinuities(lambda x: 0 * x, np.zeros(1), np.ones(1), np.zeros((3, 1))).any


def test_students_of_another_shape_are_refused():
    with pytest.raises(ConfigError, match="2 inputs and 1 outputs"):
        distil(Predicts(), box=BOX, model=sw.KAN([3, 1]), points=FEW, progress=False)


def test_names_of_a_frame_are_kept_and_frames_are_asked():
    frame = pd.DataFrame(rows(), columns=["mass", "speed"])
    teacher = LinearRegression().fit(frame, frame["mass"])
    found = distil(teacher, frame, points=QueryPoints(24, rounds=0), progress=False)
    assert found.model.config.input_names == ("mass", "speed")
    assert found.box > 0.9999


def graph(path, name):
    """`x @ [1, 2] + 0.5` as a file, and a label beside it."""
    from onnx import TensorProto, helper, save

    weights = helper.make_tensor("w", TensorProto.FLOAT, [2, 1], [1.0, 2.0])
    bias = helper.make_tensor("b", TensorProto.FLOAT, [1], [0.5])
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], [name]),
        helper.make_node("Cast", [name], ["label"], to=TensorProto.INT64),
    ]
    outputs = [("label", TensorProto.INT64), (name, TensorProto.FLOAT)]
    body = helper.make_graph(
        nodes,
        "teacher",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info(one, kind, ["n", 1]) for one, kind in outputs],
        [weights, bias],
    )
    save(helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_onnx_files_are_run(tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    path, x = graph(tmp_path / "teacher.onnx", "y"), rows(7)
    assert np.allclose(black_box(path, 2).values(x)[:, 0], x @ [1, 2] + 0.5, atol=1e-5)
    found = distil(str(path), box=BOX, model=small(), points=FEW, progress=False)
    assert found.box > 0.99999
    with pytest.raises(ConfigError, match="got 'label'"):
        black_box(path, 2, output="label")
    shares = black_box(graph(tmp_path / "classes.onnx", "probabilities"), 2)
    assert shares.kind == "log odds"
    assert np.allclose(shares.values(x / 10)[:, 0], np.log(1 / (1 / (x / 10 @ [1, 2] + 0.5) - 1)), atol=1e-4)
    path.write_bytes(b"no graph")
    with pytest.raises(FileError, match="cannot read"):
        black_box(path, 2)


def test_without_onnxruntime_the_way_out_is_named(tmp_path, monkeypatch):
    (tmp_path / "teacher.onnx").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"splinework\[onnx\]"):
        black_box(tmp_path / "teacher.onnx", 2)


@pytest.mark.slow
def test_forests_are_followed_as_far_as_a_smooth_student_can():
    x = rows(400)
    teacher = RandomForestClassifier(50, random_state=0).fit(x, np.sin(3 * x[:, 0]) + x[:, 1] > 1)
    with pytest.warns(FitWarning, match="steps"):
        found = distil(teacher, x, progress=False)
    assert found.agreement > 0.93
