"""Credentials are found wherever they stand, and little else is taken for one."""

from __future__ import annotations

import json

import pytest
from redact_samples import KEYS

from sluiceway.observe.redact_secrets import find_secrets, known_secrets
from sluiceway.observe.redact_spans import splice


def redacted(body: bytes, *, one_line: bool = True, known: tuple[bytes, ...] = ()) -> bytes:
    return splice(body, find_secrets(body, lambda: None, one_line=one_line, known=known))[0]


@pytest.mark.parametrize(("key", "kind"), KEYS.items(), ids=lambda value: value[:12])
def test_a_key_is_found_in_text(key: str, kind: str) -> None:
    body = f"before {key} after".encode()
    assert redacted(body, one_line=False) == b"before [redacted:%b] after" % kind.encode()


@pytest.mark.parametrize("before", ["", "\n", "\t", "é", " ", '"', "\\", "=", "\u00a0", "\x1f"])
@pytest.mark.parametrize(("key", "kind"), KEYS.items(), ids=lambda value: value[:12])
@pytest.mark.parametrize("escape", [False, True])
def test_a_key_is_found_in_json_whatever_stands_before_it(
    key: str, kind: str, before: str, *, escape: bool
) -> None:
    body = json.dumps({"text": f"{before}{key}"}, ensure_ascii=escape).encode()
    assert json.loads(redacted(body)) == {"text": f"{before}[redacted:{kind}]"}


@pytest.mark.parametrize(("key", "kind"), KEYS.items(), ids=lambda value: value[:12])
def test_a_key_is_found_in_json_within_json(key: str, kind: str) -> None:
    body = json.dumps({"arguments": json.dumps({"text": f"\n{key}\n"})}).encode()
    inner = json.loads(json.loads(redacted(body))["arguments"])
    assert inner == {"text": f"\n[redacted:{kind}]\n"}


@pytest.mark.parametrize(
    "text",
    [
        "a task-force-of-10-people-that-meet-weekly",
        "sk-this-begins-with-two-letters-and-no-digit",
        "Bearer authentication-is-described-below",
        "the bearer 42",
        "sk-short1",
        "AKIA is a prefix, AKIAabc too",
        "ghp_ and gho_short",
        "eyJ0ZXh0IjoibG9uZyBiYXNlNjQgd2l0aG91dCBkb3Rz",
        "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----",
        '{"token": "Hello", "max_tokens": 100, "secrets": 3, "password": null}',
        '{"required": ["password", "api_key"], "api_key": {"type": "string"}}',
        "the secret of success, password protected",
        "authorization: none",
    ],
)
def test_what_only_resembles_one_stays(text: str) -> None:
    assert redacted(text.encode()) == text.encode()


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "authorization_token",
        "x-api-key",
        "API_KEY",
        "apiKey",
        "access_token",
        "refresh_token",
        "client_secret",
        "password",
        "db_passwd",
    ],
)
def test_a_member_whose_name_says_it_is_secret_is_whatever_it_holds(name: str) -> None:
    value = {"before": 1, name: 'any "thing"\n', "after": [2]}
    expected = {"before": 1, name: "[redacted:secret]", "after": [2]}
    assert json.loads(redacted(json.dumps(value).encode())) == expected
    assert json.loads(redacted(json.dumps(value, indent=2).encode())) == expected


def test_a_secret_member_of_json_within_json_is_found() -> None:
    body = json.dumps({"arguments": json.dumps({"api_key": "hunter 2", "x": "y"})}).encode()
    assert json.loads(json.loads(redacted(body))["arguments"]) == {"api_key": "[redacted:secret]", "x": "y"}


@pytest.mark.parametrize(
    "text",
    [
        "export OPENAI_API_KEY=%s",
        "curl -H 'x-api-key: %s'",
        'api_key = "%s"',
        "password: %s",
        "https://api.example/?access_token=%s",
    ],
)
def test_what_is_assigned_to_a_secret_name_is_found(text: str) -> None:
    found = redacted((text % "0123abcd4567efgh").encode(), one_line=False).decode()
    assert found == text % "[redacted:secret]"


def test_the_order_of_names_and_places_does_not_matter() -> None:
    members = {"api_key": "one", "authorization": "two", "secret": "three", "password": "four"}
    for names in (list(members), list(reversed(members))):
        body = json.dumps({name: members[name] for name in names}).encode()
        assert set(json.loads(redacted(body)).values()) == {"[redacted:secret]"}


def test_a_private_key_that_is_cut_off_is_found_to_its_end() -> None:
    body = b'{"k": "-----BEGIN PRIVATE KEY-----\\nMIIEow\\nabc'
    assert redacted(body) == b'{"k": "[redacted:private-key]'


def test_a_private_key_ends_with_its_string_and_with_its_part() -> None:
    body = b'{"k": "-----BEGIN PRIVATE KEY-----\\nMIIE\\" \\\\", "other": "word"}'
    assert json.loads(redacted(body))["other"] == "word"
    form = b"-----BEGIN PRIVATE KEY-----\r\nMIIE\r\n--boundary\r\nContent-Disposition: form-data"
    assert redacted(form, one_line=False) == (
        b"[redacted:private-key]--boundary\r\nContent-Disposition: form-data"
    )


def test_a_private_key_in_an_event_does_not_swallow_the_next_one() -> None:
    stream = b'data: {"a":"-----BEGIN PRIVATE KEY-----"}\n\ndata: -----BEGIN PRIVATE KEY-----\n\ndata: x\n\n'
    assert redacted(stream) == b'data: {"a":"[redacted:private-key]"}\n\n' + (
        b"data: [redacted:private-key]\n\ndata: x\n\n"
    )


# ── known ones ──────────────────────────────────────────────────────────────────────────────────────


def test_a_known_credential_is_found_within_anything() -> None:
    known = known_secrets([b"plain.secret+word"])
    assert redacted(b'{"a": "xplain.secret+wordy"}', known=known) == b'{"a": "x[redacted:credential]y"}'


@pytest.mark.parametrize(
    "value", [b"", b"true", b"short", b"1234567890123", b'with "quotes" in it', b"1e1234567890123"]
)
def test_what_is_no_key_is_not_looked_for(value: bytes) -> None:
    assert known_secrets([value]) == ()


def test_half_an_escape_is_not_replaced() -> None:
    known = known_secrets([b"nothing.to.see", b"00e9-and-more"])
    for text in ("\nothing.to.see", "é-and-more"):
        body = json.dumps({"text": text}).encode()
        assert json.loads(redacted(body, known=known)) == {"text": text}


# ── hostile bodies: none takes long, which the suite's time limit would notice ──────────────────────


@pytest.mark.parametrize(
    "piece",
    [
        b"sk-",
        b"sk-a",
        b"-sk-aaaaaaaaaaaaaaaaaaaaaaa",
        b"eyJ",
        b"-eyJabcdefghijkl",
        b"eyJabcdefghijkl.",
        b"Bearer ",
        b"-----BEGIN ",
        b"-----BEGIN PRIVATE KEY-----",
        b"-----BEGIN AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ",
        b"secret",
        b'"secret',
        b'"secret":"',
        b"api_key=",
        b"secret=aaaaaaaaaaaaaaaa",
        b"\\",
        b"\\b",
        b"\\u",
        b"AKIA",
        b"ghp_a",
        b"xoxb-",
        b'"password"                ',
    ],
)
@pytest.mark.parametrize("one_line", [False, True])
def test_a_megabyte_of_beginnings_is_gone_through(piece: bytes, *, one_line: bool) -> None:
    body = piece * (1_000_000 // len(piece))
    redacted(body, one_line=one_line, known=(b"secretsecretsecret",))
