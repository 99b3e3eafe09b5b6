# SPDX-License-Identifier: Apache-2.0
"""A site's <type>_local_submit_attributes.sh, as BLAHP's own batch types have it.

It is sourced by a shell in which the job's attributes are variables; lines "#SBATCH …" that it
writes are options of the job. Here they are added to the job's extra options, behind those that
the job brings along. A file that others than this account and root can write is refused.
"""

import os
import re
import shlex
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from condor_plugins.gateway.values import JobRequest, WrongJob

_FILE = "{}_local_submit_attributes.sh"
_TIMEOUT_S = 20
_DIRECTIVE = re.compile(r"#(?:SBATCH|PBS|FLUX|FLUX:)\s+(?P<options>\S.*)")
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
# Those would change the shell itself.
_SHELL = re.compile(
    r"PATH|IFS|ENV|HOME|SHELL|CDPATH|PS\d|UID|EUID|PWD|OLDPWD|OPTIND|BASH.*|LD_.*|PYTHON.*|_.*",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"(?P<name>\w+)='(?P<value>.*)'\Z")


def with_site_attributes(
    batch_type: str, request: JobRequest, variables: Callable[[], Mapping[str, str]]
) -> JobRequest:
    """The request with the options that the site's file adds; as it is where there is none.

    Raises WrongJob with the file's words when it fails: a job without the options that the site
    wants would do something else than the site's administrator means.
    """
    path = site_file(batch_type)
    if path is None:
        return request
    options = _options(_output(path, variables()))
    if not options:
        return request
    extra = " ".join(one for one in (request.resources.extra, *options) if one)
    return request._replace(resources=request.resources._replace(extra=extra))


def site_file(batch_type: str) -> Path | None:
    """The first there is: in ~/.blah, in BLAHP's own directory, in /etc/blahp."""
    libexec = os.environ.get("GLIDEIN_STOCK_BLAHP") or "/usr/libexec/blahp"
    for directory in (Path.home() / ".blah", Path(libexec), Path("/etc/blahp")):
        path = directory / _FILE.format(batch_type)
        if path.is_file():
            return path
    return None


def variables_of_ad(text: str) -> dict[str, str]:
    """The plain values of a submit ad, by attribute; nothing where the ad does not parse."""
    import classad2  # noqa: PLC0415 (36 ms, and only the slow path needs it)

    try:
        ad = classad2.ClassAd(text)
    except (classad2.ClassAdException, ValueError):
        return {}
    found = {name: ad.get(name) for name in ad}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in found.items()
        if isinstance(value, str | int | float) and not isinstance(value, classad2.Value)
    }


def variables_of_file(path: str) -> dict[str, str]:
    """The lines Name='value' of blahpd's file for option -C."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found = (_QUOTED.match(line.strip()) for line in lines)
    return {one["name"]: one["value"] for one in found if one}


def _output(path: Path, variables: Mapping[str, str]) -> str:
    facts = path.stat()
    if facts.st_uid not in (0, os.geteuid()) or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise WrongJob(f"{path} can be written by others than root and this account")
    given = "".join(
        f"{name}={shlex.quote(value)}\n"
        for name, value in variables.items()
        if _VARIABLE.match(name) and not _SHELL.fullmatch(name) and "\0" not in value
    )
    try:
        # From stdin: an environment is too small for what a job can bring along, and visible.
        done = subprocess.run(
            ["bash", "-s"],
            input=f"{given}. {shlex.quote(str(path))}\n",
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as err:
        raise WrongJob(f"{path}: {err}") from err
    if done.returncode != 0:
        words = " ".join(done.stderr.split())[:200]
        raise WrongJob(f"{path} ended with exit code {done.returncode}: {words}")
    return done.stdout


def _options(output: str) -> list[str]:
    found = (_DIRECTIVE.match(line.strip()) for line in output.splitlines())
    return [one["options"].strip() for one in found if one]
