"""Loading: where the file is, what wins, and each error with its key path and the nearest key."""

from __future__ import annotations

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.kinds import OTHER
from sluiceway.config.load import ConfigError, find_config, load, settings_from
from sluiceway.config.server_settings import FailoverSettings, QueueSettings
from sluiceway.config.settings import Settings
from sluiceway.config.stream_settings import StreamSettings
from sluiceway.config.tables import OWNERS
from sluiceway.config.upstream_settings import HealthSettings, ModelRule, RoutingSettings

HASH = "ab" * 32
KEYS = sorted({key for table in OWNERS.values() for key in table.__struct_fields__} | {"chat", "zzz"})
UPSTREAM = '[[upstreams]]\nname = "a"\nbase_url = "http://a/v1"\n'


def read(text: str, env: dict[str, str] | None = None) -> Settings:
    """The settings of that TOML, with one upstream if it has none."""
    one = {"name": "a", "base_url": "http://a/v1"}
    return settings_from({"upstreams": [one], **tomllib.loads(text)}, env or {})


def problems(text: str, env: dict[str, str] | None = None) -> list[str]:
    """All problems of that TOML, as `path: message | hint`."""
    with pytest.raises(ConfigError) as caught:
        read(text, env)
    return [
        f"{problem.path}: {problem.message}" + (f" | {problem.hint}" if problem.hint else "")
        for problem in caught.value.problems
    ]


# ── finding ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_option_beats_the_variable_which_beats_the_working_directory(tmp_path: Path) -> None:
    here = tmp_path / "sluiceway.toml"
    here.touch()
    named = {"SLUICEWAY_CONFIG": "other.toml"}
    assert find_config(Path("x.toml"), named, tmp_path) == Path("x.toml")
    assert find_config(None, named, tmp_path) == tmp_path / "other.toml"
    assert find_config(None, {}, tmp_path) == here
    assert find_config(None, {"SLUICEWAY_CONFIG": ""}, tmp_path) == here


def test_without_any_file_there_is_none(tmp_path: Path) -> None:
    assert find_config(None, {}, tmp_path) is None


def test_an_absolute_path_in_the_variable_is_kept(tmp_path: Path) -> None:
    assert find_config(None, {"SLUICEWAY_CONFIG": "/etc/s.toml"}, tmp_path) == Path("/etc/s.toml")


# ── reading a file ──────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + b"[server]\nport = 1\n" + UPSTREAM.encode())
        assert load(path, {}).server.port == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[server]\nport = \n", "is not valid TOML: Invalid value (at line 2, column 8)"),
        (
            b"[server]\nport = 1\nport = 2\n",
            "is not valid TOML: Cannot overwrite a value (at line 3, column 9)",
        ),
        (b"a = [\n", "is not valid TOML: Invalid value (at line 2, the end of the file)"),
        (b'k = "sk-secret\n', "is not valid TOML: Illegal character '\\n' (at line 1, column 15)"),
        (b"a = " + b"1" * 5000, "is not valid TOML: Exceeds the limit"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
        (b"a = '\xff'", "byte 5: is not UTF-8, as TOML has to be"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_with_the_place(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value).startswith(f"{path} has 1 problem:\n  {why}")
    assert "sk-secret" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", {})
    assert (
        str(caught.value)
        == f"{tmp_path / 'none.toml'} has 1 problem:\n  can't be read: No such file or directory"
    )
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load(tmp_path, {})


def test_all_problems_are_told_at_once_in_lines_for_people(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        '[server]\nprot = 1\nport = "x"\n[[upstreams]]\nname = "a"\n[[keys]]\nname = "k"\nsha256 = "x"'
    )
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value) == (
        f"{path} has 4 problems:\n"
        "  server.prot: unknown key\n"
        '    did you mean "port"?\n'
        "  server.port: expected a whole number, 0 to 65535, got a string\n"
        "  upstreams[0].base_url: is missing\n"
        "    Where its API is, with its version: `https://api.openai.com/v1`\n"
        "  keys[0].sha256: is not a SHA-256, which has 64 hexadecimal digits; "
        "the key itself does not belong here\n"
        '    hash it: printf %s "$KEY" | sha256sum; or make a new one: sluiceway keys new NAME'
    )


# ── values and their places ─────────────────────────────────────────────────────────────────────────


def test_every_table_is_read() -> None:
    settings = read(
        f"""
        [server]
        host = "0.0.0.0"
        port = 0
        cors_origins = ["HTTPS://App.example.com"]
        [stream]
        idle_s = 5
        [[upstreams]]
        name = "a"
        base_url = "https://a.example/v1/"
        api_keys = ["sk-1", "env:KEY"]
        dialects = ["chat"]
        force_stream = true
        include_usage = false
        proxy = "env:PROXY"
        headers = {{ X-Team = "blue", authorization = "env:KEY" }}
        max_in_flight = 3
        [[models]]
        name = "m"
        upstreams = ["a"]
        rewrite_to = "n"
        [[keys]]
        name = "alice"
        sha256 = "{HASH.upper()}"
        """,
        {"KEY": "sk-2", "PROXY": "socks5://u:p@proxy:1080"},
    )
    assert (settings.server.host, settings.server.port) == ("0.0.0.0", 0)
    assert settings.server.cors_origins == ("https://app.example.com",)
    (upstream,) = settings.upstreams
    assert upstream.base_url == "https://a.example/v1"
    assert [str(key) for key in upstream.api_keys] == ["sk-1", "sk-2"]
    assert upstream.dialects == ("chat",)
    assert (upstream.force_stream, upstream.include_usage, upstream.max_in_flight) == (True, False, 3)
    assert str(upstream.proxy) == "socks5://u:p@proxy:1080"
    assert {name: str(value) for name, value in upstream.headers.items()} == {
        "x-team": "blue",
        "authorization": "sk-2",
    }
    assert settings.models[0].rewrite_to == "n"
    assert settings.keys[0].sha256 == HASH
    assert "sk-" not in repr(settings)
    assert "u:p" not in repr(settings)
    assert settings.stream.idle_s == 5.0
    assert isinstance(settings.stream.idle_s, float)


def test_stream_tables_override_one_another_from_general_to_special() -> None:
    settings = read(
        """
        [stream]
        heartbeat_s = 1
        idle_s = 1
        total_s = 1
        [stream.chat]
        idle_s = 2
        total_s = 2
        [stream.images]
        commit_after_s = 4
        [[upstreams]]
        name = "a"
        base_url = "http://a"
        [upstreams.stream]
        total_s = 3
        [[upstreams]]
        name = "b"
        base_url = "http://b"
        """
    )
    a, b = settings.upstreams
    assert settings.stream == StreamSettings(heartbeat_s=1, idle_s=1, total_s=1)
    assert settings.stream_for("chat", a) == StreamSettings(heartbeat_s=1, idle_s=2, total_s=3)
    assert settings.stream_for("chat", b) == StreamSettings(heartbeat_s=1, idle_s=2, total_s=2)
    assert settings.stream_for(OTHER, a) == StreamSettings(heartbeat_s=1, idle_s=1, total_s=3)
    assert settings.stream_for(OTHER, b) == settings.stream
    images = settings.stream_for("images", b)
    assert images == StreamSettings(heartbeat_s=1, idle_s=900, total_s=1, commit_after_s=4)


def test_the_tables_of_limits_and_routes_are_read() -> None:
    settings = read(
        f"""
        [server]
        max_in_flight = 5
        workers = 2
        trusted_proxies = ["10.0.0.1", "fd00::/8"]
        auth_failures_per_minute = 3
        watch_config = false
        [queue]
        max_waiting = 7
        [routing]
        select = "fastest"
        affinity = "header:X-Session-Id"
        [failover]
        max_attempts = 2
        [health]
        max_failures = 9
        check_path = "/models"
        [state]
        redis = "env:REDIS"
        on_unreachable = "closed"
        [[upstreams]]
        name = "a"
        base_url = "http://a"
        weight = 2
        failover_on = ["5xx"]
        prefill = "plain"
        [upstreams.health]
        max_failures = 1
        [[upstreams]]
        name = "b"
        base_url = "http://b"
        [[models]]
        name = "m"
        upstreams = ["a", "b"]
        select = "weighted"
        affinity = "off"
        weights = {{ a = 3, b = 0.5 }}
        hedge_after_s = 4
        continue_on = ["a"]
        [[prices]]
        model = "m"
        upstream = "b"
        input = 1
        [[keys]]
        name = "k"
        sha256 = "{HASH}"
        owner = "team"
        expires = 2027-01-31
        models = ["gpt-*"]
        dialects = ["chat"]
        allowed_ips = ["10.0.0.0/8"]
        priority = 4
        cost_per_day = 2
        """,
        {"REDIS": "redis://:secret@r:6379/1"},
    )
    assert (settings.server.max_in_flight, settings.server.workers) == (5, 2)
    assert settings.server.trusted_proxies == ("10.0.0.1", "fd00::/8")
    assert (settings.server.auth_failures_per_minute, settings.server.watch_config) == (3, False)
    assert settings.queue == QueueSettings(max_waiting=7)
    assert settings.routing == RoutingSettings(select="fastest", affinity="header:x-session-id")
    assert settings.failover == FailoverSettings(max_attempts=2)
    assert str(settings.state.redis) == "redis://:secret@r:6379/1"
    assert settings.state.on_unreachable == "closed"
    assert "secret" not in repr(settings)
    a, b = settings.upstreams
    assert (a.weight, a.failover_on, a.prefill) == (2.0, ("5xx",), "plain")
    assert a.health == HealthSettings(max_failures=1, check_path="/models")
    assert b.health == settings.health == HealthSettings(max_failures=9, check_path="/models")
    rule = ModelRule(
        name="m",
        upstreams=("a", "b"),
        select="weighted",
        affinity="off",
        weights={"a": 3.0, "b": 0.5},
        hedge_after_s=4.0,
        continue_on=("a",),
    )
    assert settings.models == (rule,)
    assert settings.prices == (PriceSettings(model="m", upstream="b", input=1.0),)
    key = KeySettings(
        name="k",
        sha256=HASH,
        owner="team",
        expires="2027-01-31",
        models=("gpt-*",),
        dialects=("chat",),
        allowed_ips=("10.0.0.0/8",),
        priority=4,
        cost_per_day=2.0,
    )
    assert settings.keys == (key,)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("2027-01-31", "2027-01-31"),
        ("2027-01-31T12:00:00+01:00", "2027-01-31T12:00:00+01:00"),
        ("2027-01-31 12:00:00", "2027-01-31T12:00:00"),
        ('"2027-01-31T12:00:00Z"', "2027-01-31T12:00:00Z"),
        ('""', ""),
    ],
)
def test_an_expiry_is_a_date_or_time_of_toml_or_a_string(written: str, read_as: str) -> None:
    text = f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\nexpires = {written}'
    assert read(text).keys[0].expires == read_as


def test_upstreams_of_the_environment_have_the_health_of_the_file() -> None:
    settings = settings_from({"health": {"max_failures": 1}}, {"OPENAI_API_KEY": "sk-o"})
    assert settings.upstreams[0].health.max_failures == 1


# ── files beside the configuration ──────────────────────────────────────────────────────────────────


def test_files_are_beside_the_configuration_unless_their_paths_are_absolute(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(UPSTREAM)
    settings = load(path, {})
    assert settings.server.keys_file == str(tmp_path / "sluiceway-keys.json")
    assert settings.state.file == str(tmp_path / "sluiceway-state.json")
    path.write_text('[server]\nkeys_file = "sub/k.json"\n[state]\nfile = "/var/lib/s.json"\n' + UPSTREAM)
    settings = load(path, {})
    assert settings.server.keys_file == str(tmp_path / "sub/k.json")
    assert settings.state.file == "/var/lib/s.json"
    path.write_text('[server]\nkeys_file = ""\n[state]\nfile = ""\n' + UPSTREAM)
    settings = load(path, {})
    assert (settings.server.keys_file, settings.state.file) == ("", "")


def test_without_a_configuration_file_they_are_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, {"OPENAI_API_KEY": "k"}).server.keys_file == str(tmp_path / "sluiceway-keys.json")
    (tmp_path / "s.toml").write_text(UPSTREAM)
    assert load(Path("s.toml"), {}).server.keys_file == str(tmp_path / "sluiceway-keys.json")


def test_tables_that_come_from_no_place_have_only_the_files_that_they_name() -> None:
    assert (read("").server.keys_file, read("").state.file) == ("", "")
    assert read('[server]\nkeys_file = "k.json"').server.keys_file == "k.json"
    assert read('[state]\nfile = "/s.json"').state.file == "/s.json"


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[server]\nhost = "::1"\nport = 1\n' + UPSTREAM)
    assert load(path, {}, server={"port": 2}).server.port == 2
    assert load(path, {}, server={"port": 2}).server.host == "::1"
    assert load(None, {"OPENAI_API_KEY": "k"}, server={"port": 3}).server.port == 3
    with pytest.raises(ConfigError, match=r"server\.host: 0\.0\.0\.0 can be reached from other machines"):
        load(path, {}, server={"host": "0.0.0.0"})


def test_the_settings_of_an_upstream_that_only_speaks_messages_follow_anthropics_custom() -> None:
    text = '[[upstreams]]\nname = "a"\nbase_url = "https://api.anthropic.com"\ndialects = {}'
    assert read(text.format('["messages"]')).upstreams[0].base_url == "https://api.anthropic.com/v1"
    assert read(text.format('["chat", "messages"]')).upstreams[0].base_url == "https://api.anthropic.com"


# ── upstreams from the environment ──────────────────────────────────────────────────────────────────


def test_without_a_file_upstreams_come_from_the_environment() -> None:
    openai, anthropic = load(None, {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a"}).upstreams
    assert (openai.name, openai.base_url) == ("openai", "https://api.openai.com/v1")
    assert [str(key) for key in openai.api_keys] == ["sk-o"]
    assert openai.dialects == ("chat", "responses", "images")
    assert (anthropic.name, anthropic.base_url) == ("anthropic", "https://api.anthropic.com/v1")
    assert [str(key) for key in anthropic.api_keys] == ["sk-a"]
    assert anthropic.dialects == ("messages",)
    assert "sk-o" not in repr(openai)


def test_the_environment_may_name_other_base_urls() -> None:
    env = {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1/", "ANTHROPIC_BASE_URL": "http://127.0.0.1:8001"}
    openai, anthropic = load(None, env).upstreams
    assert (openai.base_url, openai.api_keys) == ("http://127.0.0.1:8000/v1", ())
    assert (anthropic.base_url, anthropic.api_keys) == ("http://127.0.0.1:8001/v1", ())


def test_one_pair_of_variables_is_enough() -> None:
    env = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": "", "ANTHROPIC_API_KEY": "sk-a"}
    assert [upstream.name for upstream in load(None, env).upstreams] == ["anthropic"]


@pytest.mark.parametrize("start", ["", "upstreams = []\n"])
def test_a_file_without_upstreams_uses_the_environment_and_its_own_other_tables(start: str) -> None:
    text = start + '[stream]\nidle_s = 7\n[[models]]\nname = "*"\nupstreams = ["openai"]\n'
    settings = settings_from(tomllib.loads(text), {"OPENAI_API_KEY": "sk-o"})
    assert settings.models[0].upstreams == ("openai",)
    assert settings.stream_for("chat", settings.upstreams[0]).idle_s == 7.0


def test_upstreams_in_the_file_leave_the_environment_alone() -> None:
    assert [upstream.name for upstream in read(UPSTREAM, {"OPENAI_API_KEY": "sk-o"}).upstreams] == ["a"]


def test_no_upstream_at_all_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {})
    assert str(caught.value) == (
        "configuration has 1 problem:\n"
        "  upstreams: there is none, so no request could be answered\n"
        "    add [[upstreams]] to sluiceway.toml, or set OPENAI_API_KEY or ANTHROPIC_API_KEY"
    )


def test_problems_of_the_environment_name_the_variable() -> None:
    env = {"OPENAI_API_KEY": "sk secret", "ANTHROPIC_BASE_URL": "api.anthropic.com"}
    with pytest.raises(ConfigError) as caught:
        load(None, env)
    assert [problem.path for problem in caught.value.problems] == ["OPENAI_API_KEY", "ANTHROPIC_BASE_URL"]
    assert "secret" not in str(caught.value)


# ── unknown keys ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[serve]", 'serve: unknown key | did you mean "server"?'),
        ("[server]\nprot = 1", 'server.prot: unknown key | did you mean "port"?'),
        ("[stream]\nheartbeat = 1", 'stream.heartbeat: unknown key | did you mean "heartbeat_s"?'),
        ("[stream.chta]", 'stream.chta: unknown key | did you mean "chat"?'),
        ("[stream.chat]\nidel_s = 1", 'stream.chat.idel_s: unknown key | did you mean "idle_s"?'),
        (UPSTREAM + 'api_key = ["x"]', 'upstreams[0].api_key: unknown key | did you mean "api_keys"?'),
        (
            UPSTREAM + "[upstreams.stream]\nidel_s = 1",
            'upstreams[0].stream.idel_s: unknown key | did you mean "idle_s"?',
        ),
        (
            UPSTREAM + "[upstreams.stream.chat]\nidle_s = 1",
            "upstreams[0].stream.chat: unknown key | known are: heartbeat_s, commit_after_s, ",
        ),
        ("[server]\nmax_wait_s = 1", "server.max_wait_s: unknown key | it belongs in [queue]"),
        ("[queue]\nopen_s = 1", "queue.open_s: unknown key | it belongs in [health]"),
        ("[health]\ncheck = 1", 'health.check: unknown key | did you mean "check_path"?'),
        (
            UPSTREAM + "[upstreams.health]\nopen = 1",
            'upstreams[0].health.open: unknown key | did you mean "open_s"?',
        ),
        ('[[prices]]\nmodel = "m"\nouput = 1', 'prices[0].ouput: unknown key | did you mean "output"?'),
        ("[server]\nheartbeat_s = 1", "server.heartbeat_s: unknown key | it belongs in [stream]"),
        ("[server]\nbase_url = 1", "server.base_url: unknown key | it belongs in [[upstreams]]"),
        (
            f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\nvalue = "sk-secret"',
            "keys[0].value: unknown key | known are: name, sha256",
        ),
        (
            '[[models]]\nname = "m"\nupstreams = ["a"]\nrewrite = "x"\n',
            'models[0].rewrite: unknown key | did you mean "rewrite_to"?',
        ),
        ("zzz = 1", "zzz: unknown key | known are: server, stream, queue, routing, failover, health, state,"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_valid_one(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)
    assert "sk-secret" not in found


# ── kinds and bounds ────────────────────────────────────────────────────────────────────────────────

SECONDS = "expected a number of seconds, 0 or more, got"
BYTES = "expected a whole number of bytes, 0 or more, got"
FORMS = 'expected one of "auto", "block", "line", "ping", "none", got'
DIALECT = 'expected one of "chat", "responses", "messages", "images", got'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[stream]\nidle_s = "10"', f"stream.idle_s: {SECONDS} a string"),
        ("[stream]\nidle_s = -1", f"stream.idle_s: {SECONDS} -1"),
        ("[stream]\nidle_s = inf", f"stream.idle_s: {SECONDS} inf"),
        ("[stream]\nidle_s = nan", f"stream.idle_s: {SECONDS} nan"),
        ("[stream]\nidle_s = true", f"stream.idle_s: {SECONDS} true"),
        ("[stream]\nidle_s = []", f"stream.idle_s: {SECONDS} a list"),
        ("[stream]\nidle_s = {}", f"stream.idle_s: {SECONDS} a table"),
        ("[stream]\nidle_s = 2025-01-01", f"stream.idle_s: {SECONDS} a date or time"),
        (f"[stream]\nidle_s = 1{'0' * 400}", f"stream.idle_s: {SECONDS} a number out of range"),
        ("[stream.chat]\nidle_s = -1", f"stream.chat.idle_s: {SECONDS} -1"),
        (UPSTREAM + "[upstreams.stream]\nidle_s = -1", f"upstreams[0].stream.idle_s: {SECONDS} -1"),
        ("[stream]\nmax_event_bytes = 1.5", f"stream.max_event_bytes: {BYTES} 1.5"),
        ('[server]\nmax_body_bytes = "64MiB"', f"server.max_body_bytes: {BYTES} a string"),
        ("[server]\nport = 65536", "server.port: expected a whole number, 0 to 65535, got 65536"),
        ("[server]\nport = true", "server.port: expected a whole number, 0 to 65535, got true"),
        ("[server]\naccess_log = 1", "server.access_log: expected true or false, got 1"),
        ("[server]\nhost = 1", "server.host: expected a string, got 1"),
        ('[server]\ncors_origins = "*"', "server.cors_origins: expected a list of strings, got a string"),
        ("[server]\ncors_origins = [1]", "server.cors_origins[0]: expected a string, got 1"),
        (
            '[stream]\nheartbeat_form = "blok"',
            f'stream.heartbeat_form: {FORMS} "blok" | did you mean "block"?',
        ),
        ("[stream]\nheartbeat_form = 1", f"stream.heartbeat_form: {FORMS} 1"),
        (
            '[stream]\non_disconnect = "x"',
            'stream.on_disconnect: expected one of "abort", "drain", "keep", got "x"',
        ),
        (
            '[server]\nlog_level = "warn"',
            'server.log_level: expected one of "debug", "info", "warning", "error", got "warn" '
            '| did you mean "warning"?',
        ),
        (
            UPSTREAM + 'dialects = ["chat", "mesages"]',
            f'upstreams[0].dialects[1]: {DIALECT} "mesages" | did you mean "messages"?',
        ),
        (
            UPSTREAM + "dialects = []",
            'upstreams[0].dialects: expected a list of any of "chat", "responses", "messages", "images", '
            "at least one, got an empty one",
        ),
        (
            UPSTREAM + "max_in_flight = -1",
            "upstreams[0].max_in_flight: expected a whole number, 0 or more, got -1",
        ),
        (
            UPSTREAM + "headers = []",
            "upstreams[0].headers: expected a table, got a list | write [upstreams.headers]",
        ),
        (UPSTREAM + "headers = {a = 1}", "upstreams[0].headers.a: expected a string, got 1"),
        (UPSTREAM + "stream = 1", "upstreams[0].stream: expected a table, got 1"),
        (
            UPSTREAM + "api_keys = 'sk-secret'",
            "upstreams[0].api_keys: expected a list of strings, got a string",
        ),
        (UPSTREAM + "proxy = ['sk-secret']", "upstreams[0].proxy: expected a string, got a list"),
        ("[queue]\nmax_waiting = 1.5", "queue.max_waiting: expected a whole number, 0 or more, got 1.5"),
        ("[server]\nworkers = 0", "server.workers: expected a whole number, 1 to 256, got 0"),
        (
            '[routing]\nselect = "fast"',
            'routing.select: expected one of "order", "weighted", "least_in_flight", "fastest", got "fast" '
            '| did you mean "fastest"?',
        ),
        ("[failover]\nmax_attempts = 0", "failover.max_attempts: expected a whole number, 1 or more, got 0"),
        ("[health]\nmax_error_rate = 2", "health.max_error_rate: expected a number, 0 to 1, got 2"),
        ("[state]\nredis = ['redis://:secret@a']", "state.redis: expected a string, got a list"),
        (UPSTREAM + "health = 1", "upstreams[0].health: expected a table, got 1"),
        (
            UPSTREAM + 'failover_on = ["conect"]',
            'upstreams[0].failover_on[0]: expected one of "connect", "timeout", "5xx", "429", "key", '
            '"error_event", "empty", "truncated", "invalid", got "conect" | did you mean "connect"?',
        ),
        (
            '[[models]]\nname = "m"\nupstreams = ["a"]\nweights = 1',
            "models[0].weights: expected a table, got 1",
        ),
        ('[[prices]]\nmodel = "m"\ninput = -1', "prices[0].input: expected a number, 0 or more, got -1"),
        ("[[keys]]\nname = 'k'\nsha256 = '" + HASH + "'\npriority = 0", "keys[0].priority: expected a whole"),
        (
            "[[keys]]\nname = 'k'\nsha256 = '" + HASH + "'\nmodels = ['a', '']",
            "keys[0].models[1]: expected a string that is not empty",
        ),
        (
            "[[keys]]\nname = 'k'\nsha256 = '" + HASH + "'\nexpires = 12:00:00",
            "keys[0].expires: expected a st",
        ),
        ("server = 1", "server: expected a table, got 1 | write [server]"),
        ("stream = 'x'", "stream: expected a table, got a string | write [stream]"),
        ("[stream]\nchat = 1", "stream.chat: expected a table, got 1 | write [stream.chat]"),
        ("[[server]]", "server: expected a table, got a list | write [server]"),
        ("[upstreams]", "upstreams: expected a list of tables, got a table | write [[upstreams]]"),
        ("upstreams = false", "upstreams: expected a list of tables, got false | write [[upstreams]]"),
        ("upstreams = [1]", "upstreams[0]: expected a table, got 1 | write [[upstreams]]"),
        ("[keys]\nname = 'a'", "keys: expected a list of tables, got a table | write [[keys]]"),
        ("models = 1", "models: expected a list of tables, got 1 | write [[models]]"),
        (
            '[[upstreams]]\nname = ""\nbase_url = "http://a"',
            "upstreams[0].name: expected a string that is not empty, got an empty one",
        ),
        (
            '[[models]]\nname = "m"\nupstreams = []',
            "models[0].upstreams: expected a list of strings, at least one, got an empty one",
        ),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_what_was_expected(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)
    assert "sk-secret" not in found


def test_a_missing_key_is_named_with_what_it_means() -> None:
    text = "[[upstreams]]\n[[models]]\n[[keys]]\n"
    assert problems(text) == [
        "upstreams[0].name: is missing | What `[[models]]`, logs and records call it",
        "upstreams[0].base_url: is missing | Where its API is, with its version: `https://api.openai.com/v1`",
        "models[0].name: is missing | The model's name as clients send it, or a glob: `*` is any text, "
        "`?` any character, `[ab]` one of these",
        "models[0].upstreams: is missing | Names of upstreams, in order of preference.",
        "keys[0].name: is missing | Who holds the key; shown in logs and records",
        "keys[0].sha256: is missing | The SHA-256 of the key, in hexadecimal",
    ]


# ── meaning ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[server]\nhost = "0.0.0.0:80"', "server.host: is an address with a port"),
        ('[server]\ncors_origins = ["*", "x.com"]', "server.cors_origins[1]: has no scheme"),
        ('[admin]\nframe_ancestors = ["*"]', "admin.frame_ancestors[0]: has no scheme"),
        ('[[upstreams]]\nname = "a"\nbase_url = "a.com"', "upstreams[0].base_url: has no scheme"),
        (
            UPSTREAM + 'api_keys = ["k", "env:NONE"]',
            "upstreams[0].api_keys[1]: the environment variable NONE is",
        ),
        (UPSTREAM + 'api_keys = ["sk secret"]', "upstreams[0].api_keys[0]: holds white space"),
        (UPSTREAM + 'proxy = "env:NONE"', "upstreams[0].proxy: the environment variable NONE is not set"),
        (UPSTREAM + 'proxy = "ftp://u:secret@p:1"', "upstreams[0].proxy: does not begin with"),
        (UPSTREAM + 'headers = {x = "env:NONE"}', "upstreams[0].headers.x: the environment variable NONE is"),
        (UPSTREAM + 'headers = {"x y" = "secret"}', "upstreams[0].headers.x y: is not a header's name"),
        (UPSTREAM + 'headers = {te = "secret"}', "upstreams[0].headers.te: belongs to the connection"),
        (UPSTREAM + 'headers = {x = "secret\\n"}', "upstreams[0].headers.x: holds a line break"),
        (UPSTREAM + 'headers = {X = "1", x = "2"}', "upstreams[0].headers.x: is given twice"),
        ('[server]\ntrusted_proxies = ["10.0.0.0/8", "10.1/8"]', "server.trusted_proxies[1]: is no address"),
        ('[routing]\naffinity = "off"', "routing.affinity: is none of conversation and header:NAME"),
        ('[health]\ncheck_path = "models"', "health.check_path: is no path"),
        (UPSTREAM + '[upstreams.health]\ncheck_path = "x"', "upstreams[0].health.check_path: is no path"),
        ('[state]\nredis = "http://:secret@a"', "state.redis: does not begin with redis:// or rediss://"),
        ('[state]\nredis = "env:NONE"', "state.redis: the environment variable NONE is not set"),
        (
            f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\nexpires = "soon"',
            'keys[0].expires: is no date and no time | as "2027-01-31"',
        ),
        (
            f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\nallowed_ips = ["10.0.0.1/8"]',
            'keys[0].allowed_ips[0]: is an address within a network, not the network | write "10.0.0.0/8"',
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\naffinity = "x"',
            "models[0].affinity: is none of conversation, off and header:NAME",
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\nweights = { b = 1 }',
            "models[0].weights.b: is none of the rule's upstreams | known are: a",
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\nweights = { a = 0 }',
            "models[0].weights.a: expected a number above 0, got 0",
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\nweights = { a = true }',
            "models[0].weights.a: expected a number above 0, got true",
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\nweights = { a = nan }',
            "models[0].weights.a: expected a number above 0, got nan",
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\nweights = { a = "1" }',
            "models[0].weights.a: expected a number above 0, got a string",
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\ncontinue_on = ["b"]',
            'models[0].continue_on[0]: no upstream is called "b" | known are: a',
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["a"]\ncontinue_on = ["a"]',
            'models[0].continue_on[0]: "a" has no way to take up an answer | its prefill says how',
        ),
        (
            UPSTREAM + '[[prices]]\nmodel = "m"\nupstream = "b"',
            'prices[0].upstream: no upstream is called "b" | known are: a',
        ),
        (UPSTREAM + UPSTREAM, "upstreams[1].name: is the same as upstreams[0].name"),
        (
            f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\n[[keys]]\nname = "k"\nsha256 = "{"cd" * 32}"',
            "keys[1].name: is the same as keys[0].name",
        ),
        (
            f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\n[[keys]]\nname = "l"\nsha256 = "{HASH.upper()}"',
            "keys[1].sha256: is the same as keys[0].sha256",
        ),
        (
            '[[keys]]\nname = "k"\nsha256 = "sk-sluice-secret"',
            "keys[0].sha256: is not a SHA-256, which has 64 hexadecimal digits; the key itself does not "
            'belong here | hash it: printf %s "$KEY" | sha256sum; or make a new one: sluiceway keys new NAME',
        ),
        (
            '[[upstreams]]\nname = "openai"\nbase_url = "http://a"\n'
            '[[models]]\nname = "m"\nupstreams = ["openai", "opnai"]',
            'models[0].upstreams[1]: no upstream is called "opnai" | did you mean "openai"?',
        ),
        (
            UPSTREAM + '[[models]]\nname = "m"\nupstreams = ["zzz"]',
            'models[0].upstreams[0]: no upstream is called "zzz" | known are: a',
        ),
    ],
)
def test_a_value_that_makes_no_sense_is_told_where_and_why(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(problem)
    assert "secret" not in found


def test_rules_are_not_blamed_for_upstreams_that_could_not_be_read() -> None:
    text = '[[upstreams]]\nbase_url = "http://a"\n[[models]]\nname = "m"\nupstreams = ["a"]'
    assert [found.partition(":")[0] for found in problems(text)] == ["upstreams[0].name"]
    text = UPSTREAM + 'proxy = "x"\n[[models]]\nname = "m"\nupstreams = ["a"]'
    assert [found.partition(":")[0] for found in problems(text)] == ["upstreams[0].proxy"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gateway.internal"])
def test_beyond_loopback_keys_are_required_or_anonymous_access_is_allowed(host: str) -> None:
    text = f'[server]\nhost = "{host}"\n'
    assert problems(text) == [
        f"server.host: {host} can be reached from other machines, but clients need no key "
        "| make a key (sluiceway keys new NAME), or set server.allow_anonymous = true"
    ]
    assert read(text + "allow_anonymous = true\n").server.host == host
    assert read(text + f'[[keys]]\nname = "k"\nsha256 = "{HASH}"\n').server.host == host


def test_a_keys_file_that_exists_is_as_good_as_keys_in_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[server]\nhost = "0.0.0.0"\n' + UPSTREAM)
    with pytest.raises(ConfigError, match="clients need no key"):
        load(path, {})
    (tmp_path / "sluiceway-keys.json").touch()
    assert load(path, {}).server.host == "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_no_keys_are_required(host: str) -> None:
    assert read(f'[server]\nhost = "{host}"\n').server.host == host


def test_an_early_first_event_limit_is_the_operators_choice() -> None:
    assert read("[stream]\nfirst_event_s = 1.0\ncommit_after_s = 5.0").stream.first_event_s == 1.0


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=12,
)


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(st.dictionaries(st.sampled_from([*Settings.__struct_fields__, "zzz"]), junk))
def test_whatever_a_file_holds_it_loads_or_has_problems(config: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        assert settings_from(config, {"OPENAI_API_KEY": "k"}).upstreams
