# SPDX-License-Identifier: Apache-2.0
"""glidein-gateway: what <TYPE>_GAHP and blahpd's scripts start; its fast verbs import little."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

EXIT_MISCONFIGURED, EXIT_USAGE = 78, 64
_HELP = """usage: glidein-gateway gahp
       glidein-gateway submit|status|cancel|hold|resume|ping TYPE [words of blahpd's script …]
       glidein-gateway work TYPE
       glidein-gateway test NAME

gahp    serve HTCondor's gridmanager (<TYPE>_GAHP) until it goes away
submit … ping
        answer blahpd, as its <TYPE>_<verb>.sh
work    do what is left to do at a facility, then end
test    try a facility from login to output; one JSON object a line, exit 1 if a step fails
"""
_HELPER = ("submit", "status", "cancel", "hold", "resume", "ping")


def main(argv: Sequence[str]) -> int:
    """The exit code."""
    match argv:
        case ["gahp", *_]:
            from condor_plugins.gateway import resident  # noqa: PLC0415 (each verb its own)

            return resident.main()
        case ["status", batch_type, *words] if line := _quick(batch_type, words):
            sys.stdout.write(line)
            return 0
        case [verb, batch_type, *words] if verb in _HELPER:
            from condor_plugins.gateway import helper  # noqa: PLC0415

            return helper.main(verb, batch_type, words)
        case ["work" | "test" as verb, name]:
            return _slow(verb, name)
        case ["-h" | "--help" | "help"]:
            sys.stdout.write(_HELP)
            return 0
    sys.stderr.write(_HELP)
    return EXIT_USAGE


def _quick(batch_type: str, words: Sequence[str]) -> str:
    from condor_plugins.gateway.quick import status  # noqa: PLC0415

    return status(batch_type, words)


def _slow(verb: str, name: str) -> int:
    from condor_plugins.core.errors import Misconfigured, TryAgain  # noqa: PLC0415

    try:
        if verb == "test":
            from condor_plugins.gateway import probe  # noqa: PLC0415

            return probe.main(name)
        from condor_plugins.gateway.opening import open_facility  # noqa: PLC0415
        from condor_plugins.gateway.working import work  # noqa: PLC0415

        work(open_facility(name))
    except (Misconfigured, TryAgain) as problem:
        sys.stderr.write(f"glidein-gateway: {problem}\n")
        return EXIT_MISCONFIGURED
    return 0


def run() -> None:
    code = main(sys.argv[1:])
    if sys.argv[1:2] and sys.argv[1] in _HELPER:
        _end(code)
    sys.exit(code)


def _end(code: int) -> NoReturn:
    """At once: blahpd waits for the process, and its threads may wait for the facility."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1  # nobody has the answer
    os._exit(code)


if __name__ == "__main__":
    run()
