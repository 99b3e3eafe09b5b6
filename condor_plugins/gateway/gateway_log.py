# SPDX-License-Identifier: Apache-2.0
"""gateway.log: what the gateway did and what went wrong, for people; never a secret."""

import logging
from pathlib import Path

_MOST_BYTES = 5_000_000


class _Appending(logging.Handler):
    """Opens the file for each record: several gateways of one account write into it.

    A full one becomes `<name>.old`. A log that cannot be written is no reason to stop.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._path.exists() and self._path.stat().st_size > _MOST_BYTES:
                self._path.replace(self._path.with_name(f"{self._path.name}.old"))
            with self._path.open("a", encoding="utf-8", errors="replace") as stream:
                stream.write(f"{self.format(record)}\n")
            self._path.chmod(0o600)
        except OSError:
            return


def log_to(name: str, path: Path) -> logging.Logger:
    """The logger of one facility."""
    logger = logging.getLogger(f"condor_plugins.gateway.{name}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    handler = _Appending(path)
    handler.setFormatter(
        logging.Formatter("%(asctime)s (%(process)d) %(message)s", "%m/%d/%y %H:%M:%S")
    )
    logger.addHandler(handler)
    return logger
