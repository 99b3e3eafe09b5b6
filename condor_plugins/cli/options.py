# SPDX-License-Identifier: Apache-2.0
"""What several commands share: the world they ask, and --json."""

import click

pass_world = click.pass_obj
json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object instead of words (docs/command.md)."
)


def _knobs(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """KNOB=VALUE words as knob texts by name in capitals."""
    pairs = [word.partition("=") for word in given]
    for name, equals, _ in pairs:
        if not equals or not name.strip():
            raise click.BadParameter(f"{name!r} is not KNOB=VALUE", context, parameter)
    return {name.strip().upper(): value for name, _, value in pairs}


knobs_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KNOB=VALUE",
    callback=_knobs,
    help="As if this knob were set so; may be given several times.",
)
