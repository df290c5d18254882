"""`trunkline completion`: what a shell needs to complete our words."""

import click

from .command import Command, Example

__all__ = ("completion",)


@click.command(
    cls=Command,
    examples=(
        Example(
            "trunkline completion bash > ~/.local/share/bash-completion/completions/trunkline",
            "Bash reads it when it is first needed.",
        ),
        Example(
            'trunkline completion zsh > "${fpath[1]}/_trunkline"',
            "Zsh does, from any of its directories of functions.",
        ),
        Example(
            "trunkline completion fish > ~/.config/fish/completions/trunkline.fish",
            "And so does fish.",
        ),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what lets a shell complete commands, options, and words that they take."""
    from click.shell_completion import get_completion_class

    script = get_completion_class(shell)
    assert script is not None
    from .program import COMPLETION_VARIABLE, NAME

    maker = script(context.find_root().command, {}, NAME, COMPLETION_VARIABLE)
    click.echo(maker.source())
