"""Microcontrollers: a quantised network as C99, compared with its golden model on real and emulated processors, and measured."""

from splinework.hardware.mcu.files import mcu, write_mcu
from splinework.hardware.mcu.measurement import McuCost, measure
from splinework.hardware.mcu.options import McuOptions
from splinework.hardware.mcu.verify import McuVerification, ProcessorRun, read_artefact, verify_mcu

__all__ = [
    "McuCost", "McuOptions", "McuVerification", "ProcessorRun", "mcu", "measure", "read_artefact", "verify_mcu",
    "write_mcu",
]  # fmt: skip
