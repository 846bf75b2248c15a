"""Laws of FPAA documents: what is written is sound, what is broken is found, what does not fit is told."""

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from splinework.errors import ConfigError, DataError
from splinework.hardware.analog.fpaa import FpaaDevice, blocks_of, device_of, save_fpaa
from splinework.hardware.analog.fpaa_check import check_fpaa, form_problems, problems, schema
from splinework.hardware.analog.fpaa_placement import fpaa_document, place
from splinework.hardware.analog.network import AnalogLayer, AnalogNetwork, Element, ProductNode
from tests.families import every
from tests.hardware.imperfection_cases import random_network


def rich_network() -> AnalogNetwork:
    """Every kind of block: pairs, bumps, constants, offsets of both signs, a product."""
    net = random_network(3, (2, 3), 3)
    layer = net.layers[0]
    edges = []
    for k, edge in enumerate(layer.edges):
        more = (Element("bump", 1.6, (-1.0) ** k * 2e-8, 0.5), Element("constant", 0.0, (-1.0) ** k * 1e-8))
        edges.append(replace(edge, elements=(*edge.elements, *more)))
    sums = tuple(replace(s, offset=v) for s, v in zip(layer.sums, (1e-8, -2e-8, 0.0), strict=True))
    made = AnalogLayer(layer.inputs, tuple(edges), sums, (ProductNode((1, 2), (1.0, 1.0), (1.0, 1.0)),))
    units = replace(net.output_units, scales=("linear",) * 2, shift=(0.0,) * 2, scale=(1.0,) * 2)
    return replace(net, layers=(made,), output_units=units, output_names=("a", "b"))


NETWORKS = {"small": random_network(0, (2, 3, 1), 4), "wide": random_network(1, (6, 3, 2), 6), "rich": rich_network()}
DOCUMENTS = {name: fpaa_document(network, swaps=500) for name, network in NETWORKS.items()}


def element_names(network: AnalogNetwork) -> list[str]:
    """`e<layer>_<source>_<target>.<kind's letter><number>` of every element, in the order of the parameters."""
    return [
        f"e{l}_{edge.source}_{edge.target}.{element.kind[0]}{k}"
        for l, layer in enumerate(network.layers)
        for edge in layer.edges
        for k, element in enumerate(edge.elements)
    ]


def programmed(network: AnalogNetwork, document: dict[str, Any]) -> AnalogNetwork:
    """The network with the currents and centres that a document's codes stand for."""
    device = device_of(document)
    codes = {block["id"]: block for block in document["blocks"]}
    names, own = element_names(network), network.parameters()
    gains, centres, offsets = own.gains.copy(), own.centres.copy(), own.offsets.copy()
    for k, name in enumerate(names):
        if name in codes:
            gains[k] = np.sign(gains[k]) * device.bias(codes[name]["bias_code"])
            if "offset_code" in codes[name]:
                centres[k] = device.offset(codes[name]["offset_code"])
    for k, name in enumerate(network.node_names):
        if f"{name}.offset" in codes:
            offsets[k] = np.sign(offsets[k]) * device.bias(codes[f"{name}.offset"]["bias_code"])
    return network.with_parameters(replace(own, gains=gains, centres=centres, offsets=offsets))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_document_is_sound(name):
    check_fpaa(DOCUMENTS[name])
    assert json.loads(json.dumps(DOCUMENTS[name])) == DOCUMENTS[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_element_and_node_has_its_block(name):
    network, ids = NETWORKS[name], {block["id"] for block in DOCUMENTS[name]["blocks"]}
    assert set(element_names(network)) | set(network.node_names) <= ids
    kinds = {block["type"] for block in DOCUMENTS[name]["blocks"]}
    assert name != "rich" or kinds == {"pad", "diff_pair", "bump", "current", "sum", "multiplier"}


@pytest.mark.parametrize("name", ["small", "wide"])
def test_codes_stand_for_the_values_to_half_a_step(name):
    network, document, device = NETWORKS[name], DOCUMENTS[name], FpaaDevice()
    read = programmed(network, document)
    step = np.log(device.current_max / device.current_min) / (2**device.bias_bits - 1)
    p, q = network.parameters(), read.parameters()
    assert np.abs(np.log(q.gains / p.gains)).max() <= 0.51 * step
    assert np.abs(q.centres - p.centres).max() <= 0.51 * 3.3 / (2**device.offset_bits - 1)
    x = np.random.default_rng(0).uniform(-1, 1, size=(50, len(network.input_names)))
    y = network.forward(x)
    assert np.abs(read.forward(x) - y).max() < 0.01 * np.ptp(y)


def test_signs_decide_which_wire_a_current_goes_to():
    blocks = {b.id: b for b in blocks_of(NETWORKS["small"], FpaaDevice())}
    gains = dict(zip(element_names(NETWORKS["small"]), NETWORKS["small"].parameters().gains, strict=True))
    for name, gain in gains.items():
        assert blocks[name].nets[1].endswith(".plus" if gain > 0 else ".minus")


def test_swaps_never_make_the_wiring_longer():
    blocks = blocks_of(NETWORKS["wide"], FpaaDevice())
    shuffled = [blocks[k] for k in np.random.default_rng(0).permutation(len(blocks))]
    costs = [place(shuffled, FpaaDevice(), swaps=n).cost for n in (0, 300, 3000)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0]


def test_placement_is_the_same_for_the_same_seed():
    blocks = blocks_of(NETWORKS["wide"], FpaaDevice())
    assert place(blocks, FpaaDevice(), swaps=300, seed=1) == place(blocks, FpaaDevice(), swaps=300, seed=1)


def test_calibration_has_a_table_over_temperature():
    x = np.random.default_rng(0).uniform(-1, 1, size=(40, 2))
    document = fpaa_document(NETWORKS["small"], rows=x, celsius=(0.0, 85.0), swaps=0)
    check_fpaa(document)
    assert [row["celsius"] for row in document["calibration"]["temperature_table"]] == [0.0, 85.0]


def first(document: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(block for block in document["blocks"] if block["type"] == kind)


def _two_in_a_slot(d: dict[str, Any]) -> None:
    pairs = [b for b in d["blocks"] if b["type"] == "diff_pair"]
    pairs[1]["cab"], pairs[1]["slot"] = pairs[0]["cab"], pairs[0]["slot"]


def _short(d: dict[str, Any]) -> None:
    one, other = (next(s for s in d["switches"] if s["cab"] == d["device"]["cabs"] and s["row"] == r) for r in (0, 1))
    d["switches"].append({**one, "col": other["col"]})


MUTANTS = {
    "two blocks in a slot": _two_in_a_slot,
    "a slot that is not there": lambda d: first(d, "sum").update(slot=9),
    "a CAB that is not there": lambda d: first(d, "sum").update(cab=98),
    "a current too large": lambda d: first(d, "diff_pair").update(bias_A=2e-6),
    "a wrong bias code": lambda d: first(d, "diff_pair").update(bias_code=first(d, "diff_pair")["bias_code"] + 1),
    "a wrong centre code": lambda d: first(d, "diff_pair").update(offset_code=0),
    "no current": lambda d: first(d, "diff_pair").pop("bias_A"),
    "a switch too few": lambda d: d["switches"].pop(5),
    "two nets shorted": _short,
    "a terminal in no net": lambda d: d["nets"][0]["terminals"].pop(),
    "a terminal in two nets": lambda d: d["nets"][0]["terminals"].append(d["nets"][1]["terminals"][0]),
    "a line that is another's": lambda d: d["nets"][0]["lines"][0].update(row=23),
    "a name twice": lambda d: d["blocks"][1].update(id=d["blocks"][0]["id"]),
    "more used than there is": lambda d: d["used"]["sum"].update(used=1000),
    "another format": lambda d: d.update(format="splinework-fpaa/2"),
    "an unknown field": lambda d: d.update(more=1),
    "a text for a number": lambda d: first(d, "sum").update(cab="1"),
    "no nets": lambda d: d.pop("nets"),
}


@every("name", MUTANTS)
def test_a_broken_document_is_found(name):
    document = copy.deepcopy(DOCUMENTS["small"])
    MUTANTS[name](document)
    assert problems(document)
    with pytest.raises(DataError, match="not a valid FPAA document"):
        check_fpaa(document)


def test_every_switch_matters():
    document = DOCUMENTS["small"]
    for number in range(len(document["switches"])):
        without = document["switches"][:number] + document["switches"][number + 1 :]
        assert problems({**document, "switches": without})


def test_the_form_is_checked_without_other_packages():
    rules = schema()
    assert form_problems(DOCUMENTS["small"], rules, rules, "the document") == []
    assert form_problems({"format": 1}, rules, rules, "the document")


@pytest.mark.parametrize(
    ("device", "words"),
    [
        (FpaaDevice(cabs=12), "diff_pair.*3 elements per edge instead of 6"),
        (FpaaDevice(pads=4), "at most 4 inputs"),
        (FpaaDevice(fan_out=10), "fan_out is 10.*elements per edge instead of 6"),
        (FpaaDevice(lines_global=2), "lines_global is 2"),
        (FpaaDevice(lines_local=2), "lines_local left"),
        (FpaaDevice(current_max=1e-8), "outside 1e-10 to 1e-08 A"),
        (FpaaDevice(offset_high=1.5), "centres are outside"),
    ],
    ids=["pairs", "pads", "fan-out", "global lines", "local lines", "currents", "centres"],
)
def test_what_does_not_fit_names_the_resource_and_what_would_fit(device, words):
    with pytest.raises(ConfigError, match=words):
        fpaa_document(NETWORKS["wide"], device, swaps=0)


def test_what_was_said_to_fit_fits():
    fewer = random_network(1, (6, 3, 2), 2)
    device = FpaaDevice(cabs=9)
    with pytest.raises(ConfigError, match="2 elements per edge instead of 6"):
        fpaa_document(NETWORKS["wide"], device, swaps=0)
    check_fpaa(fpaa_document(fewer, device, swaps=0))


def test_a_saved_document_is_the_document(tmp_path):
    save_fpaa(DOCUMENTS["rich"], tmp_path / "chip.json")
    assert json.loads((tmp_path / "chip.json").read_text()) == DOCUMENTS["rich"]
    assert [p.name for p in tmp_path.iterdir()] == ["chip.json"]
