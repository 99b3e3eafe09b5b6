# SPDX-License-Identifier: Apache-2.0
"""The provisioner's log: HTCondor keeps no stderr of a schedd cron program (seen with 25.14.1)."""

import time
from collections.abc import Iterable
from pathlib import Path

_MOST_BYTES = 10_000_000  # HTCondor's own MAX_DEFAULT_LOG


def append(path: Path, lines: Iterable[str]) -> None:
    """Add these lines, each with the time in front; a full file becomes `<name>.old`."""
    stamp = time.strftime("%m/%d/%y %H:%M:%S")
    text = "".join(f"{stamp} {' '.join(line.split())}\n" for line in lines)
    if not text:
        return
    if path.exists() and path.stat().st_size > _MOST_BYTES:
        path.replace(path.with_name(f"{path.name}.old"))
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)
