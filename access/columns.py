"""The first line of a CSV file, which names its columns."""

from collections.abc import Sequence

from access.tables import printable
from tenancy.spelling import did_you_mean

MOST = 10  # unknown columns that are named; a file of more is another file
NAME_SHOWN = 40  # characters


def header_problems(
    names: Sequence[str], known: Sequence[str], required: Sequence[str]
) -> list[str]:
    """Return everything that is wrong with the columns of a file; nothing where they fit."""
    unknown = [name for name in names if name not in known]
    problems = [
        f'there is no column "{printable(name[:NAME_SHOWN])}"{did_you_mean(name, known)}'
        for name in unknown[:MOST]
    ]
    if len(unknown) > MOST:
        problems.append(f"nor {len(unknown) - MOST:,} more that the file names")
    problems += [f'the column "{name}" stands twice' for name in known if names.count(name) > 1]
    if missing := [name for name in required if name not in names]:
        problems.append(f"missing columns: {', '.join(missing)}")
    return problems
