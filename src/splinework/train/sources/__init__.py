"""Where rows come from that do not fit into memory: one kind of source, one file.

Each name is loaded when it is first used: most fits have no source.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what a type checker and an editor see: the same as _HOMES
    from splinework.train.sources.base import Chunk, Source
    from splinework.train.sources.loaders import BatchSource, batches
    from splinework.train.sources.mapped import ArraySource, memmap
    from splinework.train.sources.parquet_files import ParquetSource, parquet

# Name → the module here that has it.
_HOMES = {
    **dict.fromkeys(("ArraySource", "memmap"), "mapped"),
    **dict.fromkeys(("BatchSource", "batches"), "loaders"),
    **dict.fromkeys(("Chunk", "Source"), "base"),
    **dict.fromkeys(("ParquetSource", "parquet"), "parquet_files"),
}

__all__ = ["ArraySource", "BatchSource", "Chunk", "ParquetSource", "Source", "batches", "memmap", "parquet"]

__getattr__ = lazy(__name__)
