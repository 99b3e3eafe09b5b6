# SPDX-License-Identifier: Apache-2.0
"""What the caller should do: try again, give this item up, or call a person."""


class TryAgain(Exception):
    """No answer, or a passing refusal: nothing is known, the next cycle asks again."""


class GiveUp(Exception):
    """This one item will not work; the others go on."""


class Misconfigured(Exception):
    """A person has to change the configuration first; the text names the knob."""
