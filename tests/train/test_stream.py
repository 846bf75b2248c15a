"""Laws of rows that are not in memory: the same objective as in memory, every row once per pass, held-out rows never."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from splinework.errors import ConfigError
from splinework.train import Sparsity, sources
from splinework.train import stream as stream_module
from splinework.train.data_split import take_rows
from splinework.train.jacobian import ParameterVector
from splinework.train.losses import Loss, Quantile
from splinework.train.optim import Adam
from splinework.train.options import TrainingOptions
from splinework.train.stream import Stream, take_stream
from splinework.train.stream_objective import StreamObjective
from tests.contracts.cases import normal, seeded
from tests.train.cases import fresh, noise, quick, smooth, thinned, uniform
from tests.train.loss_cases import Case, every_case

X = 3 * uniform(600)
Y = 5 + 20 * smooth(X / 3) + noise(600)
W = torch.rand(600, generator=seeded(3), dtype=torch.float64)
NAMES = ("x1", "x2")
KINDS = ("one file", "several files", "memmap", "npy", "batches", "batches as they come")


def table(x, y, w=None, **more) -> pa.Table:
    """Columns y, x2, x1: in another order than the model's."""
    columns = {f"y{j + 1}" if y.shape[1] > 1 else "y": y[:, j] for j in range(y.shape[1])}
    columns |= {f"x{j + 1}": x[:, j] for j in reversed(range(x.shape[1]))}
    columns |= {} if w is None else {"w": w}
    return pa.table({name: np.asarray(column) for name, column in columns.items()} | more)


def source_of(kind: str, folder: Path, x=X, y=Y, w=None):
    """The same rows in different places."""
    target, weights = ("y" if y.shape[1] == 1 else [f"y{j + 1}" for j in range(y.shape[1])]), None if w is None else "w"
    if kind == "one file":
        pq.write_table(table(x, y, w), folder / "rows.parquet", row_group_size=37)
        return sources.parquet(folder / "rows.parquet", target=target, weights=weights)
    if kind == "several files":
        for number, start in enumerate(range(0, len(x), 250)):
            rows = slice(start, start + 250)
            part = table(x[rows], y[rows], None if w is None else w[rows])
            pq.write_table(part, folder / f"part-{number}.parquet")
        return sources.parquet(str(folder / "part-*.parquet"), target=target, weights=weights)
    if kind == "npy":
        paths = [folder / f"{name}.npy" for name in "xyw"]
        for path, values in zip(paths, (x, y, w), strict=True):
            if values is not None:
                np.save(path, values.numpy())
        return sources.memmap(paths[0], str(paths[1]), weights=None if w is None else paths[2])
    if kind == "memmap":
        return sources.memmap(x.numpy(), y.numpy(), weights=None if w is None else w.numpy())
    sizes = [64, 3, 100] if kind == "batches as they come" else [50] * 12
    ends = np.cumsum([*sizes, max(len(x) - sum(sizes), 1)]).clip(max=len(x))
    cuts = [slice(a, b) for a, b in zip([0, *ends], ends, strict=False) if b > a]
    return sources.batches([(x[c], y[c]) if w is None else (x[c], y[c], w[c]) for c in cuts])


def taken(model, source, loss: str | Loss = "squared", **options):
    """Sample and held-out rows, the stream and the objective."""
    rows, stream, extremes = take_stream(model, source, TrainingOptions(loss=loss, **{"validation": 0, **options}))
    return rows, stream, StreamObjective(model, stream=stream, sample=rows.used, extremes=extremes)


def seen(stream: Stream, model) -> torch.Tensor:
    """All rows of a pass, inputs and targets in network units, in the order of the first input."""
    return ordered([torch.cat([part.u, part.t], 1) for _, part in stream.blocks(model, 0, stream.n_blocks)])


def ordered(parts) -> torch.Tensor:
    rows = torch.cat(parts)
    return rows[rows[:, 0].argsort()]


# -------------------------------------------------------------------------------------------------- the objective


@every_case
@pytest.mark.parametrize(
    ("weighted", "size"),
    [(True, 7), *(pytest.param(*c, marks=pytest.mark.slow) for c in ((False, 7), (False, 1000), (True, 1000)))],
)
def test_the_objective_is_that_of_rows_in_memory(case: Case, weighted, size):
    model, x = thinned([2, 3, 3]), uniform(60)
    y, w = case.targets(normal(60, 3)), W[:60] if weighted else None
    y = y[:, :1] if isinstance(case.loss, Quantile) else y
    rows, stream, objective = taken(model, sources.memmap(x, y, weights=w), case.loss, standardise=False)
    objective = replace(objective, penalties=(Sparsity(1e-2),), stream=replace(stream, size=size))
    memory, parameters = objective.subsample().on(copy.deepcopy(model)), ParameterVector.of(model)
    assert (rows.held_out, memory.count, objective.n_values) == (None, 60, memory.n_values)
    assert objective.value_on_all_rows() == pytest.approx(memory.value_on_all_rows(), rel=1e-12)
    assert objective.rmse() == pytest.approx(memory.rmse(), rel=1e-12, nan_ok=True)
    assert objective.spread == memory.spread
    assert objective.differentiate() == pytest.approx(memory.differentiate(), rel=1e-12)
    for own, other in zip(model.parameters(), memory.model.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad, rtol=1e-12, atol=1e-13)
    for own, other in zip(objective.quadratic(parameters, 999), memory.quadratic(parameters, 10**6), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-13)
    v = normal(len(parameters.read(model)), seed=4)
    own, other = objective.curvature_operator(parameters), memory.curvature_operator(parameters)
    for a, b in ((own.vector, other.vector), (own.diagonal, other.diagonal), (own.times(v), other.times(v))):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    start = parameters.read(model)
    bends = [each.geodesic_gradient(parameters, start, 0.01 * v, 0.1) for each in (objective, memory)]
    torch.testing.assert_close(*bends, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_blocks_for_qr_stand_for_all_rows(weighted):
    model = thinned([2, 3, 1])
    _, stream, objective = taken(model, sources.memmap(X, Y, weights=W if weighted else None))
    objective, parameters = replace(objective, stream=replace(stream, size=100)), ParameterVector.of(model)
    blocks = list(objective.jacobian_blocks(parameters, 10**6))
    matrix, vector = objective.normal_equations(parameters, 10**6)
    assert sum(float(r @ r) for _, r in blocks) == pytest.approx(objective.value_on_all_rows(), rel=1e-12)
    torch.testing.assert_close(sum(j.T @ j for j, _ in blocks), matrix, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(sum(j.T @ r for j, r in blocks), vector, rtol=1e-11, atol=1e-12)


def test_the_loss_of_all_rows_can_be_differentiated():
    model = thinned([2, 3, 1])
    _, _, objective = taken(model, sources.memmap(X, Y))
    objective.value().backward()
    own = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    objective.differentiate()
    assert all(map(torch.equal, own, [p.grad for p in model.parameters() if p.grad is not None]))


def test_a_value_is_worked_out_again_only_when_the_model_has_changed():
    class Counting(list):
        passes = 0

        def __iter__(self):
            self.passes += 1
            return super().__iter__()

    loader, model = Counting([(X, Y)]), fresh([2, 1])
    _, _, objective = taken(model, sources.batches(loader))
    before = loader.passes
    first = (
        objective.value_on_all_rows(),
        objective.value_on_all_rows(),
        objective.rmse(),
        objective.unexplained_share(),
    )
    assert loader.passes == before + 1
    with torch.no_grad():
        model.kan_layers[0].coefficients.add_(1.0)
    assert objective.value_on_all_rows() != first[0] == first[1]


# ---------------------------------------------------------------------------------------------------- the sources


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_source_gives_the_units_and_rows_that_arrays_give(kind, weighted, tmp_path):
    w, model, memory = W if weighted else None, fresh([2, 1]), fresh([2, 1])
    rows, stream, objective = taken(model, source_of(kind, tmp_path, w=w))
    expected = take_rows(memory, X, Y, TrainingOptions(weights=w, validation=0))
    for own, other in zip(model.buffers(), memory.buffers(), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-12, atol=1e-12)
    both = ordered([torch.cat([expected.used.u, expected.used.t], 1)])
    torch.testing.assert_close(seen(stream, model), both, rtol=1e-11, atol=1e-12)
    assert (objective.count, len(rows.used.u)) == (600, 600)
    if weighted:
        weights = torch.cat([part.weights for _, part in stream.blocks(model, 0, stream.n_blocks)])
        torch.testing.assert_close(weights, W / W.mean(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_rows_are_in_no_pass_and_no_batch(kind, tmp_path):
    model = fresh([2, 1])
    rows, stream, objective = taken(model, source_of(kind, tmp_path), validation=0.2, seed=3)
    held = torch.cat([rows.held_out.u, rows.held_out.t], 1)
    used = seen(stream, model)
    assert (len(held), len(used), objective.count) == (120, 480, 480)
    everything = seen(replace(stream, pivot=0, count=600), model)
    assert torch.equal(ordered([held, used]), everything)
    batches = objective.batches(50, seeded(1))
    epoch = [batches.next() for _ in range(batches.per_epoch)]
    assert torch.equal(ordered([torch.cat([part.u, part.t], 1) for part in epoch]), used)


@pytest.mark.parametrize("kind", ["one file", "memmap", "batches"])
def test_the_same_rows_are_held_out_by_the_same_seed_only(kind, tmp_path):
    source = source_of(kind, tmp_path)
    first, again, other = (taken(fresh([2, 1]), source, validation=None, seed=s)[0].held_out.u for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert len(first) == len(other) == 90
    assert not torch.equal(first, other)


def test_of_many_rows_a_sample_and_the_held_out_ones_are_in_memory(monkeypatch):
    monkeypatch.setattr(stream_module, "MAX_HELD_OUT_ROWS", 30)
    monkeypatch.setattr(stream_module, "MAX_SAMPLE_ROWS", 50)
    monkeypatch.setattr(stream_module, "MAX_CHUNK_ROWS", 40)
    model = fresh([2, 1])
    rows, stream, objective = taken(
        model, sources.batches([(X[i : i + 40], Y[i : i + 40]) for i in range(0, 600, 40)]), validation=None
    )
    assert (len(rows.held_out.u), len(rows.used.u), objective.count) == (30, 50, 570)
    reached = objective.activations()
    everything = seen(replace(stream, pivot=0, count=600), model)[:, :2]
    assert torch.equal(reached.amin(0), everything.amin(0))
    assert torch.equal(reached.amax(0), everything.amax(0))


def test_repeated_rows_are_held_out_together_or_not_at_all():
    x, y = X[:1].expand(600, -1), Y[:1].expand(600, -1)
    rows, _, objective = taken(fresh([2, 1]), sources.batches([(x, y)]), validation=0.2)
    assert (rows.held_out, objective.count) == (None, 600)


@pytest.mark.parametrize("size", [1, 50, 64])
@pytest.mark.parametrize("kind", ["one file", "several files", "memmap"])
def test_an_epoch_of_batches_is_every_row_once_in_another_order_each_time(kind, size, tmp_path, monkeypatch):
    monkeypatch.setattr("splinework.train.sources.parquet_files.MIN_PIECE_ROWS", 100)
    monkeypatch.setattr("splinework.train.sources.mapped.MIN_PIECE_ROWS", 100)
    monkeypatch.setattr("splinework.train.stream_objective.MAX_BUFFER_ROWS", 256)
    model = fresh([2, 1])
    _, stream, objective = taken(model, source_of(kind, tmp_path))
    batches, epochs = objective.batches(size, seeded(0)), []
    for _ in range(2):
        parts = [batches.next() for _ in range(batches.per_epoch)]
        assert [len(part.u) for part in parts[:-1]] == [size] * (len(parts) - 1)
        epochs.append(torch.cat([torch.cat([part.u, part.t], 1) for part in parts]))
        assert torch.equal(ordered([epochs[-1]]), seen(stream, model))
    assert not torch.equal(*epochs)


@pytest.mark.parametrize("steps", [0, 3, 9, 10, 14])
@pytest.mark.parametrize("kind", ["one file", "memmap", "batches"])
def test_a_stepper_goes_on_to_the_same_bits(kind, steps, tmp_path):
    def begin():
        model = fresh([2, 3, 1])
        generator = seeded(7)
        _, _, objective = taken(model, source_of(kind, tmp_path))
        return model, generator, Adam(batch=60).attach(objective, 30, generator)

    model, generator, stepper = begin()
    for _ in range(steps):
        stepper.step()
    other, other_generator, other_stepper = begin()
    other.load_state_dict(model.state_dict())
    other_generator.set_state(generator.get_state())
    other_stepper.restore(stepper.state())
    for _ in range(12):
        stepper.step()
        other_stepper.step()
    assert all(map(torch.equal, model.parameters(), other.parameters()))


def test_another_file_is_another_fit(tmp_path):
    first = taken(fresh([2, 1]), source_of("one file", tmp_path))[1].identity
    assert taken(fresh([2, 1]), source_of("memmap", tmp_path))[1].identity != first
    changed = Y.clone()
    changed[5] += 1
    assert taken(fresh([2, 1]), source_of("one file", tmp_path, y=changed))[1].identity != first


# ------------------------------------------------------------------------------------------------------- the door


@pytest.mark.parametrize("optimiser", ["lm", Adam(batch=100), "auto"])
@pytest.mark.parametrize("kind", ["several files", "batches"])
def test_fit_learns_from_a_source_what_it_learns_from_arrays(kind, optimiser, tmp_path):
    steps = 300 if isinstance(optimiser, Adam) else 20
    own = quick(fresh([2, 1]), source_of(kind, tmp_path), None, optimiser=optimiser, steps=steps, validation=0)
    other = quick(fresh([2, 1]), X, Y, optimiser=optimiser, steps=steps, validation=0)
    assert own.history[-1].rmse_train == pytest.approx(other.history[-1].rmse_train, rel=0.02)
    error = (own.model(X) - Y).square().mean().sqrt().item()
    assert min(step.rmse_train for step in own.history) == pytest.approx(error, rel=1e-9)


def test_a_sample_shows_the_way_and_all_rows_have_the_last_word(monkeypatch):
    monkeypatch.setattr(stream_module, "MAX_SAMPLE_ROWS", 200)
    result = quick(fresh([2, 2, 1]), sources.memmap(X, Y), None, steps=60, starts=2)
    stages = [step.stage for step in result.history]
    assert stages.index("grid 5, sample") < stages.index("grid 5")
    last = min((step for step in result.history if step.stage == "grid 5"), key=lambda step: step.rmse_validation)
    assert last.rmse_train < 1.3
    interval = result.interval(X)
    assert 0.8 < ((interval.lower < Y) & (interval.upper > Y)).double().mean() < 0.98


def test_labels_are_read_off_the_rows(tmp_path):
    y = torch.where(X[:, :1] > 0.3 * X[:, 1:], 1.0, -1.0).double()
    result = quick(fresh([2, 1]), source_of("several files", tmp_path, y=y), None, loss="logistic", validation=0)
    assert ((result.model(X) > 0) == (y > 0)).double().mean() > 0.97


def test_a_checkpoint_of_a_stream_is_gone_on_from(tmp_path):
    source, path = source_of("one file", tmp_path), tmp_path / "fit.ckpt"
    whole = quick(fresh([2, 1]), source, None, steps=8)
    recorded = quick(fresh([2, 1]), source, None, steps=8, checkpoint=path)
    again = quick(fresh([2, 1]), source, None, steps=8, checkpoint=path)
    for other in (recorded, again):
        assert all(map(torch.equal, whole.model.parameters(), other.model.parameters()))
    with pytest.raises(ConfigError, match="checkpoint of another fit"):
        quick(fresh([2, 1]), source_of("memmap", tmp_path), None, steps=8, checkpoint=path)
