"""The options that `fpga`, `mcu` and `analog` share, and those of quantising that the first two have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from splinework.cli.complete import columns_of, files_of
from splinework.cli.folder import check_order
from splinework.cli.options import argument, option, takes
from splinework.cli.shape import parse_shape
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from splinework.hardware.choosing import QuantisationRecipe


@dataclass(frozen=True)
class ArtefactArguments:
    """What every artefact is ordered with, as it was given."""

    model: str = argument(shell_complete=files_of)
    data: str = option(
        required=True,
        metavar="DATA.csv",
        shell_complete=files_of,
        help="Rows with the columns of the model and what it predicts.",
    )
    out: str = option(required=True, metavar="DIR", shell_complete=files_of)
    target: str | None = option(
        metavar="COL",
        shell_complete=columns_of,
        help="The column that is predicted; the model's file says it by default.",
    )
    task: Literal["auto", "regression", "classification"] = option(default="auto", help="Numbers or classes.")
    name: str | None = option(metavar="NAME", help="What its parts are called after; by default the folder's name.")
    hidden: int | None = option(
        within=(0, 10_000),
        metavar="N",
        help="Train a small network with N hidden nodes (0 for none) with MODEL as its teacher.",
    )
    shape: str | None = option(metavar="13,4,3", help="The same with a shape; chosen where MODEL is large by default.")
    keep: bool = option("--keep-shape", default=False, help="Take MODEL as it is, however large.")
    test_fraction: float | None = option(metavar="F", help="Share of rows held back to judge; 0.2, fewer of few rows.")
    seed: int = option(default=0, within=(0, 2**31 - 1), metavar="N", help="Seed of everything random.")
    quiet: bool = option(default=False, help="Print nothing but errors.")
    as_json: bool = option("--json", default=False, help="Print the results as one JSON object.")

    @property
    def wanted_shape(self) -> Any:
        """`auto`, `same` or a shape whose hidden part is given; None stands for the inputs and outputs of the network.

        Raises:
            ConfigError: If several of the options say it.
        """
        given = [
            word
            for word, here in (
                ("--shape", self.shape),
                ("--hidden", self.hidden is not None),
                ("--keep-shape", self.keep),
            )
            if here
        ]
        if len(given) > 1:
            raise ConfigError(f"{' and '.join(given)} both say which network is built; give one of them.")
        if self.keep:
            return "same"
        if self.shape is not None:
            return parse_shape(self.shape)
        if self.hidden is not None:
            return (None, None) if self.hidden == 0 else (None, self.hidden, None)
        return "auto"

    def check(self) -> None:
        """Raises a ConfigError where the words do not go together, before anything is loaded: with the way out."""
        check_order(self.model, self.data)
        if self.name is not None and not (self.name.isidentifier() and self.name.isascii()):
            raise ConfigError(f"--name is a word of letters, digits and _, such as wine; got {self.name!r}.")
        share = self.test_fraction
        if share is not None and not 0 < share < 1:
            raise ConfigError(f"--test-fraction is a share of the rows, 0 < F < 1, such as 0.2; got {share:g}.")
        _ = self.wanted_shape

    @property
    def called(self) -> str:
        """What modules, functions and subcircuits are called after: --name, or the folder's name."""
        from splinework.hardware.quantise import identifier

        return self.name if self.name is not None else identifier(Path(self.out).absolute().name)


def on_model(kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a command the options of an `ArtefactArguments`, which it gets as its first argument; `kind` names the artefact."""
    return takes(ArtefactArguments, out={"help": f"Folder for {kind}."})


@dataclass(frozen=True)
class QuantisationArguments:
    """How the network becomes integers, as it was given."""

    bits: str = option(default="6", metavar="B|auto", help="Bits of inputs and hidden nodes.")
    hidden_bits: int | None = option(within=(1, 12), metavar="B", help="Bits of hidden nodes, if others.")
    luts: float | None = option(metavar="N", help="The best network of about N lookup tables at most.")
    loss: float | None = option(metavar="P", help="The smallest network that loses at most P, such as 0.01.")
    steps: int = option(default=400, within=(1, None), metavar="N", help="Of each stage of training.")
    stages: int = option(default=9, within=(1, 50), metavar="N", help="Of training, each of which weighs area more.")
    post_training: bool = option(default=False, help="Only round the trained splines: quick, and less accurate.")

    def recipe(self, order: ArtefactArguments, shape: Any) -> QuantisationRecipe:
        """The recipe, once the options are checked, by the order's seed and a shape: `auto`, `same` or a whole one."""
        from splinework.hardware.choosing import QuantisationRecipe
        from splinework.hardware.training import QuantisationSchedule

        return QuantisationRecipe(
            bits="auto" if self.bits == "auto" else int(self.bits),
            hidden=self.hidden_bits,
            method="calibrate" if self.post_training else "train",
            shape=shape,
            luts=self.luts,
            loss=self.loss,
            schedule=QuantisationSchedule(steps=self.steps, stages=self.stages, seed=order.seed),
        )

    def check(self) -> None:
        """Raises a ConfigError where they do not go together, before anything is loaded: with the way out."""
        if self.bits != "auto" and not (self.bits.isdigit() and 1 <= int(self.bits) <= 12):
            raise ConfigError(f"--bits is a number from 1 to 12, or auto; got {self.bits!r}.")
        if self.bits == "auto" and (self.post_training or self.hidden_bits is not None):
            raise ConfigError(
                "--bits auto tries several widths in training; leave --post-training and --hidden-bits out, or give a number."
            )
        if self.post_training and (self.luts is not None or self.loss is not None):
            raise ConfigError("--luts and --loss choose among networks in training; leave --post-training out.")
        if self.luts is not None and not self.luts > 0:
            raise ConfigError(f"--luts is a number above 0, got {self.luts:g}.")
        if self.loss is not None and not 0 <= self.loss < 1:
            raise ConfigError(f"--loss is a share such as 0.01, 0 <= P < 1; got {self.loss:g}.")
