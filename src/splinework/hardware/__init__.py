"""Verified hardware artefacts from a trained network: FPGAs, microcontrollers, analogue arrays.

A quantised network is tables and exact sums (`integer`); every artefact is compared with that golden model. `fpga`, `mcu` and
`analog` build a folder from a network and rows, and `check` compares one with its golden model again; `quantise`,
`train_quantised` and `sweep` give the network of integers alone. Each name is loaded when it is first used.

>>> import splinework as sw
>>> model, x = sw.KAN([2, 1]), [[0.1 * k, 1 - 0.1 * k] for k in range(10)]
>>> sw.hardware.quantise(model, x, bits=4).shape
[2, 1]
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.hardware.analog_artefact import AnalogRecipe, analog
    from splinework.hardware.artefact import check
    from splinework.hardware.choosing import QuantisationRecipe
    from splinework.hardware.fpga_artefact import FpgaRecipe, fpga
    from splinework.hardware.framed import quantise
    from splinework.hardware.integer import IntegerModel
    from splinework.hardware.mcu_artefact import McuRecipe, mcu
    from splinework.hardware.quantisation import Bits
    from splinework.hardware.training import QuantisationSchedule, train_quantised
    from splinework.hardware.width_sweep import sweep

__all__ = [
    "AnalogRecipe", "Bits", "FpgaRecipe", "IntegerModel", "McuRecipe", "QuantisationRecipe", "QuantisationSchedule",
    "analog", "check", "fpga", "mcu", "quantise", "sweep", "train_quantised",
]  # fmt: skip

__getattr__ = lazy(__name__)
