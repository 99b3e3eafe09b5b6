# SPDX-License-Identifier: Apache-2.0
"""A job as the gridmanager or blahpd describes it becomes a JobRequest, or is refused by name."""

import getopt
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from condor_plugins.facility.values import Resources
from condor_plugins.gateway.quoting import (
    assignments,
    file_list,
    one_line,
    plain_values,
    remaps,
    split_blahpd,
    split_v2,
)
from condor_plugins.gateway.values import JobRequest, WrongJob

# blahpd's options and the attributes that they stand for (blah_common_submit_functions.sh).
_LETTERS = "a:i:o:e:c:s:v:V:dw:q:n:N:z:h:g:G:M:P:S:r:p:l:x:u:j:T:I:O:R:C:D:m:A:t:"
_OPTIONS = {
    "-a": "BatchExtraSubmitArgs",
    "-i": "In",
    "-o": "Out",
    "-e": "Err",
    "-c": "Cmd",
    "-s": "StageCmd",
    "-w": "Iwd",
    "-q": "Queue",
    "-n": "NodeNumber",
    "-N": "HostSMPSize",
    "-z": "WholeNodes",
    "-h": "HostNumber",
    "-g": "GPUNumber",
    "-G": "GPUMode",
    "-M": "GPUModel",
    "-P": "MICNumber",
    "-S": "SMPGranularity",
    "-x": "x509userproxy",
    "-D": "JobDirectory",
    "-m": "RequestMemory",
    "-A": "BatchProject",
    "-t": "BatchRuntime",
}
_NOT_CARRIED = {
    "x509userproxy": "no proxy is carried to a facility",
    "WholeNodes": "say it in BatchExtraSubmitArgs or BatchConstraint",
    "HostNumber": "say it in NodeNumber",
    "HostSMPSize": "say it in RequestCpus",
    "SMPGranularity": "say it in RequestCpus",
    "GPUMode": "say it in BatchExtraSubmitArgs",
    "GPUModel": "say it in BatchConstraint",
    "MICNumber": "no facility has any",
}
_RESOURCES = (
    "Queue BatchProject BatchConstraint BatchReservation BatchLicenses BatchExtraSubmitArgs"
    " BatchRuntime RequestCpus RequestGPUs RequestMemory NodeNumber GPUNumber"
)
# The factory decides by the job's ad what may be asked for: an expression could be another
# value there than in the copy that comes here.
_LITERAL = {name.lower() for name in (*_RESOURCES.split(), *_NOT_CARRIED)}
_NOTHING = {"", "0", "no", "false", "undefined"}
_LINE = re.compile(r"(\w+)='(.*)'")
_NUMBER = re.compile(r"[0-9]{1,9}")

Attributes = Mapping[str, str]


def from_ad(text: str) -> JobRequest:
    """Of the ClassAd that BLAH_JOB_SUBMIT carries. Raises WrongJob."""
    import classad2  # noqa: PLC0415 (15 ms; the script face does without)

    try:
        found = dict(plain_values(classad2.ClassAd(text), _LITERAL))
    except (ValueError, SyntaxError, TypeError, classad2.ClassAdException) as err:
        raise WrongJob(f"the job's ad cannot be read: {err}") from err
    return _request(found)


def from_words(argv: Sequence[str]) -> JobRequest:
    """Of the options that blahpd gives to <type>_submit.sh. Raises WrongJob.

    Attributes in the file of -C come last: they are as the job has them, while blahpd's command
    line went through wordexp.
    """
    try:
        options, words = getopt.getopt(list(argv), _LETTERS)
    except getopt.GetoptError as err:
        raise WrongJob(f"blahpd's options: {err}") from err
    by_letter = dict(options)
    given = {_OPTIONS[one].lower(): text for one, text in options if one in _OPTIONS}
    return _request(given | _attributes_file(by_letter.get("-C", "")), by_letter, words)


def _attributes_file(path: str) -> dict[str, str]:
    lines = _lines("-C", path)
    found = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
    return {name.lower(): _unquoted(name.lower(), value) for name, value in found}


def _unquoted(name: str, value: str) -> str:
    """CERequirements write strings with their quotes."""
    plain = name in {"arguments", "environment", "args", "env"}
    if not plain and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def _lines(option: str, path: str) -> list[str]:
    try:
        text = Path(path).read_text("utf-8", "surrogateescape") if path else ""
    except OSError as err:
        raise WrongJob(f"option {option}: {path}: {err.strerror}") from err
    return [line for line in text.split("\n") if line]


def _request(
    ad: Attributes, options: Attributes | None = None, words: Sequence[str] = ()
) -> JobRequest:
    """`options` and `words` only where blahpd's scripts are called."""
    options = options or {}
    for name, way_out in _NOT_CARRIED.items():
        if ad.get(name.lower(), "").lower() not in _NOTHING:
            raise WrongJob(f"{name} = {ad[name.lower()][:60]!r} cannot be carried over: {way_out}")
    command, program = _command(ad)
    inputs = _inputs(ad, options)
    return JobRequest(
        key=_text(ad, "JobDirectory") or f"home_bl_{uuid.uuid4().hex}",
        command=command,
        arguments=tuple(one_line("Arguments", one) for one in _arguments(ad, words)),
        environment=tuple(
            (name, one_line("Environment", value)) for name, value in _environment(ad, options)
        ),
        inputs=tuple(dict.fromkeys([*program, *inputs])),
        outputs=tuple(_outputs(ad, options)),
        stdin=_stream(ad, "In"),
        stdout=_stream(ad, "Out"),
        stderr=_stream(ad, "Err"),
        resources=_resources(ad),
    )


def _text(ad: Attributes, name: str) -> str:
    return one_line(name, ad.get(name.lower(), ""))


def _number(ad: Attributes, name: str) -> int:
    text = _text(ad, name).strip()
    if text.lower() in _NOTHING:
        return 0
    if not _NUMBER.fullmatch(text):
        raise WrongJob(f"{name} = {text[:60]!r} should be a whole number")
    return int(text)


def _here(ad: Attributes, name: str, path: str) -> str:
    """An absolute path of this host."""
    whole = os.path.join(_text(ad, "Iwd"), one_line(name, path))
    if not whole.startswith("/"):
        raise WrongJob(f"{name} = {path[:60]!r} is relative, and there is no absolute Iwd")
    return os.path.normpath(whole)


def _command(ad: Attributes) -> tuple[str, list[str]]:
    """How the job runs its program, and the file that has to go along for it."""
    if not _text(ad, "Cmd"):
        raise WrongJob("Cmd is missing")
    if ad.get("stagecmd", "yes").lower() in {"no", "false"}:
        if not _text(ad, "Cmd").startswith("/"):
            raise WrongJob("Cmd should be an absolute path: the program is not transferred")
        return _text(ad, "Cmd"), []
    path = _here(ad, "Cmd", _text(ad, "Cmd"))
    return f"./{os.path.basename(path)}", [path]


def _arguments(ad: Attributes, words: Sequence[str]) -> list[str]:
    if "arguments" in ad:
        return split_v2("Arguments", ad["arguments"])
    if "args" in ad:
        return ad["args"].split()
    return split_blahpd("Arguments", " ".join(words)) if words else []


def _environment(ad: Attributes, options: Attributes) -> tuple[tuple[str, str], ...]:
    if "environment" in ad:
        return assignments("Environment", split_v2("Environment", ad["environment"]))
    if "-V" in options:
        return assignments("Environment", split_blahpd("Environment", options["-V"]))
    old = ad.get("env", options.get("-v", ""))
    parts = [part for part in old.split(ad.get("envdelim", ";")) if part]
    return assignments("Env", parts)


def _inputs(ad: Attributes, options: Attributes) -> list[str]:
    names = (
        _lines("-I", options["-I"]) if "-I" in options else file_list(ad.get("transferinput", ""))
    )
    for name in names:
        if re.match(r"[A-Za-z0-9+.-]+://", name):
            raise WrongJob(f"TransferInput: {name[:60]} is a URL; only files are carried over")
    return [_here(ad, "TransferInput", name) for name in names]


def _outputs(ad: Attributes, options: Attributes) -> Iterator[tuple[str, str]]:
    if "-O" in options:
        names = _lines("-O", options["-O"])
        places = _lines("-R", options["-R"]) if "-R" in options else names
        mapped = dict(zip(names, places, strict=False))
    else:
        names = file_list(ad.get("transferoutput", ""))
        mapped = remaps(ad.get("transferoutputremaps", ""))
    for name in dict.fromkeys(names):
        plain = os.path.normpath(one_line("TransferOutput", name))
        if plain.startswith(("/", "../")) or plain in {".", ".."}:
            raise WrongJob(f"TransferOutput: {name[:60]!r} should be a file in the job's directory")
        default = os.path.basename(plain)
        yield plain, _here(ad, "TransferOutput", mapped.get(name, default))


def _stream(ad: Attributes, name: str) -> str:
    text = _text(ad, name)
    return "" if text in {"", "/dev/null"} else _here(ad, name, text)


def _resources(ad: Attributes) -> Resources:
    gpus = _text(ad, "RequestGPUs").strip().lower()
    return Resources(
        queue=_text(ad, "Queue"),
        project=_text(ad, "BatchProject"),
        constraint=_text(ad, "BatchConstraint"),
        reservation=_text(ad, "BatchReservation"),
        licenses=_text(ad, "BatchLicenses"),
        extra=_text(ad, "BatchExtraSubmitArgs"),
        wall_s=_number(ad, "BatchRuntime"),
        memory_mb=_number(ad, "RequestMemory"),
        cpus=_number(ad, "RequestCpus") or 1,
        gpus=_number(ad, "GPUNumber" if gpus in {"", "undefined"} else "RequestGPUs"),
        nodes=_number(ad, "NodeNumber") or 1,
    )
