#!/usr/bin/python3
"""What the SDKs of .NET, Ruby, PHP and C++ send, none of which runs in the tests. These requests are not
recorded but built, from the SDKs' sources and documentation as of August 2026:

  .NET   OpenTelemetry.Exporter.OpenTelemetryProtocol 1.17: its own serializer, fields in its own order, the
         length of a message always in four bytes; with gzip over HTTP chunked; HPACK without a table
  Ruby   opentelemetry-exporter-otlp 0.34, -logs 0.5, -metrics 0.10: Net::HTTP, gzip unless told otherwise, a
         user agent in two parts, a status in every span
  PHP    open-telemetry/exporter-otlp 1.8: Guzzle over libcurl; JSON as protobuf prints it, with enums as
         numbers; gRPC by its extension
  C++    opentelemetry-cpp 1.28: libcurl; JSON with sorted keys; gRPC by grpc++

Each does what tests/interop/sdks/python/main.py says. Writes them as seeds of the fuzz targets, which the agent is
played too (tests/integration/test_otlp_sdks.py):

    tests/support/built_sdk_requests.py
"""

import gzip
import hashlib
import json
import pathlib
import struct

from http2_frames import (DATA, END_HEADERS, HEADERS, PREFACE, SETTINGS, WINDOW_UPDATE, frame)

SEEDS = pathlib.Path(__file__).resolve().parents[1] / "fuzz/seeds"
REQUEST, QUERY = bytes(range(21, 29)), bytes(range(31, 39))
START, END = 1_790_000_000_000_000_000, 1_790_000_000_004_000_000
ACK, END_STREAM = 1, 1
SERVICES = {"traces": "trace.v1.TraceService", "logs": "logs.v1.LogsService",
            "metrics": "metrics.v1.MetricsService"}


def varint(value, size=1):
    """In `size` bytes at least."""
    out = bytearray()
    while value >= 0x80 or size > 1:
        out.append(value & 0x7F | 0x80)
        value >>= 7
        size -= 1
    return bytes(out) + bytes([value])


# A field is a pair of its number and its bytes.

def number(field, value):
    return field, varint(field << 3) + varint(value)


def fixed32(field, value):
    return field, varint(field << 3 | 5) + struct.pack("<I", value)


def fixed64(field, value):
    return field, varint(field << 3 | 1) + struct.pack("<Q", value)


def double(field, value):
    return field, varint(field << 3 | 1) + struct.pack("<d", value)


def text(field, value, length_bytes=1):
    content = value.encode() if isinstance(value, str) else value
    return field, varint(field << 3 | 2) + varint(len(content), length_bytes) + content


class Protobuf:
    """How one SDK writes the three requests. protobuf's libraries write fields by their numbers."""

    def __init__(self, language, version, *, own_order=False, length_bytes=1, span_flags=0x101,
                 status_always=False, severity_text="WARN"):
        self.resource = {"service.name": f"{language}-app", "telemetry.sdk.language": language,
                         "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.version": version}
        self.own_order = own_order
        self.length_bytes = length_bytes
        self.span_flags = span_flags
        self.status_always = status_always
        self.severity_text = severity_text

    def joined(self, fields):
        ordered = fields if self.own_order else sorted(fields, key=lambda one: one[0])
        return b"".join(content for _, content in ordered)

    def message(self, field, *fields):
        return text(field, self.joined(fields), self.length_bytes)

    def any_value(self, field, value):
        if isinstance(value, bool):
            content = number(2, value)
        elif isinstance(value, int):
            content = number(3, value)
        elif isinstance(value, float):
            content = double(4, value)
        elif isinstance(value, list):
            content = text(5, b"".join(self.any_value(1, one)[1] for one in value))
        else:
            content = text(1, value)
        return text(field, content[1])

    def attributes(self, field, values):
        return [text(field, self.joined([text(1, key), self.any_value(2, value)]))
                for key, value in values.items()]

    def request(self, *items):
        """Of any signal: they have the same numbers down to the items."""
        return self.message(
            1, self.message(1, *self.attributes(1, self.resource)),
            self.message(2, self.message(1, text(1, "interop"), text(2, "1.2.3")), *items))[1]

    def traces(self, trace):
        status = [text(15, b"")] if self.status_always else []
        event = self.message(11, text(2, "cache miss"), fixed64(1, START + 1000),
                             *self.attributes(3, {"key": "k"}))
        query = self.message(
            2, text(1, trace), text(2, QUERY), text(4, REQUEST), fixed32(16, self.span_flags),
            text(5, "query"), number(6, 3), fixed64(7, START + 2000), fixed64(8, END - 2000),
            text(15, self.joined([text(2, "timed out"), number(3, 2)])))
        request = self.message(
            2, text(1, trace), text(2, REQUEST), fixed32(16, self.span_flags), text(5, "request"),
            number(6, 2), fixed64(7, START), fixed64(8, END), *self.attributes(9, {
                "text": "naïve ☃", "flag": True, "count": 42, "ratio": 0.5, "list": ["a", "b"]}),
            event, *status)
        return self.request(query, request)

    def logs(self, trace):
        return self.request(self.message(
            2, fixed64(1, START + 3000), fixed64(11, START + 3000), number(2, 13),
            text(3, self.severity_text), self.any_value(5, "disk nearly full"),
            *self.attributes(6, {"free": 12}), text(9, trace), text(10, REQUEST), fixed32(8, 1)))

    def metrics(self, _trace):
        point = self.message(1, fixed64(6, 3), fixed64(2, START), fixed64(3, END),
                             *self.attributes(7, {"route": "/"}))
        return self.request(self.message(
            2, text(1, "requests"), self.message(7, number(3, 1), number(2, 2), point)))


class Json:
    """The same as JSON."""

    def __init__(self, language, version, *, span_flags=0x101, status_always=False, **options):
        self.resource = Protobuf(language, version).resource
        self.span_flags = span_flags
        self.status_always = status_always
        self.options = options

    def any_value(self, value):
        if isinstance(value, list):
            return {"arrayValue": {"values": [self.any_value(one) for one in value]}}
        kind = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}[type(value)]
        return {kind: str(value) if kind == "intValue" else value}

    def attributes(self, values):
        return [{"key": key, "value": self.any_value(value)} for key, value in values.items()]

    def request(self, signal, items, *content):
        scope = {"scope": {"name": "interop", "version": "1.2.3"}, items: content}
        resource = {"resource": {"attributes": self.attributes(self.resource)}, f"scope{signal}": [scope]}
        return json.dumps({f"resource{signal}": [resource]}, ensure_ascii=False,
                          separators=(",", ":"), **self.options).encode()

    def span(self, trace, span_id, name, kind, start, end, **fields):
        return {"traceId": trace.hex(), "spanId": span_id.hex(), "name": name, "kind": kind,
                "startTimeUnixNano": str(start), "endTimeUnixNano": str(end), **fields,
                "flags": self.span_flags}

    def traces(self, trace):
        event = {"timeUnixNano": str(START + 1000), "name": "cache miss",
                 "attributes": self.attributes({"key": "k"})}
        return self.request(
            "Spans", "spans",
            self.span(trace, QUERY, "query", 3, START + 2000, END - 2000, parentSpanId=REQUEST.hex(),
                      status={"message": "timed out", "code": 2}),
            self.span(trace, REQUEST, "request", 2, START, END, attributes=self.attributes({
                "text": "naïve ☃", "flag": True, "count": 42, "ratio": 0.5, "list": ["a", "b"]}),
                events=[event], **{"status": {}} if self.status_always else {}))

    def logs(self, trace):
        return self.request("Logs", "logRecords", {
            "timeUnixNano": str(START + 3000), "severityNumber": 13, "severityText": "WARN",
            "body": self.any_value("disk nearly full"), "attributes": self.attributes({"free": 12}),
            "flags": 1, "traceId": trace.hex(), "spanId": REQUEST.hex(),
            "observedTimeUnixNano": str(START + 3000)})

    def metrics(self, _trace):
        point = {"startTimeUnixNano": str(START), "timeUnixNano": str(END), "asInt": "3",
                 "attributes": self.attributes({"route": "/"})}
        return self.request("Metrics", "metrics", {
            "name": "requests",
            "sum": {"dataPoints": [point], "aggregationTemporality": 2, "isMonotonic": True}})


def compressed(body):
    return gzip.compress(body, 6, mtime=0)


def chunked(body):
    """As .NET writes gzip: what the compressor gives, then its end."""
    return b"".join(b"%X\r\n%s\r\n" % (len(part), part) for part in (body[:-8], body[-8:], b""))


def http1(signal, body, *fields):
    lines = [f"POST /v1/{signal} HTTP/1.1", *(f"{name}: {value}" for name, value in fields if value)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HOST = "Host", "localhost:4318"
DOTNET_AGENT = "OTel-OTLP-Exporter-Dotnet/1.17.0"
CPP_AGENT = "OTel-OTLP-Exporter-Cpp/1.28.0"


def dotnet_http(signal, body, kind, is_gzip):
    agent, type_ = ("User-Agent", DOTNET_AGENT), ("Content-Type", kind)
    if is_gzip:
        return http1(signal, chunked(compressed(body)), HOST, agent, ("Transfer-Encoding", "chunked"),
                     type_, ("Content-Encoding", "gzip"))
    return http1(signal, body, HOST, agent, type_, ("Content-Length", len(body)))


def ruby_http(signal, body, kind, is_gzip):
    body = compressed(body) if is_gzip else body
    agent = "Ruby, OTel-OTLP-Exporter-Ruby/0.34.1 Ruby/3.4.4 (x86_64-linux; ruby/3.4.4)"
    return http1(signal, body, ("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3"),
                 ("Accept", "*/*"), ("User-Agent", agent), ("Content-Encoding", is_gzip and "gzip"),
                 ("Content-Type", kind), HOST, ("Content-Length", len(body)))


def php_http(signal, body, kind, is_gzip):
    body = compressed(body) if is_gzip else body
    return http1(signal, body, HOST, ("Content-Type", kind), ("Content-Encoding", is_gzip and "gzip"),
                 ("User-Agent", "OTel OTLP Exporter PHP/1.8.0"), ("Content-Length", len(body)))


def cpp_http(signal, body, kind, is_gzip):
    body = compressed(body) if is_gzip else body
    return http1(signal, body, HOST, ("Accept", "*/*"), ("Content-Encoding", is_gzip and "gzip"),
                 ("Content-Type", kind), ("User-Agent", CPP_AGENT), ("Content-Length", len(body)))


def settings(values):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *one) for one in values))


def window(stream, size):
    return frame(WINDOW_UPDATE, stream=stream, payload=struct.pack(">I", size))


def message_of(body, is_gzip):
    body = compressed(body) if is_gzip else body
    return bytes([is_gzip]) + struct.pack(">I", len(body)) + body


def path_of(signal):
    return f"/opentelemetry.proto.collector.{SERVICES[signal]}/Export"


def short(value):
    """A string of HPACK, not in Huffman's code."""
    return bytes([len(value)]) + value.encode()


def dotnet_grpc(signal, body, is_gzip):
    """SocketsHttpHandler's literals have no index; names are of the static table where it has them."""
    message = message_of(body, is_gzip)
    block = b"\x83\x86\x01" + short("localhost:4317") + b"\x04" + short(path_of(signal))
    block += b"\x0f\x2b" + short(DOTNET_AGENT) + b"\0" + short("te") + short("trailers")
    if is_gzip:
        block += b"\0" + short("grpc-encoding") + short("gzip")
    block += b"\x0f\x10" + short("application/grpc") + b"\x0f\x0d" + short(str(len(message)))
    return PREFACE + settings([(2, 0), (4, 65535), (6, 65536)]) + window(0, (64 << 20) - 65535) \
        + frame(SETTINGS, ACK) + frame(HEADERS, END_HEADERS, 1, block) \
        + frame(DATA, 0, 1, message) + frame(DATA, END_STREAM, 1)


def core_grpc(authority, agent):
    """gRPC's C core, below C++ and PHP: its literals go into the dynamic table."""
    def request(signal, body, is_gzip):
        fields = [(":path", path_of(signal)), (":authority", authority), None,
                  ("content-type", "application/grpc"), ("te", "trailers"),
                  ("grpc-encoding", is_gzip and "gzip"),
                  ("grpc-accept-encoding", "identity, deflate, gzip"), ("grpc-timeout", "10S"),
                  ("user-agent", agent)]
        block = b"".join(b"\x83\x86" if field is None else b"\x40" + short(field[0]) + short(field[1])
                         for field in fields if field is None or field[1])
        return PREFACE + settings([(2, 0), (3, 0), (4, 4 << 20), (5, 4 << 20), (6, 16384), (0xFE03, 1)]) \
            + window(0, 0x3F0001) + frame(SETTINGS, ACK) + frame(HEADERS, END_HEADERS, 1, block) \
            + window(1, 5) + frame(DATA, END_STREAM, 1, message_of(body, is_gzip))
    return request


DOTNET = Protobuf("dotnet", "1.17.0", own_order=True, length_bytes=4, severity_text="Warn")
RUBY = Protobuf("ruby", "1.12.0", status_always=True)
PHP = Protobuf("php", "1.8.0", status_always=True)
CPP = Protobuf("cpp", "1.28.0", span_flags=1)
GRPC = {
    "dotnet": (DOTNET, dotnet_grpc),
    "php": (PHP, core_grpc("localhost:4317", "grpc-php/1.74.0 grpc-c/48.0.0 (linux; chttp2)")),
    "cpp": (CPP, core_grpc("run%2Fsluice%2Fsluice.sock",
                           CPP_AGENT + " grpc-c++/1.74.1 grpc-c/48.0.0 (linux; chttp2)")),
}
PROTOBUF_KIND, JSON_KIND = "application/x-protobuf", "application/json"
HTTP = {
    ("dotnet", "http_protobuf"): (DOTNET, dotnet_http, PROTOBUF_KIND),
    ("ruby", "http_protobuf"): (RUBY, ruby_http, PROTOBUF_KIND),
    ("php", "http_protobuf"): (PHP, php_http, PROTOBUF_KIND),
    ("php", "http_json"): (Json("php", "1.8.0", status_always=True), php_http, JSON_KIND),
    ("cpp", "http_protobuf"): (CPP, cpp_http, PROTOBUF_KIND),
    ("cpp", "http_json"): (Json("cpp", "1.28.0", span_flags=1, sort_keys=True), cpp_http, JSON_KIND),
}


def body_of(messages, signal, run):
    """Each run has a trace of its own, always the same."""
    return getattr(messages, signal)(hashlib.sha256(run.encode()).digest()[:16])


def build():
    """{file below tests/fuzz/seeds: its bytes}. An exporter has a connection of its own; the first byte says
    that the rest comes in one piece."""
    seeds = {}
    for at, signal in enumerate(SERVICES):
        for coding, is_gzip in ("plain", False), ("gzip", True):
            for language, (messages, frames) in GRPC.items():
                run = f"built_{language}_grpc_{coding}"
                sent = frames(signal, body_of(messages, signal, run), is_gzip)
                seeds[f"http2_fuzzer/{run}_{at}"] = b"\0" + sent
            for (language, protocol), (messages, request, kind) in HTTP.items():
                run = f"built_{language}_{protocol}_{coding}"
                sent = request(signal, body_of(messages, signal, run), kind, is_gzip)
                seeds[f"http1_fuzzer/{run}_{at}"] = b"\0" + sent
    return seeds


if __name__ == "__main__":
    for name, content in build().items():
        (SEEDS / name).write_bytes(content)
