"""The manifests for Kubernetes: they parse, and hold to what docs/containers.md says."""

import pytest
import yaml
from harness import REPOSITORY

FOLDER = REPOSITORY / "packaging/kubernetes"


def objects():
    for file in sorted(FOLDER.glob("*.yaml")):
        for one in yaml.safe_load_all(file.read_text()):
            yield file.name, one


def pods():
    for name, one in objects():
        if one["kind"] == "Pod":
            yield name, one["spec"]
        elif one["kind"] == "DaemonSet":
            assert one["spec"]["selector"]["matchLabels"] == one["spec"]["template"]["metadata"]["labels"]
            yield name, one["spec"]["template"]["spec"]


def test_each_object_is_whole():
    kinds = [one["kind"] for _, one in objects()]
    assert sorted(set(kinds)) == ["ConfigMap", "DaemonSet", "Namespace", "Pod"]
    for _, one in objects():
        assert one["apiVersion"] == ("apps/v1" if one["kind"] == "DaemonSet" else "v1")
        assert one["metadata"]["name"]


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=[name for name, _ in pods()])
def test_directories_are_mounted_and_never_the_socket(name, pod):
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for container in pod["containers"]:
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            assert not mount["mountPath"].endswith(".sock") and "subPath" not in mount
            if "hostPath" in volume:
                assert volume["hostPath"]["type"] in ("Directory", "DirectoryOrCreate")


@pytest.mark.parametrize(("name", "pod"), list(pods()), ids=[name for name, _ in pods()])
def test_no_container_has_rights_it_does_not_need(name, pod):
    for container in pod["containers"]:
        rights = container.get("securityContext")
        if rights:
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in str(container)
