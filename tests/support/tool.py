"""The tool as built, and agents for it that are absent, hung or scripted."""

import concurrent.futures
import contextlib
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import grpc

from harness import BUILT, REPOSITORY

TOOL = BUILT / "sluice"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ABSENT = "/tmp/sluice-nobody-listens/s"


def environment(path=ABSENT, **extra):
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SLUICE_SOCKET": str(path), **extra}


def tool(*arguments, path=ABSENT, env=None, **options):
    """Runs the tool to its end with nothing but `env` and the socket's path in its environment."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(TOOL), *arguments], env=environment(path, **(env or {})),
                          capture_output=True, text=True, timeout=60, check=False, **options)


@contextlib.contextmanager
def short_folder():
    """A folder whose path leaves room for a socket's name."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice.", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@contextlib.contextmanager
def hung_agent(folder):
    """The path of a socket that takes connections into its backlog and never answers."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen(64)
        yield folder / "s"


def generate_messages(folder):
    """Python's classes out of proto/, importable from now on."""
    protos = [path.relative_to(REPOSITORY / "proto")
              for path in sorted((REPOSITORY / "proto").rglob("*.proto"))]
    subprocess.run(["protoc", "-I", REPOSITORY / "proto", f"--python_out={folder}", *protos],
                   check=True)
    sys.path.insert(0, str(folder))


class Script:
    """Answers of a gRPC server, by method, and the requests that came. An answer is a message, a
    list of messages for a stream, or a grpc.StatusCode."""

    def __init__(self):
        self.answers = {}
        self.requests = []

    def handler(self, name, request_type, is_stream):
        def answer(request, context):
            self.requests.append((name, request))
            found = self.answers.get(name, grpc.StatusCode.UNIMPLEMENTED)
            if isinstance(found, grpc.StatusCode):
                context.abort(found, "as scripted")
            return iter(found) if is_stream else found
        method = grpc.unary_stream_rpc_method_handler if is_stream \
            else grpc.unary_unary_rpc_method_handler
        return method(answer, request_deserializer=request_type.FromString,
                      response_serializer=lambda message: message.SerializeToString())

    def requests_to(self, name):
        return [request for method, request in self.requests if method == name]


def serve(script, path, services):
    """A server on the socket `path`. `services`: {service: {method: (request type, streams)}}."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    for service, methods in services.items():
        handlers = {method: script.handler(f"{service}.{method}", *how)
                    for method, how in methods.items()}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(f"sluice.v1.{service}", handlers),))
    server.add_insecure_port(f"unix:{path}")
    server.start()
    return server


@contextlib.contextmanager
def scripted_agent(folder):
    """A Script behind both sockets in `folder`. Needs generate_messages."""
    from sluice.v1 import ingest_pb2, pool_pb2, query_pb2
    script = Script()
    script.ingest, script.pool, script.query = ingest_pb2, pool_pb2, query_pb2
    script.path = folder / "s"
    script.answers["Ingest.Emit"] = ingest_pb2.EmitResponse(
        durability=ingest_pb2.DURABILITY_SYNCED, accepted=1)
    servers = [
        serve(script, script.path, {
            "Ingest": {"Emit": (ingest_pb2.EmitRequest, False),
                       "Flush": (ingest_pb2.FlushRequest, False)},
            "Query": {"Status": (query_pb2.StatusRequest, False)}}),
        serve(script, folder / "admin.sock", {
            "Control": {"Status": (query_pb2.StatusRequest, False),
                        "Records": (query_pb2.RecordsRequest, True),
                        "DumpPool": (pool_pb2.DumpPoolRequest, True)}})]
    yield script
    for server in servers:
        server.stop(None)
