"""URLs, origins, headers, hashes and secrets: what is taken, as what, and why the rest is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sluiceway.config import values
from sluiceway.config.problems import BadValue


def refusal(parse: Callable[[], object]) -> str:
    """Message and hint of the error that it raises."""
    with pytest.raises(BadValue) as caught:
        parse()
    return f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::", "0.0.0.0", "localhost", "gateway", "gw.example.com", "fe80::1%eth0"]
)
def test_addresses_and_host_names_can_be_listened_on(host: str) -> None:
    assert values.host(host) == host


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("", "is no address and no host name"),
        ("http://localhost", "is no address and no host name"),
        ("two words", "is no address and no host name"),
        ("-x", "is no address and no host name"),
        ("[::1]", "without brackets"),
        ("0.0.0.0:8787", 'write host = "0.0.0.0" and port = 8787'),
        ("localhost:80", 'write host = "localhost" and port = 80'),
    ],
)
def test_what_is_no_address_is_refused(host: str, why: str) -> None:
    assert why in refusal(lambda: values.host(host))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
    ],
)
def test_only_loopback_is_loopback(host: str, loopback: bool) -> None:
    assert values.is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1//", "https://api.openai.com/v1"),
        ("HTTP://Host:8000", "http://Host:8000"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://x.example/openai/deployments/a", "https://x.example/openai/deployments/a"),
        ("http://under_score:1/v1", "http://under_score:1/v1"),
    ],
)
def test_a_base_url_loses_its_last_slash_and_nothing_else(given: str, used: str) -> None:
    assert values.base_url(given) == used


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.anthropic.com", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1", "https://api.anthropic.com/v1"),
        ("https://api.anthropic.com/v1/", "https://api.anthropic.com/v1"),
        ("https://x.example/anthropic", "https://x.example/anthropic/v1"),
    ],
)
def test_a_base_url_in_anthropics_custom_gets_the_version(given: str, used: str) -> None:
    assert values.base_url(given, only_messages=True) == used


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "is empty"),
        ("api.openai.com/v1", "has no scheme | it begins with http:// or https://"),
        ("localhost:8000/v1", "has no scheme"),
        ("ftp://host", "does not begin with http:// or https://"),
        ("htps://host", 'did you mean "https"?'),
        ("https://", "names no host"),
        ("https:///v1", "names no host"),
        ("https://:443/v1", "names no host"),
        ("https://host:99999", "port is out of range"),
        ("https://host:0", "names port 0"),
        ("https://host:x", "is not a URL"),
        ("https://[::1/v1", "is not a URL"),
        ("https://ho st/v1", "holds white space"),
        ("https://host/v1\n", "holds white space"),
        ("https://höst/v1", "characters that are not ASCII"),
        ("https://ho!st/v1", "names a host that can't be one"),
        ("https://host/v1?key=sk-secret", "has a query or a fragment"),
        ("https://host/v1?", "has a query or a fragment"),
        ("https://host/v1#sk-secret", "has a query or a fragment"),
        ("https://u:sk-secret@host/v1", "holds a user or password | keys belong in api_keys"),
    ],
)
def test_a_base_url_that_cannot_be_called_is_refused_and_not_repeated(url: str, why: str) -> None:
    refused = refusal(lambda: values.base_url(url))
    assert why in refused
    assert "sk-secret" not in refused


@pytest.mark.parametrize(
    "url", ["", "http://proxy:3128", "https://proxy:443", "socks5://user:pass@proxy:1080", "http://[::1]:80"]
)
def test_proxies_are_taken_as_they_are(url: str) -> None:
    assert values.proxy(url) == url


def test_a_proxys_last_slash_is_forgiven() -> None:
    assert values.proxy("http://proxy:3128/") == "http://proxy:3128"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("proxy:3128", "has no scheme | it begins with http:// or https:// or socks5://"),
        ("sock5://u:sk-secret@proxy:1", 'did you mean "socks5"?'),
        ("http://u:sk-secret@proxy", "names no port | as http://HOST:PORT"),
        ("socks5://u:sk-secret@proxy:1/path", "has a path"),
        ("http://u:sk-secret@:3128", "names no host"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused_and_not_repeated(url: str, why: str) -> None:
    refused = refusal(lambda: values.proxy(url))
    assert why in refused
    assert "sk-secret" not in refused


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("*", "*"),
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
    ],
)
def test_origins_are_written_as_browsers_send_them(given: str, used: str) -> None:
    assert values.cors_origin(given) == used


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/x",
        "https://*.example.com",
        "https://app.example.com?",
        "https://u@app.example.com",
        "file:///x",
    ],
)
def test_what_is_no_origin_is_refused_with_an_example(origin: str) -> None:
    assert 'as "https://app.example.com"' in refusal(lambda: values.cors_origin(origin))


def test_header_names_are_used_in_lower_case() -> None:
    assert values.header_name("X-Team") == "x-team"
    assert values.header_name("Host") == "host"


@pytest.mark.parametrize("name", ["", "x team", "x:team", "x\r\nteam", "x-tëam", "x-team\n"])
def test_what_is_no_header_name_is_refused(name: str) -> None:
    assert "is not a header's name" in refusal(lambda: values.header_name(name))


@pytest.mark.parametrize("name", ["Connection", "content-length", "Transfer-Encoding", "te", "Upgrade"])
def test_headers_of_the_connection_cannot_be_set(name: str) -> None:
    assert "belongs to the connection" in refusal(lambda: values.header_name(name))


@pytest.mark.parametrize("value", ["", "plain", "a\tb", "grün"])
def test_header_values_may_hold_any_text(value: str) -> None:
    assert values.header_value(value) == value


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\n", "a\r", "a\0", "a\x7f"])
def test_header_values_cannot_end_their_line(value: str) -> None:
    assert "line break" in refusal(lambda: values.header_value(value))


@pytest.mark.parametrize("key", ["", "sk secret", "sk-secret\n", "sk-secrét"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_and_not_repeated(key: str) -> None:
    assert "secr" not in refusal(lambda: values.api_key(key))


def test_a_hash_is_used_in_lower_case() -> None:
    assert values.sha256("AB" * 32) == "ab" * 32


@pytest.mark.parametrize("value", ["", "ab", "ab" * 33, "xy" * 32, "sk-sluice-abcdef", "ab" * 32 + "\n"])
def test_what_is_no_hash_is_refused_with_the_way_to_make_one(value: str) -> None:
    refused = refusal(lambda: values.sha256(value))
    assert "64 hexadecimal digits" in refused
    assert "sluiceway keys new NAME" in refused
    assert not value or value.strip() not in refused


def test_a_secret_is_itself_or_comes_from_the_environment() -> None:
    env = {"KEY": "sk-env", "NESTED": "env:KEY"}
    assert str(values.secret("sk-file", env, values.api_key)) == "sk-file"
    assert str(values.secret("env:KEY", env, values.api_key)) == "sk-env"
    assert str(values.secret("env:NESTED", env, values.api_key)) == "env:KEY"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("env:NONE", "the environment variable NONE is not set"),
        ("env:EMPTY", "the environment variable EMPTY is empty"),
        ("env:", "the environment variable  is not set"),
    ],
)
def test_a_variable_without_a_value_is_refused_by_name(value: str, why: str) -> None:
    assert why in refusal(lambda: values.secret(value, {"EMPTY": ""}, values.api_key))


def test_paths_to_members_are_checked() -> None:
    assert values.json_path("choices[].delta.x") == "choices[].delta.x"
    assert 'as "usage.cost"' in refusal(lambda: values.json_path("choices[0].x"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis://localhost",
        "redis://:secret@10.0.0.1:6379/3",
        "rediss://user:secret@redis.example:6380/",
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=2&password=secret",
    ],
)
def test_a_redis_is_named_as_its_clients_do(url: str) -> None:
    assert values.redis(url) == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("localhost:6379", "has no scheme | as redis://"),
        ("http://:secret@a", "does not begin with redis:// or rediss:// | as redis://"),
        ("redis://", "names no host"),
        ("redis://:secret@a/name", "has more behind the host than the number of a database"),
        ("redis://:secret@a/0?x=1", "has more behind the host than the number of a database"),
        ("redis://:secret@a:99999", "its port is out of range"),
        ("unix://redis.sock", "names no absolute path"),
        ("unix:///r.sock?db=x", "has more behind the path than db and password"),
        ("unix:///r.sock?password=secret&x=1", "has more behind the path than db and password"),
    ],
)
def test_what_no_redis_client_understands_is_refused(url: str, why: str) -> None:
    message = refusal(lambda: values.redis(url))
    assert why in message
    assert "secret" not in message


@pytest.mark.parametrize(
    "value", ["10.0.0.7", "10.0.0.0/8", "10.0.0.7/32", "::1", "2001:db8::/32", "0.0.0.0/0", "::/0"]
)
def test_addresses_and_networks_are_networks(value: str) -> None:
    assert values.network(value) == value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "is no address and no network"),
        ("10.0.0", "is no address and no network"),
        ("10.0.0.0/33", "is no address and no network"),
        ("localhost", "is no address and no network"),
        ("10.0.0.7/8", 'not the network | write "10.0.0.0/8"'),
        ("2001:db8::1/32", 'not the network | write "2001:db8::/32"'),
        ("::ffff:10.0.0.0/104", 'is an IPv4 network in IPv6\'s words | write "10.0.0.0/8"'),
        ("::ffff:10.0.0.7", 'write "10.0.0.7/32"'),
    ],
)
def test_what_is_no_network_is_refused_with_what_may_be_meant(value: str, why: str) -> None:
    assert why in refusal(lambda: values.network(value))


def test_affinity_goes_by_conversation_or_header() -> None:
    assert [values.affinity(value) for value in ("", "conversation")] == ["", "conversation"]
    assert values.affinity("header:X-Session-Id") == "header:x-session-id"
    assert values.affinity("off", or_off=True) == "off"


@pytest.mark.parametrize("value", ["off", "header", "header:", "header:x y", "cookie:x", "Conversation"])
def test_any_other_affinity_is_refused(value: str) -> None:
    assert 'as "header:x-session-id"' in refusal(lambda: values.affinity(value))


def test_a_path_to_check_begins_with_a_slash() -> None:
    assert [values.check_path(path) for path in ("", "/", "/models?x=1")] == ["", "/", "/models?x=1"]


@pytest.mark.parametrize("path", ["models", "http://a/models", "/a b", "/a\n", "/a#b"])
def test_what_is_no_path_is_not_checked(path: str) -> None:
    assert "is no path" in refusal(lambda: values.check_path(path))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1970-01-02", 86400.0),
        ("1970-01-01T00:00:10", 10.0),
        ("1970-01-01T01:00:10+01:00", 10.0),
        ("1970-01-01T00:00:10Z", 10.0),
    ],
)
def test_a_moment_is_utc_unless_it_says_otherwise(value: str, seconds: float) -> None:
    assert values.expiry(value) == value
    assert values.unix_seconds(value) == seconds


def test_nothing_is_never() -> None:
    assert values.expiry("") == ""


@pytest.mark.parametrize("value", ["soon", "2027-13-01", "1767225600", "31.01.2027"])
def test_what_is_no_moment_is_refused(value: str) -> None:
    assert "is no date and no time" in refusal(lambda: values.expiry(value))
