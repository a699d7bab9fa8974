"""What every program of this folder does: exports two spans, a log record and a counter as its environment
says, over the protocol of its first argument. Where that environment cannot lead to a Unix socket, the
second names it. Prints the trace's id.

With STEADY in the environment instead: a span each 50 ms, named by its number, until stdin ends. Prints for each
export that was acknowledged the names in it, and at last how many spans there were."""

import itertools
import logging
import os
import select
import socket
import sys

import requests
import requests.adapters
import urllib3
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class UnixConnection(urllib3.connection.HTTPConnection):
    path = None

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class UnixPool(urllib3.HTTPConnectionPool):
    ConnectionCls = UnixConnection


class UnixAdapter(requests.adapters.HTTPAdapter):
    def get_connection_with_tls_context(self, *_arguments, **_options):
        return UnixPool("localhost")


def exporters(protocol, path):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        return OTLPSpanExporter(), OTLPLogExporter(), OTLPMetricExporter()
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    if path is None:
        return OTLPSpanExporter(), OTLPLogExporter(), OTLPMetricExporter()
    UnixConnection.path = path
    session = requests.Session()
    session.mount("http://", UnixAdapter())
    base = "http://localhost/v1/"
    return (OTLPSpanExporter(session=session, endpoint=base + "traces"),
            OTLPLogExporter(session=session, endpoint=base + "logs"),
            OTLPMetricExporter(session=session, endpoint=base + "metrics"))


def main(protocol, path=None):
    for_spans, for_logs, for_metrics = exporters(protocol, path)
    tracers, loggers = TracerProvider(), LoggerProvider()
    tracers.add_span_processor(BatchSpanProcessor(for_spans))
    loggers.add_log_record_processor(BatchLogRecordProcessor(for_logs))
    meters = MeterProvider([PeriodicExportingMetricReader(for_metrics)])

    tracer = tracers.get_tracer("interop", "1.2.3")
    logger = logging.getLogger("interop")
    logger.addHandler(LoggingHandler(logger_provider=loggers))
    with tracer.start_as_current_span("request", kind=trace.SpanKind.SERVER) as request:
        request.set_attributes({"text": "naïve ☃", "flag": True, "count": 42, "ratio": 0.5,
                                "list": ["a", "b"]})
        request.add_event("cache miss", {"key": "k"})
        with tracer.start_as_current_span("query", kind=trace.SpanKind.CLIENT) as query:
            query.set_status(trace.StatusCode.ERROR, "timed out")
        logger.warning("disk nearly full", extra={"free": 12})
    meters.get_meter("interop", "1.2.3").create_counter("requests").add(3, {"route": "/"})
    print(format(request.get_span_context().trace_id, "032x"))
    for provider in tracers, loggers, meters:
        provider.shutdown()


class Told(SpanExporter):
    def __init__(self, exporter):
        self.exporter = exporter

    def export(self, spans):
        result = self.exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            print(*(span.name for span in spans), flush=True)
        return result

    def shutdown(self):
        self.exporter.shutdown()


def steady(protocol, path=None):
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(Told(exporters(protocol, path)[0])))
    tracer = tracers.get_tracer("interop")
    for number in itertools.count():
        tracer.start_span(str(number)).end()
        if select.select([sys.stdin], [], [], 0.05)[0]:
            break
    tracers.shutdown()
    print(number + 1)


(steady if "STEADY" in os.environ else main)(*sys.argv[1:])
