"""What is installed: how much it weighs, that it can be read, and what the shells complete."""

import re
import shutil
import subprocess

import pytest
from harness import REPOSITORY

MOST_BYTES = 12 << 20


def test_the_binaries_weigh_little(prefix, tmp_path):
    files = [prefix / "bin/sluice", prefix / "bin/sluiced", *prefix.glob("lib/**/*.so.*.*.*"),
             *prefix.glob("lib/sluice/*.so")]
    assert len(files) == 4
    for file in files:
        subprocess.run(["strip", "-o", tmp_path / file.name, file], check=True)
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert sum(sizes.values()) <= MOST_BYTES, sizes


def test_no_file_knows_where_it_was_built(prefix):
    for folder in ("share", "lib/systemd", "include"):
        for file in (prefix / folder).rglob("*"):
            if file.is_file() and str(REPOSITORY).encode() in file.read_bytes():
                pytest.fail(f"{file.relative_to(prefix)} names {REPOSITORY}")
    for file in [*prefix.glob("lib/**/*.pc"), *prefix.glob("lib/**/*.cmake")]:
        assert str(REPOSITORY) not in file.read_text(), file


def listed_symbols():
    """Of what is listed for Debian: dpkg refuses to build a package whose library lacks one, if the package's
    version is above the symbol's."""
    lines = (REPOSITORY / "packaging/debian/libsluice1.symbols").read_text().splitlines()[1:]
    assert all(line.endswith("~") for line in lines), "a symbol of the version itself may vanish from it"
    return {line.split()[0] for line in lines}


def exported_symbols(library):
    told = subprocess.run(["readelf", "--dyn-syms", "--wide", library], capture_output=True, text=True,
                          check=True).stdout
    rows = [line.split() for line in told.splitlines() if " GLOBAL DEFAULT " in line]
    return {row[7].replace("@@", "@") for row in rows if row[6] != "UND"}


def test_the_library_exports_what_is_listed_and_nothing_else(prefix):
    [library] = prefix.glob("lib/**/libsluice.so.1")
    exported = {name if "@" in name else f"{name}@{name}" for name in exported_symbols(library)}
    assert exported == listed_symbols()


def test_the_protocol_comes_along(prefix):
    assert (prefix / "share/sluice/proto/sluice/v1/ingest.proto").is_file()
    told = subprocess.run(["protoc", "--decode=google.protobuf.FileDescriptorSet",
                           "google/protobuf/descriptor.proto", "-I/usr/include"],
                          stdin=(prefix / "share/sluice/sluice.protoset").open("rb"),
                          capture_output=True, text=True, check=True).stdout
    assert 'name: "Ingest"' in told


def test_stubs_are_made_of_the_installed_protocol_alone(prefix, tmp_path):
    protos = prefix / "share/sluice/proto"
    files = [str(file.relative_to(protos)) for file in protos.rglob("*.proto")]
    subprocess.run(["protoc", f"-I{protos}", f"--python_out={tmp_path}", *files], check=True)
    assert (tmp_path / "sluice/v1/ingest_pb2.py").is_file()


def verbs(*group):
    told = subprocess.run([REPOSITORY / "build/release/bin/sluice", *group, "--help"], capture_output=True,
                          text=True, check=True).stdout
    return re.findall(r"^  (\S+)", told.partition("\nVerbs:\n")[2].partition("\n\n")[0], re.M)


@pytest.mark.skipif(not shutil.which("lowdown") or not shutil.which("mandoc"),
                    reason="lowdown and mandoc are not installed")
def test_the_manual(prefix):
    """Each verb has its page, each page is sound, and nothing of --help is missing."""
    pages = {page.name: page for page in prefix.glob("share/man/man*/*")}
    for name in ("sluice.1", "sluiced.8", "sluice.toml.5", "libsluice.3", "sluice-formats.7"):
        assert name in pages
    for verb in verbs():
        assert f"sluice-{verb}.1" in pages, f"{verb} has no page"
    for page in pages.values():
        told = subprocess.run(["mandoc", "-Tlint", page], capture_output=True, text=True, check=False)
        assert told.stdout == "", told.stdout
    kvp = subprocess.run(["mandoc", "-Tutf8", pages["sluice-kvp.1"]], capture_output=True, text=True,
                         check=True).stdout
    kvp = re.sub(r".\x08", "", kvp)
    for verb in verbs("kvp"):
        assert f"kvp {verb}" in kvp


def completed(prefix, *words):
    """What bash offers behind these words."""
    array = " ".join(f"'{word}'" for word in ["sluice", *words])
    script = f"""source {prefix}/share/bash-completion/completions/sluice
      COMP_WORDS=({array}); COMP_CWORD={len(words)}; _sluice; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True,
                          env={"PATH": f"{REPOSITORY}/build/release/bin:/usr/bin:/bin",
                               "SLUICE_COMPLETE": f"{prefix}/share/sluice/complete"}).stdout.split()


def test_bash_completes_verbs_and_flags(prefix):
    assert set(completed(prefix, "")) == set(verbs())
    assert completed(prefix, "sta") == ["status"]
    assert set(completed(prefix, "kvp", "re")) == {"read", "report-success", "report-failure"}
    assert "--last-failed" in completed(prefix, "tree", "--la")
    assert completed(prefix, "tail", "--level", "w") == ["warn"]
    assert completed(prefix, "run", "--", "") == []
    assert completed(prefix, "--json", "kvp", "us") == ["usage"]
    assert completed(prefix, "plot", "-o", "") == [], "files are the shell's own"


def test_completion_never_runs_the_command_of_run(prefix, tmp_path):
    command = tmp_path / "deploy"
    command.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    command.chmod(0o755)
    for words in ((str(command), "--x"), ("--name", str(command), "--x"), (str(command), "now", "")):
        completed(prefix, "run", *words)
        assert not (tmp_path / "ran").exists(), words
