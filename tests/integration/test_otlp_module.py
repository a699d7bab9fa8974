"""The module for OTLP over a network: where it is looked for, and what an agent is without it."""

import shutil
import subprocess

import otlp_peers as peers
from otlp_peers import BUILT, GrpcPeer

MODULE = "sluice-otlp.so"


def answer(program, endpoint="http://localhost:9"):
    done = subprocess.run([program, f"--endpoint={endpoint}"], input="traces -\n", text=True,
                          capture_output=True, timeout=peers.DEADLINE_S, check=False)
    return done.stdout


def test_it_is_found_where_it_is_installed_and_beside_the_program(tmp_path):
    program = tmp_path / "bin/otlp_send"
    program.parent.mkdir()
    shutil.copy(BUILT.parent / "tests/otlp_send", program)
    missing = answer(program)
    assert f"{tmp_path}/lib/sluice/{MODULE}" in missing and "installed together" in missing
    with GrpcPeer() as peer:
        for folder in (tmp_path / "lib/sluice", tmp_path / "bin"):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILT.parent / "lib/sluice" / MODULE, folder)
            assert '"kind":"done"' in answer(program, peer.endpoint)
            (folder / MODULE).unlink()


def test_one_of_another_version_is_not_called(tmp_path):
    program = tmp_path / "otlp_send"
    shutil.copy(BUILT.parent / "tests/otlp_send", program)
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    other = next(line.split()[2] for line in libraries.splitlines() if "libabsl_strings.so" in line)
    shutil.copy(other, tmp_path / MODULE)
    assert "of another version" in answer(program)
    (tmp_path / MODULE).write_bytes(b"no library")
    assert "file too short" in answer(program) or "invalid ELF" in answer(program)


def test_it_shows_one_symbol_and_only_it_needs_libcurl_and_openssl():
    symbols = subprocess.run(["nm", "-D", "--defined-only", BUILT.parent / "lib/sluice" / MODULE],
                             capture_output=True, text=True, check=True).stdout.split("\n")
    names = [line.split()[-1].split("@")[0] for line in symbols if line]
    assert len(names) == 1 and names[0].startswith("sluice_otlp_make_transport_"), names
    libraries = subprocess.run(["ldd", BUILT / "sluiced"], capture_output=True, text=True,
                               check=True).stdout
    assert "libcurl" not in libraries and "libssl" not in libraries
