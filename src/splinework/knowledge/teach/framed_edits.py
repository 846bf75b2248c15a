"""Verbs that change a network, for models that may have a frame: the network inside is changed, and the frame still fits."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from splinework.errors.foreign import explained
from splinework.interpret import edit
from splinework.knowledge.axioms.language import axioms_of
from splinework.knowledge.axioms.realise import anchored
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN

P = ParamSpec("P")
M = TypeVar("M", KAN, FramedKAN)


def for_framed_models(verb: Callable[Concatenate[KAN, P], KAN]) -> Callable[Concatenate[M, P], M]:
    """The verb for models with a frame, too: rows become features, and points and integrals are met anew."""
    signature = inspect.signature(verb)

    @explained
    @functools.wraps(verb)
    def wrapped(model: M, *args: P.args, **kwargs: P.kwargs) -> M:
        if not isinstance(model, FramedKAN):
            return verb(model, *args, **kwargs)
        network = _inside(verb, signature, model, args, kwargs)
        return cast("Any", replace_in_frame(model, network))  # type: ignore[no-any-return]  # which is M here

    return cast("Callable[Concatenate[M, P], M]", wrapped)


def replace_in_frame(model: FramedKAN, network: KAN) -> FramedKAN:
    """The frame around another network, with corrections recomputed for its deviations at given points and integrals.

    Features that the other network does not take are left out.
    """
    frame, names = model.frame, model.network.config.input_names
    if frame.features and len(names) > network.inputs:  # pruned with drop_inputs=True
        features = tuple(frame.features[names.index(name)] for name in network.config.input_names)
        frame = replace(frame, features=features)
    made = anchored(FramedKAN(network, frame), axioms_of(list(network.config.axioms)))
    assert isinstance(made, FramedKAN)
    return made


def _inside(verb: Callable[..., Any], signature: inspect.Signature, model: FramedKAN, args: Any, kwargs: Any) -> Any:
    """Calls a verb with the network, and with the features of x where it takes x."""
    try:
        bound = signature.bind(model.network, *args, **kwargs)
    except TypeError:
        return verb(model.network, *args, **kwargs)  # which says what is wrong
    if bound.arguments.get("x") is not None:
        bound.arguments["x"] = model.inside(bound.arguments["x"]).detach()
    return verb(*bound.args, **bound.kwargs)


adapt = for_framed_models(edit.adapt)
fix = for_framed_models(edit.fix)
free = for_framed_models(edit.free)
freeze = for_framed_models(edit.freeze)
prune = for_framed_models(edit.prune)
refine = for_framed_models(edit.refine)
unfreeze = for_framed_models(edit.unfreeze)
