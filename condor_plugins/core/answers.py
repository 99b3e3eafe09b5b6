# SPDX-License-Identifier: Apache-2.0
"""Answers of earlier cycles: which kinds match which slot ads, by digests of their signatures."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

_PART = 200


def digests(signatures: Iterable[str]) -> list[str]:
    """Eight bytes each: among 10,000 two are equal by chance once in 10**11 times."""
    return [blake2b(one.encode(), digest_size=8).hexdigest() for one in signatures]


def digest_of_all(signatures: Sequence[str]) -> str:
    """One digest of all of them in their order: half the effort of one for each.

    By parts, as new memory for megabytes of text at once costs more than the digest.
    """
    digest = blake2b(digest_size=16)
    for begin in range(0, len(signatures), _PART):
        digest.update("\0".join(signatures[begin : begin + _PART]).encode())
        digest.update(b"\0")
    return digest.hexdigest()


class Answers:
    """By kind, a mask over these slot ads (both by digest).

    `whole`: the digest of all kinds and ads at once, in the order in which they were asked for.

    `columns`: texts of the slot ads' attributes (see reaching.Table), so that a new kind of job
    does not need all the ads.
    """

    def __init__(
        self,
        ads: tuple[str, ...],
        masks: dict[str, int],
        columns: dict[str, list[str | None]],
        whole: str = "",
    ) -> None:
        self.ads, self.masks, self.columns, self.whole = ads, masks, columns, whole

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answers) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def arranged(self, ads: Sequence[str]) -> Mapping[str, int]:
        """The masks for slot ads of which all are known; empty when one is not."""
        if self.ads == tuple(ads):
            return self.masks
        places = {ad: at for at, ad in enumerate(self.ads)}
        if not set(ads) <= places.keys():
            return {}
        moves = [places[ad] for ad in ads]
        moved = {mask: _moved(mask, moves) for mask in set(self.masks.values())}
        return {kind: moved[mask] for kind, mask in self.masks.items()}


def _moved(mask: int, places: Sequence[int]) -> int:
    """Bit n of the result is the bit at the nth of these places."""
    return int("".join("1" if mask >> at & 1 else "0" for at in reversed(places)) or "0", 2)


class Kept:
    """What is known (`before`), and what of it and beyond was asked for since then (`now`)."""

    def __init__(self, before: Iterable[Answers] = ()) -> None:
        self.before = list(before)
        self.now: list[Answers] = []

    def known(self, ads: Sequence[str]) -> Mapping[str, int]:
        """Masks by kind over these slot ads, as far as there are any."""
        found = (one.arranged(ads) for one in (*self.now, *self.before))
        return next((masks for masks in found if masks), {})

    def unchanged(self, whole: str, kinds: int) -> list[int] | None:
        """The masks of a question that is the same as one before, word for word."""
        for one in self.before:
            if one.whole == whole and len(one.masks) == kinds:
                if one not in self.now:
                    self.now.append(one)
                return list(one.masks.values())
        return None

    def of(self, ads: Sequence[str]) -> Answers:
        """Where the answers of now about these slot ads go."""
        wanted = tuple(ads)
        for one in self.now:
            if one.ads == wanted:
                return one
        columns = next((one.columns for one in self.before if one.ads == wanted), {})
        self.now.append(Answers(wanted, {}, dict(columns)))
        return self.now[-1]

    @property
    def changed(self) -> bool:
        """Whether there is something new; a cycle that saw no jobs takes nothing away."""
        return any(one.masks for one in self.now) and self.now != self.before
