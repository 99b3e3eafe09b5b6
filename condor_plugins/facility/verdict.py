# SPDX-License-Identifier: Apache-2.0
"""What answers that are no success mean for the jobs that were asked for."""

from collections.abc import Mapping

from condor_plugins.facility.reply import Reply
from condor_plugins.facility.values import NoAccess, NoNews, NotSent, Refused, Unclear

# The request itself is wrong, or too large: so it will be tomorrow.
WRONG = {400, 413, 422, 501}
# Credential, load, and what stands in front of the API: no job is to blame, and none was taken.
TROUBLE = {401, 403, 404, 405, 407, 421, 429}


def unsuccessful(name: str, reply: Reply, words: str = "") -> Refused | NotSent | Unclear:
    """For any status but 2xx; `words`: better ones than the reply's own."""
    said = words or f"HTTP {reply.status} {reply.words()}".rstrip()
    if reply.status in WRONG or (reply.status == 404 and reply.is_own()):
        return Refused(name, said)
    if reply.status in TROUBLE or reply.is_closed():
        return NotSent(name, said, reply.retry_after_s())
    return Unclear(name, said)


def words_of(answers: Mapping[str, str | NoNews | NoAccess]) -> dict[str, str]:
    """By name, in words. Raises what every job got: NoNews, or NoAccess.

    Where others got an answer, what was taken is told, and the failures are their jobs' own.
    """
    for kind in (NoNews, NoAccess):
        failed = [said for said in answers.values() if isinstance(said, kind)]
        if failed and len(failed) == len(answers):
            raise failed[0]
    return {name: str(said) for name, said in answers.items()}
