"""The update of parameters from their gradients: in one native call for torch's Adam and AdamW, else torch's own step.

Adam takes `m ← m + (1 - β₁)(g - m)`, `v ← β₂ v + (1 - β₂) g²` and `θ ← θ - η m / (1 - β₁ᵗ) / (√(v / (1 - β₂ᵗ)) + ε)` (Kingma & Ba
2015); AdamW first multiplies θ by `1 - η λ` (Loshchilov & Hutter 2019).
The state stays where torch keeps it, so that `state_dict`, schedulers and a change to torch's own step work as ever.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.optim import Adam, AdamW, Optimizer
from torch.optim import optimizer as torch_optimizer

from splinework.kernels import native
from splinework.splines.torch_internals import plain

_KINDS = (torch.float32, torch.float64)
_NAMES = ("exp_avg", "exp_avg_sq", "step")
_UNUSUAL = ("amsgrad", "maximize", "capturable", "differentiable")


def update(optimiser: Optimizer, gradient: Callable[[], float] | None = None) -> float | None:
    """One step of an optimiser: the same as `optimiser.step(gradient)`, up to rounding.

    Args:
        optimiser: Any optimiser of torch. Adam and AdamW take one native call for all parameters, if these are plain tensors
            on the CPU and nothing is hooked to the step.
        gradient: Sets every parameter's `.grad` and returns the objective; None if the gradients are there.

    Returns:
        What `gradient` returned; None without it.

    >>> p = torch.nn.Parameter(torch.ones(3))
    >>> p.grad = torch.tensor([1.0, -1.0, 2.0])
    >>> update(torch.optim.Adam([p], lr=0.5))
    >>> p.detach()
    tensor([0.5000, 1.5000, 0.5000])
    """
    if not _usual(optimiser):
        found = optimiser.step() if gradient is None else optimiser.step(gradient)
        return None if found is None else float(found)
    value = None
    if gradient is not None:
        with torch.enable_grad():
            value = float(gradient())
    known = _known.get(optimiser)
    if known is None or not known.current(optimiser):
        _known[optimiser] = known = _Places(optimiser)
    if known.possible:
        known.step()
    else:
        optimiser.step()
    return value


def _usual(optimiser: Optimizer) -> bool:
    """Whether a step is Adam's or AdamW's as published, and nobody waits for it."""
    kind = type(optimiser)
    if (kind is not Adam and kind is not AdamW) or not native.available():
        return False
    hooks: Any = (optimiser._optimizer_step_pre_hooks, optimiser._optimizer_step_post_hooks)
    if any(hooks) or torch_optimizer._global_optimizer_pre_hooks or torch_optimizer._global_optimizer_post_hooks:
        return False
    return all(
        not any(group[name] for name in _UNUSUAL)
        and isinstance(group["lr"], float)
        and isinstance(group["betas"][0], float)
        for group in optimiser.param_groups
    )


class _Places:
    """The addresses of an optimiser's parameters, gradients, running means and counts of steps.

    No gradient is held: its memory is used again only while nobody else holds it.
    """

    def __init__(self, optimiser: Optimizer) -> None:
        self._groups, self._owner = optimiser.param_groups, optimiser.state
        every = [[p for p in group["params"] if p.grad is not None] for group in self._groups]
        self._moved = [p for own in every for p in own]
        self._resting = [p for group in self._groups for p in group["params"] if p.grad is None]
        self._states: list[tuple[dict[str, Tensor], list[Tensor]]] = []
        self.possible = (
            bool(self._moved) and len({p.dtype for p in self._moved}) == 1 and all(map(_numbers, self._moved))
        )
        if self.possible:
            self._states = [_state(self._owner, p) for p in self._moved]
            self.possible = all(map(_usable, self._moved, [held for _, held in self._states]))
        self._places = self._now()
        self._tuples: list[list[tuple[int, ...]]] = []
        if self.possible:
            numbered = iter(zip(self._moved, [held for _, held in self._states], strict=True))
            self._tuples = [[_tuple(*next(numbered)) for _ in own] for own in every]
        self._decoupled = [group.get("decoupled_weight_decay", type(optimiser) is AdamW) for group in self._groups]

    def _now(self) -> list[int]:
        """The addresses of everything, 0 for a gradient that is not there."""
        moved = [t.data_ptr() if t is not None else 0 for p in self._moved for t in (p, p.grad)]
        return (
            [len(group["params"]) for group in self._groups]
            + moved
            + [t.data_ptr() for _, held in self._states for t in held]
        )

    def current(self, optimiser: Optimizer) -> bool:
        """Whether nothing has moved, come or gone."""
        return (
            optimiser.param_groups is self._groups
            and optimiser.state is self._owner
            and all(state.get(name) is t for state, held in self._states for name, t in zip(_NAMES, held, strict=True))
            and all(p.grad is None for p in self._resting)
            and self._now() == self._places
        )

    def step(self) -> None:
        """The update itself."""
        wide = self._moved[0].dtype == torch.float64
        for group, tensors, decoupled in zip(self._groups, self._tuples, self._decoupled, strict=True):
            beta1, beta2 = group["betas"]
            native.module().adam(
                wide, tensors, group["lr"], beta1, beta2, group["eps"], float(group["weight_decay"]), decoupled
            )
        torch.autograd.graph.increment_version(self._moved)


def _in_a_row(t: Tensor, kind: torch.dtype) -> bool:
    return t.dtype == kind and t.device.type == "cpu" and t.layout == torch.strided and t.is_contiguous()


def _numbers(p: Tensor) -> bool:
    """Whether a parameter and its gradient are plain numbers in a row."""
    g = p.grad
    return g is not None and p.dtype in _KINDS and all(plain(t) and _in_a_row(t, p.dtype) for t in (p, g))


def _state(states: dict[Tensor, dict[str, Tensor]], p: Tensor) -> tuple[dict[str, Tensor], list[Tensor]]:
    """A parameter's state, begun as torch begins it, and its tensors."""
    state = states[p]
    if not state:
        state["step"] = torch.zeros((), dtype=torch.float32)
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
    return state, [state[name] for name in _NAMES]


def _usable(p: Tensor, held: list[Tensor]) -> bool:
    """Whether the native step can read and write a state."""
    mean, square, steps = held
    return all(_in_a_row(t, p.dtype) for t in (mean, square)) and _in_a_row(steps, torch.float32)


def _tuple(p: Tensor, held: list[Tensor]) -> tuple[int, ...]:
    """The tuple that `run_adam` in csrc/binding.cpp reads."""
    assert p.grad is not None
    return (p.data_ptr(), p.grad.data_ptr(), *[t.data_ptr() for t in held], p.numel())


_known: WeakKeyDictionary[Optimizer, _Places] = WeakKeyDictionary()
