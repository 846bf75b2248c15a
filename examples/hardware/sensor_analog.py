"""A thermistor made linear by an analogue array: one edge of differential pairs whose charges are programmed.

The voltage of a divider with an NTC thermistor (B = 3950 K, 10 kΩ at 25 °C, 10 kΩ above it, 0 to 100 °C) goes in, the
temperature comes out. The spline of a network [1, 1] becomes ten differential pairs; ngspice runs the netlist. Needs ngspice
(make hardware-tools). Run: python examples/hardware/sensor_analog.py [FOLDER]
"""

import sys
import tempfile

import numpy as np

import splinework as sw

FOLDER = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp() + "/thermistor"

celsius = np.random.default_rng(0).uniform(0, 100, size=600)
ohms = 10_000 * np.exp(3950 * (1 / (celsius + 273.15) - 1 / 298.15))
volts = 3.3 * ohms / (ohms + 10_000)

model = sw.fit(
    sw.KAN([1, 1], grid=8, names=["volts"], output_names=["celsius"]), volts[:, None], celsius[:, None]
).model
straight = np.polynomial.Polynomial.fit(volts, celsius, 1)
print(f"a straight line is off by {np.std(celsius - straight(volts)):.2f} K rms")

made = sw.hardware.analog(
    model, FOLDER, x=volts[:, None], y=celsius[:, None], recipe=sw.hardware.AnalogRecipe(name="thermistor", draws=60)
)
for name in ("rmse_float", "rmse_fitted", "rmse_noisy"):
    if name in made.figures:
        print(f"{name.removeprefix('rmse_')}: {made.figures[name]:.3f} K")
print(f"passed: {made.passed}; {made.folder}/report.html has temperatures, years and yield")
