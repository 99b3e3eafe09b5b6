# SPDX-License-Identifier: Apache-2.0
"""What several commands share: the world they ask, and --json."""

import click

pass_world = click.pass_obj
json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON object instead of words (docs/command.md)."
)
