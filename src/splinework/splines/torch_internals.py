"""Queries of torch's state, and the only place for its private names: is a compiler, transform, mode or hook active?

Fast paths pass plain tensors to C++ or NumPy and hide the work from torch; this is allowed only if no compiler, transform, mode,
tracer or hook has to see it. Torch has a public query for compilers and none for the others.
"""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn

functional_transform: Final[Callable[[], bool]] = torch._C._are_functorch_transforms_active
"""Whether a transform of torch.func (`grad`, `vmap`, `jvp`, …) is active. Asking a tensor would miss wrapped tensors."""

_HOOKS_OF_ALL_MODULES: Final = (
    nn.modules.module._global_forward_hooks,
    nn.modules.module._global_forward_pre_hooks,
    nn.modules.module._global_backward_hooks,
    nn.modules.module._global_backward_pre_hooks,
)
"""The dictionaries that `torch.nn.modules.module.register_module_forward_hook` and similar functions write to."""


def transformed() -> bool:
    """Whether a transform of torch.func or forward-mode differentiation is active."""
    # The public unpack_dual asks one tensor, but a parameter of any layer may carry a derivative.
    return functional_transform() or torch.autograd.forward_ad._current_level >= 0


def plain(x: Tensor) -> bool:
    """Whether torch has no observer: no compiler, transform, dispatch mode (FakeTensor, operation counters) or subclass."""
    return (
        not torch.compiler.is_compiling()
        and type(x) in (Tensor, nn.Parameter)
        and not transformed()
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._get_tracing_state() is None  # torch.jit.is_tracing is not in torch.jit.__all__ either
    )


def hooks_of_all_modules() -> bool:
    """Whether a hook for all modules of the process is registered."""
    return any(_HOOKS_OF_ALL_MODULES)
