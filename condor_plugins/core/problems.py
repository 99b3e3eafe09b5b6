# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the configuration, as it is told."""

from typing import Literal, NamedTuple


class Problem(NamedTuple):
    """Something a person should change; `attribute` is empty when the whole knob is meant."""

    knob: str
    attribute: str
    text: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"{self.knob}: {self.attribute}" if self.attribute else self.knob
        return f"{where}: {self.text}"
