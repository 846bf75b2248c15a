"""Builds hard axioms into a network, so that it fulfils them for all values of its parameters."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.facts import Parity, Periodicity, SlopeBound, facts_of
from splinework.knowledge.axioms.realise.conflicts import check_together, no_hard_form
from splinework.knowledge.axioms.realise.draft import Draft
from splinework.knowledge.axioms.realise.rules import EdgeRules, NetworkRules, rules_of
from splinework.knowledge.axioms.strength import Hard
from splinework.nn.config import KANConfig
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.naming import refuse_functions
from splinework.nn.network import KAN
from splinework.nn.nodes import Nodes
from splinework.nn.shaping import Shaping


def realise(
    model: KAN, axioms: Sequence[Axiom], ranges: Sequence[tuple[float, float]], *, spread: Sequence[float] | None = None
) -> KAN | FramedKAN:
    """A model of the given shape that fulfils the hard axioms for all values of its parameters.

    Points and integrals depend on the parameters, and are added after training: `anchored`. If no inputs may interact, there are
    no hidden layers, as one spline per input represents every such function. Constrained edges are B-splines without a base
    function, since the default base function is neither monotone nor convex.

    Args:
        model: The network, left unchanged; its inputs are the raw ones.
        axioms: Axioms of any strength; those that are not hard are ignored.
        ranges: Ranges of the raw inputs.
        spread: Standard deviation of each output, for the width of the transition at bounds; by default 1.

    Raises:
        ConfigError: If an axiom names what does not exist, has no hard form, or cannot be built in beside another.
    """
    hard = [axiom for axiom in axioms if axiom.strength == Hard()]
    for axiom in hard:
        if not axiom.built_by:
            raise no_hard_form(axiom, axiom.no_hard_form)
        for name in axiom.inputs:
            place(name, model.config.input_names, axiom.word)
    check_together(hard)
    if hard:
        refuse_functions(model, "hard axioms")
    config = model.config
    _check_scales(config, hard)
    sizes = tuple(spread) if spread is not None else (1.0,) * model.outputs
    draft = Draft(config.input_names, config.output_names, tuple(ranges), sizes)
    draft.add_axioms(hard)
    constraints = EdgeRules.of(draft, hard)
    hidden = () if constraints.all_apart(len(draft.features)) else config.nodes[1:-1]
    nodes = (Nodes(len(draft.features)), *hidden, config.nodes[-1])
    rules = rules_of(draft, constraints, nodes)
    network = _built(model, draft, nodes, rules, tuple(axiom.text() for axiom in hard))
    _centre(network, draft, hard)
    frame = draft.frame()
    return network if frame is None else FramedKAN(network, frame)


def set_slopes(network: KAN, axioms: Sequence[Axiom], inputs: Sequence[str]) -> None:
    """Bounds the slopes of the edges in place, after the scales of the network are set; raises ConfigError on log scales.

    The slope of a path is the product of the slopes of its edges. Edges out of hidden nodes get the bound 1, and those of an
    input its Lipschitz constant in the network's units divided by the number of paths.
    """
    found = facts_of([axiom for axiom in axioms if axiom.strength == Hard()], SlopeBound)
    if not found:
        return
    if "log" in (*network.config.input_scales, *network.config.output_scales):
        raise no_hard_form(found[0].axiom, "slopes on logarithmic scales are not bounded by those of edges")
    largest = dict.fromkeys(range(network.inputs), float("inf"))
    for fact in found:
        for i in [place(name, inputs, fact.word) for name in fact.inputs] or range(network.inputs):
            largest[i] = min(largest[i], fact.most)
    unit = network.input_scaling.scale / network.output_scaling.scale.max()
    for index, layer in enumerate(network.kan_layers):
        rules = layer.shaping or Shaping.none(layer.inputs, layer.outputs)
        alive = (layer.mask != 0).double().cpu()
        if index == 0:
            share = 1.0 if len(network.kan_layers) == 1 else float(_paths(network))
            wanted = torch.tensor([largest[i] for i in range(layer.inputs)], dtype=torch.float64) * unit.cpu().double()
            steepest = (wanted / share)[:, None].expand(-1, layer.outputs).clone()
        else:
            steepest = torch.ones(layer.inputs, layer.outputs, dtype=torch.float64)
        steepest[alive == 0] = torch.inf
        layer.shape(replace(rules, steepest=torch.minimum(rules.steepest.cpu().double(), steepest)))


def _paths(network: KAN) -> int:
    """The largest number of paths from one input to one output."""
    paths: Tensor | None = None
    for layer in network.kan_layers:
        alive = (layer.mask != 0).double()
        paths = alive if paths is None else paths @ alive
    assert paths is not None
    return int(paths.max())


def widened(x: Tensor, model: KAN | FramedKAN, axioms: Sequence[Axiom]) -> Tensor:
    """The network's inputs `(N, F)` for raw rows, extended by two rows so that scales and grids suit the axioms.

    Inputs that share edges get a common range, even and odd ones a range symmetric about their centre, periodic ones a full
    period.
    """
    network = model.network if isinstance(model, FramedKAN) else model
    features = model.frame.features_of(x) if isinstance(model, FramedKAN) else x
    first = network.kan_layers[0]
    names = model.input_names if isinstance(model, FramedKAN) else network.config.input_names
    low, high = features.amin(0), features.amax(0)
    hard = [axiom for axiom in axioms if axiom.strength == Hard()]
    mirrors = facts_of(hard, Parity)
    found: list[Parity | Periodicity] = [*mirrors, *facts_of(hard, Periodicity)]
    for fact in found:
        at = _feature(model, names, fact)
        if at is None:
            continue
        if isinstance(fact, Periodicity):
            even = (each.centre for each in mirrors if each.sign > 0 and each.input == fact.input)
            centre = next(even, fact.period / 2)
            low[at], high[at] = centre - fact.period / 2, centre + fact.period / 2
        else:
            reach = torch.maximum(high[at] - fact.centre, fact.centre - low[at])
            low[at], high[at] = fact.centre - reach, fact.centre + reach
    if first.shaping is not None:
        for group in first.shaping.groups():
            low[group], high[group] = low[group].min(), high[group].max()
    return torch.cat([features, low[None], high[None]])


def _feature(model: KAN | FramedKAN, names: Sequence[str], fact: Parity | Periodicity) -> int | None:
    """The index of the feature that depends on this input only; None if there is none."""
    i = place(fact.input, names, fact.word)
    if not isinstance(model, FramedKAN) or not model.frame.features:
        return i
    found = [n for n, feature in enumerate(model.frame.before) if feature.columns == (i,)]
    return found[0] if found else None


def _built(model: KAN, draft: Draft, nodes: tuple[Nodes, ...], rules: NetworkRules, texts: tuple[str, ...]) -> KAN:
    """The network with masks and shapes; parameters are kept if their meaning is unchanged."""
    config = model.config
    constrained = rules.shaped or rules.shared
    if constrained:
        _refuse_functions(model)
    scales = tuple(
        config.input_scales[feature.sources[0]] if feature.straight else "linear" for feature in draft.features
    )
    wanted = replace(
        config,
        nodes=nodes,
        bases=config.bases[: len(nodes) - 1],
        input_names=tuple(draft.inputs[f.sources[0]] if f.straight else f.text for f in draft.features),
        input_scales=scales,
        base="none" if rules.shaped else config.base,
        bias=config.bias and not rules.odd,
        axioms=texts,
    )
    like = next(model.parameters())
    network = KAN(wanted, dtype=like.dtype, device=like.device, generator=torch.Generator())
    if (wanted.base, wanted.bias, wanted.nodes, wanted.input_names) == (
        config.base,
        config.bias,
        config.nodes,
        config.input_names,
    ):
        network.load_state_dict(model.state_dict())
    for layer, mask, flags in zip(network.kan_layers, rules.masks, rules.flags, strict=True):
        layer.mask.mul_(mask.to(layer.mask))
        if constrained:
            shaping = replace(Shaping.none(layer.inputs, layer.outputs), flags=flags)
            first = layer is network.kan_layers[0]
            layer.shape(replace(shaping, twins=rules.twins) if first else shaping)
    return network


def _centre(network: KAN, draft: Draft, axioms: Sequence[Axiom]) -> None:
    """Aligns centres of parity with the middle of the grids, and periods with the grids, until data set the scales."""
    low, high = network.config.domain
    middle, half = (low + high) / 2, (high - low) / 2
    shift, scale = network.input_scaling.shift.clone(), network.input_scaling.scale.clone()
    for i, feature in enumerate(draft.features):
        if feature.period:
            scale[i] = feature.period / 2 / half
        if feature.even or feature.period:
            shift[i] = feature.centre - float(scale[i]) * middle
    for fact in facts_of(axioms, Parity):
        if fact.sign < 0 and len(draft.inputs) == 1:
            shift[0] = fact.centre - float(scale[0]) * middle
    network.input_scaling.set(shift, scale)


def _refuse_functions(model: KAN) -> None:
    for layer in model.kan_layers:
        if layer.basis.degree is None:
            raise ConfigError(f"hard shapes and symmetries need B-splines, got {layer.basis}; use basis='bspline'.")
        if layer.grid_kind not in ("adaptive", "fixed") or layer.extrapolation not in ("linear", "constant"):
            raise ConfigError(
                "hard shapes and symmetries need grid_kind 'adaptive' or 'fixed' and extrapolation 'linear' or 'constant', got "
                f"{layer.grid_kind!r} and {layer.extrapolation!r}."
            )


def _check_scales(config: KANConfig, axioms: Sequence[Axiom]) -> None:
    """Raises ConfigError if a logarithmic scale changes the meaning of an axiom."""
    for axiom in axioms:
        logs = [n for n, s in zip(config.input_names, config.input_scales, strict=True) if s == "log"]
        named = {config.input_names[place(name, config.input_names, axiom.word)] for name in axiom.inputs}
        if axiom.linear_inputs and named & set(logs):
            raise no_hard_form(axiom, f"the input {sorted(named & set(logs))[0]!r} is on a logarithmic scale")
        if axiom.linear_output and "log" in config.output_scales:
            raise no_hard_form(axiom, "the output is on a logarithmic scale")


Ranges = Sequence[tuple[float, float]]


def is_anchored(axiom: Axiom) -> bool:
    """Whether a hard axiom is fulfilled by a correction."""
    return axiom.corrected and axiom.strength == Hard()


@torch.no_grad()
def anchored(model: KAN | FramedKAN, axioms: Sequence[Axiom], ranges: Ranges | None = None) -> KAN | FramedKAN:
    """The model with corrections for the hard points and integrals among the axioms; others are ignored.

    `u(x) = f(x) + Σ_i a_i φ_i(x)` with bumps φ around the points, and a such that u takes the values: the interpolated residual
    of f is subtracted. An integral is met by a constant. The factors depend on the network's parameters and are recomputed
    whenever these change.

    Args:
        model: A KAN or FramedKAN, with or without corrections; left unchanged.
        axioms: Axioms of any kind and strength.
        ranges: Ranges of the raw inputs; by default those of the frame.

    Raises:
        ConfigError: If points do not fit the model, coincide, or an integral's box is not finite.
    """
    wanted = [axiom for axiom in axioms if is_anchored(axiom)]
    if not wanted:
        return model
    if isinstance(model, FramedKAN):
        network, frame = model.network, model.frame
    else:
        config = model.config
        network, frame = model, Frame(config.input_names, (), config.output_names, (), tuple(ranges or ()))
    box = ranges or frame.ranges
    if not box:
        raise ConfigError(f"{wanted[0].text()} needs the ranges of the inputs; fit the model with this axiom.")
    bare = FramedKAN(network, replace(frame, corrections=()))
    corrections: list[tuple[int, str, float]] = []
    for axiom in wanted:
        corrections += axiom.corrections(bare, box)
    return FramedKAN(network, replace(frame, ranges=tuple(box), corrections=tuple(corrections)))
