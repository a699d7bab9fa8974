"""buf, as it comes from its registry, finds the protocol in order by proto/buf.yaml, and sees the same breaks
as tests/lint/check_proto. It is downloaded only by tests/run --only interop."""

import os
import shutil
import subprocess

import pytest
from downloads import CACHE, build
from harness import REPOSITORY

VERSION = "1.75.0"

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="buf is downloaded only by tests/run --only interop")


@pytest.fixture(scope="module", name="buf")
def buf_fixture():
    if shutil.which("npm") is None:
        pytest.skip("no npm here: buf is not tried")
    folder = CACHE / f"buf-{VERSION}"
    program = folder / "node_modules/.bin/buf"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        build("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
              f"@bufbuild/buf@{VERSION}", cwd=folder)
    return lambda proto, *words: subprocess.run(
        [program, *words], cwd=proto, env={**os.environ, "BUF_CACHE_DIR": str(folder / "cache")},
        capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(name="proto")
def proto_fixture(tmp_path):
    return shutil.copytree(REPOSITORY / "proto", tmp_path / "proto",
                           ignore=shutil.ignore_patterns("*.cc", "*.h"))


def test_buf_finds_the_protocol_in_order(buf, proto):
    for words in (["lint"], ["breaking", "--against", "published.binpb"]):
        done = buf(proto, *words)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), words


def test_buf_sees_a_break(buf, proto):
    file = proto / "sluice/v1/ingest.proto"
    file.write_text(file.read_text().replace("uint64 accepted = 2;", "uint32 accepted = 2;"))
    done = buf(proto, "breaking", "--against", "published.binpb")
    assert done.returncode != 0 and 'changed type from "uint64" to "uint32"' in done.stdout
