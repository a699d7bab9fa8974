"""`sluice run --otlp`: exporters that cannot reach a Unix socket send to a port of the loopback that is
their own user's alone, and the agent knows them for who they are. `sluice env --otel`: what to set where
they can."""

import http.client
import json
import socket
import subprocess
import time

import pytest
from harness import DEADLINE_S, NOBODY, SOMEBODY, Agent, as_user, run
from tool import tool

# Exports a span and a log over gRPC, as an SDK does that reads its environment.
BY_GRPC = """
import os, grpc, otlp
target = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"].removeprefix("http://")
with grpc.insecure_channel(target) as channel:
    otlp.export(channel, "traces", otlp.traces(otlp.span("by gRPC")))
    otlp.export(channel, "logs", otlp.logs(otlp.log("said by gRPC")))
"""
# Likewise over HTTP/1.1.
BY_HTTP = """
import os, otlp, urllib.request
for path, request in (("traces", otlp.traces(otlp.span("by HTTP"))),
                      ("logs", otlp.logs(otlp.log("said by HTTP")))):
    url = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/" + path
    fields = {"content-type": "application/x-protobuf"}
    with urllib.request.urlopen(urllib.request.Request(url, request.SerializeToString(), fields)) as answer:
        assert answer.status == 200 and answer.read() == b""
"""


@pytest.fixture(name="agent", scope="module")
def agent_fixture(shared):
    with Agent(shared) as agent:
        yield agent.start()


def run_otlp(agent, *command, uid=NOBODY, env=(), **options):
    return agent.sluice("run", "--otlp", "--", *command, uid=uid,
                        env={**agent.shared.environment(agent), **dict(env)}, **options)


class Held:
    """A command of `uid` that runs under `run --otlp` until it is let go, and the port it has."""

    def __init__(self, agent, uid=NOBODY):
        self.process = subprocess.Popen(
            [agent.shared.sluice, "run", "--otlp", "--", "sh", "-c",
             "echo $OTEL_EXPORTER_OTLP_ENDPOINT; read line"],
            env={"PATH": "/usr/bin:/bin", "SLUICE_SOCKET": str(agent.socket)}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **as_user(uid))
        host, port = self.process.stdout.readline().strip().removeprefix("http://").split(":")
        assert host == "127.0.0.1"
        self.port = int(port)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.communicate()

    def let_go(self):
        """What it said on stderr."""
        return self.process.communicate("\n", timeout=DEADLINE_S)[1]


@pytest.mark.parametrize("script, how", [(BY_GRPC, "gRPC"), (BY_HTTP, "HTTP")])
def test_what_a_command_exports_is_its_users(agent, script, how):
    done = run_otlp(agent, "/usr/bin/python3", "-c", script)
    assert (done.stdout, done.stderr) == ("", "")
    lines = agent.sluice("tail", "-n", "all", "--uid", str(NOBODY)).stdout
    assert f"by {how}" in lines and f"said by {how}" in lines
    unseen = agent.sluice("tail", "-n", "all", uid=SOMEBODY, check=False).stdout
    assert f"by {how}" not in unseen


def test_a_proxy_does_not_come_between(agent):
    proxies = {"http_proxy": "http://127.0.0.1:9", "grpc_proxy": "http://127.0.0.1:9"}
    for script in BY_GRPC, BY_HTTP:
        run_otlp(agent, "/usr/bin/python3", "-c", script, env=proxies)


def ask(port, uid=None):
    """The status of an empty export, or the error. As `uid` where it is given."""
    script = ("import http.client, sys\n"
              "to = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)\n"
              "try:\n"
              "  to.request('POST', '/v1/traces', b'', {'content-type': 'application/x-protobuf'})\n"
              "  print(to.getresponse().status)\n"
              "except (http.client.HTTPException, OSError) as error:\n"
              "  print(type(error).__name__)\n")
    return run(["/usr/bin/python3", "-c", script, port], uid=uid).stdout.strip()


@pytest.mark.parametrize("other", [SOMEBODY, 0])
def test_other_users_are_refused_and_that_is_said_once(agent, other):
    with Held(agent) as held:
        assert ask(held.port, NOBODY) == "200"
        assert ask(held.port, other) in ("RemoteDisconnected", "ConnectionResetError")
        assert ask(held.port, other) in ("RemoteDisconnected", "ConnectionResetError")
        assert ask(held.port, NOBODY) == "200"
        said = held.let_go()
    assert said == (f"sluice: refused a connection to port {held.port}: it is of uid {other}; "
                    f"only what uid {NOBODY} sends is forwarded\n")


def test_a_socket_for_both_versions_of_ip_is_served(agent):
    """Java's are such."""
    with Held(agent, uid=0) as held, socket.socket(socket.AF_INET6) as both:
        both.connect(("::ffff:127.0.0.1", held.port))
        both.sendall(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n"
                     b"content-type: application/x-protobuf\r\n\r\n")
        assert both.recv(1 << 16).startswith(b"HTTP/1.1 200")


def test_the_port_ends_with_the_command(agent):
    with Held(agent) as held:
        held.let_go()
        with pytest.raises(ConnectionRefusedError):
            http.client.HTTPConnection("127.0.0.1", held.port).connect()


def test_a_connection_that_outlives_the_command_holds_up_nobody(agent):
    with Held(agent, uid=0) as held, socket.create_connection(("127.0.0.1", held.port)) as idle:
        begin = time.monotonic()
        held.let_go()
        assert time.monotonic() - begin < DEADLINE_S / 2
        assert idle.recv(1) == b""


def test_an_agent_that_comes_back_is_found_again(shared):
    with Agent(shared) as agent:
        agent.start()
        with Held(agent) as held:
            assert ask(held.port, NOBODY) == "200"
            agent.stop()
            assert ask(held.port, NOBODY) in ("RemoteDisconnected", "ConnectionResetError")
            agent.start()
            assert ask(held.port, NOBODY) == "200"


def test_without_an_agent_the_command_runs_and_returns_its_code():
    done = tool("run", "--otlp", "--", "sh", "-c", "echo $OTEL_TRACES_EXPORTER; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "otlp\n", "")


def test_the_protocol_is_set_where_it_is_asked_for():
    script = "echo $OTEL_EXPORTER_OTLP_PROTOCOL"
    assert tool("run", "--otlp", "--", "sh", "-c", script).stdout == "\n"
    done = tool("run", "--otlp", "--protocol", "http/protobuf", "--", "sh", "-c", script)
    assert done.stdout == "http/protobuf\n"
    wrong = tool("run", "--otlp", "--protocol", "http", "--", "true")
    assert wrong.returncode == 2 and "none of grpc, http/protobuf and http/json" in wrong.stderr
    alone = tool("run", "--protocol", "grpc", "--", "true")
    assert alone.returncode == 2 and "--otlp" in alone.stderr


def variables(*arguments, **options):
    done = tool("env", "--otel", "--json", *arguments, **options)
    return done.returncode, json.loads(done.stdout)["environment"]


def test_env_prints_what_a_shell_takes():
    done = tool("env", "--otel", "--lang", "python", "--socket", "/run/x/s")
    assert done.returncode == 0
    shown = subprocess.run(["sh", "-ec", 'eval "$1"; echo $OTEL_EXPORTER_OTLP_ENDPOINT', "-",
                            done.stdout], capture_output=True, text=True, check=True)
    assert shown.stdout == "unix:///run/x/s\n"
    assert variables("--socket", "/run/x/s") == (0, {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "unix:///run/x/s", "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})


def test_env_makes_the_path_absolute_and_refuses_what_no_url_holds(tmp_path):
    code, shown = variables("--socket", "s", cwd=tmp_path)
    assert (code, shown["OTEL_EXPORTER_OTLP_ENDPOINT"]) == (0, f"unix://{tmp_path}/s")
    odd = tool("env", "--otel", "--socket", "/run/a b")
    assert odd.returncode == 2 and "'/run/a b'" in odd.stderr


@pytest.mark.parametrize("language", ["java", "dotnet", "ruby", "php"])
def test_env_says_where_no_variable_helps(language):
    done = tool("env", "--otel", "--lang", language)
    assert done.returncode == 1
    assert done.stdout.startswith("# ") and "sluice run --otlp" in done.stdout
    assert variables("--lang", language) == (1, {})


def test_env_names_the_languages():
    done = tool("env", "--otel", "--lang", "cobol")
    assert done.returncode == 2 and "python" in done.stderr
