"""The options common to `fpga`, `mcu` and `analog`, and the quantisation options of the first two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.folder import check_order
from splinework.cli.options import argument, option, takes
from splinework.cli.shape import parse_shape
from splinework.errors import ConfigError

if TYPE_CHECKING:
    from splinework.hardware.choosing import QuantisationRecipe


@dataclass(frozen=True, kw_only=True)
class ArtefactArguments:
    """The options common to all artefacts."""

    model: str = argument(shell_complete=files_of)
    data: str = option(
        required=True,
        metavar="DATA.csv",
        shell_complete=files_of,
        help="Table with the columns of the model and its target.",
        group=common.INPUT_GROUP,
    )
    max_unpacked: float | None = common.max_unpacked()
    target: str | None = common.target(show_default="that of the model")
    test_fraction: float | None = common.test_fraction()
    task: Literal["auto", "regression", "classification"] = common.task()
    shape: str | None = common.shape("; same keeps MODEL", "large models are distilled")
    hidden: int | None = option(
        within=(0, 10_000),
        metavar="N",
        help="Distil MODEL into a network with N hidden nodes; 0 for none.",
        group=common.MODEL_GROUP,
    )
    seed: int = common.seed()
    out: str = common.out("DIR", "Folder for the artefact.", required=True)
    name: str | None = common.name(show_default="the folder's name")
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()

    @property
    def wanted_shape(self) -> Any:
        """`auto`, `same` or a shape; None stands for the numbers of inputs and outputs of the network.

        Raises:
            ConfigError: If both options are given.
        """
        if self.shape is not None and self.hidden is not None:
            raise ConfigError("--shape and --hidden both determine the network; give one of them.")
        if self.shape is not None:
            return self.shape if self.shape in ("auto", "same") else parse_shape(self.shape)
        if self.hidden is not None:
            return (None, None) if self.hidden == 0 else (None, self.hidden, None)
        return "auto"

    def check(self) -> None:
        """Raises a ConfigError, before anything is loaded, if the options contradict each other."""
        check_order(self.model, self.data)
        if self.name is not None and not (self.name.isidentifier() and self.name.isascii()):
            raise ConfigError(f"--name takes letters, digits and _, such as wine; got {self.name!r}.")
        share = self.test_fraction
        if share is not None and not 0 < share < 1:
            raise ConfigError(f"--test-fraction takes a share of the rows, 0 < F < 1, such as 0.2; got {share:g}.")
        _ = self.wanted_shape

    @property
    def artefact_name(self) -> str:
        """The name of the artefact and its parts: --name, or the folder's name."""
        from splinework.hardware.quantisation import identifier

        return self.name if self.name is not None else identifier(Path(self.out).absolute().name)


def on_model(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of `ArtefactArguments` to a command, which receives them as its first argument."""
    return takes(ArtefactArguments)(command)


@dataclass(frozen=True, kw_only=True)
class QuantisationArguments:
    """The options of quantisation."""

    HEADING: ClassVar[str] = "Quantisation"

    bits: str = option(default="6", metavar="B|auto", help="Code width of inputs and hidden nodes.")
    hidden_bits: int | None = option(
        within=(1, 12), metavar="B", show_default="--bits", help="Code width of hidden nodes."
    )
    max_luts: float | None = option(metavar="N", help="Best network within about N lookup tables.")
    max_loss: float | None = option(metavar="P", help="Smallest network that loses at most P of merit, such as 0.01.")
    steps: int = option(default=400, within=(1, None), metavar="N", help="Number of training steps, per stage.")
    stages: int = option(
        default=9, within=(1, 50), metavar="N", help="Number of training stages, with growing area penalties."
    )
    method: Literal["train", "calibrate"] = option(
        default="train", help="Quantisation-aware training, or post-training calibration: quick, less accurate."
    )

    def recipe(self, order: ArtefactArguments, shape: Any) -> QuantisationRecipe:
        """The quantisation recipe by checked options; the shape is `auto`, `same` or complete."""
        from splinework.hardware.choosing import QuantisationRecipe
        from splinework.hardware.training import QuantisationSchedule

        return QuantisationRecipe(
            bits="auto" if self.bits == "auto" else int(self.bits),
            hidden_bits=self.hidden_bits,
            method=self.method,
            shape=shape,
            max_luts=self.max_luts,
            max_loss=self.max_loss,
            schedule=QuantisationSchedule(steps=self.steps, stages=self.stages, seed=order.seed),
        )

    def check(self) -> None:
        """Raises a ConfigError, before anything is loaded, if the options contradict each other."""
        if self.bits != "auto" and not (self.bits.isdigit() and 1 <= int(self.bits) <= 12):
            raise ConfigError(f"--bits takes a number from 1 to 12, or auto; got {self.bits!r}.")
        if self.bits == "auto" and (self.method == "calibrate" or self.hidden_bits is not None):
            raise ConfigError(
                "--bits auto tries several widths in training; leave --method and --hidden-bits out, or give a number."
            )
        if self.method == "calibrate" and (self.max_luts is not None or self.max_loss is not None):
            raise ConfigError("--max-luts and --max-loss choose among the networks of training; leave --method out.")
        if self.max_luts is not None and not self.max_luts > 0:
            raise ConfigError(f"--max-luts takes a number above 0, got {self.max_luts:g}.")
        if self.max_loss is not None and not 0 <= self.max_loss < 1:
            raise ConfigError(f"--max-loss takes a share such as 0.01, 0 <= P < 1; got {self.max_loss:g}.")
