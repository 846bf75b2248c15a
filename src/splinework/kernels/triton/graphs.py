"""Small networks on a GPU as CUDA graphs: the launches of a call, recorded once and replayed as one.

A network of [2, 5, 1] with a thousand rows is microseconds of work and a dozen launches. A call that comes a second time with
the same shapes and the same parameter tensors is recorded; the graph reads the parameters where they lie, so that it follows
an optimiser's steps. Each recording keeps its tensors alive, so that no address in it can become another tensor's.

Compiled models get the same from torch: `torch.compile(model, mode="reduce-overhead")`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import torch
from torch import Tensor

MOST: Final = 16
"""Number of recordings that are kept; the one that was used longest ago goes."""
SMALL: Final = 2**21
"""Number of edges times rows up to which launches cost more than the work."""
_WARM_UPS: Final = 2

Run = Callable[..., Sequence[Tensor]]


def capture(run: Run, inputs: Sequence[Tensor]) -> Run:
    """Records a call on the current GPU and returns its replay for other inputs of the same shapes.

    Args:
        run: A function of tensors that returns tensors, without any synchronisation in it.
        inputs: Its arguments.
    """
    held = [t.detach().clone() for t in inputs]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # compiles programs and makes workspaces, neither of which can be recorded
        for _ in range(_WARM_UPS):
            run(*held)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = run(*held)

    def replay(*given: Tensor) -> list[Tensor]:
        for place, t in zip(held, given, strict=True):
            place.copy_(t)
        graph.replay()
        return [t.clone() for t in results]

    return replay


class Recordings:
    """The recorded calls of this process, by what they were called with."""

    def __init__(self, recorder: Callable[[Run, Sequence[Tensor]], Run]) -> None:
        self._recorder = recorder
        self._known: OrderedDict[Hashable, tuple[Run | None, Sequence[Any]]] = OrderedDict()

    def __call__(self, kind: Hashable, run: Run, inputs: Sequence[Tensor], read: Sequence[Tensor]) -> Sequence[Tensor]:
        """The results of `run(*inputs)`: computed the first time, recorded the second, replayed from then on.

        Args:
            kind: A name of the function and its constants.
            run: The call.
            inputs: Tensors whose values change from call to call.
            read: Tensors that `run` reads where they lie.
        """
        key = (kind, *(_layout(t) for t in inputs), *((t.data_ptr(), _layout(t)) for t in read))
        if key not in self._known:
            self._known[key] = (None, tuple(read))
            if len(self._known) > MOST:
                self._known.popitem(last=False)
            return run(*inputs)
        self._known.move_to_end(key)
        replay, held = self._known[key]
        if replay is None:
            replay = self._recorder(run, inputs)
            self._known[key] = (replay, held)
        return replay(*inputs)


def _layout(t: Tensor) -> Hashable:
    return t.shape, t.stride(), t.dtype, t.device, t.requires_grad


recordings = Recordings(capture)
