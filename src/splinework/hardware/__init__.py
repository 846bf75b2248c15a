"""From a trained network to a verified artefact: FPGAs, analogue arrays, microcontrollers.

A quantised network is tables and exact sums (`integer`); every artefact is compared with that golden model. `fpga`, `mcu` and
`analog` build a folder from a network and rows, `verify` looks at one again; `quantise`, `train_quantised` and `sweep` give the
network of integers alone. Each name is loaded when it is first used.

>>> import splinework as sw
>>> model, x = sw.KAN([2, 1]), [[0.1 * k, 1 - 0.1 * k] for k in range(10)]
>>> sw.hardware.quantise(model, x, bits=4).shape
[2, 1]
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what a type checker and an editor see: the same as _HOMES
    from splinework.hardware.analog_artefact import AnalogRecipe, analog
    from splinework.hardware.artefact import verify
    from splinework.hardware.choosing import Quantising
    from splinework.hardware.fpga_artefact import FpgaRecipe, fpga
    from splinework.hardware.framed import quantise
    from splinework.hardware.integer import IntegerModel
    from splinework.hardware.mcu_artefact import McuRecipe, mcu
    from splinework.hardware.quantise import Bits
    from splinework.hardware.sweep import sweep
    from splinework.hardware.training import Schedule, train_quantised

# Name → the module here that has it.
_HOMES = {
    "AnalogRecipe": "analog_artefact",
    "Bits": "quantise",
    "FpgaRecipe": "fpga_artefact",
    "IntegerModel": "integer",
    "McuRecipe": "mcu_artefact",
    "Quantising": "choosing",
    "Schedule": "training",
    "analog": "analog_artefact",
    "fpga": "fpga_artefact",
    "mcu": "mcu_artefact",
    "quantise": "framed",
    "sweep": "sweep",
    "train_quantised": "training",
    "verify": "artefact",
}

__all__ = [
    "AnalogRecipe",
    "Bits",
    "FpgaRecipe",
    "IntegerModel",
    "McuRecipe",
    "Quantising",
    "Schedule",
    "analog",
    "fpga",
    "mcu",
    "quantise",
    "sweep",
    "train_quantised",
    "verify",
]


class _Package(ModuleType):
    """This package: a verb that has the name of a module or package in it stays the verb.

    Python binds a submodule to its package when it is first imported; without this, `sw.hardware.fpga` would turn from the
    function into the package as soon as somebody imports `splinework.hardware.fpga.plan`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and name in _HOMES:
            return  # the verb is loaded when it is asked for, by __getattr__
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'splinework.hardware' has no attribute {name!r}")
    value = getattr(import_module(f"splinework.hardware.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
