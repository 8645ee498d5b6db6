"""Hints for names that were nearly right. Pure: no Django."""

from collections.abc import Iterable
from difflib import get_close_matches

from tenancy.sentences import Sentence as _

LONGEST = 100  # comparing a longer text costs time, and it is no name anyway


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean "x"?`` for the nearest known name, or the empty text."""
    nearest = get_close_matches(name[:LONGEST], list(known), n=1, cutoff=0.6)
    return _('; did you mean "%(name)s"?', name=nearest[0]) if nearest else ""
