# SPDX-License-Identifier: Apache-2.0
"""A failure of `glidein facility test` in words: what happened, and what a person should do.

Rules in order; a rule holds in some steps only, or in all, and looks at what the facility, the
connection or the batch system said.
"""

import re
from typing import NamedTuple

from condor_plugins.facility.values import Facility, NoNews, RemoteJob

_MOST = 600


class _Rule(NamedTuple):
    """`{…}` in the advice are fields of the facility. `steps`: () is all."""

    steps: tuple[str, ...]
    said: str
    advice: str


_ANY: tuple[str, ...] = ()
_BATCH = ("submit", "cancel")
_RULES = (
    # In front, for the words hold a path, and a path holds any word.
    _Rule(
        _ANY,
        r"^the token in .* has ended",
        "the credential has expired: make a new one at the facility and write it over {secret};"
        " no restart is needed",
    ),
    _Rule(
        _ANY,
        r"certificate|\bSSL\b|\[SSL|\bTLS\b|WRONG_VERSION",
        "no protected connection: Url and TokenUrl need https and the right host name;"
        " look at this host's clock and CA certificates",
    ),
    _Rule(
        _ANY,
        r"name or service|name resolution|no address|nodename|getaddrinfo",
        "this host cannot find the address: look at the host names in Url and TokenUrl, and at DNS",
    ),
    _Rule(
        _ANY,
        r"connection refused|unreachable|no route",
        "nothing answers there: look at the port in Url and TokenUrl, and at firewalls between",
    ),
    _Rule(
        _ANY,
        r"maintenance",
        "the facility is closed for maintenance: nothing is lost, pilots wait; `glidein down`"
        " sends jobs elsewhere meanwhile",
    ),
    _Rule(
        _ANY,
        r"HTTP 429|too many requests|rate limit",
        "too many requests: raise PollInterval, and see who else uses this credential",
    ),
    _Rule(
        _ANY,
        r"cut off|no JSON|IncompleteRead|expected value|not JSON",
        "the answer is not what the API gives: does Url lead to the API, and not to a web page"
        " or a proxy? It is {url}",
    ),
    _Rule(
        _ANY,
        r"closed connection|reset by peer|connection aborted|broken pipe|disconnected",
        "the answer was lost on the way: try again; if it stays so, look at proxies and firewalls"
        " that end connections (a pilot whose answer is lost is found again by its name)",
    ),
    _Rule(
        _ANY,
        r"HTTP 50[0-9]",
        "the service itself fails: try again in some minutes, then look at the facility's status"
        " page",
    ),
    _Rule(
        _ANY,
        r"\btask\b.*(in time|still|not end|never)",
        "the facility took the request and does not carry it out: its task queue hangs; tell the"
        " facility the time and the name of the machine",
    ),
    _Rule(
        _ANY,
        r"no answer in time|timed out|time-?out",
        "the facility is slower than Timeout ({timeout_s:g} s), or packets are dropped: raise"
        " Timeout, look at firewalls",
    ),
    _Rule(
        _ANY,
        r"{secret}|\bcredential's\b|no credential is configured",
        "the secret cannot be read or is of another form: {secret} should be of Type {secret_kind},"
        " readable by this account",
    ),
    _Rule(
        ("login",),
        r"expire|unknown client|no such client",
        "the client has expired: make a new one at the facility and write its key over {secret};"
        " no restart is needed",
    ),
    _Rule(
        ("login",),
        r"invalid_client|invalid_grant|signature|HTTP 40[01]",
        "the key does not belong to the client: compare ClientId and {secret} with what the"
        " facility shows, and TokenUrl with its manual",
    ),
    _Rule(
        _ANY,
        r"HTTP 401|unauthorized",
        "the token was made, and the API does not take it: are Url and TokenUrl of one service"
        " (production or development)? Is this host's clock right? For iri: renew the token",
    ),
    _Rule(
        _ANY,
        r"HTTP 403|forbidden",
        "the client may not do this: sfapi wants a client of level Red with this host's address,"
        " iri a token with the compute permission, globus an endpoint that admits the client",
    ),
    _Rule(
        ("put", "output"),
        r"",
        "the account there cannot write below Root: make {root} at the facility, look at its owner"
        " and the quota",
    ),
    _Rule(
        _BATCH,
        r"(?<!gl-)\b(account|project|allocation|association|bank)\b",
        "the project is not accepted: look at BatchProject in the entry's Submit, and whether its"
        " allocation is used up",
    ),
    _Rule(
        _BATCH,
        r"partition|\bqos\b|queue",
        "the queue is not accepted: look at BatchQueue in the entry's Submit, and at QueueOption"
        " (qos or partition)",
    ),
    _Rule(
        _ANY,
        r"HTTP 404.*endpoint|endpoint.*(offline|not found|resolved)",
        "look at Endpoint and ControlEndpoint: are these their UUIDs, and do they run there?",
    ),
    _Rule(
        _ANY,
        r"HTTP 404|not found|no resource|unknown machine|no such machine",
        "the API does not know that: Machine is {machine!r}; look at its name there, and whether"
        " Url ends with the API's version",
    ),
    _Rule(
        _BATCH,
        r"",
        "the batch system refuses this job: compare the entry's Submit with what its users write",
    ),
    _Rule(_ANY, r"", "try again; if it stays so, ask the facility with this sentence"),
)


def in_words(step: str, problem: Exception | str, facility: Facility) -> str:
    """One line: the failure, then the advice."""
    said = " ".join(str(problem).split()) or type(problem).__name__
    if isinstance(problem, NoNews) and problem.maintenance and "maintenance" not in said:
        said += " (maintenance)"
    rule = next(one for one in _RULES if _holds(one, step, said, facility))
    advice = rule.advice.format(**facility._asdict())
    return f"{said[:_MOST].rstrip('.')}: {advice}."


def _holds(rule: _Rule, step: str, said: str, facility: Facility) -> bool:
    if rule.steps and step not in rule.steps:
        return False
    pattern = rule.said.replace("{secret}", re.escape(facility.secret or "\0"))
    return re.search(pattern, said, re.IGNORECASE) is not None


def still_there(job: RemoteJob | None, limit: str, facility: Facility) -> str:
    """Of a job that was to end at once; `job`: as it was seen last."""
    if not job or not job.word:
        return (
            f"the job was taken, and is not listed within {limit}: does the client act for the"
            " account that owns the job?"
        )
    if not job.nodes:
        return (
            f"the job still waits as {job.word} after {limit} {job.reason}: a busy queue is no"
            " fault; try again with a longer --timeout, or give the entry a faster queue."
        )
    return (
        f"the job was to end at once and is still {job.word} on {job.nodes} after {limit}: look at"
        f" that node and at the file system of {facility.root}."
    )


def lasting(seconds: float) -> str:
    """A duration in one unit."""
    if seconds < 120:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
