# SPDX-License-Identifier: Apache-2.0
"""Times as people write and read them."""

import re
from datetime import datetime

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?:in)?)?(?:(\d+)s?)?\Z", re.IGNORECASE)


def parse_time(text: str) -> int:
    """UNIX seconds of an ISO 8601 time, local if it names no zone. Raises ValueError."""
    return int(datetime.fromisoformat(text).astimezone().timestamp())


def parse_duration(text: str) -> int:
    """Seconds of 90, 90s, 45m, 2h30m, 1d12h. Raises ValueError."""
    found = _DURATION.match(text.strip())
    if not found or not text.strip():
        raise ValueError(f"{text!r} is no duration: write it like 45m, 2h30m or 1d")
    parts = zip(found.groups(), _SECONDS.values(), strict=True)
    return sum(int(number or 0) * seconds for number, seconds in parts)


def stamp(seconds: float) -> str:
    """Local date and time, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def lasting(seconds: float) -> str:
    """A duration in one or two units: 40 s, 12 min, 3 h 5 min, 2 d 4 h."""
    whole = max(int(seconds), 0)
    if whole < 120:
        return f"{whole} s"
    minutes, hours, days = whole // 60 % 60, whole // 3600 % 24, whole // 86400
    pairs = ((days, "d"), (hours, "h"), (minutes, "min"))
    first = next(at for at, (number, _) in enumerate(pairs) if number)
    return " ".join(f"{number} {unit}" for number, unit in pairs[first : first + 2] if number)
