"""Formulas in other languages: text of sympy, numpy, torch, C, LaTeX, Julia and Excel, and a torch module."""

from splinework.symbolic.languages.pytorch import FormulaModule
from splinework.symbolic.languages.registry import LANGUAGES, Language, safe_names, write

__all__ = ["LANGUAGES", "FormulaModule", "Language", "safe_names", "write"]
