"""The deploy kit is of one piece: its files parse, agree on numbers, paths and names, and with the code."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from deploy_kit import (
    CADDYFILE,
    COMPOSE,
    CONFIGURATIONS,
    CONTAINERFILE,
    DEPLOY,
    EACH,
    HOW_TO,
    LEAVING_S,
    compose,
    container,
    manifest,
    pod,
    seconds,
    settings_of,
    text_of,
    unit,
    yaml_files,
)

from sluiceway import server

SECRET = re.compile(
    r"sk-[\w-]{12,}"
    r"|(?i:password|secret|api_key)[ \t]*[:=][ \t]*[\"']?[\w-]{8,}"
    r"|://\w*:[^$/@\s]+@"
)


# ── all of them ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_yaml_file_is_one_document_that_says_something(path: Path) -> None:
    assert yaml.safe_load(text_of(path))


@EACH
def test_every_configuration_loads_as_it_is_shown(config: str, tmp_path: Path) -> None:
    settings = settings_of(config, tmp_path)
    assert settings.upstreams
    assert settings.admin.keys


@EACH
def test_whatever_is_written_is_written_where_the_service_may_write(config: str) -> None:
    read = tomllib.loads(config)
    places = [
        read["server"]["keys_file"],
        read["store"].get("spill_folder"),
        read.get("state", {}).get("file"),
        read["store"]["url"].partition("sqlite:///")[2],
    ]
    for place in filter(None, places):
        assert place.startswith("/var/lib/sluiceway/"), place
    assert "redis" in read["state"] or "file" in read["state"]  # else it begins beside the configuration
    assert "spill_folder" in read["store"]


def test_no_file_holds_a_secret() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            found = [hit for hit in SECRET.findall(text_of(path)) if "CHANGE-ME" not in hit]
            assert not found, path


def images() -> Iterator[tuple[str, str]]:
    """Every image that a file names: file and image."""
    base = re.search(r"^ARG BASE=(\S+)$", text_of(CONTAINERFILE), re.MULTILINE)
    assert base is not None
    yield CONTAINERFILE.name, base[1]
    for name in re.findall(r"^FROM (\S+)", text_of(CONTAINERFILE), re.MULTILINE):
        assert name == "${BASE}"
    for service in compose()["services"].values():
        yield COMPOSE.name, service["image"]
    yield "deployment.yaml", container()["image"]
    for image in manifest("kustomization.yaml")["images"]:
        yield "kustomization.yaml", f"{image['newName']}:{image['newTag']}"


def test_images_have_a_version_and_come_from_where_everybody_gets_them() -> None:
    for where, image in images():
        name, separator, tag = image.rpartition(":")
        assert separator, f"{where}: {image}"
        assert tag not in ("", "latest"), f"{where}: {image}"
        registry = name.partition("/")[0] if "." in name.partition("/")[0] else ""
        assert registry in ("", "docker.io", "registry.example.com"), f"{where}: {image}"
        assert registry or name == "sluiceway", f"{where}: {image} names no registry"


# ── how long a stop may take ────────────────────────────────────────────────────────────────────


def test_a_service_manager_waits_until_everything_was_drained_and_written(tmp_path: Path) -> None:
    drain_s = {name: settings_of(config, tmp_path).server.drain_s for name, config in CONFIGURATIONS.items()}
    before_stop_s = seconds(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert seconds(unit()["Service"]["TimeoutStopSec"][0]) >= drain_s["systemd"] + LEAVING_S
    assert seconds(compose()["services"]["gateway"]["stop_grace_period"]) >= drain_s["container"] + LEAVING_S
    assert pod()["terminationGracePeriodSeconds"] >= before_stop_s + drain_s["kubernetes"] + LEAVING_S


def test_the_fifteen_seconds_that_the_pages_speak_of_are_enough() -> None:
    assert LEAVING_S <= 15
    assert "and 15 s more" in text_of(HOW_TO)
    assert "15 s more" in text_of(DEPLOY / "README.md")


def test_what_the_page_shows_to_stop_a_container_fits_the_file_it_shows(tmp_path: Path) -> None:
    (timeout,) = re.findall(r"--stop-timeout (\d+)", text_of(HOW_TO))
    drain_s = settings_of(CONFIGURATIONS["container"], tmp_path).server.drain_s
    assert seconds(timeout) >= drain_s + LEAVING_S


# ── Caddy ───────────────────────────────────────────────────────────────────────────────────────


def caddy_lines() -> list[str]:
    """The directives, without comments."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in text_of(CADDYFILE).splitlines())
    return [line for line in lines if line]


def test_the_caddyfile_closes_what_it_opens() -> None:
    braces = Counter(char for line in caddy_lines() for char in line if char in "{}")
    assert braces["{"] == braces["}"] > 0
    for line in caddy_lines():  # one block to a line, as `caddy fmt` has it
        assert line.count("{") + line.count("}") <= 1


def test_caddy_neither_collects_nor_compresses_nor_hides_that_a_client_left() -> None:
    names = {line.split()[0] for line in caddy_lines()}
    assert not names & {"encode", "flush_interval", "buffer_responses", "response_buffers", "read_timeout"}
    assert "response_header_timeout" not in names


def test_caddy_closes_idle_connections_before_the_gateway_does() -> None:
    (idle,) = [line.split()[1] for line in caddy_lines() if line.startswith("keepalive ")]
    assert seconds(idle) < server.KEEP_ALIVE_S


def test_caddy_lets_bodies_through_that_the_gateway_takes(tmp_path: Path) -> None:
    (size,) = [line.split()[1] for line in caddy_lines() if line.startswith("max_size ")]
    assert size == "64MiB"
    assert settings_of(CONFIGURATIONS["systemd"], tmp_path).server.max_body_bytes == 64 * 2**20


# ── the index ───────────────────────────────────────────────────────────────────────────────────


def test_the_index_of_the_folder_names_every_part_of_it() -> None:
    named = re.findall(r"`([\w./-]+)`", text_of(DEPLOY / "README.md"))
    for part in DEPLOY.iterdir():
        if part.is_dir():
            assert any(fnmatch.fnmatch(name, f"{part.name}/*") for name in named), part.name
