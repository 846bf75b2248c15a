"""The library of subcircuits at the top of every netlist: transistors, pairs, bumps, sums, multipliers, over temperature.

The text is for ngspice 36 and later and one technology. The equations are those of `ekv`; ngspice solves Kirchhoff's equations in
place of `circuits`. The circuits of a network are in `netlist`.
"""

import re
from importlib.resources import files
from typing import Final

from splinework.hardware.analog.circuits import CUTOFF_SHARE, FLOOR_SHARE, LEAKAGE_CURRENT
from splinework.hardware.analog.ekv import BOLTZMANN_OVER_CHARGE, NOMINAL, RAIL_SOFTNESS, AnalogTechnology

_FUNCTIONS = f"""\
* functions: kelvin, U_T, growth of I_s, thresholds; F = ln^2(1+e^(x/2)) and its inverse; 1 + lambda |V_DS|; a driver's rails
.func tk(z) {{temper+273.15}}
.func ut(z) {{{BOLTZMANN_OVER_CHARGE!r}*(temper+273.15)}}
.func grow(z) {{pow((temper+273.15)/{NOMINAL!r},pgrow)}}
.func vtn(z) {{pvtn+pslope*(temper+273.15-{NOMINAL!r})}}
.func vtp(z) {{pvtp+pslope*(temper+273.15-{NOMINAL!r})}}
.func gi(i) {{2*ln(exp(sqrt(i))-1)}}
.func chl(v) {{1+plambda*(v)*tanh((v)/(2*ut(0)))}}
.func soft(x) {{max(x,0)+ln(1+exp(-abs(x)))}}
.func fi(x) {{pow(soft(0.5*(x)),2)}}
.func rail(v) {{{RAIL_SOFTNESS!r}*(soft((v)/{RAIL_SOFTNESS!r})-soft(((v)-pvdd)/{RAIL_SOFTNESS!r}))}}
"""

_TAIL_LAWS = {
    "reference": "gi({ib}/(pisn*pwtail*grow(0)))",
    "charge": (
        f"gi(piref/(pisn*pwtail*grow(0)))+({NOMINAL!r}/tk(0))*(gi({{ib}}/(pisn*pwtail))-gi(piref/(pisn*pwtail)))"
    ),
}

_CENTRES = {"fixed": "{vm}", "ptat": "{vm}", "ptat-centres": f"({{mid}}+({{vm}}-{{mid}})*tk(0)/{NOMINAL!r})"}

_SUBCIRCUITS: Final = files("splinework.hardware.analog").joinpath("subcircuits.sp").read_text("utf-8")


def library(technology: AnalogTechnology, supply_shift: float = 0.0) -> str:
    """The parameters, functions and subcircuits of a technology as netlist text, with V_DD shifted by `supply_shift` in V."""
    t = technology
    values = {
        "pkappa": t.kappa,
        "pvtn": t.threshold,
        "pvtp": t.threshold_p,
        "pslope": t.threshold_slope,
        "pisn": t.specific_current,
        "pisp": t.specific_current_p,
        "pgrow": 2 - t.mobility_exponent,
        "plambda": t.conductance,
        "pwpair": t.pair_ratio,
        "pwtail": t.tail_ratio,
        "pwmirror": t.mirror_ratio,
        "pwmult": t.multiplier_ratio,
        "psbump": t.bump_ratio,
        "pvdd": t.supply + supply_shift,
        "pvdrain": t.drain + supply_shift,
        "pvout": t.output,
        "pvcm": t.common_mode,
        "pvbal": t.balance,
        "piref": t.node_current / 4,
        "pzero": t.product_current,
        "pcut": CUTOFF_SHARE * t.product_current,
        "pfloor": FLOOR_SHARE * t.product_current,
        "pleak": LEAKAGE_CURRENT,
    }
    parameters = "\n".join(f".param {name}={float(value)!r}" for name, value in values.items())
    circuits = _SUBCIRCUITS.replace("@X@", _TAIL_LAWS[t.tail_law]).replace("@VM@", _CENTRES[t.span_law])
    name = re.sub(r"[^A-Za-z0-9._-]", "_", t.name)
    return f"* technology {name}: V, A, 1/V; W/L\n{parameters}\n\n{_FUNCTIONS}{circuits}"
