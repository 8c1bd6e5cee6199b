"""The image and the compose file: a user without rights, all that the build needs, and its secrets."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from deploy_kit import (
    CADDYFILE,
    COMPOSE,
    CONFIGURATIONS,
    CONTAINER,
    CONTAINERFILE,
    EACH,
    ENVIRONMENT,
    ROOT,
    compose,
    config_map,
    container,
    manifest,
    pod,
    settings_of,
    text_of,
)

from sluiceway import app

# ── probes, ports, users ────────────────────────────────────────────────────────────────────────


def test_probes_ask_paths_that_the_gateway_has_itself() -> None:
    asked = {
        name: container()[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")
    }
    assert asked == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    assert set(asked.values()) <= set(app._OWN)
    assert manifest("servicemonitor.yaml")["spec"]["endpoints"][0]["path"] in app._OWN
    for path in re.findall(r"path ((?:/\w+ ?)+)|health_uri (/\w+)", text_of(CADDYFILE)):
        assert set(" ".join(path).split()) <= set(app._OWN)


def health_checks() -> dict[str, list[str]]:
    (line,) = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", text_of(CONTAINERFILE), re.MULTILINE)
    return {
        "Containerfile": yaml.safe_load(line),
        "compose": compose()["services"]["gateway"]["healthcheck"]["test"][1:],
    }


def test_the_health_check_is_one_and_fails_where_nobody_answers(closed_port: int) -> None:
    inside, outside = health_checks().values()
    assert inside == outside
    interpreter, flag, program = inside
    assert (interpreter, flag) == ("python", "-c")
    assert "'/healthz'" in program
    compile(program, "HEALTHCHECK", "exec")
    moved = program.replace("8787", str(closed_port))
    assert subprocess.run([sys.executable, "-c", moved], capture_output=True, check=False).returncode != 0


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@EACH
def test_the_port_is_the_same_everywhere(config: str, tmp_path: Path) -> None:
    port = settings_of(config, tmp_path).server.port
    assert [one["containerPort"] for one in container()["ports"]] == [port]
    assert f"EXPOSE {port}" in text_of(CONTAINERFILE)
    assert compose()["services"]["gateway"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert f"reverse_proxy 127.0.0.1:{port}" in text_of(CADDYFILE)


def test_what_runs_in_a_container_is_a_user_without_rights() -> None:
    users = re.findall(r"^USER (\d+):(\d+)$", text_of(CONTAINERFILE), re.MULTILINE)
    assert users == [("10001", "10001")]
    security = pod()["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (10001, 10001, 10001)
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    gateway = compose()["services"]["gateway"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in gateway["security_opt"]


def test_a_read_only_container_has_somewhere_to_write() -> None:
    mounted = {mount["mountPath"] for mount in container()["volumeMounts"] if not mount.get("readOnly")}
    assert mounted == {"/var/lib/sluiceway", "/tmp"}
    gateway = compose()["services"]["gateway"]
    assert "state:/var/lib/sluiceway" in gateway["volumes"]
    assert any(place.startswith("/tmp:") for place in gateway["tmpfs"])


# ── the container ───────────────────────────────────────────────────────────────────────────────


def test_the_image_is_built_from_all_that_the_build_needs() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text_of(CONTAINERFILE), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    missing = [source for source in copied if not (ROOT / source).exists()]
    assert missing == []
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"], "src"}
    if "custom" in project["tool"]["hatch"]["build"].get("hooks", {}):
        needed |= {"hatch_build.py", "scripts", "web"}
    assert needed <= set(copied)
    kept = [
        line[1:] for line in text_of(CONTAINER / "Containerfile.dockerignore").splitlines() if line[:1] == "!"
    ]
    assert sorted(kept) == sorted(copied)


def test_extras_that_the_image_installs_exist() -> None:
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", text_of(CONTAINERFILE), re.MULTILINE)
    known = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]
    assert set(extras.split(",")) <= known.keys()
    assert "postgres" in extras  # compose.yaml and the ConfigMap keep records there


def test_the_image_stops_as_the_gateway_drains_and_starts_what_exists() -> None:
    text = text_of(CONTAINERFILE)
    assert "\nSTOPSIGNAL SIGTERM\n" in text
    assert '\nENTRYPOINT ["sluiceway"]\nCMD ["serve"]\n' in text
    assert "SLUICEWAY_CONFIG=/etc/sluiceway/sluiceway.toml" in text


def test_secrets_that_the_configuration_wants_are_given_and_no_others() -> None:
    wanted = set(ENVIRONMENT.findall(CONFIGURATIONS["container"]))
    assert set(compose()["services"]["gateway"]["environment"]) == wanted
    asked = set(re.findall(r"\$\{(\w+):\?", text_of(COMPOSE)))
    offered = set(re.findall(r"^(\w+)=$", text_of(CONTAINER / "env.example"), re.MULTILINE))
    assert asked == offered
    assert set(manifest("secret.example.yaml")["stringData"]) == set(ENVIRONMENT.findall(config_map()))
    monitored = manifest("servicemonitor.yaml")["spec"]["endpoints"][0]["authorization"]["credentials"]
    assert monitored == {"name": "sluiceway", "key": "SLUICEWAY_ADMIN_KEY"}


def test_services_wait_for_one_another_by_checks_that_they_have() -> None:
    services = compose()["services"]
    for name, condition in services["gateway"]["depends_on"].items():
        assert condition == {"condition": "service_healthy"}
        assert "healthcheck" in services[name]
        assert "ports" not in services[name]  # databases are for the gateway alone
        assert services[name]["networks"] == ["inside"]
    assert compose()["networks"]["inside"] == {"internal": True}


def test_budgets_are_not_evicted_and_outlive_redis() -> None:
    command = " ".join(compose()["services"]["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
