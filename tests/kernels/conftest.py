"""What a test of the kernels changes is put back after it: variant, algorithm, backend and threads."""

from collections.abc import Callable, Iterator

import pytest
import torch

from splinework import kernels
from splinework.kernels import native


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    """The process as it was before the test."""
    threads, backend = torch.get_num_threads(), kernels.active()
    variant = native.module().variant() if native.available() else None
    yield
    torch.set_num_threads(threads)
    kernels.use(backend)
    native.force("best")
    if variant is not None:
        native.module().use_variant(variant)


@pytest.fixture
def native_kernels() -> None:
    kernels.use("native")


@pytest.fixture
def force() -> Callable[..., None]:
    """Chooses an algorithm, an instruction set and a number of threads for the rest of the test."""

    def choose(*, algorithm: str | None = None, variant: str | None = None, threads: int | None = None) -> None:
        if algorithm is not None:
            native.force(algorithm)
        if variant is not None:
            assert native.module().use_variant(variant)
        if threads is not None:
            torch.set_num_threads(threads)

    return choose
