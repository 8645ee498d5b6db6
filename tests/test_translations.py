"""The German catalogue: complete, compiled, and true to its placeholders."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import polib
import pytest
from django.conf import settings
from django.urls import reverse

from config.texts import compile_texts
from tests.factories import basic, make_cast, make_client, token_for
from tests.programs import find_program

CATALOGUE = Path(settings.BASE_DIR) / "locale/de/LC_MESSAGES/django.po"
HOW_TO = "run `./run manage makemessages -l de --no-location`, then translate; ./run compiles"
GERMAN = {"host": "localhost", "accept-language": "de-DE,de;q=0.9"}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|<[^>]+>")


@pytest.fixture(scope="module")
def entries():
    return [entry for entry in polib.pofile(str(CATALOGUE)) if not entry.obsolete]


def test_catalogue__every_message__is_translated(entries):
    missing = [entry.msgid for entry in entries if not entry.translated() or entry.fuzzy]

    assert missing == [], HOW_TO


def test_catalogue__every_translation__keeps_the_placeholders(entries):
    wrong = {
        entry.msgid: text
        for entry in entries
        for text in [entry.msgstr, *entry.msgstr_plural.values()]
        if text and not placeholders(text) <= placeholders(entry.msgid, entry.msgid_plural)
    }

    assert wrong == {}


def placeholders(*texts):
    return {found for text in texts for found in PLACEHOLDER.findall(text or "")}


def test_compile_texts__a_source_that_is_newer__compiles_it_and_nothing_else(tmp_path):
    folder = tmp_path / "de/LC_MESSAGES"
    folder.mkdir(parents=True)
    shutil.copy(CATALOGUE, folder)

    first, second = compile_texts(tmp_path), compile_texts(tmp_path)
    os.utime(folder / "django.po", (2_000_000_000, 2_000_000_000))
    third = compile_texts(tmp_path)

    assert first == third == [folder / "django.mo"]
    assert second == []


def test_compiled_catalogue__beside_its_source__says_what_its_source_says(entries):
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    different = []
    for entry in entries:
        if entry.msgid_plural:
            found = [compiled.ngettext(entry.msgid, entry.msgid_plural, n) for n in (1, 2)]
            expected = list(entry.msgstr_plural.values())
        else:
            context = entry.msgctxt
            read = (
                compiled.pgettext(context, entry.msgid)
                if context
                else compiled.gettext(entry.msgid)
            )
            found, expected = [read], [entry.msgstr]
        if found != expected:
            different.append(entry.msgid)
    assert different == [], HOW_TO


@pytest.mark.once
def test_catalogue__every_text_of_the_code_and_pages__is_in_it(entries, tmp_path):
    sentence = "finding the texts of the code needs gettext: apt-get install gettext"
    find_program("xgettext", sentence=sentence)
    copy = tmp_path / "copy"
    ignored = shutil.ignore_patterns(".*", "tests", "test-results", "staticfiles", "*.sqlite3*")
    shutil.copytree(settings.BASE_DIR, copy, ignore=ignored)
    # The test's own settings are part of what is left out.
    shutil.copytree(Path(settings.BASE_DIR) / "tests", copy / "tests", ignore=ignored)

    subprocess.run(
        [
            *(sys.executable, "manage.py", "makemessages", "--locale", "de"),
            *("--no-location", "--no-obsolete", "--ignore", "tests"),
        ],
        cwd=copy,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=True,
        capture_output=True,
    )

    found = polib.pofile(str(copy / "locale/de/LC_MESSAGES/django.po"))
    known = {(entry.msgctxt, entry.msgid) for entry in entries}
    missing = {(entry.msgctxt, entry.msgid) for entry in found if not entry.obsolete} - known
    assert missing == set(), HOW_TO


def test_page__for_a_reader_of_german__is_german(client, db):
    page = client.get(reverse("admin:login"), headers=GERMAN)

    assert 'lang="de"' in page.content.decode()
    assert "Anmelden" in page.content.decode()


def test_api__for_a_reader_of_german__keeps_its_messages(client, db):
    cast = make_cast("localhost")
    owner = make_client(cast.instance, "owner")
    client.get(reverse("admin:login"), headers=GERMAN)  # leaves the thread in German

    management = client.patch(
        "/api/v1/users/bob",
        {"organization": "globex"},
        content_type="application/json",
        headers=GERMAN | {"Authorization": f"Bearer {token_for(cast.root)}"},
    )
    asked = urlencode({"features": '["x"]'})
    clients = client.post(f"/clients/set_features?{asked}", headers=GERMAN | basic(owner))

    assert management.json()["message"] == "organization: can't be changed"
    assert "x is not a valid feature name" in clients.json()["error_description"]
    assert not {"Content-Language"} & {*management.headers, *clients.headers}
