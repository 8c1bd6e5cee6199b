"""Keys: listed, made, changed, revoked, rotated."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from console_client import Client, console, run
from fleet import fleet

from sluiceway.config.key_settings import KeySettings, Previous, StoredKey
from sluiceway.config.keyfile import change_keys, load_keys
from sluiceway.config.source import Source
from sluiceway.console.key_types import KeyChanges, KeyRules, NewKey
from sluiceway.policy.limits import COST_SCALE, SCALE, Meter
from sluiceway.reload import Reloader

TOML = """
[server]
keys_file = "keys.json"

[[upstreams]]
name = "one"
base_url = "http://127.0.0.1:9/v1"
"""
CONFIGURED = '\n[[keys]]\nname = "Fixed"\nsha256 = "' + "ab" * 32 + '"\nrequests_per_minute = 10\n'


@contextlib.asynccontextmanager
async def with_files(folder: Path, toml: str = TOML, **deps: Any) -> AsyncIterator[Client]:
    """A gateway that reloads, as `serve` runs it."""
    file = folder / "sluiceway.toml"
    file.write_text(toml)
    source = Source(file)
    loaded = source.load()
    async with console(**deps) as client:
        gateway = client.deps.gateway
        gateway.apply(loaded.settings, loaded.stored)
        reloader = Reloader(source, loaded, lambda new: gateway.apply(new.settings, new.stored))
        client.deps.reloader = reloader
        yield client
        await reloader.close()


def lets_in(client: Client, plain: str) -> bool:
    """Whether the gateway takes that key right now."""
    known: Any = client.deps.gateway.runtime.authenticator
    headers = [(b"authorization", b"Bearer " + plain.encode())]
    try:
        return known.check(headers, address="127.0.0.1", now=1e9) is not None
    except Exception:
        return False


def test_the_fields_of_a_key_are_those_of_the_configuration() -> None:
    fields = {field.name for field in msgspec.structs.fields(KeySettings)} - {"name", "sha256"}
    assert {field.name for field in msgspec.structs.fields(KeyRules)} == fields
    assert {field.name for field in msgspec.structs.fields(KeyChanges)} == fields
    assert {field.name for field in msgspec.structs.fields(NewKey)} == fields | {"name"}


def test_a_key_is_made_shown_once_and_counts_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path) as client:
            assert (await client.get("/api/keys")).json == {"keys": [], "required": False}
            made = await client.post(
                "/api/keys", {"name": "alice", "models": ["gpt-*"], "requests_per_minute": 5}
            )
            assert made.status == 201
            told = made.json
            plain = told["api_key"]
            assert (told["first"], told["in_force"], told["problems"]) == (True, True, [])
            assert told["key"]["settings"]["models"] == ["gpt-*"]
            assert lets_in(client, plain)
            listed = await client.get("/api/keys")
            assert listed.json["required"] is True
            (key,) = listed.json["keys"]
            assert (key["name"], key["state"], key["kept_in"]) == ("alice", "active", "keys file")
            digest = hashlib.sha256(plain.encode()).hexdigest()
            assert digest not in listed.body.decode() + made.body.decode()
            assert plain not in listed.body.decode()
            (stored,) = load_keys(tmp_path / "keys.json") or ()
            assert stored.settings.sha256 == digest
            second = (await client.post("/api/keys", {"name": "bob"})).json
            assert second["first"] is False

    run(scenario())


def test_what_a_key_may_is_changed_and_the_rest_stays(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path) as client:
            plain = (
                await client.post("/api/keys", {"name": "Alice", "owner": "data", "models": ["a"]})
            ).json["api_key"]
            changes = {"models": [], "cost_per_day": 2.5, "expires": "2027-01-31"}
            answer = await client.ask("PATCH", "/api/keys/alice", changes)
            told = answer.json
            assert (answer.status, told["api_key"], told["in_force"]) == (200, None, True)
            settings = told["key"]["settings"]
            assert (settings["models"], settings["cost_per_day"], settings["owner"]) == ([], 2.5, "data")
            assert lets_in(client, plain)
            assert (await client.ask("PATCH", "/api/keys/alice", {})).json["key"]["settings"] == settings

    run(scenario())


def test_a_key_is_rotated_and_revoked(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path) as client:
            old = (await client.post("/api/keys", {"name": "alice"})).json["api_key"]
            rotated = (await client.post("/api/keys/alice/rotate", {"grace_s": 3600})).json
            new = rotated["api_key"]
            assert rotated["key"]["previous_until"] is not None
            assert lets_in(client, old)
            assert lets_in(client, new)
            newest = (await client.post("/api/keys/alice/rotate", {"grace_s": 0})).json["api_key"]
            assert [lets_in(client, one) for one in (old, new, newest)] == [False, False, True]
            revoked = (await client.post("/api/keys/alice/revoke")).json
            assert (revoked["key"]["state"], revoked["api_key"]) == ("revoked", None)
            assert not lets_in(client, newest)
            assert (await client.get("/api/keys")).json["required"] is True, "the last one opens no door"

    run(scenario())


def test_a_name_that_is_in_use_unknown_or_revoked_is_told_apart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path) as client:
            assert (await client.post("/api/keys/alice/revoke")).status == 404
            await client.post("/api/keys", {"name": "alice"})
            again = await client.post("/api/keys", {"name": "ALICE"})
            assert (again.status, again.error["param"]) == (409, "name")
            await client.post("/api/keys/alice/revoke")
            for method, path in (("POST", "/api/keys/alice/revoke"), ("PATCH", "/api/keys/alice")):
                answer = await client.ask(method, path, {})
                assert answer.status == 409
                assert "revoked" in answer.error["message"]
            assert (await client.post("/api/keys", {"name": "alice"})).status == 201, "the name is free again"

    run(scenario())


def test_keys_of_the_configuration_file_are_read_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path, TOML + CONFIGURED) as client:
            (key,) = (await client.get("/api/keys")).json["keys"]
            assert (key["name"], key["kept_in"], key["created"]) == ("Fixed", "configuration", None)
            for method, path, body in (
                ("POST", "/api/keys", {"name": "fixed"}),
                ("PATCH", "/api/keys/fixed", {"owner": "x"}),
                ("POST", "/api/keys/fixed/revoke", {}),
                ("POST", "/api/keys/Fixed/rotate", {}),
            ):
                answer = await client.ask(method, path, body)
                assert (answer.status, answer.error["param"]) == (409, "name")
                assert "configuration file" in answer.error["message"]
            assert not (tmp_path / "keys.json").exists()

    run(scenario())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a", "owner": "\u202e"}, "owner"),
        ({"name": "a", "models": ["a\x00"]}, "models"),
        ({"name": "a", "models": ["gpt-*", ""]}, "models[1]"),
        ({"name": "a", "expires": "tomorrow"}, "expires"),
        ({"name": "a", "allowed_ips": ["10.0.0.1", "nowhere"]}, "allowed_ips[1]"),
        ({"name": "a", "dialects": ["french"]}, "dialects[0]"),
        ({"name": "a", "priority": 0}, "priority"),
        ({"name": "a", "cost_per_day": -1}, "cost_per_day"),
        ({"name": "a", "sha256": "ab" * 32}, "sha256"),
        ({"name": "a", "requests": 5}, "requests"),
    ],
)
def test_what_no_key_can_be_is_refused_by_name(tmp_path: Path, body: dict[str, Any], param: str) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path) as client:
            answer = await client.post("/api/keys", body)
            assert (answer.status, answer.error["param"]) == (400, param)
            if body.get("name") == "a":
                await client.post("/api/keys", {"name": "a"})
                changes = {name: value for name, value in body.items() if name != "name"}
                assert (await client.ask("PATCH", "/api/keys/a", changes)).status == 400

    run(scenario())


def test_a_key_that_is_not_in_force_says_why(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path) as client:
            (tmp_path / "sluiceway.toml").write_text("nonsense = 1")
            told = (await client.post("/api/keys", {"name": "alice"})).json
            assert told["in_force"] is False
            assert "nonsense" in told["problems"][0]
            assert not lets_in(client, told["api_key"])

    run(scenario())


def test_without_a_place_for_keys_none_is_made() -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.post("/api/keys", {"name": "alice"})
            assert answer.status == 409
            assert "keys_file" in answer.error["message"]

    run(scenario())


def test_a_keys_file_that_can_not_be_used_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with with_files(tmp_path) as client:
            (tmp_path / "keys.json").write_text("{")
            for answer in (await client.get("/api/keys"), await client.post("/api/keys", {"name": "a"})):
                assert answer.status == 409
                assert "JSON" in answer.error["message"]

    run(scenario())


def test_states_and_use_are_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        now = time.time()
        day = int(now // 86400)
        meters = {
            "limited": Meter(
                at=int(now * 1000), requests=3 * SCALE, day=day, day_tokens=7, day_cost=2 * COST_SCALE
            ),
            "stale": Meter(month_tokens=7, month=1),
        }

        async def used(keys: Sequence[KeySettings]) -> dict[str, Meter]:
            assert "gone" not in [key.name for key in keys]
            return meters

        def fill(_keys: Any) -> tuple[StoredKey, ...]:
            return (
                StoredKey(KeySettings(name="old", sha256="01" * 32, expires="2020-01-01"), 1.0),
                StoredKey(KeySettings(name="gone", sha256="02" * 32), 1.0, revoked=2.0),
                StoredKey(KeySettings(name="limited", sha256="03" * 32, requests_per_minute=6), 1.0),
                StoredKey(KeySettings(name="stale", sha256="06" * 32, tokens_per_month=5), 1.0),
                StoredKey(KeySettings(name="free", sha256="04" * 32), 1.0, previous=Previous("05" * 32, 9e9)),
            )

        change_keys(tmp_path / "keys.json", fill)
        async with with_files(tmp_path, used=used) as client:
            active: Any = client.deps.gateway.active
            active["req_1"] = SimpleNamespace(record=SimpleNamespace(key="free"))
            told = {key["name"]: key for key in (await client.get("/api/keys")).json["keys"]}
            assert [told[name]["state"] for name in ("old", "gone", "limited")] == [
                "expired",
                "revoked",
                "active",
            ]
            use = told["limited"]["use"]
            assert 2.5 < use["requests"] <= 3.0
            assert (use["tokens_today"], use["cost_today"]) == (7, 2.0)
            assert told["stale"]["use"]["tokens_this_month"] == 0, "that was another month"
            assert told["free"]["use"] is None
            assert (told["free"]["in_flight"], told["free"]["previous_until"]) == (1, 9e9)
            active.clear()

    run(scenario())


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_used_is_summed_over_workers_unless_they_share_it(shared: bool) -> None:
    key = {"name": "a", "sha256": "ab" * 32, "tokens_per_day": 90, "max_in_flight": 6}
    config = {"keys": [key], "state": {"redis": "redis://127.0.0.1:1/0"} if shared else {}}

    async def scenario() -> None:
        async with fleet(3, config) as workers:
            for worker, client in enumerate(workers.clients):

                async def used(keys: Sequence[KeySettings]) -> dict[str, Meter]:
                    assert [key.sha256 for key in keys] == [""], "which nobody needs"
                    return {"a": Meter(day=int(time.time() // 86400), day_tokens=7)}

                client.deps.used = used
                active: Any = client.deps.gateway.active
                active[f"req_{worker}"] = SimpleNamespace(record=SimpleNamespace(key="a"))
            (told,) = (await workers.clients[1].get("/api/keys")).json["keys"]
            assert (told["in_flight"], told["use"]["tokens_today"]) == (3, 7 if shared else 21)
            for client in workers.clients:
                client.deps.gateway.active.clear()

    run(scenario())
