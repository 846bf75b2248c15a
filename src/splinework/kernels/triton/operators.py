"""The Triton programs as torch operators and as autograd functions, with the rules that the native kernels have too."""

from splinework.kernels import functions, ops
from splinework.kernels.triton import launch

# On the CPU Triton runs in its interpreter only; elsewhere the operators are called with tensors on a GPU.
operators = ops.define_primitives("triton_", ("CUDA", "CPU"), launch)
functional = functions.autograd_functions(launch)
