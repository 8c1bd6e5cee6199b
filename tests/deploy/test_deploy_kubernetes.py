"""The manifests: names lead somewhere, pods are restricted, and nobody is taken away too early."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from deploy_kit import (
    DEPLOY,
    KUBERNETES,
    config_map,
    container,
    manifest,
    manifests,
    pod,
    settings_of,
    text_of,
)


@pytest.mark.parametrize("path", manifests(), ids=lambda path: path.name)
def test_every_manifest_has_a_kind_a_name_and_the_label(path: Path) -> None:
    read = manifest(path.name)
    assert read["apiVersion"]
    assert read["kind"]
    assert read["metadata"]["name"] == "sluiceway"
    assert read["metadata"]["labels"] == {"app.kubernetes.io/name": "sluiceway"}


def test_all_manifests_are_listed_but_those_that_are_said_not_to_be() -> None:
    listed = set(manifest("kustomization.yaml")["resources"])
    optional = set(re.findall(r"^  # - (\S+)", text_of(KUBERNETES / "kustomization.yaml"), re.MULTILINE))
    assert listed | optional | {"secret.example.yaml"} == {path.name for path in manifests()}
    assert not listed & optional


def test_selectors_find_the_pods() -> None:
    labels = manifest("deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    assert manifest("deployment.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("service.yaml")["spec"]["selector"] == labels
    assert manifest("poddisruptionbudget.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert manifest("servicemonitor.yaml")["spec"]["selector"]["matchLabels"] == labels
    (spread,) = pod()["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels


def test_names_of_volumes_ports_and_images_lead_somewhere() -> None:
    volumes = {volume["name"] for volume in pod()["volumes"]}
    assert {mount["name"] for mount in container()["volumeMounts"]} == volumes
    ports = {port["name"] for port in container()["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container()[probe]["httpGet"]["port"] in ports
    (port,) = manifest("service.yaml")["spec"]["ports"]
    assert port["targetPort"] in ports
    assert manifest("servicemonitor.yaml")["spec"]["endpoints"][0]["port"] == port["name"]
    (image,) = manifest("kustomization.yaml")["images"]
    assert container()["image"] == f"{image['name']}:{image['newTag']}"


def test_the_configuration_is_mounted_as_a_folder_so_that_changes_arrive() -> None:
    (mount,) = [mount for mount in container()["volumeMounts"] if mount["name"] == "config"]
    assert mount["mountPath"] == "/etc/sluiceway"
    assert "subPath" not in mount


def test_a_rollout_takes_nobody_away_before_somebody_else_is_ready() -> None:
    assert manifest("deployment.yaml")["spec"]["replicas"] >= 2
    assert manifest("deployment.yaml")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_the_key_that_is_shown_belongs_to_nobody(tmp_path: Path) -> None:
    (key,) = settings_of(config_map(), tmp_path).keys
    assert set(str(key.sha256)) == {"0"}


def test_the_job_is_called_what_the_alert_rules_expect() -> None:
    label = manifest("servicemonitor.yaml")["spec"]["jobLabel"]
    job = manifest("service.yaml")["metadata"]["labels"][label]
    rules = text_of(DEPLOY / "prometheus" / "alerts.yml")
    assert set(re.findall(r'job="(\w+)"', rules)) == {job}
