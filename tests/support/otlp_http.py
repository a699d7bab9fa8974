"""OTLP/HTTP over the agent's socket, by Python's own client."""

import http.client
import socket

JSON, PROTOBUF = "application/json", "application/x-protobuf"


class Connection(http.client.HTTPConnection):
    def __init__(self, agent):
        super().__init__("localhost", timeout=30)
        self.path = str(agent.socket)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def ask(self, body, path="/v1/traces", kind=JSON, method="POST", **fields):
        """(status, body, fields) of the answer."""
        headers = {"content-type": kind} | {name.replace("_", "-"): value
                                            for name, value in fields.items()}
        self.request(method, path, body, headers, encode_chunked=not isinstance(body, (bytes, str)))
        answer = self.getresponse()
        return answer.status, answer.read(), answer.headers
