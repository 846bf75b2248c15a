"""One idea has one name: options over all commands, keyword arguments over all public functions."""

import re
from collections import defaultdict
from collections.abc import Iterator

import click

from splinework.cli import main
from splinework.cli.options import Command, Option
from tests.families import every
from tests.test_docstrings import _parameters, _public

SYNONYMS = {
    "budget": ("seconds", "time_limit", "timeout", "max_time", "formula_seconds"),
    "target": ("column", "target_column", "label_column", "y_name"),
    "seed": ("random_seed", "rng"),
    "learning_rate": ("lr", "step_size"),
    "optimiser": ("optimizer", "opt"),
    "steps": ("epochs", "iterations", "n_steps", "max_steps"),
    "batch": ("batch_size", "minibatch"),
    "starts": ("restarts", "n_starts", "tries"),
    "weights": ("sample_weights", "row_weights"),
    "progress": ("verbose", "verbosity", "show_progress"),
    "features": ("columns", "feature_names", "inputs_names"),
    "form": ("template",),
    "out": ("output_file", "destination"),
}
"""Name of an idea → names that others have for it; estimators keep scikit-learn's."""
ESTIMATORS = ("KANRegressor", "KANClassifier", "KANTransformer")
ELAPSED = ("splinework.train.Step.seconds",)  # no limit: how long it has taken
FREE = {"--out": "the kind of file", "--data": "the kind of file"}
"""Options whose metavar says what differs between commands."""


def _commands(group: click.Group, context: click.Context, path: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, click.Context(command, parent=context), f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(_commands(main, click.Context(main, info_name="splinework"), "splinework"))


def _options(command: click.Command) -> Iterator[Option]:
    return (each for each in command.params if isinstance(each, Option))


def _meaning(option: Option) -> tuple[object, ...]:
    """Kind of value, list or not, what stands for a value in the help, and what the help says before any detail."""
    metavar = None if set(option.opts) & set(FREE) else option.metavar
    text = None if set(option.opts) & set(FREE) else re.split(r"[,;:.]", option.help or "")[0]
    return type(option.type), option.multiple, option.is_flag, metavar, text


@every("name", COMMANDS)
def test_every_option_of_a_command_is_one_of_ours(name):
    assert isinstance(COMMANDS[name], Command)
    own = [each for each in COMMANDS[name].params if isinstance(each, click.Option)]
    assert all(isinstance(each, Option) and each.help and each.help.endswith((".", "]", '"')) for each in own), own
    assert all(each.group != "Options" for each in _options(COMMANDS[name]))


def test_an_option_means_the_same_in_all_commands():
    found = defaultdict(lambda: defaultdict(list))
    for name, command in COMMANDS.items():
        for option in _options(command):
            for written in option.opts:
                found[written][_meaning(option)].append(name)
    assert {written: dict(meanings) for written, meanings in found.items() if len(meanings) > 1} == {}


def test_no_option_has_a_name_that_another_option_has_for_the_idea():
    refused = {other.replace("_", "-"): idea for idea, others in SYNONYMS.items() for other in others}
    named = {w.lstrip("-"): name for name, command in COMMANDS.items() for o in _options(command) for w in o.opts}
    assert {option: refused[option] for option in named if option in refused} == {}


@every("name", COMMANDS)
def test_a_default_is_shown_in_one_way_and_a_list_marked_as_one(name):
    for option in _options(COMMANDS[name]):
        assert "by default" not in (option.help or ""), option.opts
        assert "if not given" not in (option.help or ""), option.opts
        if option.multiple:
            assert (option.metavar or "").endswith(",…"), option.opts


PARAMETERS = {name: _parameters(value) for name, value in _public().items() if name.split(".")[-1] not in ESTIMATORS}


@every("name", PARAMETERS)
def test_no_keyword_has_a_name_that_another_function_has_for_the_idea(name):
    refused = {other: idea for idea, others in SYNONYMS.items() for other in others}
    taken = [each for each in PARAMETERS[name] if each in refused and f"{name}.{each}" not in ELAPSED]
    assert taken == [], f"{name} calls {taken} what others call {[refused[each] for each in taken]}"
