"""Paths that the same program takes through other instructions, as it would on other processors.

torch chooses its loops by `ATEN_CPU_CAPABILITY`, MKL its by `MKL_CBWR`, the OpenBLAS of numpy and scipy by
`OPENBLAS_CORETYPE`, and the kernels here by `SPLINEWORK_ISA`; threads change the order of sums. What a processor lacks is named
and left out.
"""

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Path:
    """A way through the libraries.

    Attributes:
        name: Name on the command line.
        what: What it stands for.
        variables: Variables of the environment.
        threads: Threads of every library.
        moved: Whether data are moved by a unit in the last place.
        needs: What the processor must have, as Linux calls it.
    """

    name: str
    what: str
    variables: Mapping[str, str] = field(default_factory=dict)
    threads: int = 1
    moved: bool = False
    needs: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process on this path: this one's, without what another path has set."""
        others = {variable for path in PATHS for variable in path.variables}
        inherited = {name: value for name, value in os.environ.items() if name not in others}
        return {**inherited, **dict.fromkeys(THREADS, str(self.threads)), **self.variables}


_AVX2, _AVX512 = ("avx2", "fma"), ("avx512f", "avx512dq", "avx512vl", "avx512bw")
PATHS = (
    Path("as-it-is", "what the libraries choose here, one thread"),
    Path("aten-default", "torch without vector instructions", {"ATEN_CPU_CAPABILITY": "default"}),
    Path("aten-avx2", "torch with AVX2", {"ATEN_CPU_CAPABILITY": "avx2"}, needs=_AVX2),
    Path("aten-avx512", "torch with AVX-512", {"ATEN_CPU_CAPABILITY": "avx512"}, needs=_AVX512),
    Path("mkl-compatible", "MKL's path for every processor", {"MKL_CBWR": "COMPATIBLE"}),
    Path("mkl-avx2", "MKL's AVX2 path", {"MKL_CBWR": "AVX2"}, needs=_AVX2),
    Path("openblas-haswell", "OpenBLAS for Haswell", {"OPENBLAS_CORETYPE": "Haswell"}, needs=_AVX2),
    Path("openblas-skylakex", "OpenBLAS for Skylake-X", {"OPENBLAS_CORETYPE": "SkylakeX"}, needs=_AVX512),
    Path("openblas-zen", "OpenBLAS for Zen", {"OPENBLAS_CORETYPE": "Zen"}, needs=_AVX2),
    Path("kernels-baseline", "the kernels without vector instructions", {"SPLINEWORK_ISA": "baseline"}),
    Path("kernels-avx2", "the kernels with AVX2", {"SPLINEWORK_ISA": "avx2"}, needs=_AVX2),
    Path("kernels-avx512", "the kernels with AVX-512", {"SPLINEWORK_ISA": "avx512"}, needs=_AVX512),
    Path("two-threads", "two threads", threads=2),
    Path("three-threads", "three threads", threads=3),
    Path("moved", "data moved by a unit in the last place", moved=True),
)
"""All of them, the plain one first."""
OLDEST = Path(
    "oldest",
    "every library as on the oldest processor, data moved by a unit in the last place",
    {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Prescott",
        "SPLINEWORK_ISA": "baseline",
    },
    moved=True,
)
"""All at once, for the choice of tests that `make test` runs so."""


def named(names: Iterable[str]) -> list[Path]:
    """Some of them by their names, or all.

    Raises:
        SystemExit: If there is none of a name; the message lists those that there are.
    """
    known = {path.name: path for path in PATHS}
    wanted = list(names) or list(known)
    if unknown := [name for name in wanted if name not in known]:
        sys.exit(f"There is no path {unknown[0]!r}. A path is one of: {', '.join(known)}.")
    return [known[name] for name in wanted]


def lacking(path: Path) -> str:
    """What a path needs and this processor lacks, empty where it can be taken."""
    if path.needs and platform.machine() not in ("x86_64", "AMD64"):
        return "an x86-64 processor"
    return ", ".join(each for each in path.needs if each not in _flags())


@cache
def _flags() -> frozenset[str]:
    """Extensions of this processor, as torch and Linux see them."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    by_torch = {"AVX2": _AVX2, "AVX512": (*_AVX2, *_AVX512)}.get(capability, ())
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as stream:
            listed = next((line.partition(":")[2].split() for line in stream if line.startswith("flags")), [])
    except OSError:  # not on Linux
        listed = []
    return frozenset([*by_torch, *listed])
