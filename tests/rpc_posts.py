"""Calls of the binary transports put together by hand, well formed or not."""

import json
import struct
from urllib.parse import unquote

from events.models import Event
from tests.rpc_callers import read_frames

SERVICE = "/zitadel.feature.v2.FeatureService"
SET = f"{SERVICE}/SetInstanceFeatures"
GET = f"{SERVICE}/GetInstanceFeatures"
HEALTH = "/grpc.health.v1.Health/Check"
REST = "/v2/features/instance"
MEBIBYTE = 1024 * 1024
JSON, PROTO = "application/json", "application/proto"
GRPC_WEB = "application/grpc-web+proto"


def post(client, path, body=b"{}", token=None, form=JSON, **headers):
    raw = json.dumps(body).encode() if isinstance(body, dict) else body
    if token:
        headers["Authorization"] = f"Bearer {token}"
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    always = {"CONTENT_TYPE": form, "CONTENT_LENGTH": str(len(raw))}
    return client.generic("POST", path, raw, form, headers=headers, **always)


def frame(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def trailers_of(response):
    *_, (_, trailers) = read_frames(response.content)
    found = dict(line.split(": ", 1) for line in trailers.decode().splitlines())
    return int(found["grpc-status"]), unquote(found.get("grpc-message", ""))


def written():
    """Return what the history has of features since the cast was made."""
    events = Event.objects.filter(type__startswith="features.").order_by("pk")
    return [(event.subject, event.after) for event in events]
