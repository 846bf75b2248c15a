"""Results of fits with and without axioms as results of a plain network."""

from typing import Any

from splinework.errors import ConfigError
from splinework.knowledge.teach.fit import InformedResult
from splinework.nn.network import KAN
from splinework.train.fitting import FitResult


def plain_result(result: Any) -> Any:
    """The fit of the network where axioms left it without a frame; anything that is not a result as it is.

    Raises:
        ConfigError: If the network has a frame.
    """
    if not isinstance(result, InformedResult):
        return result
    if not isinstance(result.model, KAN):
        raise ConfigError(
            "this model has a frame of formulas, and only the network inside is looked at: pass result.rows, whose inputs are "
            f"the frame's features ({', '.join(result.model.frame.features) or 'the raw inputs'})."
        )
    rows: FitResult = result.rows
    return rows
