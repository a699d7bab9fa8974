"""OpenTelemetry's export requests, made by hand from proto/ and sent by the stock gRPC client under
OpenTelemetry's own names. Needs proto/'s classes on the path (harness.Shared)."""

import os
import time

import grpc
from sluice.otlp.v1 import collector_pb2, logs_pb2, rpc_status_pb2, trace_pb2

SERVICES = {
    "traces": ("trace.v1.TraceService", collector_pb2.ExportTraceServiceResponse),
    "logs": ("logs.v1.LogsService", collector_pb2.ExportLogsServiceResponse),
    "metrics": ("metrics.v1.MetricsService", collector_pb2.ExportMetricsServiceResponse),
}
UNLIMITED = [("grpc.max_send_message_length", -1)]


def channel(socket, options=()):
    return grpc.insecure_channel(f"unix:{socket}", options=[*UNLIMITED, *options])


def export(to, signal, request, timeout=10, **options):
    """The response to a request, which is a message or bytes. Raises grpc.RpcError."""
    service, response = SERVICES[signal]
    call = to.unary_unary(f"/opentelemetry.proto.collector.{service}/Export",
                          request_serializer=lambda it: it if isinstance(it, bytes)
                          else it.SerializeToString(),
                          response_deserializer=response.FromString)
    return call(request, timeout=timeout, **options)


def retry_info_ms(error):
    """The delay that an error tells in google.rpc's ways, and that gRPC's own agrees with."""
    fields = dict(error.trailing_metadata())
    status = rpc_status_pb2.RpcStatus.FromString(fields["grpc-status-details-bin"])
    info = rpc_status_pb2.RetryInfo.FromString(status.details[0].value)
    assert fields["google.rpc.retryinfo-bin"] == status.details[0].value
    return info.retry_delay.seconds * 1000 + info.retry_delay.nanos // 1_000_000


def attributes(**values):
    """key=value, where a key's `__` stands for a dot."""
    from sluice.otlp.v1 import common_pb2
    return [common_pb2.KeyValue(key=key.replace("__", "."),
                                value=common_pb2.AnyValue(string_value=value))
            for key, value in values.items()]


def span(name, trace_id=None, parent=b"", **fields):
    now = time.time_ns()
    values = dict(trace_id=trace_id or os.urandom(16), span_id=os.urandom(8),
                  parent_span_id=parent, name=name, start_time_unix_nano=now - 2_000_000,
                  end_time_unix_nano=now)
    return trace_pb2.Span(**{**values, **fields})


def log(body, severity=9, **fields):
    from sluice.otlp.v1 import common_pb2
    values = dict(time_unix_nano=time.time_ns(), severity_number=severity,
                  body=common_pb2.AnyValue(string_value=body))
    return logs_pb2.LogRecord(**{**values, **fields})


def traces(*spans, scope="lib", service="app"):
    request = collector_pb2.ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.extend(attributes(service__name=service))
    one = resource.scope_spans.add()
    one.scope.name = scope
    one.spans.extend(spans)
    return request


def logs(*records, scope="lib", service="app"):
    request = collector_pb2.ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(attributes(service__name=service))
    one = resource.scope_logs.add()
    one.scope.name = scope
    one.log_records.extend(records)
    return request
