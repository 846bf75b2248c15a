"""`verify`: an artefact of any kind, its files as they are, held against the numbers that they must give."""

import os
from pathlib import Path

from splinework.hardware.folders import Kind, read_marker
from splinework.hardware.golden import ChangedError
from splinework.hardware.made import Checked, Progress


def verify(
    folder: str | os.PathLike[str],
    *,
    vectors: int | None = None,
    seed: int | None = None,
    proof: bool = True,
    progress: Progress | None = None,
) -> Checked:
    """Verifies an artefact again; nothing in its folder is changed.

    A circuit for an FPGA is simulated and its neurons are proven, C is compiled and run, an analogue netlist is run in ngspice.

    Args:
        folder: What `fpga`, `mcu` or `analog` wrote.
        vectors: How many; of an analogue netlist rows. None takes as many as when it was built.
        seed: Of drawn vectors; None takes that of then.
        proof: Whether neurons are proven, where there are some.
        progress: Is told what is done.

    Raises:
        FileError: If it is no artefact, a file is missing, or of another version.
        ConfigError: If a program is missing: what to install.

    Example:
        >>> import splinework as sw
        >>> sw.hardware.verify("nowhere")
        Traceback (most recent call last):
            ...
        splinework.errors.FileError: there is no folder nowhere; name one that `splinework hardware` wrote.
    """
    place = Path(folder)
    kind = read_marker(place).kind
    try:
        return _verify(place, kind, vectors, seed, proof, progress)
    except ChangedError as error:  # nothing can equal a golden model that is not the one it was made with
        return Checked(kind, place, read_marker(place).name, {}, passed=False, failures=(str(error),))


def _verify(
    place: Path, kind: Kind, vectors: int | None, seed: int | None, proof: bool, progress: Progress | None
) -> Checked:
    if kind == "fpga":
        from splinework.hardware.fpga_artefact import verify_fpga_folder

        return verify_fpga_folder(place, vectors=vectors, seed=seed, proof=proof, progress=progress)
    if kind == "mcu":
        from splinework.hardware.mcu_artefact import verify_mcu_folder

        return verify_mcu_folder(place, vectors=vectors, seed=seed, progress=progress)
    from splinework.hardware.analog_artefact import verify_analog_folder

    return verify_analog_folder(place, rows=vectors, seed=seed, progress=progress)
