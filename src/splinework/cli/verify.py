"""`splinework verify`: axioms of a model proved or refuted, and certificates checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from splinework.cli import common
from splinework.cli.complete import files_of
from splinework.cli.json_output import json_text
from splinework.cli.options import argument, command, option, takes
from splinework.cli.progress import Stages
from splinework.errors import ConfigError, FileError

if TYPE_CHECKING:
    from splinework.knowledge.axioms.checker import CertificateCheck
    from splinework.knowledge.axioms.verify import Certificate

_EXIT_CODES: Final = {"proved": 0, "refuted": 1, "unknown": 3}


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """The options as they were given."""

    model: str = argument(shell_complete=files_of)
    certificate: str | None = argument(required=False, metavar="[CERT.json]", shell_complete=files_of)
    texts: tuple[str, ...] = common.axioms()
    file: str | None = common.axiom_file()
    ranges: tuple[str, ...] = option(
        "--box", default=(), metavar="COL=LOW:HIGH,…", help="Ranges of inputs.", group=common.INPUT_GROUP
    )
    effort: float = common.effort(30.0)
    out: str | None = common.out("CERT.json", "File for the certificate.")
    smtlib: str | None = common.out("FOLDER", "Folder for the claims as SMT-LIB scripts, for solvers such as z3.")
    quiet: bool = common.quiet()
    as_json: bool = common.as_json()


@command(no_args_is_help=True, short_help="Prove or refute axioms of a model, or check a certificate.")
@takes(VerifyOptions)
def verify(options: VerifyOptions) -> int:
    """Prove or refute axioms of MODEL, however it was trained, or check CERT.json, a certificate of such a proof.

    By default, the axioms the model was trained with are checked. Proofs hold for all points of the box, which is
    that of the model's grids unless --box says more, and take rounding into account. Ends with exit code 0 where all is proved
    (or the certificate is right), 1 where a point refutes an axiom (or the certificate is wrong), 3 where neither was found in
    time, and 2 where the input is not as needed. MODEL may be the golden.json of a quantised model, too.

    \b
    Examples:
      splinework verify model.safetensors --axiom "monotone(a)" --axiom "bounded(0, 1)"
      splinework verify model.safetensors --axioms axioms.toml --box a=0:10 --out certificate.json
      splinework verify model.safetensors certificate.json
    """
    with Stages(quiet=options.quiet or options.as_json) as stages:
        stages.stage("loading the model", after=1.0)
        subject = _model(options.model)
        if options.certificate is not None:
            if options.texts or options.file or options.ranges or options.out or options.smtlib:
                raise ConfigError(
                    "a certificate is checked as it is; leave out --axiom, --axioms, --box, --out and --smtlib."
                )
            stages.stage("checking the certificate", after=1.0)
            from splinework.knowledge.axioms.checker import check

            return _checked(check(subject, options.certificate), options.certificate, as_json=options.as_json)
        axioms = _axioms(subject, options.texts, options.file)
        if options.smtlib is not None:
            _write_scripts(subject, axioms, options)
        stages.stage("looking for proofs and counter-examples", after=1.0)
        from splinework.knowledge.axioms.verify import verify as prove

        found = prove(subject, axioms, box=_box(options.ranges), effort=options.effort)
    if options.out is not None:
        found.save(options.out)
    if options.as_json:
        click.echo(found.to_json(), nl=False)
    else:
        _show(found, options.out)
    return _EXIT_CODES[found.status]


def _model(path: str) -> Any:
    if Path(path).suffix == ".json":
        from splinework.hardware.golden import read_golden

        return read_golden(path)
    from splinework.nn.checkpoint import load

    return load(path)


def _axioms(model: Any, texts: tuple[str, ...], file: str | None) -> list[Any]:
    """The axioms asked for, or those the model was trained with."""
    from splinework.knowledge.axioms.files import read_axioms
    from splinework.knowledge.axioms.language import parse_axiom

    found: list[Any] = [*map(parse_axiom, texts), *(read_axioms(file) if file is not None else ())]
    if not found:
        config = getattr(getattr(model, "network", model), "config", None)
        found = [parse_axiom(text) for text in getattr(config, "axioms", ())]
    if not found:
        raise ConfigError("this model was trained without axioms; name those to verify by --axiom or --axioms.")
    return found


def _box(ranges: tuple[str, ...]) -> dict[str, tuple[float, float]] | None:
    """Ranges by name.

    Raises:
        ConfigError: If a text is not a range.
    """
    found: dict[str, tuple[float, float]] = {}
    for text in ranges:
        name, _, ends = text.rpartition("=")
        low, _, high = ends.partition(":")
        try:
            found[name] = (float(low), float(high))
        except ValueError:
            name = ""
        if not name:
            raise ConfigError(f"--box takes NAME=LOW:HIGH such as a=0:1, got {text!r}.")
    return found or None


def _write_scripts(subject: Any, axioms: list[Any], options: VerifyOptions) -> None:
    """The claims as scripts, numbered in the order of the certificate."""
    from splinework.knowledge.axioms.verify.smtlib import smt_scripts
    from splinework.nn.files import check_writable, write_into

    check_writable(folder := Path(str(options.smtlib)))
    scripts = smt_scripts(subject, axioms, box=_box(options.ranges))
    write_into(folder, {f"claim-{number}.smt2": script.save for number, script in enumerate(scripts, 1)})


def _show(found: Certificate, out: str | None) -> None:
    from splinework.knowledge.axioms.verify.certificate import line_of

    for claim in found.claims:
        click.echo(line_of(claim))
    box = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in found.box.items())
    click.echo(f"{found.status}, for {box}, in {found.seconds:.2f} s")
    if out is not None:
        click.echo(f"certificate: {out}")


def _checked(result: CertificateCheck, path: str, *, as_json: bool) -> int:
    if not (result.valid or result.status):
        raise FileError(f"{path} is no certificate of this model: {result.reason}; create it by verify with --out.")
    if as_json:
        values = {"certificate": path, "valid": result.valid, "status": result.status, "reason": result.reason}
        click.echo(json_text(values), nl=False)
    elif result.valid:
        click.echo(f"right: {path} says {result.status}, and every step of it was confirmed")
    else:
        click.echo(f"WRONG: {path}: {result.reason}")
    return 0 if result.valid else 1
