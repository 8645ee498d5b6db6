"""Every method by its path, and what happens to what goes wrong in one."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.server import EndpointSync
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from access.problems import Code as Status
from access.problems import Problem
from rpc.calls import current
from rpc.codecs import Answer, Incoming
from rpc.errors import as_connect_error, shorten
from rpc.gen import (
    feature_service_v2_pb2,
    feature_service_v2beta_pb2,
    health_v1_pb2,
    settings_service_v2_pb2,
    system_service_v1_pb2,
)
from rpc.health import HealthServicer
from rpc.servicers import (
    Context,
    answer_get,
    answer_get_security,
    answer_reset,
    answer_set,
    answer_set_instance_feature,
    answer_set_security,
)
from tenancy.levels import OWNED_LEVELS

Function = Callable[[Incoming, Context], Answer]
Describe = Callable[[Exception], Problem]

HEALTH = "grpc.health.v1.Health"
UNKNOWN_METHOD = "/unknown"  # where calls of methods that do not exist are answered
UNKNOWN: MethodInfo[Any, Any] = MethodInfo(
    name="",
    service_name="",
    input=health_v1_pb2.HealthCheckRequest,
    output=health_v1_pb2.HealthCheckResponse,
    idempotency_level=IdempotencyLevel.UNKNOWN,
    stream_type=StreamType.UNARY,
)


class SignInFirst:
    """Finds the caller before the message is read: who is nobody sends no message."""

    def __init__(self, describe: Describe) -> None:
        self.describe = describe

    def on_start_sync(self, context: Context) -> None:
        """Raise what keeps the call from being made."""
        call = current.get()
        if context.method is UNKNOWN:
            call.body.close()
            unknown = ConnectError(Code.UNIMPLEMENTED, "unknown method")
            raise as_refusal(unknown, self.describe, context)
        if context.method.service_name == HEALTH:
            return
        try:
            _ = call.caller
        except Exception as error:
            call.body.close()
            raise as_refusal(error, self.describe, context) from None

    def on_end_sync(self, token: None, context: Context, error: Exception | None) -> None:
        """Nothing is left to do."""


class DescribeErrors:
    """Turns what a method raises into the transports' error, by the one table of errors."""

    def __init__(self, describe: Describe) -> None:
        self.describe = describe

    def intercept_unary_sync(
        self, call_next: Callable[[Any, Context], Any], request: Any, context: Context, /
    ) -> Any:
        """Answer the call, unless its client has stopped waiting for the answer."""
        if context.timeout_ms is not None and context.timeout_ms <= 0:
            raise ConnectError(Code.DEADLINE_EXCEEDED, "the deadline passed before the call began")
        try:
            return call_next(request, context)
        except Exception as error:
            raise as_refusal(error, self.describe, context) from None


def as_refusal(error: Exception, describe: Describe, context: Context) -> ConnectError:
    """Return the error as the transports write it, with the headers that REST would set."""
    call = current.get()
    if isinstance(error, ConnectError):
        call.grpc_status = _number_of(error.code)
        return error
    call.note(error)
    problem = describe(error)
    call.grpc_status = int(problem.code)
    for name, value in problem.headers:
        context.response_headers[name] = value
    return as_connect_error(shorten(problem) if call.is_native_grpc else problem)


def _number_of(code: Code) -> int:
    """Return a code's number on the wire of gRPC; unknown (2) for those that we never answer."""
    if code is Code.DEADLINE_EXCEEDED:
        return 4
    known = Status.__members__.get(code.name)
    return 2 if known is None else int(known)


def feature_functions() -> dict[str, Function]:
    """Return the twelve methods of the feature service."""
    functions: dict[str, Function] = {}
    for level in OWNED_LEVELS:
        name = level.label.capitalize()
        functions[f"Set{name}Features"] = partial(answer_set, level)
        functions[f"Reset{name}Features"] = partial(answer_reset, level)
        functions[f"Get{name}Features"] = partial(answer_get, level)
    return functions


def make_endpoints(find_obstacle: Callable[[], str]) -> dict[str, Any]:
    """Return the library's endpoints by path, one for every method and one for all others.

    Methods that no function is given for do not exist.
    """
    features = feature_functions()
    functions: dict[ServiceDescriptor, Mapping[str, Function]] = {
        _service(feature_service_v2_pb2, "FeatureService"): features,
        _service(feature_service_v2beta_pb2, "FeatureService"): features,
        _service(settings_service_v2_pb2, "SettingsService"): {
            "GetSecuritySettings": answer_get_security,
            "SetSecuritySettings": answer_set_security,
        },
        _service(system_service_v1_pb2, "SystemService"): {
            "SetInstanceFeature": answer_set_instance_feature
        },
    }
    health = _service(health_v1_pb2, "Health")
    names = {service.full_name for service in (*functions, health)}
    functions[health] = {"Check": HealthServicer(names, find_obstacle).check}
    endpoints: dict[str, Any] = {
        UNKNOWN_METHOD: EndpointSync.unary(method=UNKNOWN, function=functions[health]["Check"])
    }
    for service, methods in functions.items():
        for name, function in methods.items():
            path = f"/{service.full_name}/{name}"
            endpoints[path] = _endpoint(service.methods_by_name[name], function)
    return endpoints


def _endpoint(method: MethodDescriptor, function: Function) -> Any:
    info: MethodInfo[Any, Any] = MethodInfo(
        name=method.name,
        service_name=method.containing_service.full_name,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.UNARY,
    )
    return EndpointSync.unary(method=info, function=function)


def _service(module: Any, name: str) -> ServiceDescriptor:
    service: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return service
