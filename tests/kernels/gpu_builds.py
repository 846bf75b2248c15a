"""Compiles the Triton programs to machine code for a GPU that need not be there: `python -m tests.kernels.gpu_builds`.

The programs get the arguments of real calls; only the launch is left out. Prints the size of each program's code.
"""

import json
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget

from splinework.kernels.triton import launch
from tests.kernels.cases import problem, spline_of

TARGET = GPUTarget("cuda", 90, 32)
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "plain": ({"dtype": torch.float32}, 0),
    "fine": ({"dtype": torch.bfloat16, "grid": 60, "extrapolation": "constant"}, 1),
    "double": ({"dtype": torch.float64, "degree": 2, "extrapolation": "zero", "base": "tanh"}, 1),
}


class Elsewhere:
    """A driver of a machine with one GPU, on which nothing is run."""

    def get_current_target(self) -> GPUTarget:
        return TARGET

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def main() -> None:
    triton.runtime.driver.set_active(Elsewhere())
    sizes: dict[str, int] = {}

    for case, (options, order) in CASES.items():

        def build(device: Any, program: Any, grid: Any, *operands: Any, _case: str = case, **options: Any) -> None:
            sizes[f"{_case} {program.__name__}"] = len(program.warmup(*operands, grid=grid, **options).asm["cubin"])

        launch._launch = build
        p = problem(**options)
        spline, c = spline_of(p.table), p.edges.table_coefficients()
        launch.contract(p.x, p.x, c, spline, order)
        launch.probe(p.x, c, p.g, spline, order + 1)
        launch.scatter(p.x, None, p.g, spline, order)
    print(json.dumps(sizes))


if __name__ == "__main__":
    main()
