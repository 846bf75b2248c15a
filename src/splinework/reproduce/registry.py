"""The experiments by name: each module of `splinework.reproduce.experiments` is one, called EXPERIMENT there."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from splinework.errors import ConfigError, nearest
from splinework.reproduce import experiments
from splinework.reproduce.experiment import Experiment


def experiment_names() -> tuple[str, ...]:
    """The names of all experiments, in alphabetical order.

    >>> "grid-extension" in experiment_names()
    True
    """
    return tuple(sorted(module.name.replace("_", "-") for module in iter_modules(experiments.__path__)))


def recipe(name: str) -> Experiment:
    """The recipe of an experiment.

    Returns:
        The recipe.

    Raises:
        ConfigError: If the name is unknown; the message suggests similar ones and lists all.

    >>> recipe("grid-extension").name
    'grid-extension'
    """
    names = experiment_names()
    if name not in names:
        near = nearest(name, names)
        every = f" All experiments: {', '.join(names)}." if near.startswith("did") else ""
        raise ConfigError(f"there is no experiment {name!r}; {near}{every}")
    found: Experiment = import_module(f"{experiments.__name__}.{name.replace('-', '_')}").EXPERIMENT
    return found
