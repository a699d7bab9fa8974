"""Each check finds what it is there to find: a bad sample fails it, its mended twin passes."""

import pathlib
import shutil
import subprocess

import pytest

LINT = pathlib.Path(__file__).resolve().parent


def write(root, files):
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def run(check, root, *arguments):
    return subprocess.run([str(LINT / check), "--root", str(root), *arguments],
                          capture_output=True, text=True, check=False)


def long_function(lines):
    return "int Long() {\n" + "  f();\n" * (lines - 2) + "}\n"


BAD_AND_GOOD = {
    "check_field_numbers finds one by its digits": (
        "check_field_numbers", "name it in a field_numbers.h",
        {"agent/live/a.cc": "writer->Varint(1, kind);\n"},
        {"agent/live/a.cc": "writer->Varint(record_field::kKind, kind);\n"}),
    "check_format finds a crooked file": (
        "check_format", "a.cc",
        {".clang-format": "BasedOnStyle: Google\n", "a.cc": "int  x ;\n"},
        {"a.cc": "int x;\n"}),
    "check_layers keeps the client free of absl": (
        "check_layers", "no absl",
        {"client/src/a.h": '#include "absl/status/status.h"\n'},
        {"client/src/a.h": '#include "proto/trace/ids.h"\n'}),
    "check_layers keeps the library free of protobuf, but not the tool": (
        "check_layers", "no protobuf",
        {"client/src/a.h": '#include "sluice/v1/query.pb.h"\n'},
        {"client/cli/a.h": '#include "sluice/v1/query.pb.h"\n'}),
    "check_layers keeps the library free of gRPC, but not what other projects build with": (
        "check_layers", "no gRPC",
        {"client/src/a.h": "#include <grpcpp/channel.h>\n"},
        {"client/grpc/sluice/grpc/a.h": "#include <grpcpp/channel.h>\n"}),
    "check_layers keeps gRPC's library to other projects": (
        "check_layers", "nothing of ours carries gRPC",
        {"client/cli/a.h": '#include "sluice/grpc/spans.h"\n'},
        {"client/cli/a.h": '#include "sluice/span.h"\n'}),
    "check_layers keeps the client free of the agent": (
        "check_layers", "meet only in proto",
        {"client/src/a.h": '#include "agent/base/log.h"\n'},
        {"client/src/a.h": "#include <string>\n"}),
    "check_layers keeps the agent free of the client": (
        "check_layers", "knows nothing of the client",
        {"agent/net/a.h": '#include "sluice/span.h"\n'},
        {"agent/net/a.h": '#include "agent/base/log.h"\n'}),
    "check_layers keeps a low layer from a high one": (
        "check_layers", "agent/journal is not above agent/ingest",
        {"agent/journal/a.h": '#include "agent/ingest/admission.h"\n'},
        {"agent/ingest/a.h": '#include "agent/journal/journal.h"\n'}),
    "check_layers keeps folders of one layer apart": (
        "check_layers", "agent/net is not above agent/journal",
        {"agent/net/a.h": '#include "agent/journal/journal.h"\n'},
        {"agent/app/a.h": '#include "agent/journal/journal.h"\n'}),
    "check_layers keeps HTTP free of what it carries": (
        "check_layers", "agent/net/http is below agent/net/grpc",
        {"agent/net/http/a.h": '#include "agent/net/grpc/call.h"\n'},
        {"agent/net/grpc/a.h": '#include "agent/net/http/http_call.h"\n'}),
    "check_layers finds a circle": (
        "check_layers", "this leads back to agent/net/b.h",
        {"agent/net/a.h": "\n", "agent/net/a.cc": '#include "agent/net/b.h"\n',
         "agent/net/b.h": '#include "agent/net/a.h"\n'},
        {"agent/net/a.h": "\n", "agent/net/a.cc": '#include "agent/net/a.h"\n',
         "agent/net/b.h": '#include "agent/net/a.h"\n'}),
    "check_layers keeps sinks apart": (
        "check_layers", "sinks do not see each other",
        {"agent/sinks/kvp/a.h": '#include "agent/sinks/log/line.h"\n'},
        {"agent/sinks/kvp/a.h": '#include "agent/sinks/sink.h"\n'}),
    "check_layers keeps gRPC off the open socket": (
        "check_layers", "gRPC belongs in",
        {"agent/net/a.h": "#include <grpcpp/grpcpp.h>\n"},
        {"agent/control/a.h": "#include <grpcpp/grpcpp.h>\n"}),
    "check_layers finds a source without a header": (
        "check_layers", "agent/net/b.cc:1: no agent/net/b.h says what it is for",
        {"agent/net/b.cc": "int b;\n"},
        {"agent/net/b.cc": "int b;\n", "agent/net/b.h": "extern int b;\n",
         "agent/net/b_test.cc": "int x;\n", "agent/main.cc": "int x;\n",
         "client/examples/a.cc": "int x;\n"}),
    "check_layers takes a public header for the C interface alone": (
        "check_layers", "no client/src/a.h says what it is for",
        {"client/include/sluice/a.h": "\n", "client/src/a.cc": "int x;\n"},
        {"client/include/sluice/sluice.h": "\n", "client/src/sluice.cc": "int x;\n"}),
    "check_layers takes a line of the list for a sink's header": (
        "check_layers", "no agent/sinks/a/b.h says what it is for",
        {"agent/sinks/sink_list.h": "SINK(A)\n", "agent/sinks/a/b.cc": "SinkKind BSinkKind() {}\n"},
        {"agent/sinks/sink_list.h": "SINK(A)\nSINK(B)\n",
         "agent/sinks/a/b.cc": "SinkKind BSinkKind() {}\n"}),
    "check_layers keeps the contract std only": (
        "check_layers", "std only",
        {"proto/record/a.h": "#include <google/protobuf/message.h>\n"},
        {"proto/record/a.h": "#include <string>\n"}),
    "check_layers keeps the pool's store std only": (
        "check_layers", "std only",
        {"proto/kvp/a.h": '#include "absl/status/status.h"\n'},
        {"proto/kvp/a.h": '#include "proto/kvp/result.h"\n#include "proto/trace/ids.h"\n'}),
    "check_public_headers compiles each alone": (
        "check_public_headers", "does not compile alone",
        {"client/include/sluice/a.h": "inline std::string f();\n"},
        {"client/include/sluice/a.h": "#include <string>\nstd::string f();\n"}),
    "check_public_headers compiles the C ABI as C": (
        "check_public_headers", "gcc -std=c11",
        {"client/include/sluice.h": "#ifdef __cplusplus\n#endif\nstruct s { int x = 1; };\n"},
        {"client/include/sluice.h": "#ifdef __cplusplus\n#endif\nstruct s { int x; };\n"}),
    "check_public_headers keeps absl out": (
        "check_public_headers", "includes std only",
        {"client/include/sluice/a.h": "#include <absl/base/config.h>\n"},
        {"client/include/sluice/a.h": "#include <cstddef>\n"}),
    "check_public_headers keeps them light": (
        "check_public_headers", "lines once preprocessed",
        {"client/include/sluice/a.h": "#include <regex>\n#include <iostream>\n"},
        {"client/include/sluice/a.h": "#include <string_view>\n"}),
    "check_sizes finds a function of 61 lines": (
        "check_sizes", "Long: 61 lines",
        {"a.cc": long_function(61)},
        {"a.cc": long_function(60)}),
    "check_sizes sees through classes and lambdas": (
        "check_sizes", "Run: 65 lines",
        {"a.cc": "namespace a {\nclass A {\n  void Run() {\n    auto f = [] {\n"
                 + "      g();\n" * 61 + "    };\n  }\n};\n}\n"},
        {"a.cc": "namespace a {\nclass A {\n" + "  void F() { g('{'); }\n" * 90 + "};\n}\n"}),
    "check_sizes finds a header of 201 lines": (
        "check_sizes", "file: 201 lines",
        {"a.h": "int x;\n" * 201},
        {"a.h": "int x;\n" * 200}),
    "check_sizes finds a source of 501 lines": (
        "check_sizes", "file: 501 lines",
        {"a.cc": "int x;\n" * 501},
        {"a.cc": "int x;\n" * 500}),
    "check_sizes lets the allowed ones only shrink": (
        "check_sizes", "has shrunk: write 550",
        {"a.cc": "int x;\n" * 550, "tests/lint/sizes_allowed.txt": "a.cc - 560\n"},
        {"tests/lint/sizes_allowed.txt": "a.cc - 550\n"}),
    "check_sizes wants allowances that are no more needed out": (
        "check_sizes", "take the line out",
        {"a.cc": "int x;\n", "tests/lint/sizes_allowed.txt": "a.cc - 460\n"},
        {"tests/lint/sizes_allowed.txt": "# none\n"}),
    "check_words finds unfinished work": (
        "check_words", "a.cc:2: 'TODO'",
        {"a.cc": "int x;\n// TODO: y\n"},
        {"a.cc": "int x;\n"}),
    "check_words finds paths of one machine": (
        "check_words", "a path of one machine",
        {"docs/a.md": "see ../shared/spec.md\n"},
        {"docs/a.md": "see docs/b.md\n"}),
    "check_words finds a turn of phrase that has a plain word": (
        "check_words", "write: inside a span",
        {"a.cc": '// Runs a command and a span around it.\n'},
        {"a.cc": "// Runs a command inside a span.\n"}),
    "check_words finds an error that says what a word is not": (
        "check_words", "unknown or invalid",
        {"a.cc": "Fail(\"'\" + text + \"' is no pool; write 0 to 4\");\n"},
        {"a.cc": "Fail(\"unknown pool '\" + text + \"'; use 0 to 4\");\n"}),
    "check_docs finds a path that is not there": (
        "check_docs", "`tests/none` is not in the repository",
        {"README.md": "Run `tests/none --now`.\n"},
        {"tests/none": "", "docs/a.md": "`tests/{none,b}`\n", "tests/b": ""}),
    "check_docs finds a counter that is explained nowhere": (
        "check_docs", "the counter net.lost is not in docs/operations.md",
        {"agent/net/a.cc": 'counters->Add("net.lost", reason);\n', "README.md": "\n"},
        {"docs/operations.md": "| `net.lost` | |\n"}),
    "check_docs finds a dead link": (
        "check_docs", "leads nowhere",
        {"docs/a.md": "[b](b.md#x)\n"},
        {"docs/b.md": "\n"}),
}


@pytest.mark.parametrize("name", BAD_AND_GOOD)
def test_fails_on_a_bad_sample_and_passes_when_mended(name, tmp_path):
    check, expected, bad, mended = BAD_AND_GOOD[name]
    write(tmp_path, bad)
    found = run(check, tmp_path)
    assert found.returncode == 1 and expected in found.stdout, found.stdout + found.stderr
    write(tmp_path, mended)
    if check == "check_layers":
        for path in set(bad) - set(mended):
            (tmp_path / path).unlink()
    fine = run(check, tmp_path)
    assert fine.returncode == 0, fine.stdout + fine.stderr


@pytest.mark.parametrize("check", sorted(path.name for path in LINT.glob("check_*")
                                         if path.name != "check_units"))
def test_a_check_that_looked_at_nothing_fails(check, tmp_path):
    assert run(check, tmp_path).returncode == 1


def test_check_docs_asks_the_programs_for_their_verbs_and_flags(tmp_path):
    programs = tmp_path / "build"
    programs.mkdir()
    for name, text in (("sluice", "verbs: tree status --json"), ("sluiced", "--socket PATH")):
        (programs / name).write_text(f"#!/bin/sh\necho '{text}'\n")
        (programs / name).chmod(0o755)
    write(tmp_path, {"README.md": "```\n$ sluice grow --json\n```\n`sluice tree --tall`\n"
                                  "`sluiced --sockets /x`\n"})
    found = run("check_docs", tmp_path, "--bin", str(programs)).stdout
    assert "README.md:2: `sluice grow` is no verb" in found
    assert "README.md:4: --tall of" in found
    assert "README.md:5: --sockets of" in found
    write(tmp_path, {"README.md": "```\n$ sluice status --json\n```\n`sluiced --socket /x`\n"})
    assert run("check_docs", tmp_path, "--bin", str(programs)).returncode == 0


@pytest.fixture(name="installed")
def installed_units(tmp_path):
    """The units as an installation to /usr lays them down."""
    packaging = LINT.parents[1] / "packaging"
    usr = tmp_path / "installed/usr"
    units = usr / "lib/systemd/system"
    units.mkdir(parents=True)
    for unit in packaging.glob("systemd/*.socket"):
        shutil.copy(unit, units)
    service = (packaging / "systemd/sluiced.service.in").read_text()
    (units / "sluiced.service").write_text(service.replace("@SLUICE_BINDIR@", "/usr/bin"))
    for folder in ("sysusers.d", "tmpfiles.d"):
        shutil.copytree(packaging / folder, usr / "lib" / folder)
    write(usr, {"bin/sluiced": "#!/bin/sh\n"})
    (usr / "bin/sluiced").chmod(0o755)
    return tmp_path / "installed"


@pytest.fixture(name="cloud_init", scope="session")
def cloud_init_units(tmp_path_factory):
    folder = tmp_path_factory.mktemp("debs") / "cloud-init"
    unpack = LINT.parent / "support/unpack_deb"
    subprocess.run([str(unpack), "cloud-init", str(folder)], check=True, capture_output=True)
    return folder


def check_units(installed, cloud_init):
    return subprocess.run([str(LINT / "check_units"), str(installed), str(cloud_init)],
                          capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file, old, new, expected", [
    ("lib/systemd/system/sluice.socket", "DefaultDependencies=no\n", "", "ordering cycle"),
    ("lib/systemd/system/sluiced.service", "Type=notify", "Type=notfy", "sluiced.service"),
    ("lib/sysusers.d/sluice.conf", "g sluice-clients -", "g sluice clients - - - - -", "sysusers"),
    ("lib/tmpfiles.d/sluice.conf", "sluice-admin 0700", "sluice-admin 0755", "not 700"),
])
def test_check_units_fails_on_a_bad_unit(installed, cloud_init, file, old, new, expected):
    done = check_units(installed, cloud_init)
    assert done.returncode == 0, done.stdout + done.stderr
    path = installed / "usr" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    done = check_units(installed, cloud_init)
    assert done.returncode == 1 and expected in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("old, new, expected", [
    ("uint64 accepted = 2;", "uint32 accepted = 2;",
     "sluice.v1.EmitResponse = 2: type was 4 and is 13"),
    ("uint64 accepted = 2;", "uint64 taken = 2;", "called was 'accepted' and is 'taken'"),
    ("uint64 accepted = 2;", "uint64 accepted = 7;", "sluice.v1.EmitResponse = 2 is gone"),
    ("repeated Record records = 2;", "Record records = 2;", "sluice.v1.Batch = 2: label was"),
    ("    FlushRequest flush = 3;\n  }", "  }\n  FlushRequest flush = 3;",
     "oneof was 'message' and is ''"),
    ("DURABILITY_MEMORY = 2;", "DURABILITY_RAM = 2;", "sluice.v1.Durability = 2: called was"),
    ("rpc Flush(", "rpc Sync(", "the method sluice.v1.Ingest.Flush is gone"),
    ("(stream ClientMessage)", "(ClientMessage)", "streams_in was True and is False"),
    ('"io.sluice.v1"', '"com.sluice.v1"', "java_package was 'io.sluice.v1'"),
    ("option ruby_package = ", "// ", "no option ruby_package"),
])
def test_check_proto_finds_what_breaks_a_client(tmp_path, old, new, expected):
    proto = tmp_path / "proto"
    shutil.copytree(LINT.parents[1] / "proto", proto, ignore=shutil.ignore_patterns("*.cc", "*.h"))
    file = proto / "sluice/v1/ingest.proto"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    done = run("check_proto", tmp_path)
    assert done.returncode == 1 and expected in done.stdout, done.stdout + done.stderr
    assert "proto/sluice/v1/ingest.proto:" in done.stdout


def test_check_proto_lets_the_protocol_grow_and_publishes_no_break(tmp_path):
    proto = tmp_path / "proto"
    shutil.copytree(LINT.parents[1] / "proto", proto, ignore=shutil.ignore_patterns("*.cc", "*.h"))
    file = proto / "sluice/v1/ingest.proto"
    grown = file.read_text().replace("uint64 accepted = 2;", "uint64 accepted = 2;\n  bool more = 9;")
    file.write_text(grown)
    assert run("check_proto", tmp_path, "--publish").returncode == 0
    file.write_text(grown.replace("bool more = 9;", ""))
    published = (proto / "published.binpb").read_bytes()
    done = run("check_proto", tmp_path, "--publish")
    assert done.returncode == 1 and "sluice.v1.EmitResponse = 9 is gone" in done.stdout
    assert (proto / "published.binpb").read_bytes() == published
