# SPDX-License-Identifier: Apache-2.0
"""Paths at a facility: only what lies below the facility's root is written, read or removed."""

import posixpath

from condor_plugins.facility.values import Facility, Rejected


def ours(path: str, facility: Facility) -> str:
    """The path itself if it lies below the root; Rejected for any other."""
    below = path.startswith(facility.root.rstrip("/") + "/") and facility.root.startswith("/")
    if not below or posixpath.normpath(path) != path or not path.isprintable():
        raise Rejected(f"{path!r} does not lie below {facility.root}")
    return path
