# SPDX-License-Identifier: Apache-2.0
"""No command waits for ever, whatever a daemon does or does not answer.

HTCondor's calls hold the interpreter while they wait, so no timer inside this process can end
them: the command runs in a child, and this process counts.
"""

import os
import signal
import sys
from collections.abc import Callable

_INTERRUPTED = 130


def within(limit_s: int, command: Callable[[], int]) -> int | None:
    """What the command returns; None when it had to be ended after `limit_s`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        sys.exit(command())
    code: int | None = None
    try:
        if signal.sigtimedwait({signal.SIGCHLD}, limit_s):
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except KeyboardInterrupt:
        code = _INTERRUPTED
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return code
