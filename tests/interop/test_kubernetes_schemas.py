"""The manifests are what Kubernetes' own schemas allow, of its oldest and its newest release that the validator
knows. The validator, which has these schemas within, is downloaded only by tests/run --only interop."""

import os
import subprocess

import pytest
import yaml
from downloads import CACHE, build
from harness import REPOSITORY

VERSION = "1.37.0"
RELEASES = ("1.25", "1.37")
MANIFESTS = sorted((REPOSITORY / "packaging/kubernetes").glob("*.yaml"))

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="Kubernetes' schemas are downloaded only by "
                                       "tests/run --only interop")


@pytest.fixture(scope="module", name="validate")
def validate_fixture():
    folder = CACHE / f"kubernetes-validate-{VERSION}"
    program = folder / "bin/kubernetes-validate"
    if not program.exists():
        build("/usr/bin/python3", "-m", "venv", folder)
        build(folder / "bin/pip", "install", "--quiet", f"kubernetes-validate=={VERSION}")

    def run(file, release):
        """(exit status, one line for each object)."""
        done = subprocess.run([program, "--strict", "-k", release, file], capture_output=True,
                              text=True, timeout=120, check=False)
        return done.returncode, done.stdout.splitlines()
    return run


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.stem)
def test_manifests_are_what_the_schemas_allow(validate, file, release):
    objects = list(yaml.safe_load_all(file.read_text()))
    status, told = validate(file, release)
    assert status == 0, told
    # What it has no schema for it only warns of.
    assert [f" against version {release}" in line and " passed " in line for line in told] \
        == len(objects) * [True], told


@pytest.mark.parametrize(("right", "wrong", "told"), [
    ("hostPID: true", "hostPid: true", "'hostPid' was unexpected"),
    ("terminationGracePeriodSeconds: 20", "terminationGracePeriodSeconds: 20s", "'20s' is not of type"),
    ("- name: sluiced\n         ", "-", "'name' is a required property"),
], ids=["unknown", "type", "missing"])
def test_a_wrong_field_is_seen(validate, tmp_path, right, wrong, told):
    text = (REPOSITORY / "packaging/kubernetes/daemonset.yaml").read_text()
    assert right in text
    file = tmp_path / "wrong.yaml"
    file.write_text(text.replace(right, wrong))
    status, lines = validate(file, RELEASES[-1])
    assert status != 0 and told in "\n".join(lines), lines
