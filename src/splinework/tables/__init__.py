"""Tables in files: CSV and Parquet read as they are, cells turned into numbers on demand, names that formulas can use.

Not here: which columns are fitted, and what happens to missing cells (`splinework.cli.sample`).
"""

from splinework.tables.names import identifiers, nearest
from splinework.tables.numbers import Numbers, numbers, quote
from splinework.tables.read import read_table
from splinework.tables.table import Table, check_distinct

__all__ = ["Numbers", "Table", "check_distinct", "identifiers", "nearest", "numbers", "quote", "read_table"]
