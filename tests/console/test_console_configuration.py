"""What is in force, whether another configuration would be, and reading it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from console_client import console, run

from sluiceway.config.load import settings_from
from sluiceway.config.source import Source
from sluiceway.reload import Reloader

TOML = """
[server]
drain_s = 5.0

[[upstreams]]
name = "one"
base_url = "http://127.0.0.1:9/v1"
api_keys = ["canary-secret"]
"""


def test_what_is_in_force_is_told_without_secrets() -> None:
    async def scenario() -> None:
        files = lambda: (Path("/etc/sluiceway/sluiceway.toml"),)  # noqa: E731
        async with console(files=files) as client:
            answer = await client.get("/api/config")
            told = answer.json
            assert b"sk-upstream-secret" not in answer.body
            assert told["settings"]["upstreams"][0]["api_keys"] == ["…"]
            assert told["files"] == ["/etc/sluiceway/sluiceway.toml"]
            assert (told["can_reload"], told["last_reload"]) == (False, None)

    run(scenario())


@pytest.mark.parametrize(
    ("toml", "problems"),
    [
        (TOML, []),
        ("[server]\ndrian_s = 1", [("server.drian_s", "unknown key", 'did you mean "drain_s"?')]),
        (
            'upstreams = [{name = "x", base_url = "nowhere"}]\n[server]\nport = 70000',
            ["upstreams[0].base_url", "server.port"],
        ),
        ("[server", [""]),
        ("x = " + "[" * 5000, [""]),
        ("x = 1" + "0" * 5000, [""]),
        (TOML.replace("canary-secret", "env:NO_SUCH_VARIABLE"), ["upstreams[0].api_keys[0]"]),
    ],
)
def test_all_that_is_wrong_with_a_configuration_is_told_at_once(toml: str, problems: list[Any]) -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.post("/api/config/validate", {"toml": toml})
            assert answer.status == 200
            assert answer.json["valid"] is not bool(problems)
            told = answer.json["problems"]
            for problem in problems:
                if isinstance(problem, tuple):
                    assert dict(zip(("path", "message", "hint"), problem, strict=True)) in told
                else:
                    assert problem in [one["path"] for one in told]
            assert len(told) >= len(problems)
            assert client.deps.gateway.runtime.settings.server.drain_s == 30.0, "nothing has changed"

    run(scenario())


def test_a_problem_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with console() as client:
            monkeypatch.setenv("BAD_KEY", "canary with spaces")
            toml = TOML.replace("canary-secret", "env:BAD_KEY")
            answer = await client.post("/api/config/validate", {"toml": toml})
            assert answer.json["valid"] is False
            assert b"canary" not in answer.body

    run(scenario())


def test_the_files_are_read_again_on_demand(tmp_path: Path) -> None:
    file = tmp_path / "sluiceway.toml"
    file.write_text(TOML)

    async def scenario() -> None:
        source = Source(file)
        loaded = source.load()
        async with console() as client:
            gateway = client.deps.gateway
            reloader = Reloader(source, loaded, lambda new: gateway.apply(new.settings, new.stored))
            client.deps.reloader = reloader
            client.deps.files = lambda: source.files
            file.write_text(TOML.replace("5.0", "7.0").replace("canary-secret", "canary-other"))
            answer = await client.post("/api/config/reload")
            told = answer.json
            assert told["ok"] is True
            assert told["changes"] == ["server.drain_s: 5 -> 7", "upstreams.one.api_keys changed"]
            assert gateway.runtime.settings.server.drain_s == 7.0
            file.write_text(TOML.replace("drain_s", "drian_s"))
            told = (await client.post("/api/config/reload")).json
            assert (told["ok"], len(told["problems"])) == (False, 1)
            assert gateway.runtime.settings.server.drain_s == 7.0
            shown = (await client.get("/api/config")).json
            assert shown["last_reload"] == told
            assert shown["files"][0] == str(file)
            await reloader.close()

    run(scenario())


def test_what_takes_a_restart_is_named(tmp_path: Path) -> None:
    file = tmp_path / "sluiceway.toml"
    file.write_text(TOML)

    async def scenario() -> None:
        source = Source(file)
        async with console() as client:
            reloader = Reloader(source, source.load(), lambda new: None)
            client.deps.reloader = reloader
            file.write_text(TOML.replace("[server]", "[server]\nport = 1234"))
            assert (await client.post("/api/config/reload")).json["needs_restart"] == ["server.port"]
            await reloader.close()

    run(scenario())


def test_a_process_that_can_not_reload_says_so() -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.post("/api/config/reload")
            assert (answer.status, answer.error["code"]) == (503, "gateway_overloaded")
            assert client.deps.gateway.runtime.settings == settings_from(
                {
                    "upstreams": [
                        {
                            "name": "one",
                            "base_url": "http://127.0.0.1:9/v1",
                            "api_keys": ["sk-upstream-secret"],
                        }
                    ]
                },
                {},
            )

    run(scenario())
