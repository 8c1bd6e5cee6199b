"""The form of a heartbeat, by client and stream."""

from __future__ import annotations

import pytest

from sluiceway.dialects.base import HeartbeatForm
from sluiceway.policy.quirks import QUIRKS, heartbeat_form

Headers = list[tuple[bytes, bytes]]

OLD_GO: list[Headers] = [
    [(b"user-agent", b"OpenAI/Go 3.42.1")],
    [(b"user-agent", b"OpenAI/Go 0.1.0-beta.10")],
    [(b"user-agent", b"my-app/1.0 OpenAI/Go 2.7.1")],
    [(b"user-agent", b"my-app/9"), (b"x-stainless-lang", b"go"), (b"x-stainless-package-version", b"3.41.0")],
    [(b"x-stainless-package-version", b"v1.12.0"), (b"x-stainless-lang", b"go")],
]
FINE: list[Headers] = [
    [],
    [(b"user-agent", b"OpenAI/Go 3.43.0")],
    [(b"user-agent", b"OpenAI/Go 10.0.0")],
    [(b"user-agent", b"OpenAI/Python 1.0.0")],
    [(b"x-stainless-lang", b"go"), (b"x-stainless-package-version", b"3.43.0")],
    [(b"x-stainless-lang", b"go")],
    [(b"x-stainless-lang", b"go"), (b"x-stainless-package-version", b"devel")],
    [(b"x-stainless-lang", b"python"), (b"x-stainless-package-version", b"1.0.0")],
    [(b"user-agent", b"OpenAI/Go three")],
    [(b"user-agent", b"\xff\xfe")],
]


@pytest.mark.parametrize("headers", OLD_GO)
def test_openai_go_before_3_43_gets_comments_without_a_blank_line(headers: Headers) -> None:
    assert heartbeat_form("auto", headers, dialect="chat", default="block", saw_id=False) == "line"


@pytest.mark.parametrize("headers", FINE)
def test_other_clients_get_the_dialects_own_form(headers: Headers) -> None:
    assert heartbeat_form("auto", headers, dialect="chat", default="block", saw_id=False) == "block"


def test_a_stream_with_ids_gets_comments_without_a_blank_line() -> None:
    assert heartbeat_form("auto", [], dialect="chat", default="block", saw_id=True) == "line"


@pytest.mark.parametrize("headers", [*OLD_GO, *FINE])
@pytest.mark.parametrize("saw_id", [False, True])
def test_pings_are_events_and_need_no_quirk(headers: Headers, saw_id: bool) -> None:
    assert heartbeat_form("auto", headers, dialect="chat", default="ping", saw_id=saw_id) == "ping"


@pytest.mark.parametrize("setting", ["block", "line", "ping", "none"])
@pytest.mark.parametrize("default", ["block", "ping"])
def test_the_operators_word_beats_every_quirk(setting: str, default: HeartbeatForm) -> None:
    assert heartbeat_form(setting, OLD_GO[0], dialect="chat", default=default, saw_id=True) == setting


CODEX: list[Headers] = [
    [(b"user-agent", b"codex_cli_rs/0.98.0 (Debian 12; x86_64) xterm")],
    [(b"user-agent", b"codex_exec/1.2.0")],
    [(b"originator", b"codex_vscode")],
]


@pytest.mark.parametrize("headers", CODEX)
@pytest.mark.parametrize("saw_id", [False, True])
def test_codex_gets_events_since_comments_do_not_reset_its_idle_timer(headers: Headers, saw_id: bool) -> None:
    assert heartbeat_form("auto", headers, dialect="responses", default="block", saw_id=saw_id) == "ping"
    assert heartbeat_form("auto", headers, dialect="chat", default="block", saw_id=False) == "block"


def test_a_client_that_only_mentions_codex_is_not_codex() -> None:
    headers = [(b"user-agent", b"my-codex 1.0")]
    assert heartbeat_form("auto", headers, dialect="responses", default="block", saw_id=False) == "block"


def test_each_row_names_its_issue() -> None:
    assert all(quirk.issue.startswith("https://github.com/") for quirk in QUIRKS)
