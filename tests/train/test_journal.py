"""The file of a fit that can be killed: whole or not there, of this fit and no other, and of what it holds not a bit is lost."""

import json
import math

import pytest
import torch
from safetensors import safe_open

from splinework.errors import ConfigError, FileError, FitWarning
from splinework.train import Roughness, fit, journal
from splinework.train import run as running
from splinework.train.callbacks import EarlyStopping
from splinework.train.journal import Journal, open_journal
from tests.families import slow
from tests.train.cases import fresh, normal, uniform
from tests.train.interrupted_fits import Killed, X, same, train


@pytest.fixture(autouse=True)
def at_every_step(monkeypatch):
    monkeypatch.setattr(running, "CHECKPOINT_SECONDS", -1.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A fit without a checkpoint, the same fit with one, and the file of that one."""
    path = tmp_path_factory.mktemp("finished") / "fit.checkpoint"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "CHECKPOINT_SECONDS", -1.0)
        return train(), train(path), path


@pytest.mark.parametrize(
    "options", [{"penalties": [Roughness(1e-4)]}, {"loss": "huber"}, *slow({"steps": None, "starts": 1})], ids=str
)
@pytest.mark.slow
def test_and_killed_again_and_again(tmp_path, options):
    whole = train(**options)
    path = tmp_path / "fit.checkpoint"
    for die_at in (2, 20, 34):
        try:
            train(path, die_at=die_at, **options)
        except Killed:
            continue
    assert same(train(path, **options), whole)


@pytest.mark.parametrize("noise", [*slow(0.0), 0.2])
@pytest.mark.slow
def test_a_taught_fit_goes_on_from_any_stage(tmp_path, noise):
    x = uniform(60)
    y = torch.exp(torch.sin(5 * x[:, :1]) * x[:, 1:]) + noise * normal(60, 1)

    def taught(path=None, die_at=None):
        def die(step):
            if step.number == die_at:
                raise Killed

        return fit(fresh([2, 2, 1], grid=3), x, y, starts=2, progress=False, checkpoint=path, callbacks=[die])

    whole = taught()
    assert any(decision.kind == "teacher" for decision in whole.history.decisions)
    last = whole.history[-1].number
    path = tmp_path / "fit.checkpoint"
    for die_at in (last // 3, 9 * last // 10, last - 1):
        with pytest.raises(Killed):
            taught(path, die_at)
    assert same(taught(path), whole)


def test_a_callback_with_a_state_is_told_the_recorded_steps_first(tmp_path):
    whole = train(callbacks=[EarlyStopping(6, 0.2)])
    path = tmp_path / "fit.checkpoint"
    with pytest.raises(Killed):
        train(path, die_at=9, callbacks=[EarlyStopping(6, 0.2)])
    assert same(train(path, callbacks=[EarlyStopping(6, 0.2)]), whole)


def test_a_fit_that_is_done_is_not_done_again(finished):
    _, first, path = finished
    written = path.read_bytes()
    assert same(train(path), first)
    assert path.read_bytes() == written


def test_recording_changes_nothing_and_writes_one_file(finished):
    without, recorded, path = finished
    assert same(recorded, without)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "other",
    [{"steps": 41}, {"weights": X[:, 0].exp()}, *slow({"optimiser": "lbfgs"}, {"grids": [20]}, {"seed": 1})],
    ids=str,
)
def test_the_checkpoint_of_another_fit_is_refused(finished, other):
    path = finished[-1]
    with pytest.raises(ConfigError, match=r"checkpoint of another fit.*give another path, or remove the file"):
        train(path, **other)


def test_a_checkpoint_says_its_format_and_another_one_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "fit.checkpoint"
    Journal(path, "f").write()
    with safe_open(str(path), framework="pt") as file:
        assert json.loads(file.metadata()["splinework-fit"])["format"] == 2  # another number is another way to write
    monkeypatch.setattr(journal, "FORMAT", 3)
    with pytest.raises(ConfigError, match="checkpoint of another fit"):
        open_journal(path, "f")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x00" * 1000])
def test_a_file_of_another_kind_is_refused_and_left(tmp_path, content):
    path = tmp_path / "fit.checkpoint"
    path.write_bytes(content)
    with pytest.raises(FileError, match="not a checkpoint of a fit"):
        train(path)
    assert path.read_bytes() == content


def test_a_truncated_checkpoint_is_refused(finished, tmp_path):
    path, content = tmp_path / "fit.checkpoint", finished[-1].read_bytes()
    for size in (9, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(FileError, match="not a checkpoint of a fit"):
            train(path)


def test_a_disk_that_fills_is_told_of_and_the_last_good_checkpoint_stays(finished, tmp_path, monkeypatch):
    path = tmp_path / "fit.checkpoint"
    with pytest.raises(Killed):
        train(path, die_at=8)
    good = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.warns(FitWarning, match=r"no checkpoint was written.*No space left"):
            result = train(path)
    assert same(result, finished[0])
    assert path.read_bytes() == good
    assert [entry.name for entry in tmp_path.iterdir()] == ["fit.checkpoint"]
    assert same(train(path), result)


def test_what_a_journal_holds_comes_back_to_the_bit(tmp_path):
    numbers = torch.tensor([1e-300, float("nan"), -0.0, float("-inf")], dtype=torch.float64)
    state = {"a": numbers, "b": [1, None, 0.1, {"tensor": torch.arange(3)}], "c": {"1": float("inf")}}
    written = Journal(tmp_path / "fit.checkpoint", "f", done=[{"value": -0.0, "model": numbers}], current=state)
    written.write()
    read = open_journal(tmp_path / "fit.checkpoint", "f")
    assert read.current is not None
    for tensor in (read.current["a"], read.done[0]["model"]):
        assert torch.equal(tensor.view(torch.int64), numbers.view(torch.int64))
    assert math.copysign(1, read.done[0]["value"]) == -1
    assert read.current["b"][:3] == [1, None, 0.1]
    assert torch.equal(read.current["b"][3]["tensor"], torch.arange(3))
    assert read.current["c"] == {"1": math.inf}


def test_without_a_path_nothing_is_written_or_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Journal().write()
    assert open_journal(None, "f").done == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told_before_the_first_step(tmp_path):
    with pytest.raises(FileError, match="there is no folder"):
        train(tmp_path / "nowhere" / "fit.checkpoint")


def test_a_fingerprint_sees_every_name_bit_shape_and_type():
    one = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    nearly = one.clone()
    nearly[2] = math.nextafter(3.0, 4.0)
    parts = [{"x": one}, {"y": one}, {"x": nearly}, {"x": one.reshape(2, 2)}, {"x": one.view(torch.int64)}]
    parts += [{"x": one[:0]}, {"x": one[:0].float()}, {"x": 1.0}, {"x": 1}, {"x": one, "y": one}, {}]
    assert len({journal.fingerprint_of(each) for each in parts}) == len(parts)
    assert journal.fingerprint_of({"x": one}) == journal.fingerprint_of({"x": one.clone()})
