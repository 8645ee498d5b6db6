"""Sentences in the language of whoever reads them: English outside of the pages."""

from django.utils.translation import gettext

from tenancy.sentences import Sentence


def translate(text: object) -> str:
    """Return a sentence, or that of an exception, in the reader's language.

    Any other text stays as it is.
    """
    if isinstance(text, Exception):
        text = text.args[0] if text.args else ""
    if not isinstance(text, Sentence):
        return str(text)
    template = gettext(text.template) if text.template else ""
    if not text.parameters:
        return template
    return template % {
        name: translate(value) if isinstance(value, Sentence) else value
        for name, value in text.parameters.items()
    }
