"""Sources of rows that do not fit into memory: one kind of source, one file.

Each name is loaded when it is first used: most fits have no source.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.train.sources.base import Chunk, Source
    from splinework.train.sources.loaders import BatchSource, batches
    from splinework.train.sources.mapped import ArraySource, memmap
    from splinework.train.sources.parquet_files import ParquetSource, parquet
    from splinework.train.sources.relations import RelationSource, relation

__all__ = [
    "ArraySource", "BatchSource", "Chunk", "ParquetSource", "RelationSource", "Source", "batches", "memmap",
    "parquet", "relation",
]  # fmt: skip

__getattr__ = lazy(__name__)
