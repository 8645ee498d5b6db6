"""What every management command shares: its options, its exit codes, who acts, how it answers."""

import json
import sys
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from access.actors import shell_author
from events.models import Surface
from events.services import Author, Conflict, Origin
from tenancy.references import BadReference


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
    """The command can't do it; nothing was written."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message, returncode=code)


class StrataCommand(BaseCommand):
    """A command that answers data on stdout and everything else on stderr.

    Subclasses write `add_options` and `run`. ``writes`` adds the options of a changing command.
    """

    writes = False
    example = ""

    run: Callable[..., Exit | None]
    """Does the work with the options as keywords; what it returns is the exit code, None for 0."""

    requires_system_checks: list[str] = []
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
            parser.add_argument("--reason", default="", help="why, for the history")
            parser.add_argument("--actor", default="", help="who; default: the system's user")
            parser.add_argument("--yes", action="store_true", help="do not ask")

    def add_options(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the command, turning what the services raise into a sentence and an exit code."""
        self.options = options
        try:
            code = self.run(**options)
        except Conflict as error:
            raise Failed(f"{error}; nothing was written", Exit.CONFLICT) from error
        except ValidationError as error:
            raise Failed("\n".join(sentences(error))) from error
        except (ObjectDoesNotExist, BadReference, LookupError) as error:
            raise Failed(str(error)) from error
        except BrokenPipeError:
            # The reader closed the pipe; Python would complain once more on its way out.
            sys.stderr.close()
            sys.exit(Exit.DONE)
        if code:
            sys.exit(code)

    @property
    def author(self) -> Author:
        """Who is named in the history."""
        return shell_author(self.options.get("actor", ""))

    @property
    def origin(self) -> Origin:
        """How the history records what the command changes."""
        return Origin(surface=Surface.COMMAND, reason=self.options.get("reason", ""))

    def say(self, sentence: str) -> None:
        """Tell people something on stderr, unless they asked for quiet."""
        if not self.options.get("quiet"):
            self.stderr.write(sentence, style_func=lambda text: text)

    def answer(self, document: Any) -> None:
        """Print one JSON document on stdout."""
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))


def sentences(error: ValidationError) -> list[str]:
    """Return a validation error as lines, each with the field it is about."""
    if not hasattr(error, "error_dict"):
        return list(error.messages)
    problems: Mapping[str, list[str]] = error.message_dict
    return [f"{field}: {message}" for field, messages in problems.items() for message in messages]
