"""Trackers: what they tell is what happened, also when it is told twice, and a fit survives those who do not listen."""

import contextlib
import math
import sys
import warnings
from dataclasses import dataclass, fields
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from splinework.errors import ConfigError
from splinework.train import Step
from splinework.train.trackers import MLflow, OptunaPruning, TensorBoard, numbers
from tests.train.cases import fresh, quick, smooth, uniform

STEPS = [
    Step(n, "start" if n < 4 else "grid 5", 5, 1 / n, 1 / n, 2 / n if n < 9 else math.nan, 0.25 * n, grids=(5, 4))
    for n in range(1, 11)
]


def tell(callback: Any, steps: list[Step] = STEPS) -> Any:
    with callback if hasattr(callback, "__enter__") else contextlib.nullcontext():
        for step in steps:
            callback(step)
    return callback


def told(steps: list[Step] = STEPS, prefix: str = "") -> set[tuple[str, int, float]]:
    return {(name, step.number, value) for step in steps for name, value in numbers(step, prefix).items()}


def test_the_numbers_of_a_step_are_its_finite_fields():
    step = Step(3, "s", 5, -0.0, math.inf, math.nan, 2.0, loss=-math.inf, grids=(4, 7), degrees=(3,), parameters=9)
    found = numbers(step)
    assert found == {
        "grid": 5, "objective": 0, "seconds": 2, "grids/0": 4, "grids/1": 7, "degrees/0": 3, "parameters": 9,
    }  # fmt: skip
    assert all(type(value) is float for value in found.values())
    full = Step(3, "s", *[1] * (len(fields(Step)) - 6), grids=(1,), degrees=(1,), parameters=1, damping=1.0)
    assert {name.split("/")[0] for name in numbers(full)} == {f.name for f in fields(Step)} - {"number", "stage"}


@pytest.mark.parametrize(
    ("make", "module", "extra"),
    [
        (lambda: TensorBoard("runs"), "torch.utils.tensorboard", "track"),
        (MLflow, "mlflow", "track"),
        (lambda: OptunaPruning(SimpleNamespace(report=print, should_prune=print)), "optuna", "tune"),
    ],
    ids=["tensorboard", "mlflow", "optuna"],
)
def test_where_a_package_is_missing_the_way_to_install_it_is_said(make, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)  # whether it is installed here or not
    with pytest.raises(ConfigError, match=rf"pip install 'splinework\[{extra}\]'"):
        make()


# ----------------------------------------------------------------------------------------------------- TensorBoard


class Writer:
    """As TensorBoard's, in memory."""

    def __init__(self, *, full_after: float = math.inf) -> None:
        self.scalars: list[tuple[str, int, float]] = []
        self.texts: list[tuple[str, int, str]] = []
        self.flushed, self.closed, self.full_after = 0, 0, full_after

    def add_scalar(self, name, value, step):
        if step > self.full_after:
            raise OSError(28, "No space left on device")
        self.scalars.append((name, step, value))

    def add_text(self, name, text, step):
        self.texts.append((name, step, text))

    def flush(self):
        self.flushed += 1

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("prefix", ["", "fold 3/"])
def test_a_writer_is_told_every_number_and_stage_and_stays_open(prefix):
    writer = Writer()
    tell(TensorBoard(writer, prefix=prefix))
    assert len(writer.scalars) == len(set(writer.scalars))
    assert set(writer.scalars) == told(prefix=prefix)
    assert writer.texts == [(f"{prefix}stage", 1, "start"), (f"{prefix}stage", 4, "grid 5")]
    assert writer.flushed == 1
    assert writer.closed == 0


def test_a_writer_of_scalars_alone_will_do():
    found: list[tuple[str, int]] = []
    tell(TensorBoard(SimpleNamespace(add_scalar=lambda name, value, step: found.append((name, step)))))
    assert set(found) == {(name, number) for name, number, _ in told()}


def test_a_replay_tells_a_writer_the_same_again():
    writer = Writer()
    tell(TensorBoard(writer), STEPS[:6] + STEPS)
    assert set(writer.scalars) == told()


def test_a_disk_that_fills_is_one_warning_and_the_next_fit_tries_anew():
    writer = Writer(full_after=4)
    board = TensorBoard(writer)
    with pytest.warns(UserWarning, match="the fit goes on.*No space left") as caught:
        tell(board)
    assert len(caught) == 1
    assert {number for _, number, _ in writer.scalars} == {1, 2, 3, 4}
    writer.full_after = math.inf
    tell(board)
    assert set(writer.scalars) == told()


@pytest.mark.parametrize("target", [None, 3, ["runs"]], ids=str)
def test_what_is_neither_a_directory_nor_a_writer_is_refused(target):
    with pytest.raises(ConfigError, match="directory or a writer"):
        TensorBoard(target)


@contextlib.contextmanager
def others_warnings():
    """Their warnings are theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def scalars_in(directory) -> set[tuple[str, int, float]]:
    with others_warnings():
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator(str(directory), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
    read = [(tag, event.step, event.value) for tag in events.Tags()["scalars"] for event in events.Scalars(tag)]
    assert len(read) == len(set(read))
    return set(read)


def single(values: set[tuple[str, int, float]]) -> set[tuple[str, int, float]]:
    """In float32, which is what TensorBoard keeps."""
    return {(name, number, float(np.float32(value))) for name, number, value in values}


@pytest.fixture
def tensorboard():
    with others_warnings():
        return pytest.importorskip("torch.utils.tensorboard")


@pytest.mark.parametrize("killed", [0, 1, 6, 10])
@pytest.mark.parametrize("lost", [0, 5, 300])
def test_tensorboard_reads_every_number_once_also_of_a_fit_that_was_resumed(killed, lost, tensorboard, tmp_path):
    directory = tmp_path / "runs" / "a"
    if killed:
        tell(TensorBoard(directory), STEPS[:killed])
        (file,) = directory.iterdir()
        file.write_bytes(file.read_bytes()[: file.stat().st_size - lost])  # the last record was cut off
    tell(TensorBoard(directory))
    assert scalars_in(directory) == single(told())


def test_nothing_is_written_before_the_first_step(tensorboard, tmp_path):
    tell(TensorBoard(tmp_path / "runs"), [])
    assert not (tmp_path / "runs").exists()


def test_a_whole_fit_is_read_back_by_tensorboard(tensorboard, tmp_path):
    x = uniform(60)
    with others_warnings():
        result = quick(fresh([2, 1]), x, smooth(x), callbacks=[TensorBoard(tmp_path)])
    assert scalars_in(tmp_path) == single(told(result.history.steps))


# ---------------------------------------------------------------------------------------------------------- MLflow


@dataclass(frozen=True)
class Metric:
    key: str
    value: float
    timestamp: int
    step: int


class Failure(Exception):
    pass


class Server:
    """As MLflow, in memory: one run is active, or none, and requests may fail."""

    def __init__(self, active: bool = True) -> None:
        self.metrics: list[Metric] = []
        self.requests, self.fails = 0, False
        self.run = SimpleNamespace(info=SimpleNamespace(run_id="r1", start_time=10**12))
        self.active = active

    def install(self, monkeypatch) -> "Server":
        mlflow = ModuleType("mlflow")
        mlflow.active_run = lambda: self.run if self.active else None
        mlflow.MlflowClient = lambda: self
        entities, exceptions = ModuleType("mlflow.entities"), ModuleType("mlflow.exceptions")
        entities.Metric, exceptions.MlflowException = Metric, Failure
        for module in (mlflow, entities, exceptions):
            monkeypatch.setitem(sys.modules, module.__name__, module)
        return self

    def get_run(self, run_id):
        assert run_id == "r1"
        return self.run

    def log_batch(self, run_id, metrics):
        self.requests += 1
        if self.fails:
            raise Failure("the server is away")
        assert run_id == "r1"
        assert len(metrics) <= 1000
        self.metrics += metrics

    def told(self) -> set[tuple[str, int, float]]:
        return {(metric.key, metric.step, metric.value) for metric in self.metrics}


@pytest.mark.parametrize("every", [0.0, 3600.0])
@pytest.mark.parametrize("run", ["active", "handed in", "r1"])
def test_a_run_is_told_every_number_once_with_its_step_and_time(run, every, monkeypatch):
    server = Server(active=run == "active").install(monkeypatch)
    handed = {"active": None, "handed in": server.run, "r1": "r1"}[run]
    tell(MLflow(handed, prefix="a/", every=every))
    assert server.told() == told(prefix="a/")
    assert len(server.metrics) == len(server.told())
    assert {metric.timestamp - 10**12 for metric in server.metrics} == {250 * n for n in range(1, 11)}
    assert server.requests == 2 if every else server.requests >= 1


def test_many_numbers_go_in_several_requests(monkeypatch):
    server = Server().install(monkeypatch)
    steps = [Step(n, "s", 5, 1.0, 1.0, 1.0, 0.01 * n) for n in range(1, 1001)]
    tell(MLflow(every=3600.0), steps)
    assert server.told() == told(steps)
    assert server.requests == 1 + math.ceil(6 * 999 / 1000)


def test_a_replay_logs_the_same_entries_again(monkeypatch):
    server = Server().install(monkeypatch)
    tell(MLflow(), STEPS[:6])
    first = set(server.metrics)
    tell(MLflow())
    assert first <= set(server.metrics)
    assert len(set(server.metrics)) == len(told())  # MLflow keeps one of equal entries


def test_a_server_that_is_away_for_a_while_costs_nothing_but_a_warning(monkeypatch):
    server = Server().install(monkeypatch)
    flow = MLflow(every=0.0)
    flow(STEPS[0])
    server.fails, flow._due = True, 0.0
    with pytest.warns(UserWarning, match="MLflow did not receive.*the server is away"):
        flow(STEPS[1])
    server.fails = False
    tell(flow, STEPS[2:])
    assert server.told() == told()


def test_the_first_request_that_fails_is_the_caller_s_error(monkeypatch):
    server = Server().install(monkeypatch)
    server.fails = True
    with pytest.raises(Failure, match="away"):
        MLflow()(STEPS[0])


def test_without_a_run_nothing_is_made_and_the_way_out_is_said(monkeypatch):
    Server(active=False).install(monkeypatch)
    with pytest.raises(ConfigError, match=r"mlflow.start_run\(\)"):
        MLflow()
    for every in (-1.0, math.nan, math.inf):
        with pytest.raises(ConfigError, match="zero or more"):
            MLflow(every=every)


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """The real one, writing into an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'runs.db'}")
    with others_warnings():
        pytest.importorskip("sqlalchemy")
        module = pytest.importorskip("mlflow")
        yield module
        while module.active_run() is not None:
            module.end_run()


def test_mlflow_gives_back_every_number_once_also_of_a_fit_that_was_resumed(mlflow):
    with mlflow.start_run() as run:
        tell(MLflow(), STEPS[:6])
    tell(MLflow(run.info.run_id))
    client = mlflow.MlflowClient()
    read = [
        (name, metric.step, metric.value)
        for name in client.get_run(run.info.run_id).data.metrics
        for metric in client.get_metric_history(run.info.run_id, name)
    ]
    assert len(read) == len(set(read))
    assert set(read) == told()
    assert len(client.search_runs([run.info.experiment_id])) == 1
    assert mlflow.active_run() is None
    with pytest.raises(ConfigError, match="start_run"):
        MLflow()


def test_a_whole_fit_is_read_back_from_mlflow(mlflow):
    x = uniform(60)
    with mlflow.start_run() as run:
        result = quick(fresh([2, 1]), x, smooth(x), callbacks=[MLflow()])
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "rmse_train")
    assert [(metric.step, metric.value) for metric in sorted(history, key=lambda metric: metric.step)] == list(
        zip(result.history.column("number"), result.history.column("rmse_train"), strict=True)
    )
