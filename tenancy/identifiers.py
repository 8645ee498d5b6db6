"""The texts that name things: public ids, request ids, client ids and secrets."""

import secrets
import unicodedata

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

READABLE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1: read aloud without doubt
PUBLIC_ID_MAX_LENGTH = 200


def random_text(length: int) -> str:
    """Return ``length`` random characters of READABLE_ALPHABET from a cryptographic source."""
    # Drawn at once: a draw for each character asks the operating system as often.
    number, text = secrets.randbelow(len(READABLE_ALPHABET) ** length), ""
    for _each in range(length):
        number, digit = divmod(number, len(READABLE_ALPHABET))
        text += READABLE_ALPHABET[digit]
    return text


def generate_public_id() -> str:
    """Return a random public id of 18 decimal digits that does not begin with a zero."""
    return str(secrets.randbelow(9 * 10**17) + 10**17)


def read_key(text: str) -> int:
    """Return the primary key that a text says; 0, which no row has, for a text that says none."""
    # Of more digits no database has a key, and of 4,300 Python makes no number.
    is_key = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if is_key else 0


def has_control_characters(text: str) -> bool:
    """Whether a text holds a control character or a lone surrogate, as no stored id does."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def validate_public_id(value: str) -> None:
    """Refuse a public id that is not 1 to 200 characters without control characters.

    Lone surrogates are refused with them: no database stores them.
    """
    if not 1 <= len(value) <= PUBLIC_ID_MAX_LENGTH:
        raise ValidationError(
            _("must have 1 to %(max)d characters"),
            code="length",
            params={"max": PUBLIC_ID_MAX_LENGTH},
        )
    if has_control_characters(value):
        raise ValidationError(_("must not contain control characters"), code="control_characters")
