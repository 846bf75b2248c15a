"""The kinds of axioms, one idea a file: what is in a module of this package is found, and needs no entry anywhere."""

import inspect
import pkgutil
from importlib import import_module
from typing import Final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom


def _found() -> dict[str, type[Axiom]]:
    modules = [import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    kinds = [
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Axiom) and value.__module__ == module.__name__
    ]
    named = [kind for kind in kinds if "word" in vars(kind)]
    return {kind.word: kind for kind in sorted(named, key=lambda kind: (kind.rank, kind.word))}


WORDS: Final[dict[str, type[Axiom]]] = _found()
"""Every kind by what the language calls it, in the order in which people read them."""


def register(kind: type[Axiom]) -> None:
    """Adds a kind of one's own: from then on the language reads it.

    Raises:
        ConfigError: If another kind has its word, or it has none.
    """
    word = getattr(kind, "word", None)
    if not isinstance(word, str) or WORDS.get(word, kind) is not kind:
        raise ConfigError(f"a kind of axioms has a word of its own, got {word!r}; these are taken: {', '.join(WORDS)}.")
    WORDS[word] = kind


__all__ = ["WORDS", "register"]
