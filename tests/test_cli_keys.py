"""`sluiceway keys`: what is printed where, what is kept, and what is refused in words."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sluiceway.cli_keys import keys_app
from sluiceway.config.key_settings import KeySettings
from sluiceway.config.keyfile import load_keys
from sluiceway.config.load import settings_from
from sluiceway.config.stored_keys import StoredKeys

HASH = "ab" * 32


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLUICEWAY_CONFIG", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(keys_app, arguments)


def made(*arguments: str) -> str:
    """The key that a command printed, alone on stdout."""
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    return line


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr


def sha256(plain: str) -> str:
    return hashlib.sha256(plain.encode()).hexdigest()


def kept() -> StoredKeys:
    return load_keys("sluiceway-keys.json") or ()


# ── new ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_key_is_printed_once_and_only_its_hash_is_kept() -> None:
    plain = made("new", "alice")
    assert plain.startswith("sk-sluice-")
    (alice,) = kept()
    assert alice.settings == KeySettings(name="alice", sha256=sha256(plain))
    assert plain not in Path("sluiceway-keys.json").read_text()


def test_every_limit_can_be_given() -> None:
    plain = made(
        *(
            "new",
            "alice",
            "--owner",
            "team",
            "--expires",
            "2027-01-31",
            "--models",
            "gpt-*",
            "--models",
            "o3",
        ),
        *("--dialects", "chat", "--allowed-ips", "10.0.0.0/8", "--priority", "4", "--max-in-flight", "1"),
        *("--requests-per-minute", "2", "--tokens-per-minute", "3", "--tokens-per-day", "4"),
        *("--tokens-per-month", "5", "--cost-per-day", "0.5", "--cost-per-month", "1.5"),
    )
    assert kept()[0].settings == KeySettings(
        name="alice",
        sha256=sha256(plain),
        owner="team",
        expires="2027-01-31",
        models=("gpt-*", "o3"),
        dialects=("chat",),
        allowed_ips=("10.0.0.0/8",),
        priority=4,
        max_in_flight=1,
        requests_per_minute=2,
        tokens_per_minute=3,
        tokens_per_day=4,
        tokens_per_month=5,
        cost_per_day=0.5,
        cost_per_month=1.5,
    )


def test_the_first_key_of_all_says_that_the_gateway_now_asks_for_one() -> None:
    assert "from now on every client needs a key" in run("new", "alice").stderr
    assert "from now on" not in run("new", "bob").stderr


def test_the_place_is_the_one_that_the_configuration_names(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "gateway.toml").write_text('[server]\nkeys_file = "mine.json"\n')
    done = run("new", "alice", "--config", "etc/gateway.toml")
    assert str(folder / "mine.json") in done.stderr
    assert [key.settings.name for key in load_keys(folder / "mine.json") or ()] == ["alice"]
    assert kept() == ()


def test_keys_can_be_made_before_the_rest_of_the_configuration_is_right() -> None:
    Path("sluiceway.toml").write_text(
        '[server]\nhost = "0.0.0.0"\n[[upstreams]]\nname = "a"\napi_keys = ["env:NOT_IN_THIS_SHELL"]\n'
    )
    assert made("new", "alice")


def test_a_table_to_paste_holds_what_was_asked_for_and_nothing_is_kept() -> None:
    done = run("new", 'Ann "the key" O\\Neill ☃', "--print-only", "--models", "m", "--cost-per-day", "2")
    table = tomllib.loads(done.stderr[done.stderr.index("[[keys]]") :])
    (key,) = settings_from({**table, "upstreams": [{"name": "a", "base_url": "http://a"}]}, {}).keys
    assert (key.name, key.models, key.cost_per_day) == ('Ann "the key" O\\Neill ☃', ("m",), 2.0)
    assert key.sha256 == sha256(done.stdout.strip())
    assert not Path("sluiceway-keys.json").exists()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--expires", "soon"), "expires: is no date and no time"),
        (("--dialects", "cat"), 'dialects[0]: expected one of "chat", "responses"'),
        (("--allowed-ips", "here"), "allowed_ips[0]: is no address and no network"),
        (("--priority", "0"), "priority: expected a whole number, 1 to 100, got 0"),
        (("--tokens-per-day", "-1"), "tokens_per_day: expected a whole number, 0 or more, got -1"),
        (("--cost-per-day", "nan"), "cost_per_day: expected a number, 0 or more, got nan"),
        (("--owner", "two\nlines"), "owner: holds line breaks"),
        (("--models", "\x7f"), "models: holds line breaks or other characters that can't be shown"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_and_no_key_printed(
    options: tuple[str, ...], why: str
) -> None:
    assert why in refused("new", "alice", *options)
    assert not Path("sluiceway-keys.json").exists()


def test_a_name_that_is_taken_is_refused() -> None:
    made("new", "alice")
    assert 'there is a key called "alice" already' in refused("new", "alice")
    assert "expected a string that is not empty" in refused("new", "")


# ── the configuration's own keys ────────────────────────────────────────────────────────────────────


def test_keys_of_the_configuration_file_are_told_apart() -> None:
    Path("sluiceway.toml").write_text(f'[[keys]]\nname = "eve"\nsha256 = "{HASH}"\n')
    assert 'the key "Eve" is in the configuration file' in refused("new", "Eve")
    assert "remove its [[keys]] table there" in refused("revoke", "eve")
    assert "put the hash of a new one there" in refused("rotate", "eve")
    made("new", "alice")
    rows = json.loads(run("list", "--json").stdout)
    assert [(row["name"], row["kept_in"]) for row in rows] == [
        ("alice", "keys file"),
        ("eve", "configuration"),
    ]


def test_without_a_keys_file_there_is_no_place_but_a_list() -> None:
    Path("sluiceway.toml").write_text(
        f'[server]\nkeys_file = ""\n[[keys]]\nname = "eve"\nsha256 = "{HASH}"\n'
    )
    assert "server.keys_file is empty, so there is no place for keys" in refused("new", "alice")
    assert "eve" in run("list").stdout


def test_a_configuration_or_keys_file_with_a_mistake_is_an_error_in_words() -> None:
    Path("sluiceway-keys.json").write_text("{}")
    for command in (("new", "alice"), ("list",), ("revoke", "alice"), ("rotate", "alice")):
        assert "sluiceway-keys.json has" in refused(*command)
    Path("sluiceway.toml").write_text("[[keys]]\n")
    assert "keys[0].sha256: is missing" in refused("list")
    assert "can't be read" in refused("list", "--config", "absent.toml")


# ── list, revoke, rotate ────────────────────────────────────────────────────────────────────────────


def test_a_list_shows_how_keys_stand_but_neither_keys_nor_hashes() -> None:
    plain = made("new", "alice", "--models", "gpt-*", "--owner", "[team]")
    made("new", "old", "--expires", "2001-01-01")
    made("new", "bob")
    run("revoke", "bob")
    made("rotate", "alice")
    done = run("list", "--json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert [rows[name]["state"] for name in ("alice", "old", "bob")] == ["active", "expired", "revoked"]
    assert rows["alice"]["models"] == ["gpt-*"]
    assert rows["alice"]["previous_until"] - rows["alice"]["created"] >= 86400
    assert rows["bob"]["revoked"] >= rows["bob"]["created"]
    shown = run("list").stdout
    for words in ("alice", "[team]", "active", "expired", "2001-01-01", "revoked", "gpt-*"):
        assert words in shown
    for secret in (plain, sha256(plain), kept()[0].settings.sha256):
        assert secret not in done.stdout + shown


def test_a_list_of_nothing_is_empty() -> None:
    assert json.loads(run("list", "--json").stdout) == []
    assert run("list").exit_code == 0


def test_a_revoked_key_is_kept_as_such() -> None:
    made("new", "alice")
    done = run("revoke", "alice")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "alice is revoked" in done.stderr
    assert kept()[0].revoked >= kept()[0].created
    assert "was revoked already" in refused("revoke", "alice")
    assert 'there is no key called "bob"' in refused("revoke", "bob")


def test_a_rotated_key_is_another_one_and_the_old_one_works_on_for_a_while() -> None:
    old = made("new", "alice", "--models", "m")
    done = run("rotate", "alice", "--grace-s", "60")
    (alice,) = kept()
    assert alice.settings == KeySettings(name="alice", sha256=sha256(done.stdout.strip()), models=("m",))
    assert alice.previous is not None
    assert alice.previous.sha256 == sha256(old)
    assert 60 <= alice.previous.until - alice.created <= 120
    assert "The old one works until 2" in done.stderr


def test_a_new_key_that_has_expired_already_is_made_with_a_warning() -> None:
    assert "It expired on 2001-01-01" in run("new", "old", "--expires", "2001-01-01").stderr
    assert "It expired on 2001-01-01" in run("rotate", "old").stderr
    assert "expired" not in run("new", "alice", "--expires", "2999-01-01").stderr
    assert "expired" not in run("rotate", "alice").stderr


def test_a_rotation_without_grace_ends_the_old_one_at_once() -> None:
    made("new", "alice")
    assert "The old one works no longer" in run("rotate", "alice", "--grace-s", "0").stderr
    assert kept()[0].previous is None
    assert run("rotate", "alice", "--grace-s", "-1").exit_code == 2
