# SPDX-License-Identifier: Apache-2.0
"""Tell the person at the terminal what is done and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click


class Progress:
    """Lines on stderr, each with the seconds since the start."""

    def __init__(self) -> None:
        self.started_s = time.monotonic()

    def say(self, text: str) -> None:
        click.echo(f"[{time.monotonic() - self.started_s:5.1f} s] {text}", err=True)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Name a step when it starts, and its seconds when it went well."""
        began_s = time.monotonic()
        self.say(f"{what} …")
        yield
        self.say(f"{what}: done in {time.monotonic() - began_s:.1f} s")
