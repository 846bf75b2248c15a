"""Where rows come from that do not fit into memory: one kind of source, one file."""

from splinework.train.sources.base import Chunk, Source
from splinework.train.sources.loaders import BatchSource, batches
from splinework.train.sources.mapped import ArraySource, memmap
from splinework.train.sources.parquet_files import ParquetSource, parquet

__all__ = ["ArraySource", "BatchSource", "Chunk", "ParquetSource", "Source", "batches", "memmap", "parquet"]
