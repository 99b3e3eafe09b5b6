# SPDX-License-Identifier: Apache-2.0
"""What goes on at a facility without a command: sends, polls, files; round after round."""

import logging
import threading
import time
from collections.abc import Callable

from condor_plugins.core.errors import Misconfigured, TryAgain
from condor_plugins.gateway.diagnostics import Diagnostics
from condor_plugins.gateway.opening import Opened
from condor_plugins.gateway.working import go_on

_LEAST_S, _MOST_S = 0.2, 60.0
_AT_ONCE_S = 0.1  # what Engine.work answers when there is more to do than to poll
_NOTHING_S = 5.0
_AFTER_TROUBLE_S = 10.0
_CONFIGURATION_S = 60.0


class Rounds:
    """`settle`: called after each round; `reopen`: called now and then, for new settings."""

    def __init__(
        self,
        opened: Callable[[], Opened],
        settle: Callable[[], None],
        reopen: Callable[[], None],
    ) -> None:
        self._opened = opened
        self._settle = settle
        self._reopen = reopen
        self._diagnostics = Diagnostics()
        self._woken = threading.Event()
        self._ending = threading.Event()
        self.log = logging.getLogger("condor_plugins.gateway")
        self._reopened_s = time.monotonic()

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def run(self) -> None:
        """Until `end`; whatever goes wrong in one round, there is a next one."""
        while not self._ending.is_set():
            wait_s = self._round()
            self._woken.wait(min(max(wait_s, _LEAST_S), _MOST_S))
            self._woken.clear()

    def _round(self) -> float:
        try:
            opened = self._opened()
            due_s = opened.engine.work()
            self._settle()
            self._diagnostics.tell(opened, self.log)
            self._refresh()
            if not opened.engine.live():
                due_s = max(due_s, _NOTHING_S)  # no job is there to be polled for
        except Exception:
            self.log.exception("this round failed; there will be another one")
            return _AFTER_TROUBLE_S
        return due_s

    def _refresh(self) -> None:
        if time.monotonic() - self._reopened_s < _CONFIGURATION_S:
            return
        self._reopened_s = time.monotonic()
        try:
            self._reopen()
        except (Misconfigured, TryAgain) as problem:
            self.log.warning("the configuration cannot be used, the last one stays: %s", problem)

    def end(self, until_s: float) -> None:
        """Go on while something can be done at once, until then at most (monotonic seconds).

        What is left goes on in a process of its own: HTCondor may have forgotten the jobs, and
        start no gateway again.
        """
        self._ending.set()
        self._woken.set()
        while time.monotonic() < until_s and self._round() <= _AT_ONCE_S:
            time.sleep(_LEAST_S)
        opened = self._opened()
        if opened.engine.unfinished():
            go_on(opened.facility.name)
