"""One fit on several processes: the same as on one, to the bit; and what wrong input and lost processes get."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from splinework import KAN
from splinework.errors import ConfigError
from splinework.train.data_objective import DataObjective
from splinework.train.jacobian import ParameterVector
from splinework.train.losses import make_loss
from splinework.train.options import TrainingOptions, is_shared
from splinework.train.row_blocks import TASKS, block_count, block_range, grow, partial, total
from tests.families import slow
from tests.train.distributed_cases import CASES, facts_of

SCRIPT = Path(__file__).with_name("distributed_cases.py")
SAME = ("lm", "starts", "smoothing", "newton-cg", "lbfgs", "adam", "huber", "few", "stream")


def run(folder: Path, cases: str, size: int, *, dies: bool = False) -> list[dict[str, dict]]:
    """Runs processes, as torchrun would; returns what each came to, by case."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    numbers = {} if size == 1 else {"WORLD_SIZE": str(size)}
    begun = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), cases, str(folder)],
            env={**common, **numbers, **({"RANK": str(rank), "LOCAL_RANK": str(rank)} if numbers else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(size)
    ]
    texts = [each.communicate(timeout=400)[0] for each in begun]
    assert dies or not any(each.returncode for each in begun), texts
    names = cases.split(",")
    return [
        {
            case: torch.load(file, weights_only=False)
            for case in names
            if (file := folder / f"{case}.{rank}.{size}.pt").exists()
        }
        for rank in range(size)
    ]


def assert_same(own: dict, other: dict) -> None:
    assert "error" not in own, own
    assert own["steps"][-1][1] > 0
    assert [stage for stage, *_ in own["steps"]] == [stage for stage, *_ in other["steps"]]
    steps = [[numbers for _, *numbers in each["steps"]] for each in (own, other)]
    torch.testing.assert_close(*steps, rtol=0, atol=0, equal_nan=True)
    assert own["numbers"].keys() == other["numbers"].keys()
    assert all(torch.equal(own["numbers"][name], other["numbers"][name]) for name in own["numbers"])
    assert own["u"] == other["u"]
    assert [note for note in own["notes"] if "processes" not in note] == other["notes"]


@pytest.mark.bits
def test_two_processes_come_to_the_bits_of_one(tmp_path):
    one = facts_of(CASES["lm"](tmp_path))
    for each in run(tmp_path, "lm", 2):
        assert_same(each["lm"], one)
        assert "worked out by 2 processes" in each["lm"]["notes"][-1]


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_any_number_of_processes_comes_to_the_bits_of_one(tmp_path, size):
    (one,), several = run(tmp_path, ",".join(SAME), 1), run(tmp_path, ",".join(SAME), size)
    for each in several:
        for case in SAME:
            assert_same(each[case], one[case])


@pytest.mark.slow
def test_two_processes_resume_what_one_began_and_the_other_way_round(tmp_path):
    (whole,) = run(tmp_path, "checkpoint", 1)
    (tmp_path / "fit").unlink()
    for first, second in ((1, 2), (2, 1)):
        run(tmp_path, "dying", first, dies=True)
        assert (tmp_path / "fit").exists()
        for each in run(tmp_path, "checkpoint", second):
            assert_same(each["checkpoint"], whole["checkpoint"])
        (tmp_path / "fit").unlink()


@pytest.mark.slow
def test_what_differs_is_named_before_the_first_step_and_every_process_can_go_on(tmp_path):
    names = [
        "other rows", "other values", "other seed", "other model", "not finite", "failing", "alone", "few",
        "failing start",
    ]  # fmt: skip
    both = run(tmp_path, ",".join(names), 2)
    said = {
        "other rows": ("ConfigError", r"the shape of x is (301, 2)", "(300, 2)", "process 1"),
        "other values": ("ConfigError", "the hash of x is", "process 1"),
        "other seed": ("ConfigError", "seed is 1 in process 1 and 0 in process 0"),
        "other model": ("ConfigError", "the model is", "process 1"),
        "not finite": ("DataError", "finite"),
    }
    for each in both:
        for case, (kind, *words) in said.items():
            assert each[case]["error"] == kind
            assert all(word in each[case]["text"] for word in words), each[case]["text"]
        assert len(each["alone"]["steps"]) == 6
        assert len(each["few"]["steps"]) == 6
    assert {each["failing start"]["error"] for each in both} == {"SplineworkError"}
    assert "process 1 failed with ArithmeticError: no start" in both[0]["failing start"]["text"]
    assert both[0]["failing"] == {"error": "ValueError", "text": "no disk"}
    assert both[1]["failing"]["error"] == "SplineworkError"
    assert "ValueError: no disk" in both[1]["failing"]["text"]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "case"), [(2, "lost"), (3, "lost"), (2, "dying")])
def test_the_rest_ends_with_a_sentence_where_a_process_is_lost(tmp_path, size, case):
    found = run(tmp_path, case, size, dies=True)
    told = [each[case] for each in found if case in each]
    assert told
    for each in told:
        assert each["error"] == "SplineworkError"
        assert "another process of this fit has ended" in each["text"]
    (whole,) = run(tmp_path, "checkpoint", 1)  # goes on from the checkpoint, where the fit came so far
    assert len(whole["checkpoint"]["steps"]) == 12


@pytest.mark.slow
def test_loops_of_ones_own_go_through_the_wrappers_of_torch(tmp_path):
    run(tmp_path, "own loops", 2)
    for rank in range(2):
        data_parallel, whole, by_layer = torch.load(tmp_path / f"loops.{rank}.pt", weights_only=False)
        assert max(data_parallel, whole, by_layer) < 1e-6


def objective(loss: str = "squared", rows: int = 40_000, weighted: bool = False) -> DataObjective:
    generator = torch.Generator().manual_seed(1)
    u = 2 * torch.rand(rows, 2, generator=generator, dtype=torch.float64) - 1
    t = torch.sin(3 * u[:, :1]) * u[:, 1:]
    w = None if not weighted else torch.rand(rows, generator=generator, dtype=torch.float64)
    model = KAN([2, 2, 1], dtype=torch.float64, generator=generator)
    return DataObjective(model, u=u, t=t, criterion=make_loss(loss), weights=None if w is None else w / w.mean())


def arguments_of(task: str, parameters: ParameterVector, start: torch.Tensor) -> tuple:
    along = torch.linspace(-1, 1, len(start), dtype=torch.float64)
    return {
        "value": (True,),
        "gradient": (),
        "normal": (parameters, 10**6),
        "triangle": (parameters, 10**6),
        "geodesic": (parameters, start, 0.01 * along, 0.1),
        "begin": (-1, parameters),
        "times": (-1, parameters, along),
        "squares": (-1, parameters),
    }[task]


@pytest.mark.parametrize("parts", [3, *slow(2, 4)])
def test_however_blocks_are_divided_the_sum_has_the_same_bits(parts):
    whole = objective()
    parameters = ParameterVector.of(whole.model)
    start = parameters.read(whole.model)
    for task in TASKS:
        arguments = arguments_of(task, parameters, start)
        nodes: list = []
        for part in range(parts):
            parameters.write(whole.model, start)
            for node in partial(whole, *block_range(whole.n_blocks, part, parts), task, arguments):
                grow(nodes, replace(node, tensors=tuple(t.clone() for t in node.tensors)), TASKS[task].merge)
            from splinework.train import row_blocks

            row_blocks._KEPT.clear()  # another process has its own
        assert len(nodes) == 1
        parameters.write(whole.model, start)
        expected = total(whole, task, *arguments)
        assert len(expected) == len(nodes[0].tensors)
        assert all(map(torch.equal, nodes[0].tensors, expected)), task
        row_blocks._KEPT.clear()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_blocks_sum_up_to_what_all_rows_give(loss, weighted, monkeypatch):
    own = objective(loss, 20_000, weighted)
    parameters, found = ParameterVector.of(own.model), []
    assert own.n_blocks == 2
    start = parameters.read(own.model)
    for least in (16_384, 10**9):
        monkeypatch.setattr("splinework.train.data_objective.MIN_BLOCKED_ROWS", least)
        parameters.write(own.model, start)
        curvature = own.curvature_operator(parameters)
        v = torch.linspace(-1, 1, len(start), dtype=torch.float64)
        matrix, vector = own.normal_equations(parameters, 10**6)
        value = own.differentiate()
        gradients = [p.grad.clone() for p in own.model.parameters() if p.grad is not None]
        one = [
            torch.tensor([value, own.loss_value(), own.rmse()]),
            matrix,
            vector,
            curvature.vector,
            curvature.diagonal,
        ]
        found.append([*one, curvature.times(v), *gradients, own.geodesic_gradient(parameters, start, 0.01 * v, 0.1)])
    torch.testing.assert_close(found[0], found[1], rtol=1e-9, atol=1e-12)
    assert all(float(each.abs().max()) > 0 for each in found[0])


def test_blocks_depend_on_the_rows_alone_and_parts_of_them_are_all_of_them():
    for rows in (1, 8191, 16_384, 50_000, 10**6, 10**9):
        blocks = block_count(rows)
        assert blocks & (blocks - 1) == 0
        for parts in (1, 2, 3, 7, 64):
            ranges = [block_range(blocks, part, parts) for part in range(parts)]
            assert [first for first, _ in ranges[1:]] == [last for _, last in ranges[:-1]]
            assert (ranges[0][0], ranges[-1][1]) == (0, blocks)


def test_one_process_is_shared_with_nobody(monkeypatch):
    assert not is_shared(TrainingOptions())
    with pytest.raises(ConfigError, match="torchrun --nproc-per-node 2"):
        is_shared(TrainingOptions(distributed=True))
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not is_shared(TrainingOptions())
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert is_shared(TrainingOptions())
    assert not is_shared(TrainingOptions(distributed=False))
