"""An analogue network as a file: `analog.json` with exact numbers and a digest.

It corresponds to the `golden.json` of digital artefacts; netlists and tool-chain documents are compared with it.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Final

from splinework.errors import ConfigError, FileError, SplineworkError
from splinework.errors.stored_values import typed
from splinework.hardware.analog.network import AnalogNetwork
from splinework.hardware.golden import digest_of, read_document, write_json

FORMAT: Final = "splinework-analog/1"


def write_analog(network: AnalogNetwork, path: Path) -> None:
    """Writes an analogue network atomically."""
    content = asdict(network)
    write_json(path, {"format": FORMAT, "digest": digest_of(content), **content})


def read_analog(path: Path) -> AnalogNetwork:
    """The network that `write_analog` wrote.

    Raises:
        FileError: If the file is missing, damaged, of another version, or its numbers do not match its digest.
    """
    content = read_document(path, FORMAT, "an analogue network")
    values = {key: value for key, value in content.items() if key not in ("format", "digest")}
    try:
        network: AnalogNetwork = typed(AnalogNetwork, values, "an analogue network")
        _check_sizes(network)
    except (SplineworkError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise FileError(f"{path} is not a complete analogue network ({error}); rebuild the artefact.") from error
    if content.get("digest") != digest_of(values):
        raise FileError(f"{path} was changed after it was written: its digest does not match; rebuild the artefact.")
    return network


def _check_sizes(network: AnalogNetwork) -> None:
    """Checks that there are as many units, names, sums and scales as there should be."""
    if not network.layers:
        raise ConfigError("it has no layers")
    for what, count, units, names in (
        ("inputs", len(network.layers[0].inputs), network.input_units, network.input_names),
        ("outputs", network.layers[-1].nodes, network.output_units, network.output_names),
    ):
        found = {len(units.scales), len(units.shift), len(units.scale), len(names)}
        if found != {count}:
            raise ConfigError(f"its {count} {what} need units and names for each, got {sorted(found)}")
    for layer in network.layers:
        for product in layer.products:
            sizes = {len(product.sums), len(product.scales), len(product.partial)}
            if len(sizes) != 1 or len(product.sums) < 2 or not all(0 <= at < len(layer.sums) for at in product.sums):
                raise ConfigError(
                    f"a product needs two or more of {len(layer.sums)} sums and scales for each, got {product}"
                )
