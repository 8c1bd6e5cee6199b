"""The peers: their configuration files, and the words they are skipped with."""

from __future__ import annotations

import hashlib
import json
import sys
import tomllib
from pathlib import Path

import pytest

from bench import configs, peers, scenarios
from bench.install import PINS
from sluiceway.config.load import settings_from


def site(tmp_path: Path) -> peers.Site:
    return peers.Site(
        home=tmp_path / "home",
        venvs=tmp_path / "venvs",
        port=1,
        spare_port=2,
        upstream_port=3,
        models=("bench-json",),
    )


def peer(*command: str, ready_s: float = 5.0) -> peers.Peer:
    return peers.Peer("fake", lambda _: peers.Launch(list(command)), lambda _: "1", ready_s=ready_s)


def test_sluiceway_gets_a_key_and_an_upstream() -> None:
    settings = tomllib.loads(configs.sluiceway(1234, 5678, "secret"))
    assert settings["server"] == {"host": "127.0.0.1", "port": 1234}
    assert settings["keys"] == [{"name": "bench", "sha256": hashlib.sha256(b"secret").hexdigest()}]
    assert settings["upstreams"][0]["base_url"] == "http://127.0.0.1:5678/v1"
    assert settings["upstreams"][0]["include_usage"] is True


def test_the_team_has_three_limited_keys_and_two_limited_upstreams() -> None:
    settings = settings_from(tomllib.loads(configs.sluiceway_team(1234, 5678, "secret")), {})
    assert len({key.sha256 for key in settings.keys}) == 3
    assert settings.keys[0].sha256 == hashlib.sha256(b"secret").hexdigest()
    assert all(key.requests_per_minute and key.tokens_per_minute for key in settings.keys)
    assert settings.routing.select == "least_in_flight"
    assert settings.server.max_in_flight
    assert all(key.max_in_flight for key in settings.keys)
    assert all(upstream.max_in_flight for upstream in settings.upstreams)
    assert len({upstream.base_url for upstream in settings.upstreams}) == 1


def test_nginx_does_not_buffer_and_keeps_its_connections() -> None:
    text = configs.nginx(1234, 5678)
    for setting in (
        "listen 127.0.0.1:1234",
        "server 127.0.0.1:5678;",
        "proxy_buffering off;",
        "keepalive 512;",
        "proxy_http_version 1.1;",
        "access_log off;",
    ):
        assert setting in text
    assert text.count("{") == text.count("}")


def test_envoy_has_no_time_limit_on_streams() -> None:
    resources = json.loads(configs.envoy(1234, 5678))["static_resources"]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["stream_idle_timeout"] == "0s"
    assert manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"]["timeout"] == "0s"
    endpoint = resources["clusters"][0]["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
    assert endpoint["address"]["socket_address"]["port_value"] == 5678


def test_litellm_knows_every_model_that_will_be_asked_for() -> None:
    listed = json.loads(configs.litellm(5678, scenarios.models()))["model_list"]
    assert {model["model_name"] for model in listed} >= {"bench-json", "bench-idle", "bench-100x20"}


def test_every_pin_is_exact_and_none_is_the_compromised_litellm() -> None:
    pins = [pin for pinned in PINS.values() for pin in pinned]
    assert all("==" in pin for pin in pins)
    assert not any("litellm" in pin and "1.107.0" in pin for pin in pins)


def test_a_peer_that_is_not_installed_is_skipped_as_absent(tmp_path: Path) -> None:
    absent = next(peer for peer in peers.PEERS if peer.name == "litellm")
    with pytest.raises(peers.Skipped, match="absent"):
        peers.start(absent, site(tmp_path))


def test_a_peer_that_ends_is_skipped_with_its_last_words(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "print('first'); raise SystemExit('no such setting')")
    with pytest.raises(peers.Skipped, match="doesn't start: no such setting"):
        peers.start(peer(*command), site(tmp_path))


def test_a_peer_that_never_answers_is_skipped_and_ended(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    with pytest.raises(peers.Skipped, match="not ready within 0 s: no answer"):
        peers.start(peer(*command, ready_s=0.3), site(tmp_path))


def test_a_program_that_cannot_be_run_is_skipped(tmp_path: Path) -> None:
    with pytest.raises(peers.Skipped, match="doesn't start: No such file"):
        peers.start(peer(str(tmp_path / "nothing")), site(tmp_path))


def test_the_version_is_read_from_the_installed_package(tmp_path: Path) -> None:
    (tmp_path / "peers/lib/python3.11/site-packages/vllm_router-0.1.17.dist-info").mkdir(parents=True)
    assert peers.packaged("peers", "vllm-router")(tmp_path) == "0.1.17"
    assert peers.packaged("peers", "smg")(tmp_path) == "?"
