"""Scripted destinations of OTLP, and what stands between: gRPC, HTTP, TLS, proxies, garbage.

Each is a context manager that listens on a port of its own, or on a Unix socket, and keeps what it
was sent.
"""

import contextlib
import http.server
import json
import os
import pathlib
import queue
import socket
import ssl
import subprocess
import threading
import time
from concurrent import futures

import grpc

DEADLINE_S = 20
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
BUILT = pathlib.Path(os.environ.get("SLUICE_BIN", pathlib.Path(__file__).resolve().parents[2]
                                    / "build/release/bin"))


class Certificates:
    """An authority and what it signed, below `folder`; `authority.pem`, `NAME.pem`, `NAME.key`."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        self.authority = self.make_authority("authority")

    def path(self, name):
        return self.folder / name

    def openssl(self, *words, **options):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, **options)

    def make_authority(self, name):
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-subj", f"/CN={name}", "-days", "2", "-keyout",
                     self.path(f"{name}.key"), "-out", self.path(f"{name}.pem"))
        return self.path(f"{name}.pem")

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1", authority="authority", days=2,
             into=None):
        """Makes NAME.pem and NAME.key; `days` may be negative for one that has expired."""
        key, request = self.path(f"{name}.key"), self.path(f"{name}.csr")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.path(f"{name}.ext")
        extensions.write_text(f"subjectAltName={names}\n")
        # `ca` alone can sign what is past; its state is one folder for each certificate.
        start, end = (time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + shift))
                      for shift in (-86400 * 3, 86400 * days))
        state = self.path(f"{name}.ca")
        state.mkdir()
        (state / "index").touch()
        (state / "config").write_text(
            f"[ca]\ndefault_ca=one\n[one]\ndatabase={state}/index\nnew_certs_dir={state}\n"
            "rand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n")
        self.openssl("ca", "-batch", "-config", state / "config", "-in", request, "-cert",
                     self.path(f"{authority}.pem"), "-keyfile", self.path(f"{authority}.key"),
                     "-startdate", start, "-enddate", end, "-extfile", extensions, "-notext",
                     "-out", self.path(f"{name}.pem"))
        return self.path(f"{name}.pem"), key


class GrpcPeer:
    """`answer(method, request, context)` gives the response's bytes, or aborts."""

    def __init__(self, answer=None, unix=None, credentials=None, host="localhost", port=0,
                 max_request=64 << 20):
        self.answer = answer or (lambda method, request, context: b"")
        self.requests = []  # (method, bytes, {header: value}, peer)
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=[
            ("grpc.max_receive_message_length", max_request), ("grpc.so_reuseport", 0)])
        self.server.add_generic_rpc_handlers((self.Handler(self),))
        address = f"unix://{unix}" if unix else f"{host}:{port}"
        if credentials:
            self.port = self.server.add_secure_port(address, credentials)
        else:
            self.port = self.server.add_insecure_port(address)
        self.endpoint = f"unix://{unix}" if unix else (
            f"{'https' if credentials else 'http'}://localhost:{self.port}")

    class Handler(grpc.GenericRpcHandler):
        def __init__(self, peer):
            self.peer = peer

        def service(self, details):
            def call(request, context):
                headers = {key: value for key, value in details.invocation_metadata}
                self.peer.requests.append((details.method, request, headers, context.peer()))
                return self.peer.answer(details.method, request, context)
            return grpc.unary_unary_rpc_method_handler(call)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_exception):
        self.server.stop(None).wait(DEADLINE_S)


class HttpPeer:
    """`answer(request)` gives (status, {header: value}, body); a request is a dict."""

    def __init__(self, answer=None, unix=None, tls=None):
        self.requests = []
        self.connections = 0
        peer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                peer.connections += 1
                super().setup()

            def address_string(self):
                return "peer"

            def log_message(self, *_words):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = {"path": self.path, "headers": dict(self.headers), "body": body}
                peer.requests.append(request)
                status, headers, body = (answer or (lambda _: (200, {}, b"")))(request)
                self.send_response(status)
                for name, value in {"Content-Length": len(body), **headers}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_UNIX if unix else socket.AF_INET
            daemon_threads = True

            def server_bind(self):
                self.socket.bind(self.server_address)
                self.server_address = self.socket.getsockname()
                self.server_name, self.server_port = "peer", 0

            def handle_error(self, *_words):
                pass

        self.server = Server(unix or ("127.0.0.1", 0), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        scheme = "https" if tls else "http"
        self.endpoint = (f"unix://{unix}" if unix
                         else f"{scheme}://localhost:{self.server.server_address[1]}")

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self.server.shutdown()
        self.server.server_close()


class RawPeer:
    """`serve(socket, number)` does what it likes with each connection, on a thread of its own."""

    def __init__(self, serve):
        self.serve = serve
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.endpoint = f"http://localhost:{self.port}"
        self.open = []

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                self.open.append(connection)
                threading.Thread(target=self.one, args=(connection, self.connections),
                                 daemon=True).start()

    def one(self, connection, number):
        with contextlib.suppress(OSError):
            self.serve(connection, number)

    def __enter__(self):
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self.listener.close()
        for connection in self.open:
            connection.close()


class ConnectProxy(RawPeer):
    """An HTTP proxy that knows CONNECT; `seen` has what it was asked for."""

    def __init__(self):
        super().__init__(self.relay)
        self.seen = []

    def relay(self, client, _number):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.seen.append(head.split(b"\r\n")[0].decode())
        host, port = self.seen[-1].split()[1].rsplit(":", 1)
        server = socket.create_connection(("localhost" if host.endswith(".test") else host,
                                           int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.open.append(server)
        back = threading.Thread(target=self.copy, args=(server, client), daemon=True)
        back.start()
        self.copy(client, server)
        back.join()

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def server_tls(certificate, key, authority=None):
    """A server's TLS; with `authority` it wants a certificate of the client's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority)
    return context


def grpc_credentials(certificate, key, authority=None):
    return grpc.ssl_server_credentials(
        [(pathlib.Path(key).read_bytes(), pathlib.Path(certificate).read_bytes())],
        root_certificates=pathlib.Path(authority).read_bytes() if authority else None,
        require_client_auth=authority is not None)


class Sender:
    """One transport in a process of its own (otlp_send.cc)."""

    def __init__(self, endpoint, *options, env=None, wrapper=()):
        program = BUILT.parent / "tests/otlp_send"
        self.process = subprocess.Popen(
            [*wrapper, program, f"--endpoint={endpoint}", *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", **(env or {})})
        self.answers = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.answers.put(json.loads(line))
        self.answers.put(None)

    def write(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self):
        answer = self.answers.get(timeout=DEADLINE_S)
        assert answer is not None, self.process.stderr.read()
        return answer

    def send(self, signal="traces", file="-"):
        self.write(f"{signal} {file}")
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_exception):
        self.process.stdin.close()
        try:
            code = self.process.wait(DEADLINE_S)
        finally:
            self.process.kill()
            self.process.wait()
        # A sanitizer may have found something.
        assert kind is not None or code == 0, self.process.stderr.read()
