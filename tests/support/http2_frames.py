"""HTTP/2 frames of a gRPC client as bytes, for tests that send what no library would."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_HEADERS = 4


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) \
        + payload


def literal(name, value):
    """A header field without indexing (HPACK)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def request_headers(path=b"/sluice.v1.Ingest/Emit"):
    return b"".join([literal(b":method", b"POST"), literal(b":scheme", b"http"),
                     literal(b":path", path), literal(b":authority", b"localhost"),
                     literal(b"content-type", b"application/grpc"), literal(b"te", b"trailers")])
