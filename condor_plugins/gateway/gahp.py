# SPDX-License-Identifier: Apache-2.0
"""The lines that HTCondor's gridmanager and a BLAHP server exchange; no input or output here.

A line is words between blanks; a backslash takes the next character as it is. The gridmanager
asserts the number of words in a result and ends when it is wrong, with all grid jobs of the user:
so every result is made by one of the functions below (gahp-client.cpp, blah_*).
"""

import re
from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple

from condor_plugins.gateway.values import Answer

GREETING = r"$GahpVersion: 2.0.0 HTCondor\ Glideins\ gateway $"
# Words that the gridmanager takes for "no text" (NULLSTRING in its source).
NOTHING = "NULL"
MOST_WORDS = 1000
"""HoldReason is cut at 1023 characters."""

# Number of words that follow the verb, request id included.
REQUESTS = {
    "BLAH_PING": 2,
    "BLAH_JOB_SUBMIT": 2,
    "BLAH_JOB_STATUS": 2,
    "BLAH_JOB_CANCEL": 2,
    "BLAH_JOB_HOLD": 2,
    "BLAH_JOB_RESUME": 2,
    "BLAH_JOB_REFRESH_PROXY": 3,
}
AT_ONCE = ("ASYNC_MODE_OFF", "ASYNC_MODE_ON", "COMMANDS", "QUIT", "RESULTS", "VERSION")


_GRIDTYPE = re.compile(r'\bgridtype\s*=\s*"(?P<type>[A-Za-z0-9_-]+)"', re.IGNORECASE)


class Request(NamedTuple):
    """A command whose result comes later; `words` are what follows the request id."""

    verb: str
    reqid: int
    words: tuple[str, ...]

    @property
    def damaged(self) -> bool:
        """Whether words are missing or left over; it still has to have a result."""
        return len(self.words) != REQUESTS[self.verb] - 1


class Lines:
    """Cuts what was read into lines; a line feed after a backslash belongs to a word."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, read: bytes) -> list[str]:
        """The lines that are complete now, without their ends."""
        begin, look = 0, len(self._rest)
        self._rest += read
        lines = []
        while (end := self._rest.find(b"\n", look)) >= 0:
            look = end + 1
            before = self._rest[begin:end]
            if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
                lines.append(before.decode("utf-8", "surrogateescape"))
                begin = look
        self._rest = self._rest[begin:]
        return lines


def split(text: str) -> list[str]:
    """The words of one line; a carriage return without a backslash is no part of them."""
    words = [""]
    escaped = False
    for sign in text:
        if escaped:
            words[-1] += sign
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == " ":
            words.append("")
        elif sign != "\r":
            words[-1] += sign
    return words


def escape(word: str) -> str:
    """One word as it goes over the wire."""
    for sign in ("\\", " ", "\r", "\n"):
        word = word.replace(sign, f"\\{sign}")
    return word


def line(*words: str | int) -> str:
    """Words as one line, without its end."""
    return " ".join(escape(str(word)) for word in words)


def request(words: Iterable[str]) -> Request | None:
    """None: no command with a result, or no request id to answer under."""
    verb, *rest = words
    verb = verb.upper()
    if verb not in REQUESTS or not rest or not rest[0].isascii() or not rest[0].isdigit():
        return None
    number = int(rest[0])
    return Request(verb, number, tuple(rest[1:])) if number else None


def batch_type(asked: Request) -> str:
    """In lower case; "" where the command does not say it."""
    if not asked.words:
        return ""
    if asked.verb == "BLAH_PING":
        return asked.words[0].lower()
    if asked.verb == "BLAH_JOB_SUBMIT":
        # In a ClassAd's text no string can hold this: its quotes have a backslash before them.
        found = _GRIDTYPE.search(asked.words[0])
        return found["type"].lower() if found else ""
    return handle_of(asked.words[0])[0].lower()


def commands() -> str:
    """The answer to COMMANDS."""
    return line("S", *sorted((*AT_ONCE, *REQUESTS)))


def submitted(reqid: int, blah_id: str) -> str:
    """The job is submitted; its id has neither blanks nor more than 255 characters."""
    return line(reqid, 0, "No error", blah_id)


def not_submitted(reqid: int, why: str) -> str:
    """The job will be held with this reason."""
    return line(reqid, 1, sentence(why), NOTHING)


def status(reqid: int, ad: str, job_status: int) -> str:
    """`ad`: see `status_ad`."""
    return line(reqid, 0, "No error", job_status, ad)


def no_status(reqid: int, why: str) -> str:
    """The gridmanager asks again; after five of these in a row the job is held."""
    return line(reqid, 1, sentence(why), 0, NOTHING)


def done(reqid: int) -> str:
    """For all other commands."""
    return line(reqid, 0, "No error")


def not_done(reqid: int, why: str) -> str:
    return line(reqid, 1, sentence(why))


def failed(asked: Request, why: str) -> str:
    """An error with the number of words that this command's results have."""
    match asked.verb:
        case "BLAH_JOB_SUBMIT":
            return not_submitted(asked.reqid, why)
        case "BLAH_JOB_STATUS":
            return no_status(asked.reqid, why)
        case _:
            return not_done(asked.reqid, why)


def sentence(text: str, most: int = MOST_WORDS) -> str:
    """Foreign text in one line that can be printed, cut to `most` characters, never empty."""
    words = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return words[:most].rstrip() or "no reason given"


def blah_id(batch_type: str, day: str, handle: str) -> str:
    """`day`: YYYYMMDD, of the submission; nothing but the form depends on it."""
    return f"{batch_type}/{day}/{handle}"


def handle_of(job: str) -> tuple[str, str]:
    """Batch type ("" if it is not there) and handle of "<type>/<day>/<handle>", or less of it."""
    parts = job.split("/")
    return (parts[0] if len(parts) > 2 else ""), parts[-1]


def status_ad(handle: str, answer: Answer, most: int = MOST_WORDS) -> str:
    """A ClassAd in one line of at most `most` characters; attributes that do not fit are left out.

    blahpd copies a status into 1024 bytes.
    """
    found = [f"BatchJobId={_literal(handle)}", f"JobStatus={answer.status}"]
    # BatchJobId may come along in the attributes; it is there already.
    for name, value in answer.attributes.items():
        one = f"{name}={_literal(value)}"
        if name not in ("BatchJobId", "JobStatus") and len(";".join([*found, one])) + 2 <= most:
            found.append(one)
    return f"[{';'.join(found)}]"


def _literal(value: str | int | float | bool) -> str:
    """A value as a ClassAd literal; text in ASCII, because `most` counts bytes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value) if isfinite(value) else "undefined"
    text = sentence(value, 400) if value else ""
    plain = text.encode("ascii", "replace").decode()
    return '"{}"'.format(plain.replace("\\", "\\\\").replace('"', '\\"'))
