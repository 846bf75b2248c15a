"""Who looks on while a network is evaluated: questions to torch, and the only place for its private names.

The fast path gives plain tensors to C++ and hides the work from torch; it may do so only if no compiler, transform, mode, tracer
or hook wants to see it. Torch answers in public for compilers; for the rest it has no public question.
"""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

functional_transform: Final[Callable[[], bool]] = torch._C._are_functorch_transforms_active
"""Whether a transform of torch.func (`grad`, `vmap`, `jvp`, …) is at work. Asking a tensor would miss one that wraps another."""

_HOOKS_OF_ALL_MODULES: Final = (
    nn.modules.module._global_forward_hooks,
    nn.modules.module._global_forward_pre_hooks,
    nn.modules.module._global_backward_hooks,
    nn.modules.module._global_backward_pre_hooks,
)
"""The dictionaries that `torch.nn.modules.module.register_module_forward_hook` and its kin write to."""


def transformed() -> bool:
    """Whether torch.func is at work, or derivatives are carried forward."""
    # The public unpack_dual asks one tensor, but a parameter of any layer may carry a derivative.
    return functional_transform() or torch.autograd.forward_ad._current_level >= 0


def plain(x: Tensor) -> bool:
    """Whether nobody looks on: no compiler, no transform, no mode (FakeTensor, a counter of operations), no subclass."""
    return (
        not torch.compiler.is_compiling()
        and type(x) in (Tensor, nn.Parameter)
        and not transformed()
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._get_tracing_state() is None  # torch.jit.is_tracing is not in torch.jit.__all__ either
    )


def hooks_of_all_modules() -> bool:
    """Whether somebody registered a hook for every module of the process."""
    return any(_HOOKS_OF_ALL_MODULES)
