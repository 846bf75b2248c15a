"""`splinework completion`: the script with which a shell completes commands, options, files and the columns of a table."""

from typing import Final

import click

from splinework.cli.options import command
from splinework.errors import ConfigError

_SHELLS: Final = ("bash", "zsh", "fish", "powershell")


@command(no_args_is_help=True, short_help="Print the completion script for a shell.")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, files, and the columns of a table after --target.

    \b
    Put one of these lines into the file that your shell reads at its start:
      bash        eval "$(splinework completion bash)"               # ~/.bashrc
      zsh         eval "$(splinework completion zsh)"                # ~/.zshrc
      fish        splinework completion fish | source                # ~/.config/fish/config.fish
      powershell  splinework completion powershell | Out-String | Invoke-Expression    # $PROFILE
    """
    from importlib.metadata import version

    from click.shell_completion import get_completion_class

    known = get_completion_class(shell)
    if known is None:
        raise ConfigError(f"this click ({version('click')}) knows no completion for {shell}; get a newer one.")
    click.echo(
        known(click.get_current_context().find_root().command, {}, "splinework", "_SPLINEWORK_COMPLETE").source()
    )
