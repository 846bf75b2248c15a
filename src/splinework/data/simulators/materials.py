"""Constitutive laws: components of the first Piola-Kirchhoff stress P as formulas of the deformation gradient F (9 inputs).

Linear elasticity: P = λ tr(ε) I + 2 μ ε with ε = (F + Fᵀ)/2 - I. Neo-Hookean: P = μ (F - F⁻ᵀ) + λ ln(det F) F⁻ᵀ. E = 1, ν = 0.2,
F = I + U(-1, 1)·0.2, as in KAN 2.0 (Liu et al. 2024, arXiv 2408.10205; pykan, tutorial Physics 4A).
"""

from typing import Final

from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input

YOUNGS_MODULUS: Final = 1.0
POISSONS_RATIO: Final = 0.2
_LAMBDA: Final = YOUNGS_MODULUS * POISSONS_RATIO / ((1 + POISSONS_RATIO) * (1 - 2 * POISSONS_RATIO))
_MU: Final = YOUNGS_MODULUS / (2 * (1 + POISSONS_RATIO))
_HALF_WIDTH: Final = 0.2
_INPUTS: Final = tuple(
    Input(f"F{i}{j}", (i == j) - _HALF_WIDTH, (i == j) + _HALF_WIDTH, "1") for i in (1, 2, 3) for j in (1, 2, 3)
)
_DETERMINANT: Final = "(F11*(F22*F33 - F23*F32) - F12*(F21*F33 - F23*F31) + F13*(F21*F32 - F22*F31))"
# F⁻ᵀ is the cofactor matrix divided by the determinant
_COFACTORS: Final = {"11": "(F22*F33 - F23*F32)", "12": "(F23*F31 - F21*F33)"}
_ABOUT: Final = {"linear_elastic": "linear elasticity", "neo_hookean": "a neo-Hookean material"}


def material_names() -> tuple[str, ...]:
    """The names of all laws and components.

    >>> material_names()[2:]
    ('neo_hookean:P11', 'neo_hookean:P12')
    """
    return tuple(f"{law}:P{component}" for law in _ABOUT for component in _COFACTORS)


def material(name: str) -> FormulaSet:
    """A component of the stress of a law, by one of `material_names()`."""
    law, _, target = name.partition(":")
    i, j = target[1], target[2]
    if law == "linear_elastic":
        trace = f"{_LAMBDA!r}*(F11 + F22 + F33 - 3) + " if i == j else ""
        text = f"{trace}{_MU!r}*(F{i}{j} + F{j}{i}{' - 2' if i == j else ''})"
    else:
        inverse = f"{_COFACTORS[i + j]}/{_DETERMINANT}"
        text = f"{_MU!r}*(F{i}{j} - {inverse}) + {_LAMBDA!r}*log({_DETERMINANT})*{inverse}"
    return FormulaSet(
        text,
        _INPUTS,
        target=target,
        name=name,
        about=f"stress {target} of {_ABOUT[law]}, E = 1, ν = 0.2",
        source="constitutive law, closed form",
    )
