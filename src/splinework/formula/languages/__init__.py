"""Formulas in other languages: sympy, NumPy, torch, C, LaTeX, Julia and Excel, and a torch module."""

from splinework.formula.languages.pytorch import FormulaModule
from splinework.formula.languages.registry import LANGUAGES, Language, safe_names, write

__all__ = ["LANGUAGES", "FormulaModule", "Language", "safe_names", "write"]
