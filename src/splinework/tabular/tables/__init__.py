"""Tables in files: CSV and Parquet readers, conversion of cells to numbers, and names for formulas.

Not here: which columns are fitted, and how missing cells are treated (`splinework.cli.sample`).
"""

from splinework.tabular.tables.complete import complete_rows
from splinework.tabular.tables.names import identifiers
from splinework.tabular.tables.parsing import NumericCells, column_of, numbers, quote
from splinework.tabular.tables.read import read_table, table_chunks
from splinework.tabular.tables.table import FileTable, check_distinct

__all__ = [
    "FileTable",
    "NumericCells",
    "check_distinct",
    "column_of",
    "complete_rows",
    "identifiers",
    "numbers",
    "quote",
    "read_table",
    "table_chunks",
]
