"""One fit on several processes, started by `torchrun` or `torch.distributed`: one leads, all work out sums over their rows.

Every process calls `fit` with the same arguments. Process 0 goes through the fit as it would alone; whenever it needs a sum
over all rows (a loss, a gradient, `JᵀJ`), it tells the others, each of which works out its blocks of rows, and subtrees of
the sum pass up a tree of processes (`splinework.train.row_blocks`). Starts on a sample are divided, too. So decisions are
taken in one place, clocks do not matter, and the result is that of one process, to the bit where processors are alike. At the
end all have it.
"""

import atexit
import contextlib
import copy
import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NoReturn, final

import torch
import torch.distributed as dist
from torch import Tensor

from splinework import errors
from splinework.errors import ConfigError, SplineworkError
from splinework.nn.network import KAN
from splinework.train.data_objective import DataObjective
from splinework.train.data_split import DataSplit
from splinework.train.jacobian import ParameterVector
from splinework.train.row_blocks import SHARED_BY, TASKS, Blocked, Result, Subtree, block_range, grow, partial
from splinework.train.stream_objective import StreamObjective

PATIENCE = timedelta(hours=2)
"""How long a process waits for another one that neither answers nor ends."""

_GROUP: list[Any] = []
"""The group over which commands and sums pass, once it was made."""


def _group() -> Any:
    """All processes, connected by gloo, whatever else they are connected by."""
    if not _GROUP:
        if not dist.is_initialized():
            try:
                dist.init_process_group("gloo", timeout=PATIENCE)
            except (ValueError, RuntimeError) as error:  # of the variables, or of the connection
                raise ConfigError(
                    f"the processes of this fit cannot be connected ({error}). The variables RANK, WORLD_SIZE, MASTER_ADDR and "
                    "MASTER_PORT come from torchrun: start the program by it, or remove them and fit in one process."
                ) from error
        _GROUP.append(dist.new_group(backend="gloo", timeout=PATIENCE))
        atexit.register(leave)  # the threads of an open connection would end the interpreter by an abort
    return _GROUP[0]


def compare(facts: Mapping[str, str]) -> None:
    """Makes sure that all processes are about to do the same.

    Args:
        facts: Texts that must be alike, by name; the first difference is reported.

    Raises:
        ConfigError: In every process, if one differs from process 0.
        SplineworkError: If a process has ended.
    """
    group = _group()
    everybody: list[Any] = [None] * dist.get_world_size(group)
    with _lost("before the first step"):
        dist.all_gather_object(everybody, dict(facts), group=group)
    for name in facts:
        for number, other in enumerate(everybody):
            if other.get(name) != everybody[0].get(name):
                raise ConfigError(
                    f"all processes of one fit must be given the same, and {name} is {other.get(name)} in process {number} and "
                    f"{everybody[0].get(name)} in process 0; hand all of them the same, or pass distributed=False to let "
                    "each process have a fit of its own."
                )


@contextlib.contextmanager
def _lost(when: str) -> Iterator[None]:
    """Turns the loss of a process into a sentence."""
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        if isinstance(error, SplineworkError):
            raise
        leave()
        raise SplineworkError(
            f"another process of this fit has ended, or cannot be reached, {when} ({str(error)[:100]}). A checkpoint, if "
            "one was asked for, has what was done so far: start the processes again, as many as you like, and the fit goes on."
        ) from error


def leave() -> None:
    """Closes the connections, so that those who wait for this process see it."""
    _GROUP.clear()
    with contextlib.suppress(Exception):
        dist.destroy_process_group()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until a command has been carried out: half a message would end the fit of all."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fail(kind: str, text: str) -> NoReturn:
    """Raises what process 0 raised, where that is an error of ours; else one that says what it was."""
    own = getattr(errors, kind, None)
    if isinstance(own, type) and issubclass(own, SplineworkError):
        raise own(text)
    raise SplineworkError(f"process 0 of this fit ended with {kind}: {text}")


def _moved(argument: Any, device: torch.device) -> Any:
    """An argument of a task on another device."""
    if isinstance(argument, Tensor):
        return argument.to(device)
    if isinstance(argument, ParameterVector):
        return replace(argument, edges=tuple((i.to(device), j.to(device)) for i, j in argument.edges))
    return argument


@final
@dataclass
class Team:
    """The processes of one fit, seen from one of them.

    Attributes:
        split: The rows, which every process has once they are prepared.
        stream: The objective of rows that stream, or None.
        dismissed: Whether process 0 has reported that it failed.
        messages: Number of commands and sums that this process has sent and received so far.
        traffic: The bytes of that.
    """

    split: DataSplit | None = None
    stream: StreamObjective | None = None
    dismissed: bool = False
    messages: int = 0
    traffic: int = 0
    sent: tuple[Any, ...] | None = None
    model: KAN | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.group = _group()
        self.rank, self.size = dist.get_rank(self.group), dist.get_world_size(self.group)

    # ------------------------------------------------------------------------------------------------ process 0

    def lead(self, work: Callable[[], Result]) -> Result:
        """Does the work; the others serve until it has ended, and get a message if it failed."""
        token = SHARED_BY.set(self)
        try:
            result = work()
        except BaseException as error:
            if _GROUP:
                with contextlib.suppress(Exception):
                    self._command({"failed": (type(error).__name__, str(error) or type(error).__name__)})
            raise
        finally:
            SHARED_BY.reset(token)
        return result

    def hand_out(self, result: Any) -> None:
        """Gives the others what they wait for in `serve`."""
        with _uninterrupted(), _lost("while a result was handed out"):
            self._command({"result": result})

    def total(self, objective: Blocked, task: str, arguments: tuple[Any, ...]) -> list[Subtree] | None:
        """The subtrees of all blocks, worked out by all; None for rows that only this process has."""
        name = self._name(objective)
        if name is None or objective.n_blocks == 1:
            return None
        with _uninterrupted(), _lost("while a sum over the rows was worked out"):
            plain = tuple(_moved(each, torch.device("cpu")) for each in arguments)
            self._command({"rows": name, "task": task, "arguments": plain, "model": self._state(objective.model)})
            return self._work(objective, task, arguments)

    def share_out(self, function: Callable[..., Result], tasks: Sequence[tuple[Any, ...]]) -> list[Result]:
        """`function(*task)` for every task, in order, each worked out by one of the processes."""
        with _uninterrupted(), _lost("while independent tasks were worked out"):
            self._command({"function": function, "tasks": tasks})
            return self._own_share(function, tasks)

    def _name(self, objective: Any) -> str | None:
        """The name by which the others know these rows; None if they do not have them."""
        if isinstance(objective, StreamObjective):
            return "stream" if self.stream is not None and objective.stream is self.stream.stream else None
        u = getattr(objective, "u", None)
        if self.split is None or u is None:
            return None
        for name in ("used", "held_out", "together"):
            part = getattr(self.split, name)
            if part is not None and part.u is u:
                return name
        return None

    def _state(self, model: KAN) -> Any:
        """The model: its tensors, or all of it where something else has changed."""
        tensors = [value.detach().cpu() for value in model.state_dict().values()]
        frozen = [p.requires_grad for p in model.parameters()]
        structure = (model.config, [layer.basis for layer in model.kan_layers], [t.shape for t in tensors], frozen)
        if structure == self.sent:
            return tensors
        self.sent = structure
        return copy.deepcopy(model).cpu()

    # ------------------------------------------------------------------------------------------- the other processes

    def serve(self) -> Any:
        """Works out sums until process 0 has the result, and returns that.

        Raises:
            SplineworkError: If process 0 failed, or has ended.
        """
        with _uninterrupted(), _lost("while this one waited for its next task"):
            while True:
                command = self._receive_command()
                if "result" in command:
                    return command["result"]
                if "failed" in command:
                    self.dismissed = True
                    _fail(*command["failed"])
                if "tasks" in command:
                    self._own_share(**command)
                    continue
                objective = self._objective(command["rows"], command["model"])
                self._work(
                    objective, command["task"], tuple(_moved(each, self._device) for each in command["arguments"])
                )

    @property
    def _device(self) -> torch.device:
        return torch.device("cpu") if self.split is None else self.split.used.u.device

    def _objective(self, rows: str, state: Any) -> Any:
        if isinstance(state, KAN):
            self.model = state.to(self._device)
        else:
            assert self.model is not None
            with torch.no_grad():
                for own, value in zip(self.model.state_dict().values(), state, strict=True):
                    own.copy_(value)
            for layer in self.model.kan_layers:
                layer.refresh()
        if rows == "stream":
            assert self.stream is not None
            return self.stream.on(self.model)
        assert self.split is not None
        part = getattr(self.split, rows)
        return DataObjective(self.model, u=part.u, t=part.t, criterion=self.split.criterion, weights=part.weights)

    # ------------------------------------------------------------------------------------------------------- messages

    def _work(self, objective: Any, task: str, arguments: tuple[Any, ...]) -> list[Subtree]:
        """This process's blocks, joined with those of the processes below it in the tree; sent on, but for process 0."""
        nodes: list[Subtree] | None = None
        failure = ""
        try:
            nodes = partial(objective, *block_range(objective.n_blocks, self.rank, self.size), task, arguments)
        except Exception as error:  # noqa: BLE001  # process 0 raises it, whatever it is
            failure = f"process {self.rank} failed with {type(error).__name__}: {error}"
            if self.rank == 0:
                nodes = []
        step = 1
        while step < self.size:
            if self.rank % (2 * step):
                self._send(self.rank - step, nodes or [], failure)
                return []
            if self.rank + step < self.size:
                more, wrong = self._receive(self.rank + step)
                failure = failure or wrong
                for node in more if not failure else []:
                    assert nodes is not None
                    grow(nodes, node, TASKS[task].merge)
            step *= 2
        if failure:
            raise SplineworkError(failure)
        return nodes or []

    def _own_share(self, function: Callable[..., Result], tasks: Sequence[tuple[Any, ...]]) -> list[Result]:
        """This process's tasks, gathered by process 0, which returns the results of all."""
        done, failure = [], ""
        try:
            done = [function(*task) for task in tasks[self.rank :: self.size]]
        except Exception as error:  # noqa: BLE001  # process 0 raises it, whatever it is
            failure = f"process {self.rank} failed with {type(error).__name__}: {error}"
        everybody: list[Any] = [None] * self.size
        dist.gather_object((done, failure), None if self.rank else everybody, group=self.group)
        if failure := next((failed for _, failed in filter(None, everybody) if failed), ""):
            raise SplineworkError(failure)
        mine = range(0 if self.rank else len(tasks))
        return [everybody[number % self.size][0][number // self.size] for number in mine]

    def _command(self, what: Any) -> None:
        data = torch.frombuffer(bytearray(pickle.dumps(what)), dtype=torch.uint8)
        dist.broadcast(torch.tensor([len(data)]), 0, group=self.group)
        dist.broadcast(data, 0, group=self.group)
        self._count(data)

    def _receive_command(self) -> Any:
        count = torch.zeros(1, dtype=torch.long)
        dist.broadcast(count, 0, group=self.group)
        data = torch.empty(int(count), dtype=torch.uint8)
        dist.broadcast(data, 0, group=self.group)
        return pickle.loads(data.numpy().tobytes())  # noqa: S301  # from a process of this fit

    def _send(self, to: int, nodes: list[Subtree], failure: str) -> None:
        tensors = [[t.detach().cpu().contiguous() for t in node.tensors] for node in nodes]
        shapes = [(n.start, n.level, [(t.shape, t.dtype) for t in ts]) for n, ts in zip(nodes, tensors, strict=True)]
        head = torch.frombuffer(bytearray(pickle.dumps((failure, shapes))), dtype=torch.uint8)
        dist.send(torch.tensor([len(head)]), to, group=self.group)
        dist.send(head, to, group=self.group)
        sent = [t for ts in tensors for t in ts if t.numel()]
        for tensor in sent:
            dist.send(tensor, to, group=self.group)
        self._count(head, *sent)

    def _receive(self, of: int) -> tuple[list[Subtree], str]:
        count = torch.zeros(1, dtype=torch.long)
        dist.recv(count, of, group=self.group)
        head = torch.empty(int(count), dtype=torch.uint8)
        dist.recv(head, of, group=self.group)
        failure, shapes = pickle.loads(head.numpy().tobytes())  # noqa: S301  # from a process of this fit
        self._count(head)
        nodes = []
        for start, level, kinds in shapes:
            tensors: list[Tensor] = []
            for shape, dtype in kinds:
                tensor = torch.empty(shape, dtype=dtype)
                if tensor.numel():
                    dist.recv(tensor, of, group=self.group)
                    self.traffic += tensor.numel() * tensor.element_size()
                tensors.append(tensor.to(self._device))
            nodes.append(Subtree(start, level, tuple(tensors)))
        return nodes, failure

    def _count(self, *parts: Tensor) -> None:
        self.messages += 1
        self.traffic += sum(part.numel() * part.element_size() for part in parts)
