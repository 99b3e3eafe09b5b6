# SPDX-License-Identifier: Apache-2.0
"""Change the configuration of a host as its administrator would: a file and condor_reconfig."""

from collections.abc import Iterator
from contextlib import contextmanager

from _testbed.pool import Pool

CONFIG = "/etc/condor/config.d"
ENTRIES = f"{CONFIG}/70-entries.conf"


@contextmanager
def drop_in(pool: Pool, host: str, topic: str, text: str) -> Iterator[None]:
    """A file 90-test-TOPIC.conf while the block runs."""
    path = f"{CONFIG}/90-test-{topic}.conf"
    pool.testbed.write_file(host, path, text)
    reconfigure(pool, host)
    try:
        yield
    finally:
        pool.testbed.tell(host, "rm", "-f", path)
        reconfigure(pool, host)


def edit_entries(pool: Pool, old: str, new: str) -> None:
    """Replace `old`, which must be there, in the file of entries, groups and credentials."""
    text = pool.testbed.tell("ap", "cat", ENTRIES)
    assert old in text, f"{old!r} does not stand in {ENTRIES}"
    pool.testbed.write_file("ap", ENTRIES, text.replace(old, new))
    reconfigure(pool, "ap")


def reconfigure(pool: Pool, host: str) -> None:
    pool.testbed.tell(host, "condor_reconfig")
