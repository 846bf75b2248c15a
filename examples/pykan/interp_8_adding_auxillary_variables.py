"""m0/√(1 − v²/c²) with β and γ as further columns, with β alone, and with neither.

pykan's Interp_8_adding_auxillary_variables: test RMSE 2e-5 with β and γ, then the exact formula
"""

from splinework.reproduce import recipe
from splinework.reproduce.experiments.auxiliary_variables import GIVEN

masses = recipe("auxiliary-variables")
errors = {given: masses.run({"method": "ours", "given": given, "seed": 0})["error"] for given in GIVEN}
print(*(f"given {given}: RMSE {error:.0e}" for given, error in errors.items()), sep="\n")
found = masses.run({"method": "formula", "budget": 300, "seed": 0})
print(f"given nothing {found['formula']}, RMSE {found['error']:.0e}")
assert errors["β and γ"] <= 2e-5
assert found["right"]
