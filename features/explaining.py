"""An explanation in words and as a document, for the commands, the admin and the APIs."""

import json
from typing import Any

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from features.serializers import SOURCES, render_time
from features.services import ExplainedLevel, Explanation
from tenancy.levels import Level

OWNER_WORDS = {
    Level.SYSTEM: gettext_lazy("the system"),
    Level.INSTANCE: gettext_lazy("the instance %(name)s"),
    Level.ORGANIZATION: gettext_lazy("the organization %(name)s"),
    Level.USER: gettext_lazy("the user %(name)s"),
}


def value_text(value: Any) -> str:
    """Return a value as people write it: on and off for booleans, JSON for the rest."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def owner_text(level: ExplainedLevel) -> str:
    """Name the owner of a level, such as ``instance acme``."""
    if level.owner is None:
        return "the default"
    return str(level.owner) if level.level is Level.SYSTEM else f"{level.level.label} {level.owner}"


def owner_words(level: Level, owner: object) -> str:
    """Name the owner of a level within a sentence, in the reader's language."""
    return str(OWNER_WORDS[level]) % {"name": owner}


def explanation_sentence(explanation: Explanation) -> str:
    """Return the answer to "why?" in one sentence, in the reader's language."""
    value = _spoken(explanation.effective.value)
    winner = next(level for level in explanation.levels if level.is_winner)
    if winner.owner is None:
        if explanation.definition.rules.enabled:
            text = _("%(value)s, because nobody set it and this is its default.")
        else:
            text = _("%(value)s, because the feature is disabled.")
        return text % {"value": value}
    if explanation.effective.locked_by:
        text = _("%(value)s, because %(owner)s set it on %(date)s and locked it.")
    else:
        text = _("%(value)s, because %(owner)s set it on %(date)s.")
    day_format = pgettext("date", "j F Y")
    day = dateformat.format(winner.changed_at, day_format) if winner.changed_at else "?"
    owner = owner_words(winner.level, winner.owner)
    return text % {"value": value, "owner": owner, "date": day}


def _spoken(value: Any) -> str:
    """Return a value as a sentence begins with it."""
    if isinstance(value, bool):
        return pgettext("value", "On") if value else pgettext("value", "Off")
    return value_text(value) or '""'


def explanation_lines(explanation: Explanation) -> list[str]:
    """Return a line for each level, the winner marked, and the sentence."""
    lines = [
        f"{'→' if level.is_winner else ' '} {owner_text(level):<30} "
        f"{value_text(level.value) if level.override else 'inherits'}"
        f"{' (locked)' if level.override and level.override.locked else ''}"
        for level in explanation.levels
    ]
    return [*lines, explanation_sentence(explanation)]


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as JSON holds it: a null value inherits."""
    return {
        "owner": explanation.owner.reference,
        "feature": explanation.definition.key,
        "value": explanation.effective.value,
        "source": SOURCES[explanation.effective.source],
        "explanation": explanation_sentence(explanation),
        "levels": [
            {
                "level": level.level.label,
                "owner": level.owner.reference if level.owner else None,
                "set": level.override is not None,
                "value": level.value,
                "locked": bool(level.override and level.override.locked),
                "winner": level.is_winner,
                "changed": render_time(level.changed_at) if level.changed_at else None,
            }
            for level in explanation.levels
        ],
    }
