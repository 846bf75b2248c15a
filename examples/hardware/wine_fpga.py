"""Which of three growers a wine is from, on an FPGA: from 178 analyses to proven Verilog, placed and routed for a Lattice ECP5.

A classifier of ours is the teacher of a network of 13 inputs and 3 sums, with codes of 4 bits; a third of the wines is held
back. Needs yosys, nextpnr-ecp5 and a simulator (make hardware-tools). Run: python examples/hardware/wine_fpga.py [FOLDER]
"""

import sys
import tempfile

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

import splinework as sw
from splinework.hardware.fpga.plan import FpgaOptions

FOLDER = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp() + "/wine-fpga"

wines = load_wine()
x, x_test, y, y_test = train_test_split(wines.data, wines.target, test_size=0.33, stratify=wines.target, random_state=0)
teacher = sw.KANClassifier(random_state=0).fit(x, y).model_

student = sw.KAN(
    [13, 3], grid=5, domain=(-2.5, 2.5), names=wines.feature_names, generator=torch.Generator().manual_seed(0)
)
student.input_scaling.shift.copy_(torch.from_numpy(x.mean(axis=0)))
student.input_scaling.scale.copy_(torch.from_numpy(x.std(axis=0)))
fit = sw.hardware.train_quantised(
    student,
    x,
    y,
    bits=4,
    task="classification",
    classes=wines.target_names,
    name="wine",
    teacher=teacher,
    schedule=sw.hardware.QuantisationSchedule(
        steps=300, stages=6, first=5e-5, smoothness=0.01, distil=0.9, jitter=0.5, validation=0.0
    ),
)
for stage in fit.stages:
    print(
        f"{stage.area:4.0f} LUTs by the rule of thumb, {stage.model.edges} tables, training rows right {stage.train_score:.3f}"
    )

golden = fit.stages[2].model  # some accuracy in hand, before edges go in number
made = sw.hardware.fpga(
    golden,
    FOLDER,
    x=x,
    y=y,
    test=(x_test, y_test),
    task="classification",
    classes=list(wines.target_names),
    recipe=sw.hardware.FpgaRecipe(options=FpgaOptions(technology="ecp5"), mhz=200.0, name="wine"),
)
f = made.figures
print(f"{f['accuracy_quantised']:.3f} of the wines held back are right; {f['luts']} LUTs at {f['fmax_mhz']:.0f} MHz,")
print(f"a result in every cycle, {f['latency_cycles']} cycles after its input")
print(f"{f['mismatches']} of {f['vectors']} vectors differ, {f['neurons_proven']} of {f['neurons']} neurons proven")
print(f"{made.folder}/report.html has the rest")
