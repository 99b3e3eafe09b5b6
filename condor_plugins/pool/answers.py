# SPDX-License-Identifier: Apache-2.0
"""Match answers from cycle to cycle, as a JSON file: it may be lost, which costs a second."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from condor_plugins.core.answers import Answers, Kept
from condor_plugins.core.matching import recipe
from condor_plugins.pool.files import write_atomically

_NAME = "answers.json"
_SCHEMA = 2


def read_answers(state_dir: str) -> Kept:
    """What the last cycle knew; nothing where the file is of another version or cannot be read."""
    try:
        document = json.loads(Path(state_dir, _NAME).read_text(encoding="utf-8"))
        if (document["schema"], document["recipe"]) != (_SCHEMA, recipe()):
            return Kept()
        return Kept([_answers(one) for one in document["answers"]])
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return Kept()


def write_answers(state_dir: str, kept: Kept) -> None:
    """Replace the file by what was asked for in this cycle, if that is anything new.

    One that cannot be written is no failure: the next cycle asks again.
    """
    if kept.changed:
        answers = [_document(one) for one in kept.now]
        document = {"schema": _SCHEMA, "recipe": recipe(), "answers": answers}
        with suppress(OSError):
            write_atomically(Path(state_dir, _NAME), json.dumps(document, separators=(",", ":")))


def _document(one: Answers) -> dict[str, Any]:
    """Each mask once, as hexadecimal bytes; kinds name it by its place."""
    places = {mask: place for place, mask in enumerate(dict.fromkeys(one.masks.values()))}
    width = -(-len(one.ads) // 8)
    return {
        "ads": one.ads,
        "whole": one.whole,
        "columns": one.columns,
        "masks": [mask.to_bytes(width, "big").hex() for mask in places],
        "kinds": {kind: places[mask] for kind, mask in one.masks.items()},
    }


def _answers(document: dict[str, Any]) -> Answers:
    """Raises ValueError, TypeError, LookupError or AttributeError where it is damaged."""
    ads, columns = tuple(map(str, document["ads"])), document["columns"]
    masks = [int.from_bytes(bytes.fromhex(text), "big") for text in document["masks"]]
    if any(mask >> len(ads) for mask in masks):
        raise ValueError("bits without a slot ad")
    for column in columns.values():
        if len(column) != len(ads) or set(map(type, column)) - {str, type(None)}:
            raise ValueError("values that no slot ad has")
    if min(document["kinds"].values(), default=0) < 0:
        raise LookupError("a mask before the first")
    by_kind = {kind: masks[at] for kind, at in document["kinds"].items()}
    return Answers(ads, by_kind, columns, str(document["whole"]))
