"""What the processes of `test_distributed.py` do: `python distributed_cases.py CASES FOLDER`, with the variables of torchrun.

Each process writes what it has come to into `FOLDER/CASE.RANK.SIZE.pt`: the result, or the text of the error.
"""

import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import torch

import splinework as sw
from splinework.train.optim import NewtonCG
from splinework.train.penalties import Roughness
from splinework.train.sources import memmap

RANK, SIZE = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
ROWS = 20_000


def rows(count: int = ROWS, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, 2, generator=generator, dtype=torch.float64) - 1
    noise = 0.1 * torch.randn(count, generator=generator, dtype=torch.float64)
    return x, torch.exp(torch.sin(torch.pi * x[:, 0]) + x[:, 1] ** 2) + noise


def model(width: int = 3):
    return sw.KAN([2, width, 1], generator=torch.Generator().manual_seed(0))


def die_at(step: int):
    """A callback that ends its process without a word, as a machine that fails does."""

    def callback(one):
        if one.number == step:
            os.kill(os.getpid(), signal.SIGKILL)

    return callback


def failing(one):
    if one.number == 2:
        raise ValueError("no disk")


def stream(folder):
    """140,000 rows in mapped files: three groups, which two processes read by themselves."""
    files = folder / f"x.{RANK}.npy", folder / f"y.{RANK}.npy"
    for file, values in zip(files, rows(140_000), strict=True):
        np.save(file, values.numpy())
    return memmap(np.load(files[0]), np.load(files[1]))


QUICK = {"progress": False, "starts": 1, "grids": None, "degree": "keep", "steps": 4}
CASES = {
    "lm": lambda folder: sw.fit(model(), *rows(), **{**QUICK, "steps": 12, "starts": 2, "grids": [5, 8]}),
    "starts": lambda folder: sw.fit(model(2), *rows(), progress=False, starts=5, grids=None, degree="keep"),
    "smoothing": lambda folder: sw.fit(model(), *rows(), **{**QUICK, "penalties": [Roughness("auto")]}),
    "newton-cg": lambda folder: sw.fit(model(), *rows(), optimiser=NewtonCG(), **QUICK),
    "lbfgs": lambda folder: sw.fit(model(), *rows(), optimiser="lbfgs", **QUICK),
    "adam": lambda folder: sw.fit(model(), *rows(), optimiser="adam", **QUICK),
    "huber": lambda folder: sw.fit(model(), *rows(), loss="huber", weights=rows()[0][:, 0] + 1.5, **QUICK),
    "few": lambda folder: sw.fit(model(), *rows(300), **QUICK),
    "stream": lambda folder: sw.fit(model(), stream(folder), **{**QUICK, "steps": 3}),
    "checkpoint": lambda folder: sw.fit(
        model(), *rows(), checkpoint=folder / "fit", **{**QUICK, "grids": [5, 8], "steps": 12}
    ),
    "dying": lambda folder: sw.fit(
        model(), *rows(), checkpoint=folder / "fit", callbacks=[die_at(9)], **{**QUICK, "grids": [5, 8], "steps": 12}
    ),
    "failing": lambda folder: sw.fit(model(), *rows(), callbacks=[failing], **QUICK),
    "other rows": lambda folder: sw.fit(model(), *rows(300 + RANK), **QUICK),
    "other values": lambda folder: sw.fit(model(), *rows(300, seed=RANK), **QUICK),
    "other seed": lambda folder: sw.fit(model(), *rows(300), seed=RANK, **QUICK),
    "other model": lambda folder: sw.fit(model(2 + RANK), *rows(300), **QUICK),
    "not finite": lambda folder: sw.fit(model(), rows()[0] * torch.inf, rows()[1], **QUICK),
    "alone": lambda folder: sw.fit(model(), *rows(300 + RANK), distributed=False, **QUICK),
}


def own_loop(wrap):
    """Steps of Adam on part of the rows with the network wrapped by torch; returns how far they end from one process."""
    x, y = (each.reshape(64, -1).float() for each in rows(64))

    def stepped(network, part):
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
        for _ in range(5):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(network(x[part]), y[part]).backward()
            optimiser.step()
        return [getattr(p, "full_tensor", lambda p=p: p)().detach() for p in network.parameters()]

    alone = stepped(model(), slice(None))
    together = stepped(wrap(model()), slice(64 * RANK // SIZE, 64 * (RANK + 1) // SIZE))
    return max(float((a - b).abs().max()) for a, b in zip(alone, together, strict=True))


def sharded(network, *, by_layer):
    from torch.distributed.fsdp import fully_shard

    warnings.simplefilter("error")
    for layer in network.kan_layers if by_layer else ():
        fully_shard(layer)
    fully_shard(network)
    return network


def own_loops(folder):
    torch.distributed.init_process_group("gloo")
    found = [
        own_loop(torch.nn.parallel.DistributedDataParallel),
        own_loop(lambda network: sharded(network, by_layer=False)),
        own_loop(lambda network: sharded(network, by_layer=True)),
    ]
    torch.distributed.destroy_process_group()
    torch.save(found, folder / f"loops.{RANK}.pt")
    return sw.fit(model(), *rows(60), distributed=False, **QUICK)


def lost_worker(folder: Path):
    """Process 1 ends in the middle of a sum."""
    from splinework.train import row_blocks

    plain = row_blocks.TASKS["normal"]
    seen = []

    def of(block, share, *arguments):
        seen.append(block)
        if RANK and len(seen) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain.of(block, share, *arguments)

    row_blocks.TASKS["normal"] = row_blocks.BlockTask(of)
    return CASES["checkpoint"](folder)


def failing_start(folder: Path):
    """A start that fails in process 1."""
    from splinework.train import multistart

    tried = multistart._tried

    def fails(*arguments):
        if RANK:
            raise ArithmeticError("no start")
        return tried(*arguments)

    multistart._tried = fails
    try:
        return CASES["starts"](folder)
    finally:
        multistart._tried = tried


CASES["lost"], CASES["own loops"], CASES["failing start"] = lost_worker, own_loops, failing_start


def facts_of(result):
    """What is compared of a result."""
    return {
        "steps": [(one.stage, one.objective, one.rmse_train, one.rmse_validation) for one in result.history.steps],
        "numbers": result.model.state_dict(),
        "notes": list(result.history.notes),
        "u": result.training_data.u.sum(),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    wanted, folder = sys.argv[1].split(","), Path(sys.argv[2])
    for case in wanted:
        try:
            found = facts_of(CASES[case](folder))
        except Exception as error:  # noqa: BLE001  # whatever it is, the test wants to see it
            found = {"error": type(error).__name__, "text": str(error)}
        torch.save(found, folder / f"{case}.{RANK}.{SIZE}.pt")
