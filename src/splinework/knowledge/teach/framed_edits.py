"""Edits after which points and integrals that a frame fulfils by corrections are met anew."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from splinework.errors.foreign import explained
from splinework.interpret import edit
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.realise import anchored
from splinework.nn.frame import FramedKAN

P = ParamSpec("P")
R = TypeVar("R")


def anchored_again(verb: Callable[P, R]) -> Callable[P, R]:
    """The verb, with the corrections of a framed result worked out for the network that is inside now."""

    @explained
    @functools.wraps(verb)
    def wrapped(*args: P.args, **keywords: P.kwargs) -> R:
        found: Any = verb(*args, **keywords)
        if isinstance(found, FramedKAN):
            found = anchored(found, axioms_of(list(found.network.config.axioms)))
        return cast("R", found)

    return wrapped


adapt = anchored_again(edit.adapt)
fix = anchored_again(edit.fix)
free = anchored_again(edit.free)
freeze = anchored_again(edit.freeze)
prune = anchored_again(edit.prune)
refine = anchored_again(edit.refine)
unfreeze = anchored_again(edit.unfreeze)
