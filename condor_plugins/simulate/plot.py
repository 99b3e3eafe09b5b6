# SPDX-License-Identifier: Apache-2.0
"""One run over time as a picture: jobs above, pilots in the middle, cores without a job below."""

from collections.abc import Sequence
from pathlib import Path

from condor_plugins.core.errors import GiveUp
from condor_plugins.simulate.world import Moment

_PANELS = (
    ("jobs", (("idle (demand)", "idle_jobs"), ("running", "running_jobs"))),
    ("pilots", (("waiting", "waiting"), ("running", "running"))),
    ("cores", (("without a job (wasted)", "unused"),)),
)


def plot(moments: Sequence[Moment], path: Path) -> None:
    """The file's suffix says which form. Raises GiveUp without matplotlib or room to write."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 (large, optional, for this only)
    except ImportError as err:
        text = "--plot needs matplotlib: pip install 'htcondor-glideins[plot]'"
        raise GiveUp(text) from err
    figure = Figure(figsize=(9, 8), layout="constrained")
    hours = [one.at_s / 3600 for one in moments]
    panels = figure.subplots(len(_PANELS), 1, sharex=True)
    for axes, (unit, curves) in zip(panels, _PANELS, strict=True):
        for label, name in curves:
            axes.step(hours, [getattr(one, name) for one in moments], where="post", label=label)
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper right")
        axes.grid(alpha=0.3)
    panels[-1].set_xlabel("hours")
    try:
        figure.savefig(path)
    except OSError as err:
        raise GiveUp(f"{path}: {err.strerror}") from err
