"""Tables as request bodies: spooled to a file, so that their size costs no memory."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from django.http import UnreadablePostError
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from access.parsers import BROKEN_OFF, BodyTooLarge, StrictJsonParser

MAX_UPLOAD = 64 * 1024 * 1024  # bytes
MAX_JSON = 8 * 1024 * 1024  # bytes of a body that is read as a whole
BLOCK = 1 << 16
IS_CUT = "strata.is_cut"  # set in the environment where a chunked body was not read to its end


@dataclass
class Upload:
    """A file that came as a request's body; ``format_name`` as features.bulk.rows has it."""

    file: IO[bytes]
    format_name: str
    digest: str


class UploadParser(BaseParser):
    """Stores a body. BodyTooLarge beyond MAX_UPLOAD. The view closes its ``upload``."""

    format_name: str

    def parse(  # type: ignore[override]
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Upload:
        """Return the file, at its start."""
        refuse_cut(parser_context)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it closes with the upload
        upload = Upload(file, self.format_name, "")
        if parser_context:
            parser_context["view"].upload = upload
        digest, size = hashlib.sha256(), 0
        try:
            while block := stream.read(BLOCK):
                size += len(block)
                if size > MAX_UPLOAD:
                    raise BodyTooLarge(MAX_UPLOAD)
                digest.update(block)
                file.write(block)
        except UnreadablePostError:
            raise ParseError(BROKEN_OFF) from None
        if parser_context and str(size) != parser_context["request"].META.get("CONTENT_LENGTH"):
            raise ParseError(BROKEN_OFF)
        file.seek(0)
        upload.digest = digest.hexdigest()
        return upload


class CsvParser(UploadParser):
    """CSV with a header."""

    media_type = "text/csv"
    format_name = "csv"


class JsonLinesParser(UploadParser):
    """An object on each line."""

    media_type = "application/x-ndjson"
    format_name = "jsonl"


class JsonlParser(JsonLinesParser):
    """The same by its other name."""

    media_type = "application/jsonl"


class LargeJsonParser(StrictJsonParser):
    """One JSON object, larger than elsewhere."""

    max_body = MAX_JSON

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the object. BodyTooLarge or ParseError, which says what is wrong."""
        refuse_cut(parser_context)
        return super().parse(stream, media_type, parser_context)


def refuse_cut(context: Mapping[str, Any] | None) -> None:
    """Raise BodyTooLarge where more of the body was sent, in chunks, than has arrived."""
    if context and context["request"].META.get(IS_CUT):
        raise BodyTooLarge(message="so large a body must be sent with a Content-Length")
