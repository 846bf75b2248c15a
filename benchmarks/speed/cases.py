"""Jobs to measure: shapes, batches, grids, and how a choice of them becomes a list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Final

from splinework.errors import ConfigError

DEGREE: Final = 3
MODES: Final = {"forward": "forward, no gradient", "backward": "forward + backward", "adam": "whole Adam step"}
DTYPES: Final = ("float32", "float64")


@dataclass(frozen=True)
class Config:
    """A shape and a batch, and what they stand for.

    Attributes:
        name: Name in tables; its first letter selects it.
        shape: Nodes per layer.
        batch: Rows B.
        grids: Intervals G, unless others are asked for.
        what: Description of what it stands for.
        modes: Modes that are worth timing.
        inner: Whether it stands for a layer inside a network: then its inputs get a gradient too.
    """

    name: str
    shape: tuple[int, ...]
    batch: int
    grids: tuple[int, ...]
    what: str
    modes: tuple[str, ...] = tuple(MODES)
    inner: bool = False

    @property
    def letter(self) -> str:
        """The letter that selects it."""
        return self.name[0]


CONFIGS: Final = (
    Config("A", (64, 64), 1024, (5, 20, 100, 1000), "a layer inside a network", inner=True),
    Config("B", (784, 64, 10), 256, (5, 20, 100), "a classifier of small pictures"),
    Config("C", (256, 256), 4096, (5, 20, 100), "a wide layer inside a network", inner=True),
    Config("D", (2, 5, 1), 1000, (5, 20, 100), "the network that finds a formula"),
    Config("E", (13, 32, 32, 1), 64, (5, 20, 100), "a small network on a table"),
    Config("E1", (13, 32, 32, 1), 1, (5, 20, 100), "one row at a time", ("forward",)),
    *(
        Config(f"W{width}", (width, width), 1024, (5,), "width", ("backward",), inner=True)
        for width in (8, 16, 32, 64, 128, 256)
    ),
)


@dataclass(frozen=True)
class Job:
    """One thing to time, for every contender alike."""

    config: str
    shape: tuple[int, ...]
    batch: int
    grid: int
    mode: str
    dtype: str
    threads: int
    inner: bool

    @property
    def title(self) -> str:
        """The job in a few words."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.config} {list(self.shape)} B={self.batch} G={self.grid}, {MODES[self.mode]}, {self.dtype}, {threads}"

    def multiply_adds(self) -> int:
        """The fewest fused multiply-adds that splines of degree k need: k + 2 per evaluation and pass.

        Forward is one pass; backward adds one for the coefficients and, where inputs need a gradient, one for them.
        """
        layers = [self.batch * a * b for a, b in pairwise(self.shape)]
        passes = sum(layers)
        if self.mode != "forward":
            passes += sum(layers) + sum(layers[0 if self.inner else 1 :])
        return passes * (DEGREE + 2)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values that `Job.from_dict` takes back."""
        return {**asdict(self), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """The job that `to_dict` wrote."""
        fields = {key: values[key] for key in cls.__dataclass_fields__}
        return cls(**{**fields, "shape": tuple(values["shape"])})


def select(
    configs: Sequence[str],
    *,
    grids: Sequence[int] | None = None,
    modes: Sequence[str] = tuple(MODES),
    dtypes: Sequence[str] = ("float32",),
    threads: Sequence[int] = (1,),
) -> list[Job]:
    """Every job of a choice, those with the same number of threads together.

    Args:
        configs: Letters (all that begin so) or names, such as `["A", "W64"]`.
        grids: Intervals; None means those that each configuration names.
        modes: Keys of `MODES`; a configuration leaves out what makes no sense for it.
        dtypes: `float32`, `float64`.
        threads: Numbers of threads.

    Raises:
        ConfigError: If something is unknown, or nothing is left.

    >>> [job.title for job in select(["E1"], grids=[5])]
    ['E1 [13, 32, 32, 1] B=1 G=5, forward, no gradient, float32, 1 thread']
    """
    known = [config.name for config in CONFIGS]
    chosen: list[Config] = []
    for text in configs:
        found = [c for c in CONFIGS if c.name == text] if text[1:] else [c for c in CONFIGS if c.letter == text]
        if not found:
            raise ConfigError(f"--network knows {', '.join(known)}; got {text!r}.")
        chosen += [c for c in found if c not in chosen]
    _refuse_unknown("--mode", modes, MODES)
    _refuse_unknown("--dtype", dtypes, DTYPES)
    for option, numbers in (("--grid", grids or ()), ("--threads", threads)):
        if any(number < 1 for number in numbers):
            raise ConfigError(f"{option} takes numbers from 1 on; got {min(numbers)}.")
    jobs = [
        Job(c.name, c.shape, c.batch, grid, mode, dtype, count, c.inner)
        for count in threads
        for dtype in dtypes
        for c in chosen
        for grid in (grids or c.grids)
        for mode in modes
        if mode in c.modes
    ]
    if not jobs:
        raise ConfigError(
            f"nothing to measure: {', '.join(c.name for c in chosen) or 'no --network'} is not timed in the modes "
            f"{', '.join(modes)}."
        )
    return jobs


def _refuse_unknown(option: str, given: Sequence[str], known: Sequence[str] | dict[str, str]) -> None:
    for name in given:
        if name not in known:
            raise ConfigError(f"{option} knows {', '.join(known)}; got {name!r}.")
