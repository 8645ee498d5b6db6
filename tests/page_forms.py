"""The forms of a page, filled in and sent as a browser would."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

# What belongs to a page and not to what somebody typed, and what is never kept.
TECHNICAL = {"csrfmiddlewaretoken", "made_for", "confirm", "nonce", "sequence", "seen"}
SAMPLES = {"number": "3", "date": "2031-05-06", "email": "someone@else.example"}


@dataclass
class Control:
    """A control of a form, with what it holds."""

    name: str
    type: str
    value: str = ""
    is_on: bool = True  # a box that is checked; everything else always counts


@dataclass
class Form:
    """A form that posts, and the buttons that send it."""

    action: str
    controls: list[Control] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def fill(self, text: str) -> "Form":
        """Return the form as somebody changed it: texts typed, every box the other way."""
        last = {one.name: one for one in self.controls if one.type == "radio"}
        return Form(
            self.action,
            [
                Control(
                    one.name,
                    one.type,
                    _typed(one, text),
                    _switched(one, last.get(one.name)),
                )
                for one in self.controls
            ],
            self.buttons,
        )

    def send(self, button: tuple[str, str]) -> dict[str, list[str]]:
        """Return what the browser sends when the button is pressed."""
        sent: dict[str, list[str]] = {}
        for one in self.controls:
            if one.name and one.is_on:
                sent.setdefault(one.name, []).append(one.value)
        if button[0]:
            sent.setdefault(button[0], []).append(button[1])
        return sent

    def ways(self) -> Iterator[dict[str, list[str]]]:
        """Yield what each of its buttons sends."""
        for button in self.buttons:
            yield self.send(button)

    @property
    def shape(self) -> tuple[Any, ...]:
        """What tells forms of one kind from others, without their numbers."""
        path = "".join(c for c in self.action if not c.isdigit())
        names = {one.name.partition("-")[0] for one in self.controls}
        return path, frozenset(names), tuple(sorted({name for name, _value in self.buttons}))


def essence(sent: dict[str, list[str]]) -> Counter[tuple[str, str]]:
    """Return what somebody typed and chose of what was sent."""
    return Counter(
        (name, value)
        for name, values in sent.items()
        if name not in TECHNICAL and not name.startswith("was-") and "password" not in name
        for value in values
        if value
    )


def forms_of(page: str, address: str) -> list[Form]:
    """Return the forms of a page that post, but for those of its head."""
    reader = _Reader(address)
    reader.feed(page)
    return [form for form in reader.forms if form.buttons]


def _typed(one: Control, text: str) -> str:
    if one.type in {"text", "search", "textarea"} and one.name not in TECHNICAL:
        return text
    if one.type == "password":
        return f"hidden {text}"
    return SAMPLES.get(one.type, one.value)


def _switched(one: Control, last: Control | None) -> bool:
    if one.type == "radio":
        return one is last
    return not one.is_on if one.type == "checkbox" else one.is_on


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.forms: list[Form] = []
        self.form: Form | None = None
        self.text: Control | None = None
        self.choice: Control | None = None
        self.is_main = False
        self.is_off = False

    def handle_starttag(self, tag: str, pairs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in pairs}
        if tag == "main":
            self.is_main = True
        if tag == "form":
            posts = attributes.get("method") == "post" and self.is_main
            self.form = Form(attributes.get("action") or self.address) if posts else None
            if self.form:
                self.forms.append(self.form)
        if self.form is None:
            return
        if tag == "fieldset":
            self.is_off = "disabled" in attributes
        if "disabled" in attributes or self.is_off:
            return
        name, value = attributes.get("name", ""), attributes.get("value", "")
        match tag:
            case "input":
                kind = attributes.get("type", "text")
                is_box = kind in {"checkbox", "radio"}
                self.form.controls.append(
                    Control(
                        name,
                        kind,
                        value or ("on" if is_box else ""),
                        not is_box or "checked" in attributes,
                    )
                )
            case "textarea":
                self.text = Control(name, "textarea")
                self.form.controls.append(self.text)
            case "select":
                self.choice = Control(name, "select")
                self.form.controls.append(self.choice)
            case "option" if self.choice and ("selected" in attributes or not self.choice.value):
                self.choice.value = value
            case "button" if attributes.get("type", "submit") == "submit":
                self.form.buttons.append((name, value))

    def handle_data(self, data: str) -> None:
        if self.text:
            self.text.value += data

    def handle_endtag(self, tag: str) -> None:
        match tag:
            case "form":
                self.form = None
            case "textarea":
                if self.text:  # a browser leaves out the line break that Django begins with
                    self.text.value = self.text.value.removeprefix("\n")
                self.text = None
            case "select":
                self.choice = None
            case "fieldset":
                self.is_off = False
            case "main":
                self.is_main = False
