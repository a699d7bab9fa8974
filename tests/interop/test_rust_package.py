"""A Rust program of another project uses the layer for tracing by its path, in the words of docs/rust.md, against
an installed libsluice, which the build finds by pkg-config. cargo has the rest from crates.io, so this runs
only where downloads are allowed."""

import os
import re
import shutil
import subprocess

import pytest
from harness import REPOSITORY, run

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="crates are downloaded only by tests/run --only interop")

MANIFEST = """
[package]
name = "consumer"
version = "0.0.0"
edition = "2021"

{dependencies}
tracing = "0.1"
tracing-subscriber = {{ version = "0.3", default-features = false, features = ["std", "registry"] }}
"""
PROGRAM = """
{imports}
fn main() {{
    {setup}
    let _span = tracing::info_span!("errand", shop = "bakery").entered();
    tracing::warn!("closed");
}}
"""


def of_the_guide(language):
    page = (REPOSITORY / "docs/rust.md").read_text()
    return re.search(rf"^```{language}\n(.*?)^```$", page, re.M | re.S).group(1)


def write_project(folder):
    dependencies = of_the_guide("toml").replace(".../client/rust", str(REPOSITORY / "client/rust"))
    imports, setup = of_the_guide("rust").split("\n\n", 1)
    (folder / "src").mkdir()
    (folder / "src/main.rs").write_text(PROGRAM.format(imports=imports, setup=setup))
    (folder / "Cargo.toml").write_text(MANIFEST.format(dependencies=dependencies))


def test_a_program_builds_by_path_and_pkg_config_and_reaches_the_agent(agent, prefix, tmp_path):
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("no cargo here: the layer for Rust's tracing is not tried")
    write_project(tmp_path)
    [pc] = prefix.glob("lib/**/pkgconfig")
    done = subprocess.run([cargo, "build", "--quiet"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=600, check=False, env={**os.environ, "PKG_CONFIG_PATH": str(pc)})
    assert done.returncode == 0, done.stderr
    run([tmp_path / "target/debug/consumer"],
        env={"LD_LIBRARY_PATH": str(pc.parent), "SLUICE_SOCKET": str(agent.socket)})
    agent.flush()
    assert "errand" in agent.log() and "closed" in agent.log()
