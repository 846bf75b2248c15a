"""The kinds of axioms, one per file: every kind in a module of this package is registered automatically."""

import inspect
import pkgutil
from importlib import import_module
from typing import Final

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.knowledge.axioms.axiom import Axiom


def _found() -> dict[str, type[Axiom]]:
    modules = [import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    kinds = [
        value
        for module in modules
        for value in vars(module).values()
        if getattr(value, "__module__", "") == module.__name__ and inspect.isclass(value) and issubclass(value, Axiom)
    ]
    named = [kind for kind in kinds if "word" in vars(kind)]
    return {kind.word: kind for kind in sorted(named, key=lambda kind: (kind.rank, kind.word))}


WORDS: Final[dict[str, type[Axiom]]] = _found()
"""Every kind by its word in the axiom language, in the order of listings."""


@explained
def register(kind: type[Axiom]) -> None:
    """Registers a kind of axiom, so that the axiom language recognises its word.

    Args:
        kind: The class, with a `word`.

    Raises:
        ConfigError: If it has no word, or another kind has the same one.

    Example:
        >>> from dataclasses import dataclass
        >>> from splinework.knowledge.axioms import Monotone, parse_axiom, register
        >>> register(Monotone)  # a kind of your own: see the end of docs/axioms-language.md
    """
    word = getattr(kind, "word", None)
    if not isinstance(word, str) or WORDS.get(word, kind) is not kind:
        raise ConfigError(
            f"a kind of axiom needs a word of its own, got {word!r}; these are taken: {', '.join(WORDS)}."
        )
    WORDS[word] = kind


__all__ = ["WORDS", "register"]
