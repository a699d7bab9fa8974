"""From proto/ alone: programs of client/examples, made by each language's own tools, emit and connect as
an unprivileged user. What they send reaches log and pool with the identity that the kernel told. Their
tools are downloaded and run only by tests/run --only interop."""

import json
import os
import shutil
import subprocess

import pytest
from downloads import Program, build
from harness import NOBODY, REPOSITORY, Agent, as_user

EXAMPLES = REPOSITORY / "client/examples"
PROTO = REPOSITORY / "proto"
PUBLIC = sorted(path.relative_to(PROTO) for folder in ("sluice/v1", "sluice/otlp/v1")
                for path in (PROTO / folder).glob("*.proto"))

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="tools of other languages are downloaded only by "
                                       "tests/run --only interop")


class Stubs(Program):
    group = "stubs"
    environment = {}

    def __init__(self):
        super().__init__(EXAMPLES / self.name(), [PROTO / path for path in PUBLIC])


class Python(Stubs):
    def make(self):
        build("protoc", f"--plugin=protoc-gen-grpc={shutil.which('grpc_python_plugin')}", "-I", PROTO,
              f"--python_out={self.folder}", f"--grpc_out={self.folder}", *PUBLIC)

    def command(self, verb):
        return ["/usr/bin/python3", self.folder / f"{verb}.py"]


class Go(Stubs):
    needs = ("go",)

    def make(self):
        env = {**os.environ, "GOBIN": str(self.folder / "bin")}
        for plugin in ("google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
                       "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.5.1"):
            build("go", "install", plugin, env=env)
        build("protoc", "-I", PROTO, f"--go_out={self.folder}", "--go_opt=module=sluice",
              f"--go-grpc_out={self.folder}", "--go-grpc_opt=module=sluice", *PUBLIC,
              env={**env, "PATH": f"{self.folder / 'bin'}:{env['PATH']}"})
        build("go", "build", "-o", "main", ".", cwd=self.folder)

    def command(self, verb):
        return [self.folder / "main", verb]


class Node(Stubs):
    needs = "node", "npm"
    environment = {"PROTO": str(PROTO)}

    def make(self):
        build("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=self.folder)

    def command(self, verb):
        return ["node", self.folder / "main.js", verb]


class Java(Stubs):
    needs = "javac", "mvn"

    def make(self):
        build("mvn", "--quiet", "--batch-mode", f"-Dmaven.repo.local={self.folder}/repository",
              f"-Dproto={PROTO}", "compile", "dependency:copy-dependencies",
              f"-DoutputDirectory={self.folder}/lib", cwd=self.folder)

    def command(self, verb):
        return ["java", "-XX:TieredStopAtLevel=1", "-cp",
                f"{self.folder}/target/classes:{self.folder}/lib/*", "Main", verb]


class Rust(Stubs):
    needs = "cargo", "protoc"

    def make(self):
        build("cargo", "build", "--quiet", "--release", cwd=self.folder,
              env={**os.environ, "PROTO": str(PROTO)})

    def command(self, verb):
        return [self.folder / "target/release/sluice-example", verb]


class CSharp(Stubs):
    needs = ("dotnet",)

    def make(self):
        build("dotnet", "publish", "--output", self.folder / "out", f"-p:Proto={PROTO}",
              cwd=self.folder)

    def command(self, verb):
        return [self.folder / "out/example", verb]


LANGUAGES = (Python, Go, Node, Java, Rust, CSharp)


@pytest.fixture(name="program", params=LANGUAGES, ids=lambda one: one.name(), scope="module")
def program_fixture(request):
    return request.param()


@pytest.fixture(name="agent", scope="module")
def agent_fixture(shared):
    # The default lines have azure-init's shape, which has no room for who sent them.
    with Agent(shared, config='[log]\nformat = "json"\n') as agent:
        yield agent.start()


def run_as_nobody(agent, program, verb, name):
    """What it printed, and the pid it had."""
    command = [str(word) for word in (*program.command(verb), agent.socket, name)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          cwd="/tmp", env={"PATH": os.environ["PATH"], "HOME": "/nonexistent",
                                           **program.environment},
                          **as_user(NOBODY)) as process:
        # On stderr some tell of options that a Unix socket has not.
        printed, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return printed, process.pid


@pytest.mark.parametrize("verb", ["emit", "connect"])
def test_stubs_of_a_language_reach_log_and_pool(agent, program, verb):
    import telemetry
    name = f"stock_{program.name()}_{verb}"
    printed, pid = run_as_nobody(agent, program, verb, name)
    assert printed.split() in (["3"], ["2"]), "what the agent has of it"
    agent.flush()
    lines = [line for line in map(json.loads, agent.log().splitlines()) if name in str(line)]
    assert any(f"hello from {name}" in str(line) for line in lines) and len(lines) >= 2
    assert {(line["_uid"], line["_pid"]) for line in lines} == {(NOBODY, pid)}
    keys = [key for key, value in agent.pool() if name in key + value]
    assert len(keys) >= 2 and all(f"-u{NOBODY}|" in key for key in keys), agent.pool()
    ours = [one for one in telemetry.stored(agent) if name in str(one.record)]
    assert {(one.identity.uid, one.identity.gid, one.identity.pid) for one in ours} == {
        (NOBODY, NOBODY, pid)}
