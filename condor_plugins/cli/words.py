# SPDX-License-Identifier: Apache-2.0
"""Numbers with their nouns."""


def counted(number: int, word: str) -> str:
    """1 group, 2 groups, 2 entries."""
    if number == 1:
        return f"1 {word}"
    return f"{number} {word[:-1]}ies" if word.endswith("y") else f"{number} {word}s"
