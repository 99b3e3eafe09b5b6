# SPDX-License-Identifier: Apache-2.0
"""glidein facility add: the drop-in of a facility, checked before it is written."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from condor_plugins.cli.downtime_file import quoted
from condor_plugins.cli.options import pass_world
from condor_plugins.cli.tables import say
from condor_plugins.cli.world import World
from condor_plugins.core.checking_facilities import SECRET_KINDS, usable_name
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.errors import Misconfigured
from condor_plugins.core.policy import Policy
from condor_plugins.core.reading import WrongValueError, nearest, object_values, parse_ad
from condor_plugins.core.table import FACILITY

_PROGRAMS = {"resident": "glidein_gahp", "helpers": "blahp_gahp"}
_GIVEN = {
    "api": "Api",
    "url": "Url",
    "machine": "Machine",
    "root": "Root",
    "credential": "Credential",
}


def _others(
    context: click.Context, parameter: click.Parameter, given: tuple[str, ...]
) -> dict[str, str]:
    """ATTRIBUTE=VALUE words, by the attribute's name as the table has it."""
    known = {one.name.lower(): one for one in FACILITY.attributes}
    found = {}
    for word in given:
        name, equals, text = word.partition("=")
        attribute = known.get(name.strip().lower())
        if not equals or attribute is None:
            hint = nearest(name.strip(), (one.name for one in FACILITY.attributes))
            raise click.BadParameter(f"{word!r} is no ATTRIBUTE=VALUE of a facility{hint}")
        if attribute.kind != "string" and not re.fullmatch(r"[^$\x00-\x1f\x7f]+", text):
            raise click.BadParameter(f"{word!r}: a value is one line, not empty, without $")
        found[attribute.name] = quoted(text) if attribute.kind == "string" else text
    return found


@click.command(short_help="Write the drop-in of one more facility.")
@click.argument("name", metavar="NAME")
@click.option("--api", required=True, type=click.Choice([*SECRET_KINDS]), help="Which API.")
@click.option("--url", required=True, help="Base address of the API.")
@click.option("--machine", default="", help="The machine's name within the API.")
@click.option("--root", required=True, help="Directory at the facility for our files.")
@click.option("--credential", required=True, help="Name of its GLIDEIN_CREDENTIAL_ ad.")
@click.option("--secret", default="", metavar="PATH", help="Write that ad, too: the secret's file.")
@click.option("--set", "others", multiple=True, metavar="ATTRIBUTE=VALUE", callback=_others,
              help="Another attribute of docs/knobs.md; may be given several times.")  # fmt: skip
@click.option("--face", type=click.Choice([*_PROGRAMS]), default="resident", show_default=True,
              help="One gateway for all pilots, or helper scripts below blahpd.")  # fmt: skip
@click.option("--file", "path", type=click.Path(path_type=Path), default=None,
              help="Instead of 70-facility-NAME.conf beside GLIDEIN_DOWNTIME_FILE.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show the file, write nothing.")
@pass_world
def add(
    world: World,
    /,
    name: str,
    path: Path | None,
    dry_run: bool,
    others: dict[str, str],
    **given: str,
) -> int:
    """Write the facility, the program that HTCondor reaches it by, and an entry to edit.

    \b
    glidein facility add nersc --api sfapi --url https://api.nersc.gov/api/v1.2 \\
        --machine perlmutter --root /pscratch/sd/g/glidein --credential nersc_key \\
        --secret /etc/condor/glidein-secrets/nersc.pem
    """
    texts = world.texts()
    policy = read_policy(texts)
    if wrong := usable_name(name):
        raise click.BadParameter(wrong, param_hint="NAME")
    if f"GLIDEIN_FACILITY_{name}".upper() in texts:
        raise Misconfigured(f"GLIDEIN_FACILITY_{name} is set already: edit it where it stands")
    _check_credential(given, policy, texts)
    text = drop_in(name, given, others)
    if dry_run:
        click.echo(text, nl=False)
        return 0
    where = path or Path(policy.settings.downtime_file).parent / f"70-facility-{name}.conf"
    _write_new(where, text)
    say(f"Written to {where}. Next:")
    say("  edit its sample entry; glidein check; condor_reconfig")
    say(f"  glidein facility test {name}")
    return 0


def _check_credential(given: Mapping[str, str], policy: Policy, texts: Mapping[str, str]) -> None:
    """The one that is named is there; the one that would be written is not."""
    name = given["credential"]
    if not given["secret"] and name not in policy.credentials:
        hint = nearest(name, policy.credentials)
        raise click.BadParameter(f"there is no credential {name!r}{hint}; or give --secret")
    if not given["secret"]:
        return
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise click.BadParameter(f"{name!r} can be no knob: letters, digits and _")
    if name.lower() == "names":
        text = "GLIDEIN_CREDENTIAL_NAMES is the list of the credentials; choose another name"
        raise click.BadParameter(text)
    if f"GLIDEIN_CREDENTIAL_{name}".upper() in texts:
        raise Misconfigured(f"GLIDEIN_CREDENTIAL_{name} is set already: leave --secret out")


def drop_in(name: str, given: Mapping[str, str], others: Mapping[str, str]) -> str:
    """The text of the file; `others` are ClassAd texts by attribute.

    Raises a usage error where the table does not take a value.
    """
    ad = {attribute: quoted(given[option]) for option, attribute in _GIVEN.items()} | {**others}
    ad = {attribute: text for attribute, text in ad.items() if text != '""'}
    lines = "".join(f"  {attribute:10} = {text}\n" for attribute, text in ad.items())
    try:
        read = parse_ad(lines)
    except WrongValueError as wrong:
        raise click.UsageError(f"the facility {wrong}") from wrong
    _, problems = object_values(FACILITY, f"GLIDEIN_FACILITY_{name}", read)
    if problems:
        raise click.UsageError("; ".join(f"{one.attribute} {one.text}" for one in problems))
    program = _PROGRAMS[given["face"]]
    return "".join((
        "# HTCondor Glideins: a facility. Written by `glidein facility add`, yours to edit.\n",
        "# docs/facilities.md tells what is what, docs/knobs.md has every attribute.\n\n",
        f"GLIDEIN_FACILITY_NAMES = $(GLIDEIN_FACILITY_NAMES) {name}\n",
        f"GLIDEIN_FACILITY_{name} @=facility\n{lines}@facility\n\n",
        "# The program that HTCondor reaches it by: glidein_gahp stays and serves all pilots,\n",
        "# blahp_gahp is blahpd with helper scripts. After a change: condor_reconfig.\n",
        f"{name.upper()}_GAHP = $(GLIDEIN_BLAHP_DIR)/{program}\n\n",
        _credential(name, given),
        _sample(name),
    ))


def _credential(name: str, given: Mapping[str, str]) -> str:
    if not given["secret"]:
        return ""
    credential = given["credential"]
    return (
        f"GLIDEIN_CREDENTIAL_NAMES = $(GLIDEIN_CREDENTIAL_NAMES) {credential}\n"
        f"GLIDEIN_CREDENTIAL_{credential} @=credential\n"
        '  Purpose     = "request"\n'
        f'  Type        = "{SECRET_KINDS[given["api"]]}"\n'
        f'  TrustDomain = "{name.lower()}"\n'
        f"  Path        = {quoted(given['secret'])}\n"
        "@credential\n\n"
    )


def _sample(name: str) -> str:
    """An entry with every line commented out."""
    lines = (
        f"GLIDEIN_ENTRY_NAMES = $(GLIDEIN_ENTRY_NAMES) {name}_regular",
        f"GLIDEIN_ENTRY_{name}_regular @=entry",
        f'  Site         = "{name.upper()}"',
        f'  GridResource = "batch {name.lower()}"',
        f'  Facility     = "{name}"',
        f'  TrustDomain  = "{name.lower()}"',
        "  Cpus         = 128",
        "  Memory       = 480000",
        "  WallTime     = 21600",
        "  MaxPilots    = 10",
        '  Submit       = [ BatchQueue = "regular"; BatchProject = "m0000" ]',
        "@entry",
    )
    head = "# An entry: take the # away and edit it. Its TrustDomain is that of its credentials.\n"
    return head + "".join(f"#{line}\n" for line in lines)


def _write_new(path: Path, text: str) -> None:
    """All of it or nothing, and never over a file that is there."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(temporary, 0o644)
            os.link(temporary, path)
        finally:
            os.unlink(temporary)
    except FileExistsError as err:
        raise Misconfigured(f"{path} is there already: edit it, or give --file") from err
    except OSError as err:
        raise Misconfigured(f"{path} cannot be written: {err.strerror}; run this as root") from err
