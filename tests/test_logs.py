"""Log lines and request ids."""

import json
import logging

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from config.logs import JsonFormatter, LogRequests, request_id
from tenancy.identifiers import READABLE_ALPHABET


def make_record(message: str, **fields: object) -> logging.LogRecord:
    return logging.getLogger("strata.test").makeRecord(
        "strata.test", logging.INFO, __file__, 1, message, (), None, extra=fields
    )


def test_formatter__known_fields__are_in_the_line_and_no_others():
    record = make_record("two\nlines", status=200, duration_ms=1.5, authorization="Bearer secret")

    line = JsonFormatter().format(record)

    assert "\n" not in line
    fields = json.loads(line)
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "INFO",
        "logger": "strata.test",
        "message": "two\nlines",
        "status": 200,
        "duration_ms": 1.5,
    }


def test_formatter__exception__is_in_the_line():
    record = make_record("it failed")
    error = LookupError("no such thing")
    record.exc_info = (LookupError, error, None)

    fields = json.loads(JsonFormatter().format(record))

    assert fields["exception"].endswith("LookupError: no such thing")


def test_log_requests__each_request__has_an_id_that_its_lines_and_answer_share(caplog):
    seen = []

    def answer(request):
        seen.append((request.request_id, request_id.get()))
        return HttpResponse(status=418)

    caplog.set_level(logging.INFO, "strata.access")
    application = LogRequests(answer)

    responses = [application(RequestFactory().get("/tea?token=secret")) for _ in range(2)]

    identifiers = [response["X-Request-Id"] for response in responses]
    assert seen == [(identifier, identifier) for identifier in identifiers]
    assert identifiers[0] != identifiers[1]
    assert all(len(identifier) == 16 for identifier in identifiers)
    assert set("".join(identifiers)) <= set(READABLE_ALPHABET)
    assert request_id.get() == ""


def test_log_requests__request_with_secrets__leaves_one_line_without_them(caplog):
    caplog.set_level(logging.DEBUG)
    request = RequestFactory().post(
        "/tea?token=in-query",
        {"secret": "in-body"},
        headers={"Authorization": "Bearer in-header", "Cookie": "sessionid=in-cookie"},
    )

    LogRequests(lambda _: HttpResponse(status=418))(request)

    (record,) = caplog.records
    line = JsonFormatter().format(record)
    assert "in-" not in line
    fields = json.loads(line)
    assert (fields["method"], fields["path"], fields["status"]) == ("POST", "/tea", 418)
    assert fields["duration_ms"] >= 0


def test_log_requests__error_of_the_code__ends_the_request_id():
    def fail(_request):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        LogRequests(fail)(RequestFactory().get("/"))

    assert request_id.get() == ""
