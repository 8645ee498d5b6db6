"""What a changing command answers as JSON: one document, the same for a dry run and a failure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Fault:
    """One thing wrong with an input; ``line`` is None where the input has no lines."""

    code: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message

    def as_document(self) -> dict[str, Any]:
        """Return the fault as the report holds it."""
        return {"line": self.line, "code": self.code, "message": self.message}


def report_document(
    *,
    run: UUID | None = None,
    dry_run: bool = False,
    changes: Sequence[Mapping[str, Any]] = (),
    unchanged: int = 0,
    faults: Iterable[Fault] = (),
) -> dict[str, Any]:
    """Return the report. ``run`` is null where nothing was written."""
    errors = [fault.as_document() for fault in faults]
    return {
        "run": str(run) if run else None,
        "dry_run": dry_run,
        "summary": {"changed": len(changes), "unchanged": unchanged, "errors": len(errors)},
        "changes": list(changes),
        "errors": errors,
    }
