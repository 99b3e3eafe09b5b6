# SPDX-License-Identifier: Apache-2.0
"""The daemons' logs: shown, or kept on the host for the time after."""

from pathlib import Path

from _testbed.inside import Testbed
from _testbed.places import ALL_HOSTS, Host


def tail_logs(testbed: Testbed, host: Host, lines: int, name: str = "") -> str:
    """The last lines of every log of `host` whose name contains `name`; works while it runs."""
    script = (
        'lines=$1; name=$2; shift 2; find "$@" -type f -name "*$name*" -size +0 | sort | '
        'while read -r file; do echo "==> $file"; tail -n "$lines" "$file"; done'
    )
    done = testbed.run(host.name, "sh", "-c", script, "sh", str(lines), name, *host.logs)
    return done.out or done.err


def start_up_words(testbed: Testbed, host: Host, lines: int) -> str:
    """What the start-up script said, also when the container has ended."""
    done = testbed.engine.ask("logs", "--tail", str(lines), host.container)
    return done.out + done.err


def save_logs(testbed: Testbed, directory: Path) -> Path:
    """Copy every log of every host to `directory`/HOST; also from containers that have ended."""
    for host in ALL_HOSTS:
        if not testbed.engine.has("container", host.container):
            continue
        target = directory / host.name
        target.mkdir(parents=True, exist_ok=True)
        (target / "start-up.log").write_text(start_up_words(testbed, host, 1000), encoding="utf-8")
        for source in host.logs:
            testbed.engine.ask("cp", f"{host.container}:{source}", str(target), timeout_s=60)
    return directory
