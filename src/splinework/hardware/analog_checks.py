"""Comparison of a netlist with the device model: the file is run in ngspice as it is, at randomly drawn rows.

The testbench is generated anew each time; only the netlist and the network's numbers come from the folder.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from splinework.errors import FileError
from splinework.hardware import tools
from splinework.hardware.analog.ekv import NOMINAL, ZERO_CELSIUS
from splinework.hardware.analog.network import AnalogNetwork, Floats
from splinework.hardware.analog.ngspice import bench, simulate

MAX_RMS_SHARE: Final = 0.002
"""Largest accepted rms difference between ngspice and the device model, relative to an output's span."""
_KELVIN: Final = (273.15, NOMINAL, 358.15)


@dataclass(frozen=True)
class NetlistAgreement:
    """The agreement of a netlist with the device model.

    Attributes:
        rows: Number of simulated rows.
        celsius: Temperatures in °C.
        rms: Rms difference of the worst output at each temperature, relative to its span.
        largest: Largest single difference relative to the span.
        where: Description of the row with the largest difference.
        version: Version of ngspice.
    """

    rows: int
    celsius: tuple[float, ...]
    rms: tuple[float, ...]
    largest: float
    where: str
    version: str

    @property
    def passed(self) -> bool:
        """Whether all temperatures agree within 0.2 % of the span."""
        return max(self.rms) <= MAX_RMS_SHARE

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "rows": self.rows,
            "allowed": MAX_RMS_SHARE,
            "rms_by_celsius": {f"{c:g}": rms for c, rms in zip(self.celsius, self.rms, strict=True)},
            "largest": self.largest,
            "where": self.where,
            "ngspice": self.version,
        }


def drawn_rows(network: AnalogNetwork, rows: int, seed: int) -> Floats:
    """Rows drawn uniformly from the spans of the inputs, both ends included, in raw units; neighbouring rows are similar."""
    rng = np.random.default_rng(seed)
    low, high = (np.array([getattr(s, end) for s in network.layers[0].inputs]) for end in ("low", "high"))
    share = rng.uniform(size=(max(rows, 3), len(low)))
    share[:2] = [[0.0], [1.0]]
    # Each solution is the start of the next, so rows are sorted along their first principal direction.
    centred = share - share.mean(axis=0)
    share = share[np.argsort(centred @ np.linalg.svd(centred, full_matrices=False)[2][0])]
    found: Floats = network.input_units.inverse(low + share * (high - low))
    return found


def compare(
    netlist: Path, network: AnalogNetwork, name: str, *, rows: int = 60, seed: int = 0, timeout: float = 900.0
) -> NetlistAgreement:
    """Runs a netlist in ngspice at drawn rows and compares it with the device model, at 0, 27 and 85 °C.

    The file defines the subcircuit `name` and is not changed.

    Raises:
        ConfigError: If ngspice is missing or exceeds the timeout.
        FileError: If the netlist cannot be read, or ngspice finds no solution.
    """
    tools.need("ngspice", purpose="the verification of an analogue artefact")
    x = drawn_rows(network, rows, seed)
    outputs = len(network.output_names)
    with tempfile.TemporaryDirectory(prefix="splinework-analog-") as place:
        folder = Path(place)
        try:
            shutil.copyfile(netlist, folder / "network.cir")
        except OSError as error:
            raise FileError(f"{netlist} cannot be read ({error.strerror}); rebuild the artefact.") from error
        text = f"* test of {name}\n.include network.cir\n{bench(network, network.input_units.apply(x), name, _KELVIN)}"
        found = simulate(text, folder, sweeps=len(_KELVIN), rows=len(x), columns=outputs, timeout=timeout)
    wanted = [network.output_units.apply(network.forward(x, temperature=kelvin)) for kelvin in _KELVIN]
    span = np.maximum(np.ptp(wanted[1], axis=0), 1e-12)
    errors = [np.abs(f - w) / span for f, w in zip(found, wanted, strict=True)]
    worst = int(np.argmax([e.max() for e in errors]))
    row, output = np.unravel_index(int(errors[worst].argmax()), errors[worst].shape)
    place_of = ", ".join(f"{n} = {v:.6g}" for n, v in zip(network.input_names, x[row], strict=True))
    units = network.output_units
    got, expected = (float(units.inverse(v[worst][row : row + 1])[0, output]) for v in (found, wanted))
    return NetlistAgreement(
        len(x),
        tuple(round(k - ZERO_CELSIUS, 2) for k in _KELVIN),
        tuple(float(np.sqrt((e**2).mean(axis=0)).max()) for e in errors),
        float(errors[worst].max()),
        f"{network.output_names[output]} at {_KELVIN[worst] - ZERO_CELSIUS:g} °C for {place_of}: ngspice {got:.6g}, the device "
        f"model {expected:.6g}",
        tools.version("ngspice") or "",
    )
