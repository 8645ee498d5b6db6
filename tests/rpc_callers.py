"""The binary ways in to the feature API, for the cases of tests/feature_api.py and by hand."""

import base64
import functools
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import grpc
from connectrpc.code import Code as ConnectCode
from django.test import Client
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from access.problems import Code
from features.kinds import camel_case
from rpc.errors import find_message
from rpc.gen import (
    feature_service_v2_pb2,
    feature_service_v2beta_pb2,
    settings_service_v2_pb2,
    system_service_v1_pb2,
)
from tests.feature_api import Failure, Outcome, Unsayable
from tests.programs import find_program

MODULES = {
    "zitadel.feature.v2.FeatureService": feature_service_v2_pb2,
    "zitadel.feature.v2beta.FeatureService": feature_service_v2beta_pb2,
    "zitadel.settings.v2.SettingsService": settings_service_v2_pb2,
    "zitadel.system.v1.SystemService": system_service_v1_pb2,
}
NO_FEATURES = {"organizationId", "userId", "inheritance", "instanceId", "featureId", "bool"}


@dataclass(frozen=True)
class Reply:
    """What a transport brought back: an answer as JSON, or an error as gRPC has it."""

    answer: dict[str, Any] = field(default_factory=dict)
    code: int = 0
    message: str = ""
    details: tuple[tuple[str, bytes], ...] = ()


Transport = Callable[[MethodDescriptor, dict[str, Any], dict[str, str]], Reply]


class RpcCaller:
    """Calls the feature API through one transport, as `tests.feature_api.Caller` promises."""

    keeps_order = False  # a message has none

    def __init__(self, transport: Transport, version: str = "v2") -> None:
        self.transport = transport
        self.version = version

    def call(self, method: str, message: Mapping[str, Any], token: str | None) -> Outcome:
        service = f"zitadel.feature.{self.version}.FeatureService"
        if method == "SetInstanceFeature":
            service = "zitadel.system.v1.SystemService"
        found = find_method(service, method)
        metadata = {"authorization": f"Bearer {token}"} if token else {}
        return read_reply(self.transport(found, to_message(found, message), metadata))

    def exchange(
        self, method: str, message: dict[str, Any], token: str | None
    ) -> dict[str, Any] | Failure:
        """Call a method of the settings service; return its answer as it is."""
        found = find_method("zitadel.settings.v2.SettingsService", method)
        metadata = {"authorization": f"Bearer {token}"} if token else {}
        reply = self.transport(found, message, metadata)
        return read_failure(reply) if reply.code else reply.answer


def find_method(service: str, name: str) -> MethodDescriptor:
    services = MODULES[service].DESCRIPTOR.services_by_name
    method: MethodDescriptor = services[service.rpartition(".")[2]].methods_by_name[name]
    return method


def to_message(method: MethodDescriptor, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request as JSON that protobuf reads: what has no field goes into `features`.

    So does what a field cannot hold, such as null, an empty list or a value of the wrong type.
    """
    message: dict[str, Any] = {}
    mapped: dict[str, Any] = {}
    for name, raw in fields.items():
        is_second = camel_case(name) in message
        has_place = name in NO_FEATURES or (fits(method, name, raw) and not is_second)
        (message if has_place else mapped)[name] = raw
    return message | ({"features": mapped} if mapped else {})


def fits(method: MethodDescriptor, name: str, raw: Any) -> bool:
    if raw is None or raw == [] or (isinstance(raw, dict) and None in raw.values()):
        return False
    try:
        ParseDict({name: raw}, GetMessageClass(method.input_type)())
    except ParseError:
        return False
    return True


def read_reply(reply: Reply) -> Outcome:
    """Bring a reply into the form of the cases."""
    if reply.code:
        return Outcome(failure=read_failure(reply))
    answer = dict(reply.answer)
    details = {name: str(text) for name, text in answer.pop("details").items() if text}
    mapped = {camel_case(key): feature for key, feature in answer.pop("features", {}).items()}
    features = {name: read_feature(feature) for name, feature in (answer | mapped).items()}
    return Outcome({"sequence": "0"} | details, features)


def read_feature(feature: dict[str, Any]) -> tuple[Any, str]:
    source = feature.pop("source")
    names = {"enabled", "executionPaths", "value"} & feature.keys()
    value = feature[names.pop()] if names else feature
    return as_integer(value), source


def as_integer(value: Any) -> Any:
    """Undo what a double does to whole numbers."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: as_integer(member) for key, member in value.items()}
        case list():
            return [as_integer(member) for member in value]
    return value


def read_failure(reply: Reply) -> Failure:
    details = {name: find_message(name).from_binary(raw) for name, raw in reply.details}
    error_detail: Any = details.get("zitadel.v1.ErrorDetail")
    bad_request: Any = details.get("google.rpc.BadRequest")
    violations = bad_request.field_violations if bad_request else []
    return Failure(
        reply.code,
        reply.message,
        error_detail.id if error_detail else "",
        {violation.field: violation.description for violation in violations},
    )


def encode(method: MethodDescriptor, message: dict[str, Any]) -> bytes:
    """Return a request in the binary form. Unsayable for what it cannot hold."""
    refuse_unsayable(message)
    try:
        return ParseDict(message, GetMessageClass(method.input_type)()).SerializeToString()
    except ParseError as error:
        raise Unsayable(str(error)) from None


def refuse_unsayable(value: Any) -> None:
    """Raise Unsayable for what a message cannot hold, though JSON can."""
    match value:
        case float() if value.is_integer():
            raise Unsayable("a Value does not tell 1.0 from 1")
        case {"featureId": "0"}:
            raise Unsayable("an enum's number nought is its name")
        case dict():
            if "base_uri" in value and "baseUri" in value:
                raise Unsayable("a Struct has no order")
            for member in value.values():
                refuse_unsayable(member)
        case list():
            for member in value:
                refuse_unsayable(member)


def decode(method: MethodDescriptor, raw: bytes) -> dict[str, Any]:
    return to_dict(GetMessageClass(method.output_type).FromString(raw))


def to_dict(message: Message) -> dict[str, Any]:
    return MessageToDict(message, always_print_fields_with_no_presence=True)


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def connect(client: Client, form: str) -> Transport:
    """Connect through Django's test client, in its JSON or in its binary form."""

    def call(method: MethodDescriptor, message: dict[str, Any], metadata: dict[str, str]) -> Reply:
        body = json.dumps(message).encode() if form == "json" else encode(method, message)
        response = post(client, method, body, f"application/{form}", metadata)
        if response.status_code == 200:
            assert response["Content-Type"] == f"application/{form}"
            is_json = form == "json"
            return Reply(response.json() if is_json else decode(method, response.content))
        return read_connect_error(response.json())

    return call


def post(
    client: Client, method: MethodDescriptor, body: bytes, form: str, metadata: dict[str, str]
) -> Any:
    # The test client leaves these two out for an empty body, which real clients do not.
    always: dict[str, Any] = {"CONTENT_TYPE": form, "CONTENT_LENGTH": str(len(body))}
    return client.generic("POST", path_of(method), body, form, headers=metadata, **always)


def read_connect_error(body: dict[str, Any]) -> Reply:
    details = tuple(
        (detail["type"], base64.b64decode(detail["value"] + "=="))
        for detail in body.get("details", [])
    )
    code = Code[ConnectCode(body["code"]).name]
    return Reply(code=code, message=body["message"], details=details)


def grpc_web(client: Client) -> Transport:
    """gRPC-Web's binary form through Django's test client."""

    def call(method: MethodDescriptor, message: dict[str, Any], metadata: dict[str, str]) -> Reply:
        raw = encode(method, message)
        body = struct.pack(">BI", 0, len(raw)) + raw
        response = post(client, method, body, "application/grpc-web+proto", metadata)
        assert response.status_code == 200
        assert response["Content-Type"] == "application/grpc-web+proto"
        *messages, trailers = read_frames(response.content)
        found = dict(line.split(": ", 1) for line in trailers[1].decode().splitlines())
        if found["grpc-status"] == "0":
            return Reply(decode(method, messages[0][1]))
        return read_grpc_error(
            int(found["grpc-status"]),
            unquote(found["grpc-message"]),
            base64.b64decode(found.get("grpc-status-details-bin", "") + "=="),
        )

    return call


def read_frames(body: bytes) -> list[tuple[int, bytes]]:
    """Return (flags, content) of each frame; the last one, flagged 0x80, holds the trailers."""
    frames = []
    while body:
        flags, length = struct.unpack(">BI", body[:5])
        frames.append((flags, body[5 : 5 + length]))
        body = body[5 + length :]
    assert frames[-1][0] == 0x80
    return frames


def read_grpc_error(code: int, message: str, raw_status: bytes) -> Reply:
    status: Any = find_message("google.rpc.Status").from_binary(raw_status)
    if raw_status:
        assert (status.code, status.message) == (code, message)
    details = tuple((each.type_url.rpartition("/")[2], each.value) for each in status.details)
    return Reply(code=code, message=message, details=details)


def native(channel: grpc.Channel) -> Transport:
    """Native gRPC with Google's own client."""

    def call(method: MethodDescriptor, message: dict[str, Any], metadata: dict[str, str]) -> Reply:
        function = channel.unary_unary(path_of(method))
        try:
            raw = function(encode(method, message), metadata=list(metadata.items()), timeout=20)
        except grpc.RpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            status = trailers.get("grpc-status-details-bin", b"")
            return read_grpc_error(error.code().value[0], error.details(), status)
        return Reply(decode(method, raw))

    return call


class NodeProcess:
    """One Node process with the npm clients, for all calls of a run of tests."""

    def __init__(self, folder: str, url: str, descriptors: str) -> None:
        self.process = subprocess.Popen(
            ["node", "caller.mjs", url, descriptors],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def transport(self, name: str) -> Transport:
        """Return one of the transports that caller.mjs lists."""
        return functools.partial(self._call, name)

    def _call(
        self,
        name: str,
        method: MethodDescriptor,
        message: dict[str, Any],
        metadata: dict[str, str],
    ) -> Reply:
        refuse_unsayable(message)
        line = {
            "transport": name,
            "service": method.containing_service.full_name,
            "method": method.name,
            "message": message,
            "headers": metadata,
        }
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if "unsayable" in reply:
            raise Unsayable(reply["unsayable"])
        if error := reply.get("error"):
            details = tuple((d["type"], base64.b64decode(d["value"])) for d in error["details"])
            return Reply(code=error["code"], message=error["message"], details=details)
        return Reply(reply["answer"])

    def close(self) -> None:
        """End the process."""
        self.process.communicate(timeout=10)


def install_clients() -> str:
    """Install the npm clients outside of the repository, once for each version of the lock file."""
    for name in ("node", "npm"):
        sentence = "the clients of Node and of browsers need it: apt-get install nodejs npm"
        find_program(name, sentence=sentence)
    source = Path(__file__).parent / "node"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = sha256((source / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = cache / "strata-tests" / f"node-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "caller.mjs", "round_trip.ts"):
        shutil.copy(source / name, folder)
    if not (folder / "installed").exists():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, check=True)
        (folder / "installed").touch()
    return str(folder)
