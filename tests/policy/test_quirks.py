"""The form of a heartbeat, by client and stream."""

from __future__ import annotations

import pytest

from sluiceway.dialects.base import HeartbeatForm
from sluiceway.policy.quirks import heartbeat_form

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
    assert heartbeat_form("auto", headers, default="block", saw_id=False) == "line"


@pytest.mark.parametrize("headers", FINE)
def test_other_clients_get_the_dialects_own_form(headers: Headers) -> None:
    assert heartbeat_form("auto", headers, default="block", saw_id=False) == "block"


def test_a_stream_with_ids_gets_comments_without_a_blank_line() -> None:
    assert heartbeat_form("auto", [], default="block", saw_id=True) == "line"


@pytest.mark.parametrize("headers", [*OLD_GO, *FINE])
@pytest.mark.parametrize("saw_id", [False, True])
def test_pings_are_events_and_need_no_quirk(headers: Headers, saw_id: bool) -> None:
    assert heartbeat_form("auto", headers, default="ping", saw_id=saw_id) == "ping"


@pytest.mark.parametrize("setting", ["block", "line", "ping", "none"])
@pytest.mark.parametrize("default", ["block", "ping"])
def test_the_operators_word_beats_every_quirk(setting: str, default: HeartbeatForm) -> None:
    assert heartbeat_form(setting, OLD_GO[0], default=default, saw_id=True) == setting
