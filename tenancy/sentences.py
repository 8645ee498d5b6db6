"""Sentences of modules that know no Django and so no reader. Pure: no Django.

Such a module writes ``_("must be an integer, not %(type)s", type=…)``. What it gets is the English
text; what shows it to people turns it into their language first (`tenancy.translation`).
"""

from collections.abc import Iterable


class Sentence(str):
    """An English text that remembers the template and the parameters that it was made of.

    A parameter may be a sentence, too. Once it is put together with other texts, it is a plain one.
    """

    __slots__ = ("parameters", "template")

    template: str
    parameters: dict[str, object]

    def __new__(cls, template: str, /, **parameters: object) -> "Sentence":
        made = super().__new__(cls, template % parameters if parameters else template)
        made.template = template
        made.parameters = parameters
        return made


def join_sentences(separator: str, parts: Iterable[str]) -> Sentence:
    """Return texts as one sentence, of which each part can still be translated."""
    parameters: dict[str, object] = {f"part{n}": part for n, part in enumerate(parts)}
    return Sentence(separator.join(f"%({name})s" for name in parameters), **parameters)
