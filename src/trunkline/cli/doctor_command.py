"""`trunkline doctor`: what this machine has for networks, and what will bite."""

import click

from .command import Command, Example
from .exit_status import ExitStatus

__all__ = ("doctor",)

EXAMPLES = (
    Example("trunkline doctor", "Look before you deploy."),
    Example(
        "trunkline doctor --json | jq '.findings[] | select(.verdict != \"good\")'",
        "Only what is not good, for another program.",
    ),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all that was looked at.")
def doctor(as_json: bool) -> None:
    """Say what this machine offers, and which limits will bite.

    Each finding is good, note, or bad, and the last two say what to do. Nothing is sent to anybody.
    It ends with status 1 if something is bad.
    """
    from .doctor.facts import look_at_machine
    from .doctor.findings import findings
    from .tables import print_table

    facts = look_at_machine()
    found = findings(facts)
    if as_json:
        import json
        from dataclasses import asdict

        told = {"findings": [each._asdict() for each in found], "facts": asdict(facts)}
        click.echo(json.dumps(told, indent=2))
    else:
        print_table(
            ("", "what", "found"), [(each.verdict, each.what, each.found) for each in found]
        )
        for each in found:
            if each.advice:
                click.echo(f"\n{each.what}: {each.advice}.")
    if any(each.verdict == "bad" for each in found):
        raise click.exceptions.Exit(ExitStatus.FAILED)
