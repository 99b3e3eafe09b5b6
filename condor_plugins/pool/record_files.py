# SPDX-License-Identifier: Apache-2.0
"""Records of cycles in a directory: one file a cycle, named by its time, the oldest deleted."""

import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from condor_plugins.core.recorded import Record, UnreadableError, document_of, record_of
from condor_plugins.pool.files import write_atomically

_NAME = re.compile(r"cycle-\d{8}T\d{6}\.\d{3}Z\.json\.gz\Z")
_LEVEL = 6


def write_record(directory: Path, record: Record, keep: int) -> Path:
    """Write one more file, and delete the oldest ones beyond `keep`. Raises OSError, ValueError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    when = datetime.fromtimestamp(record.seen.now_s, UTC).isoformat("T", "milliseconds")
    stamp = when.removesuffix("+00:00").replace("-", "").replace(":", "")
    path = directory / f"cycle-{stamp}Z.json.gz"
    text = json.dumps(document_of(record), separators=(",", ":"))
    write_atomically(path, gzip.compress(text.encode(), _LEVEL, mtime=0), mode=0o600)
    for old in _records(directory)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def record_paths(given: Iterable[Path]) -> list[Path]:
    """These files, and the records in these directories from the oldest on; each once."""
    found: dict[Path, None] = {}
    for path in given:
        found |= dict.fromkeys(_records(path) if path.is_dir() else [path])
    return list(found)


def read_record(path: Path) -> Record:
    """Raises UnreadableError: it is not there, damaged, or something else."""
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        document = json.loads(text)
    except (OSError, EOFError, zlib.error) as err:
        raise UnreadableError(getattr(err, "strerror", None) or str(err)) from err
    except (ValueError, RecursionError) as err:
        raise UnreadableError(f"is no JSON: {err}") from err
    return record_of(document)


def _records(directory: Path) -> list[Path]:
    """Oldest first; other files are none of ours."""
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def each_record(paths: Iterable[Path]) -> Iterator[tuple[Path, Record | UnreadableError]]:
    """One at a time: a day of records need not be in memory at once."""
    for path in paths:
        try:
            yield path, read_record(path)
        except UnreadableError as err:
            yield path, err
