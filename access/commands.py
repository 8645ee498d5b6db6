"""What every management command shares: its options, its exit codes, who acts, how it answers."""

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, InterfaceError
from django.utils import translation

from access.actors import shell_author
from access.reports import Fault, report_document
from access.tables import render_table
from events.models import Surface
from events.services import ACTOR_NAME_LENGTH, Author, Conflict, Origin
from tenancy.models import Instance
from tenancy.references import BadReference
from tenancy.spelling import did_you_mean

LANGUAGE = "en"  # what commands say is a contract, whoever calls them
MOST_COMPARED = 1000  # ids of instances, with one that nobody has


class Exit(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1  # nothing was written
    USAGE = 2
    PENDING = 3  # changes are pending (features_plan --exit-code)
    PARTLY = 4
    CONFLICT = 5  # the state moved
    REFUSED = 6
    INTERRUPTED = 130


class Failed(CommandError):
    """The command can't do it; nothing was written. ``faults`` are what is wrong, one by one."""

    def __init__(
        self, message: str, code: Exit = Exit.FAILED, faults: Sequence[Fault] = ()
    ) -> None:
        super().__init__(message, returncode=code)
        self.faults = faults or [Fault(code.name.lower(), message)]

    @classmethod
    def for_faults(cls, faults: Sequence[Fault], code: Exit = Exit.FAILED) -> "Failed":
        """Return the failure that tells all faults of an input at once."""
        return cls("\n".join([*map(str, faults), "nothing was written"]), code, faults)


def find_instance(public_id: str) -> Instance:
    """Return the instance of an id. Failed for none, with the id that was meant if one is near."""
    instance = Instance.objects.filter(public_id=public_id).first()
    if instance is None:
        known = Instance.objects.order_by("pk").values_list("public_id", flat=True)
        hint = did_you_mean(public_id, known[:MOST_COMPARED])
        raise Failed(f'there is no instance "{public_id}"{hint}')
    return instance


class StrataCommand(BaseCommand):
    """A command that answers data on stdout and everything else on stderr.

    Subclasses write `add_options` and `run`. ``writes`` adds the options of a changing command;
    ``reports`` says that its JSON is the report of access.reports, which tells failures too.
    """

    writes = False
    reports = False
    example = ""

    run: Callable[..., Exit | None]
    """Does the work with the options as keywords; what it returns is the exit code, None for 0."""

    requires_system_checks: list[str] = []
    # Django's own, which work and help nobody: --help is to fit on a screen.
    suppressed_base_arguments = {
        *("--version", "--verbosity", "--settings", "--pythonpath"),
        *("--traceback", "--no-color", "--force-color"),
    }
    stealth_options = ("actor", "reason", "dry_run", "yes")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the shared options after the command's own."""
        if self.example:
            parser.epilog = f"Example: manage.py {self.example}"
        self.add_options(parser)
        parser.add_argument("--json", action="store_true", help="answer as one JSON document")
        parser.add_argument("--quiet", action="store_true", help="say nothing on stderr")
        if self.writes:
            parser.add_argument("--dry-run", action="store_true", help="show it, write nothing")
            parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
            parser.add_argument(
                "--actor", default="", metavar="NAME", help="who; default: the system's user"
            )
            parser.add_argument("--yes", action="store_true", help="do not ask")

    def add_options(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command; what goes wrong becomes a sentence and an exit code."""
        self.options = options
        code: int | None = Exit.DONE
        is_closed = False
        try:
            with translation.override(LANGUAGE):
                code = self._run_or_fail(options)
        except BrokenPipeError:
            is_closed = True
        if is_closed:
            _drop_output()  # the reader has seen enough
        if code:
            sys.exit(code)

    def _run_or_fail(self, options: Mapping[str, Any]) -> Exit | None:
        try:
            _refuse_broken_text(options)
            code = self.run(**options)
            self.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                _drop_output()
                raise Failed("the answer can't be written: the disk is full") from error
            failure = as_failure(error)
            if failure is None:
                raise
            if self.reports and options["json"]:
                dry_run = options.get("dry_run", False)
                self.answer(report_document(dry_run=dry_run, faults=failure.faults))
                self.stdout.flush()
            raise failure from error
        return code

    @property
    def author(self) -> Author:
        """Who is named in the history."""
        name = self.options.get("actor", "")
        if len(name) > ACTOR_NAME_LENGTH:
            raise Failed(f"--actor: at most {ACTOR_NAME_LENGTH} characters", Exit.USAGE)
        return shell_author(name)

    @property
    def origin(self) -> Origin:
        """How the history records what the command changes."""
        return Origin(surface=Surface.COMMAND, reason=self.options.get("reason", ""))

    def say(self, sentence: str) -> None:
        """Tell people something on stderr, unless they asked for quiet."""
        if not self.options.get("quiet"):
            with suppress(BrokenPipeError):  # nobody listens: no reason to stop
                self.stderr.write(sentence, style_func=lambda text: text)

    def confirm(self, sentence: str, word: str) -> None:
        """Have a change of wide effect confirmed: --yes, or on a terminal the word typed.

        Raises Failed, for exit code 6, where neither is given.
        """
        if self.options.get("yes"):
            return
        if sys.stdin is None or not sys.stdin.isatty():
            message = f"{sentence} Without a terminal that takes --yes; nothing was written."
            raise Failed(message, Exit.REFUSED)
        self.stderr.write(f'{sentence}\nType "{word}" to go on: ', lambda text: text, ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip() != word:
            raise Failed(f'That was not "{word}"; nothing was written.', Exit.REFUSED)

    def show(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table on stdout; that it is empty is said on stderr."""
        found = list(rows)
        self.stdout.write(render_table(columns, found, self.stdout))
        if not found:
            self.say("There are none.")

    def answer(self, document: Any) -> None:
        """Print one JSON document on stdout."""
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))


def _drop_output() -> None:
    """Let what is still to be written go nowhere: Python would try, and fail, once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error, though the database may have made it one of its own.

    Interrupted while it waits, PostgreSQL's driver cancels the query (SQLSTATE 57014); ending the
    transaction may then fail as well.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or getattr(error, "sqlstate", "") == "57014":
            return True
        error = error.__cause__ or error.__context__
    return False


def as_failure(error: BaseException) -> Failed | None:
    """Return what the services raise as a failure of the command; None for what is a fault of ours.

    A failure stays what it is.
    """
    match error:
        case Failed():
            return error
        case _ if was_interrupted(error):
            return Failed("interrupted", Exit.INTERRUPTED)
        case OSError() if not isinstance(error, BrokenPipeError):
            return Failed(str(error))
        case Conflict():
            return Failed(f"{error}; nothing was written", Exit.CONFLICT)
        case ValidationError():
            return Failed("\n".join(sentences(error)))
        case ObjectDoesNotExist() | BadReference() | LookupError():
            return Failed(str(error))
        case DatabaseError() | InterfaceError():
            reason = str(error).strip().partition("\n")[0]
            return Failed(f"the database did not do it: {reason} (is it there, and migrated?)")
        case _:
            return None


def _refuse_broken_text(options: Mapping[str, Any]) -> None:
    """Refuse bytes that are no UTF-8, which arrive as lone surrogates: no database keeps them."""
    for given in options.values():
        for text in given if isinstance(given, list) else [given]:
            if isinstance(text, str) and not text.isascii():
                try:
                    text.encode()
                except UnicodeEncodeError:
                    raise Failed(f"{text!r} is not UTF-8", Exit.USAGE) from None


def sentences(error: ValidationError) -> list[str]:
    """Return a validation error as lines, each with the field it is about."""
    if not hasattr(error, "error_dict"):
        return list(error.messages)
    problems: Mapping[str, list[str]] = error.message_dict
    return [f"{field}: {message}" for field, messages in problems.items() for message in messages]
