"""What is run for a container, with which environment."""

from __future__ import annotations

import pytest

from trunkline.standin import images
from trunkline.standin.kubelet import containers

POD = {
    "metadata": {
        "name": "web-0",
        "namespace": "shop",
        "uid": "u1",
        "labels": {"app": "web"},
        "annotations": {"a.b/c": "x"},
    },
    "spec": {"nodeName": "n1"},
}


def command(**container):
    spec = {"name": "main", "image": "trunkline/echo", **container}
    found = ["172.16.19.11", "fd00::5"]
    return containers.command_of(POD, spec, addresses=found, host_ip="192.0.2.1", path="/bin")


def env(*entries):
    return command(env=list(entries)).env


def ref(path):
    return {"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}}


@pytest.mark.parametrize("image", ["trunkline/echo", "trunkline/echo:v1", "docker.io/trunkline/echo@sha256:abc"])
def test_given_the_echo_image_when_asked_then_it_brings_its_program(image):
    assert command(image=image).argv == images.entrypoint("trunkline/echo")


@pytest.mark.parametrize("image", ["nginx", "example.com:5000/trunkline/echo", "echo"])
def test_given_another_image_without_command_when_asked_then_it_is_refused(image):
    with pytest.raises(containers.NotRunnable) as caught:
        command(image=image)
    assert caught.value.reason == "ErrImagePull"
    assert image in caught.value.message


def test_given_command_and_args_when_asked_then_variables_in_them_are_filled_in():
    found = command(
        command=["serve", "--name=$(NAME)", "$(UNSET)", "$$(NAME)"],
        args=["$(NAME)"],
        env=[{"name": "NAME", "value": "web"}],
    )
    assert found.argv == ("serve", "--name=web", "$(UNSET)", "$(NAME)", "web")


def test_given_variables_when_one_uses_an_earlier_one_then_it_is_filled_in():
    assert env({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"})["B"] == "12"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metadata.name", "web-0"),
        ("metadata.namespace", "shop"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['a.b/c']", "x"),
        ("metadata.labels['none']", ""),
        ("spec.nodeName", "n1"),
        ("status.podIP", "172.16.19.11"),
        ("status.podIPs", "172.16.19.11,fd00::5"),
        ("status.hostIP", "192.0.2.1"),
    ],
)
def test_given_a_field_reference_when_asked_then_its_value_is_there(path, value):
    assert env(ref(path))["X"] == value


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (ref("spec.replicas"), "spec.replicas"),
        ({"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, "secretKeyRef"),
    ],
)
def test_given_a_source_we_cannot_read_when_asked_then_it_is_refused_by_name(entry, said):
    with pytest.raises(containers.NotRunnable, match=said) as caught:
        env(entry)
    assert caught.value.reason == "CreateContainerConfigError"


def test_given_any_container_when_asked_then_it_knows_its_host_and_can_be_found():
    assert env()["HOSTNAME"] == "web-0"
    assert env()[containers.MARK] == "u1/main"
    assert "HOME" not in env(), "nothing of the kubelet's own environment but the search path"
