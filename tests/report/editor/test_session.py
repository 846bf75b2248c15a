"""Sessions of edits: undoing is exact, the script gives the same model, and what is refused changes nothing."""

import random

import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, SplineworkError
from splinework.nn.naming import sum_names
from splinework.report.editor.arguments import literal
from splinework.report.editor.session import EditSession
from splinework.report.editor.verbs import VERBS
from tests.families import every
from tests.report.editor.sessions import SHAPES, equal, files_of, model_of, run, session_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def some_edit(session, draw):
    """A random edit of the present model that may or may not be refused."""
    network = session.model
    names = [list(network.config.input_names)]
    layers = network.config.nodes
    hidden = range(1, len(layers) - 1)
    layer = draw.randrange(len(network.kan_layers))
    alive = network.kan_layers[layer].alive.nonzero().tolist() or [[0, 0]]
    i, j = draw.choice(alive)
    edge = [layer, i, j]
    level = draw.choice(hidden)
    node = [level, draw.randrange(layers[level].width)]
    arguments = {
        "fix": {"edge": edge, "function": draw.choice(["sin", "x^2", "exp(-0.5*u**2)", "tanh"])},
        "free": {"edge": edge},
        "freeze": {"edge": edge, "affine": draw.random() < 0.5},
        "unfreeze": {"edge": edge},
        "remove_edge": {"edge": edge},
        "remove_node": {"node": node},
        "remove_input": {"input": draw.choice(names[0])},
        "prune": {"keep_edges": max(1, network.active_edges() - 1), "nodes": 0, "inputs": 0},
        "refine": {"grid": 6},
        "coarsen": {"grid": 3},
        "adapt": {},
        "widen": {"layer": level, "count": 1},
        "split": {"node": node},
        "merge": {"first": node, "second": [level, draw.randrange(layers[level].width)]},
        "to_product": {"node": node},
        "to_sum": {"node": node},
        "auto_swap": {},
        "refit": {"steps": 2, "starts": 1},
    }
    name = draw.choice([each for each in arguments if each != "refit" or session.position < 4])
    return name, arguments[name]


@pytest.mark.quick(2)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_script_of_random_edits_gives_the_same_model_bit_for_bit(folder, shape):
    files_of(folder, SHAPES[shape])
    session, draw, made = session_of(folder), random.Random(shape), 0
    for _ in range(30):
        before = session.model
        try:
            session.edit(*some_edit(session, draw))
        except SplineworkError:
            assert session.model is before
        else:
            made += 1
        if draw.random() < 0.15 and session.position:
            session.undo()
        if made == 9:
            break
    assert made == 9
    assert len({step.line for step in session.steps}) > 4
    assert equal(run(session.script()), session.model)
    session.go(session.position // 2)
    assert equal(run(session.script()), session.model)


def test_forty_edits_and_undos_give_the_starting_model_bit_for_bit(folder):
    files_of(folder, SHAPES["plain"])
    session, draw = session_of(folder), random.Random(0)
    opened = {name: value.clone() for name, value in session.model.state_dict().items()}
    start, refused = session.model, 0
    while session.position < 40:
        name, arguments = some_edit(session, draw)
        if name in ("split", "widen", "to_product", "refit") and session.model.parameter_count() > 250:
            name, arguments = "prune", {"keep_edges": 5}
        try:
            session.edit(name, arguments)
        except SplineworkError:
            refused += 1
            assert refused < 2000
    last = session.model
    assert not equal(last, start)
    for _ in range(40):
        session.undo()
    assert session.model is start
    assert session.model.state_dict().keys() == opened.keys()
    assert all(torch.equal(value, opened[name]) for name, value in session.model.state_dict().items())
    assert equal(session.model, sw.load("model.safetensors"))
    for _ in range(40):
        session.redo()
    assert session.model is last


EXAMPLES = {
    "fix": {"edge": ["x1", "h1"], "function": "sin"},
    "free": {"edge": ["x1", "h1"]},
    "freeze": {"edge": ["x1", "h1"], "affine": True},
    "unfreeze": {"edge": ["x1", "h1"]},
    "remove_edge": {"edge": [0, 0, 0]},
    "remove_node": {"node": "h2"},
    "remove_input": {"input": "x2"},
    "prune": {"keep_edges": 4, "by": "ablation", "drop_inputs": True},
    "refine": {"grid": 6},
    "coarsen": {"grid": 2},
    "adapt": {},
    "widen": {"layer": 1, "count": 2},
    "deepen": {"where": 1},
    "split": {"node": "h1"},
    "merge": {"first": "h1", "second": "h2"},
    "to_product": {"node": "h1"},
    "to_sum": {"node": "h1"},
    "group_inputs": {"inputs": ["x1", "x2"]},
    "auto_swap": {},
    "refit": {"steps": 3, "starts": 1, "grids": "auto", "seed": 4},
}


def prepared(session, name):
    """The state in which an example can be made."""
    if name in ("free", "unfreeze"):
        session.edit("freeze", {"edge": ["x1", "h1"]})
    if name == "to_sum":
        session.edit("remove_node", {"node": "h1"})  # so that h1 is a product
        session.edit("remove_node", {"node": "h1"})


def test_every_edit_is_tried():
    assert set(EXAMPLES) == set(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_every_edit_is_the_line_that_it_writes(folder, name):
    files_of(folder, SHAPES["products"] if name == "to_sum" else SHAPES["plain"])
    session = session_of(folder)
    prepared(session, name)
    before = session.model
    session.edit(name, EXAMPLES[name])
    assert session.model is not before
    assert VERBS[name].call in session.step.line
    assert VERBS[name].rows in session.step.line  # with rows where it can take some
    assert "{" not in session.step.title
    assert equal(run(session.script()), session.model)


@pytest.mark.parametrize("name", VERBS)
def test_an_edit_that_needs_rows_says_so_without_them(folder, name):
    files_of(folder, SHAPES["products"] if name == "to_sum" else SHAPES["plain"])
    session = session_of(folder, data=False)
    if VERBS[name].needs:
        with pytest.raises(ConfigError, match="--data"):
            session.edit(name, EXAMPLES[name])
        assert session.position == 0
        return
    prepared(session, name)
    session.edit(name, EXAMPLES[name])
    assert "x=x" not in session.step.line
    assert equal(run(session.script()), session.model)


@pytest.mark.parametrize(
    ("name", "arguments", "fragment"),
    [
        ("nothing", {}, "there is no edit"),
        (None, {}, "there is no edit"),
        ("widen", [1, 2], "are an object"),
        ("widen", {"layer": 1}, "needs count"),
        ("widen", {"layer": 1, "count": 1, "colour": 2}, "no argument 'colour'"),
        ("widen", {"layer": 1.5, "count": 1}, "a whole number"),
        ("widen", {"layer": True, "count": 1}, "a whole number"),
        ("widen", {"layer": 1, "count": 10**12}, "a whole number"),
        ("widen", {"layer": 9, "count": 1}, "no hidden layer 9"),
        ("fix", {"edge": [0, 0, 9], "function": "sin"}, "no edge"),
        ("fix", {"edge": "x1", "function": "sin"}, "edge is an edge"),
        ("fix", {"edge": ["x1", "h1"], "function": "sni"}, "did you mean"),
        ("fix", {"edge": ["x1", "h1"], "function": "__import__('os').getcwd()"}, "neither a function"),
        ("fix", {"edge": ["x1", "h1"], "function": "u" * 501}, "at most 500"),
        ("fix", {"edge": ["x1", "h1"], "function": "sin", "numbers": [1, 0, float("nan"), 0]}, "finite numbers"),
        ("prune", {"keep_edges": 3, "by": "colour"}, "one of attribution"),
        ("remove_node", {"node": {"a": 1}}, "a node"),
        ("group_inputs", {"inputs": []}, "a list of names"),
        ("freeze", {"edge": ["x1", "h1"], "affine": 1}, "true or false"),
        ("refit", {"steps": -1}, "steps is a whole number"),
        ("refit", {"grids": "finer"}, "one of keep, auto"),
    ],
)
def test_what_is_refused_is_explained_and_changes_nothing(folder, name, arguments, fragment):
    files_of(folder, SHAPES["plain"])
    session = session_of(folder)
    session.edit("widen", {"layer": 1, "count": 1})
    session.undo()
    script = session.script()
    with pytest.raises(SplineworkError, match=fragment):
        session.edit(name, arguments)
    assert (session.position, len(session.steps), session.script()) == (0, 2, script)


def test_the_ends_of_the_session_are_kept(folder):
    files_of(folder, SHAPES["plain"])
    session = session_of(folder)
    for move in (session.undo, session.redo, lambda: session.go(7), lambda: session.go(True), lambda: session.go("0")):
        with pytest.raises(ConfigError, match="there is no state"):
            move()
    session.edit("freeze", {"edge": ["x1", "h1"]})
    session.edit("freeze", {"edge": ["x2", "h1"]})
    session.go(0)
    session.edit("widen", {"layer": 1, "count": 1})  # a new branch: what was undone is gone
    assert [step.title for step in session.steps] == ["as opened", "widen layer 1 by 1"]


def test_names_that_clash_are_written_by_index():
    model = sw.KAN([2, 2, 1], names=["h1", "b"], dtype=torch.float64)
    session = EditSession(model)
    for l, layer in enumerate(model.kan_layers):
        for i in range(layer.inputs):
            for j in range(len(sum_names(model)[l])):
                session.edit("fix", {"edge": [l, i, j], "function": "sin"})
                held = session.model.kan_layers[l].functions.edge(i, j)
                assert held is not None
                assert held.family.name == "sin"
                session.undo()


@every(
    "value",
    ["plain", 'a "quoted" name', "it's", "back\\slash", "line\nbreak", "é→x", ("a", 1), (2,), [None, 1.5], {"a": [1]}],
)
def test_a_literal_is_the_value(value):
    import ast

    assert ast.literal_eval(literal(value)) == value


def test_a_model_in_a_frame_is_edited_where_its_verbs_allow():
    model = sw.KAN([3, 2, 1], names=["a", "b"], features=["a*b"], dtype=torch.float64)
    x = torch.rand(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with pytest.raises(ConfigError, match="a network in a frame"):
        EditSession(model)
    session = EditSession(model, x=x)
    session.edit("fix", {"edge": ["a*b", "h1"], "function": "tanh"})
    assert session.model.network.kan_layers[0].functions is not None
    before = session.model(x)
    session.edit("widen", {"layer": 1, "count": 1})
    assert session.model.network.config.shape == [3, 3, 1]
    assert torch.allclose(session.model(x), before, atol=1e-12)


def test_the_starting_model_may_be_of_any_precision():
    for dtype in (torch.float32, torch.float64):
        session = EditSession(model_of([2, 3, 1], dtype), x=[[0.1, 0.2], [0.3, -0.4]])
        session.edit("remove_edge", {"edge": ["x1", "h1"]})
        assert next(session.model.parameters()).dtype == dtype
