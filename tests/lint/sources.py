"""Which files are ours, and how a check reports what it finds."""

import argparse
import dataclasses
import pathlib
import sys

SKIPPED = {"build", ".git", ".cache", ".demo", "__pycache__", ".pytest_cache"}


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing to mend: where, what is wrong, and what to do."""

    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


class Tree:
    """The files below a folder, named by their paths from it."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def files(self, *suffixes):
        """Paths of all files, or of those that end in one of `suffixes`, in order."""
        found = []
        for path in self._walk(self.root):
            if not suffixes or path.name.endswith(suffixes):
                found.append(path.relative_to(self.root).as_posix())
        return sorted(found)

    def _walk(self, folder):
        for path in folder.iterdir():
            if path.is_symlink() or path.name in SKIPPED:
                continue
            if path.is_file():
                yield path
            elif path.is_dir():
                yield from self._walk(path)

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def lines(self, path):
        return self.text(path).splitlines()

    def exists(self, path):
        return (self.root / path).exists()


def main(check, description):
    """Runs `check(tree, options)`, which returns the findings and how many things it looked at."""
    parser = argparse.ArgumentParser(description=description)
    repository = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--root", default=repository, help="the tree to check (default: this one)")
    parser.add_argument("--bin", help="folder of the built programs, for checks that ask them")
    options = parser.parse_args()
    findings, looked_at = check(Tree(options.root), options)
    for finding in findings:
        print(finding)
    name = pathlib.Path(sys.argv[0]).name
    print(f"{name}: {looked_at} checked, {len(findings)} to mend")
    sys.exit(1 if findings or not looked_at else 0)
