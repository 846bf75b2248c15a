"""How many threads a job uses: one, while its arrays are small."""

from collections.abc import Iterator
from contextlib import contextmanager

MANY_ROWS = 20_000
"""From this many rows on, the libraries' own choice is better."""


@contextmanager
def suited_to(rows: int) -> Iterator[None]:
    """Limits torch and BLAS to one thread inside, where there are few rows; a second one then costs more than it gives."""
    if rows >= MANY_ROWS:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
