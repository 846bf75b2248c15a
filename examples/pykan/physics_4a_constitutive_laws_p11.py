"""P11 of a neo-Hookean solid from the deformation gradient and its determinant.

pykan's Physics_4A_constitutive_laws_P11: loss 2.9e-11, .42(F11² + F12² + F13²) + .28 log J − .41
"""

from splinework.reproduce import recipe

found = recipe("constitutive-laws").run({"stress": "P11", "rows": 1000, "seed": 0, "budget": 300})
print(f"{found['formula']}, off by {found['gap']:.0e} at most")
assert found["gap"] ** 2 <= 2.9e-11
