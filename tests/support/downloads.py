"""Programs of other languages, built from what their registries have. That takes minutes, so that each is
built once for each state of its sources, into a folder outside the clone."""

import os
import pathlib
import shutil
import subprocess

import pytest

CACHE = pathlib.Path(os.environ.get("SLUICE_INTEROP_CACHE", "/var/cache/sluice-interop"))


def build(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=900, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr


class Program:
    """How one language's program is made, in `folder`, and started. A subclass says where its sources
    are, and implements `make` and `command`."""

    needs = ()  # programs that have to be here
    group = ""  # of the cache; empty: its top

    @classmethod
    def name(cls):
        return cls.__name__.lower()

    def __init__(self, sources, also=()):
        """`also`: further files that it is made of."""
        self.folder = CACHE / self.group / self.name()
        missing = [program for program in self.needs if shutil.which(program) is None]
        if missing:
            pytest.skip(f"no {missing[0]} here: {type(self).__name__} is not tried")
        state = "".join(path.name + path.read_text()
                        for path in (*sorted(sources.rglob("*.*")), *also))
        mark = self.folder / "made_of"
        if not mark.exists() or mark.read_text() != state:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.copytree(sources, self.folder, dirs_exist_ok=True)
            self.make()
            mark.write_text(state)

    def make(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError
