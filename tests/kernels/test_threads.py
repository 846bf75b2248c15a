"""However many threads work, and whoever calls them, the bits are the same; after a fork, too."""

import faulthandler
import multiprocessing
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from splinework.kernels import native
from splinework.nn.network import KAN
from tests.contracts.cases import normal, seeded
from tests.kernels.cases import ALGORITHMS, DTYPES, needs_native, problem, spline_of, sums_and_gradients

pytestmark = [
    needs_native,
    # Python 3.12 and later warn of every fork beside threads; that it works is the law here.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]

ROOT = Path(__file__).parents[2]


def bits(found: dict[str, Tensor]) -> dict[str, bytes]:
    return {key: t.contiguous().numpy().tobytes() for key, t in found.items()}


@pytest.mark.parametrize("mask", ["none", "edges"])
@pytest.mark.parametrize("size", [(3000, 5, 9), (2500, 7, 3), (6, 300, 70)], ids=str)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_bits_do_not_depend_on_the_number_of_threads(force, dtype, algorithm, size, mask):
    p = problem(size=size, mask=mask, dtype=dtype)
    force(algorithm=algorithm, threads=1)
    truth = bits(sums_and_gradients("native", p))
    for threads in (2, 3, 8):
        force(threads=threads)
        assert bits(sums_and_gradients("native", p)) == truth, threads


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_bits_do_not_depend_on_the_number_of_threads_over_many_chunks(force, algorithm):
    """Records of 20 000 rows and 64 inputs take several times the 16 MiB that a chunk may have."""
    p = problem(size=(20_000, 64, 2), dtype=torch.float32)
    g = p.g

    def run() -> dict[str, bytes]:
        layer = (p.edges, spline_of(p.table))
        (y,) = native.forward(p.x, [layer])
        by_x, grads = native.backward(p.x, [layer], [], g, [(True,) * 4], by_x=True)
        return bits({str(n): t for n, t in enumerate((y, by_x, *grads[0])) if t is not None})

    force(algorithm=algorithm, threads=1)
    truth = run()
    for threads in (2, 3):
        force(threads=threads)
        assert run() == truth, threads


# ------------------------------------------------------------------------------------------- several callers at once


def step(model: KAN, x: Tensor) -> list[Tensor]:
    """Sums and gradients of a network, large enough to be worth several threads."""
    y = model(x)
    return [y.detach(), *torch.autograd.grad(y.square().mean(), list(model.parameters()))]


def small_network() -> tuple[KAN, Tensor]:
    return KAN([6, 8, 3], generator=seeded(3)), normal(3000, 6).float()


@pytest.mark.parametrize("threads", [1, 2])
def test_four_python_threads_at_once_get_the_bits_of_one(force, threads):
    force(threads=threads)
    model, x = small_network()
    truth = step(model, x)
    wrong: list[int] = []
    start = threading.Barrier(4)

    def work(n: int) -> None:
        torch.set_num_threads(threads)
        start.wait()
        for _ in range(10):
            if not all(map(torch.equal, step(model, x), truth)):
                wrong.append(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
        assert not worker.is_alive()
    assert wrong == []


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has its lock always")
def test_the_module_does_not_turn_the_lock_of_a_free_threaded_python_on():
    code = "import splinework._native, sys; print(sys._is_gil_enabled())"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr[-3000:]


def in_a_fork(work: Callable[[], object]) -> object:
    """What `work` returns in a forked child, or what became of it."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def run() -> None:
        faulthandler.disable()  # a child that dies is an answer, not a fault of the tests
        there.send(work())

    child = context.Process(target=run)
    child.start()
    there.close()
    try:
        return here.recv() if here.poll(30) else "it hangs"
    except EOFError:
        child.join(5)
        return f"it died ({child.exitcode})"
    finally:
        child.join(5)
        if child.is_alive():
            child.kill()


def in_a_fresh_process(check: Callable[[], None]) -> None:
    """Runs a check where no earlier test can have made torch start threads of autograd, which it refuses in a fork."""
    code = f"import torch; torch.set_num_threads(2); from {__name__} import {check.__name__} as check; check()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]


def check_a_fork() -> None:
    model, x = small_network()
    truth = step(model, x)  # the threads are there when the process forks
    assert in_a_fork(lambda: all(map(torch.equal, step(model, x), truth))) is True
    assert all(map(torch.equal, step(model, x), truth))


@pytest.mark.slow
def test_a_forked_child_goes_on():
    in_a_fresh_process(check_a_fork)


class Through(Dataset):
    """Rows that a model has worked on."""

    def __init__(self, model: KAN, x: Tensor) -> None:
        self.model, self.x = model, x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, n: int) -> Tensor:
        x = self.x[n].requires_grad_()
        (slope,) = torch.autograd.grad(self.model(x).sum(), x)
        with torch.no_grad():
            return torch.cat([self.model(x), slope])


def check_a_data_loader() -> None:
    model, x = small_network()
    data = Through(model, x[:40])
    step(model, x)
    truth = torch.stack([data[n] for n in range(40)])

    def collate(rows: list[Tensor]) -> Tensor:
        model(x)  # a batch that is worth several threads where there are any
        return torch.stack(rows)

    loader = DataLoader(
        data, batch_size=10, num_workers=2, collate_fn=collate, timeout=60, multiprocessing_context="fork"
    )
    assert torch.equal(torch.cat(list(loader)), truth)


@pytest.mark.slow
def test_a_model_works_inside_the_workers_of_a_data_loader():
    in_a_fresh_process(check_a_data_loader)
