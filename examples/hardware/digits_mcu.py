"""Handwritten digits on a microcontroller: tables and additions in C99, bit for bit the same everywhere it was compiled.

1797 images of 8 x 8 pixels with 16 shades, of which a third is held back; a network of 64 inputs and ten sums, pixels of 3 bits.
Needs gcc or clang; with the tools for ARM and qemu the file also runs on emulated Cortex-M (make hardware-tools). Run:
python examples/hardware/digits_mcu.py [FOLDER]
"""

import sys
import tempfile

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import splinework as sw

FOLDER = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp() + "/digits"

images, digits = load_digits(return_X_y=True)
x, x_test, y, y_test = train_test_split(images, digits, test_size=1 / 3, stratify=digits, random_state=0)
model = sw.KAN([64, 10], grid=3, generator=torch.Generator().manual_seed(0))
model.input_scaling.shift.fill_(8.0)  # shades 0 to 16 fill the grids from -1 to 1
model.input_scaling.scale.fill_(8.0)
fit = sw.hardware.train_quantised(
    model,
    x,
    y,
    bits=3,
    task="classification",
    name="digits",
    schedule=sw.hardware.QuantisationSchedule(steps=400, stages=5, first=1e-5, smoothness=0.01),
)
made = sw.hardware.mcu(
    fit.best(max_luts=1500).model,
    FOLDER,
    x=x,
    y=y,
    test=(x_test, y_test),
    task="classification",
    recipe=sw.hardware.McuRecipe(name="digits"),
)
figures = made.figures
print(f"{figures['accuracy_quantised']:.3f} of the digits held back are right")
print(
    f"{figures['mismatches']} of {figures['vectors']} vectors differ; {made.folder}/report.html has instructions and memory"
)
