"""The Debian packages are the same bytes wherever, whenever and by whomever they are built."""

import hashlib
import os
import subprocess

import pytest
from harness import LONG, REPOSITORY

# Of the second builder.
ELSEWHERE = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "USER": "somebody"}


def digest(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def digests(folder):
    return {str(file.relative_to(folder)): digest(file)
            for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink()}


def unpacked(package, folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["dpkg-deb", "-R", package, folder], check=True)
    return digests(folder)


def differences(one, other, scratch):
    """The files that differ within packages of the same name."""
    found = []
    for name, sum_of_it in digests(one).items():
        if sum_of_it == digest(other / name):
            continue
        first = unpacked(one / name, scratch / "one" / name)
        second = unpacked(other / name, scratch / "other" / name)
        within = [file for file in sorted({*first, *second}) if first.get(file) != second.get(file)]
        found += [f"{name}: {file}" for file in within or ["order, times or rights of its files"]]
    return found


def build(clone, out, environment):
    subprocess.run(["git", "clone", "-q", REPOSITORY, clone], check=True)
    # The compiler's cache would give the second builder the objects of the first.
    subprocess.run([clone / "packaging/build-deb", "-o", out], check=True, timeout=3600,
                   env={**os.environ, "CCACHE_DISABLE": "1", **environment})
    for other in [*out.glob("*.changes"), *out.glob("*.buildinfo")]:
        other.unlink()


@pytest.mark.skipif(not LONG, reason="builds all packages twice; --long")
def test_two_builds_are_the_same_bytes(tmp_path):
    build(tmp_path / "clone", tmp_path / "built", {})
    build(tmp_path / "another/clone/elsewhere", tmp_path / "rebuilt", ELSEWHERE)
    assert len(digests(tmp_path / "built")) >= 6
    assert digests(tmp_path / "built").keys() == digests(tmp_path / "rebuilt").keys()
    assert differences(tmp_path / "built", tmp_path / "rebuilt", tmp_path) == []


def test_a_file_that_differs_is_named(tmp_path):
    for name, text in (("one", "1"), ("other", "2")):
        tree = tmp_path / f"{name}.tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text("Package: x\nVersion: 1\nArchitecture: all\n"
                                             "Maintainer: x <x@x.example>\nDescription: x\n")
        (tree / "same").write_text("same")
        (tree / "differs").write_text(text)
        (tmp_path / name).mkdir()
        subprocess.run(["dpkg-deb", "-b", tree, tmp_path / name / "x.deb"], check=True,
                       stdout=subprocess.DEVNULL)
    assert differences(tmp_path / "one", tmp_path / "other", tmp_path / "scratch") \
        == ["x.deb: differs"]
