"""Tables in files: CSV and Parquet read as they are, cells turned into numbers on demand, names that formulas can use.

Not here: which columns are fitted, and what happens to missing cells (`splinework.cli.sample`).
"""

from splinework.tabular.tables.names import identifiers
from splinework.tabular.tables.numbers import NumericCells, numbers, quote
from splinework.tabular.tables.read import read_table
from splinework.tabular.tables.table import FileTable, check_distinct

__all__ = ["FileTable", "NumericCells", "check_distinct", "identifiers", "numbers", "quote", "read_table"]
