"""Which streams can go on, the comment at the seam, and what a resumed crossing leaves to the one it wraps."""

from __future__ import annotations

import json
from typing import Any, get_args, get_type_hints

import pytest
from chat_streams import DONE, REQUEST, chunk, piece

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.dialects.base import HeartbeatForm, Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.crossing import Direct, Repaired
from sluiceway.dialects.repair import Repairer, restore_model
from sluiceway.dialects.resume import Resumed, continuation_comment, partial_answer, resumed_request
from sluiceway.dialects.resume_text import Partial, Prefill
from sluiceway.errors import UpstreamInvalid, UpstreamReported
from sluiceway.wire.sse import parse_events

HAVE = Partial(text="Hello", envelope={"id": "first"})


def resumed() -> Resumed:
    inner = Direct(CHAT, REQUEST, hide_usage=False, max_bytes=0)
    return Resumed("chat", Repaired(inner, Repairer([restore_model("mine")])), HAVE, "plain")


@pytest.mark.parametrize("dialect", ["responses", "images", "other"])
def test_only_chat_and_messages_go_on(dialect: str) -> None:
    assert partial_answer(dialect, [chunk(piece("Hello"))]) is None
    assert resumed_request(dialect, REQUEST, HAVE, "plain") is None


def test_every_way_of_the_settings_is_known() -> None:
    assert get_args(Prefill) == get_args(get_type_hints(UpstreamSettings)["prefill"])


@pytest.mark.parametrize(
    ("form", "comment"),
    [
        ("block", b": continued by backup\n\n"),
        ("line", b": continued by backup\n"),
        ("ping", b": continued by backup\n"),
        ("none", b""),
    ],
)
def test_the_seam_is_marked_in_the_form_that_the_client_can_stand(
    form: HeartbeatForm, comment: bytes
) -> None:
    assert continuation_comment("backup", form) == comment


def test_a_name_can_not_end_the_comment() -> None:
    comment = continuation_comment("ü\n\ndata: {}\r\0\u2028\ud83d", "block")
    assert comment == ": continued by ü??data: {}????\n\n".encode()
    (found,) = parse_events(comment)
    assert found.data is None


def test_the_crossing_inside_does_all_but_the_seam() -> None:
    crossing = resumed()
    assert not crossing.passes_unread
    assert crossing.passes_errors
    assert crossing.read_error(429, b'{"error": {"message": "slow"}}').message == "slow"
    choice = {"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}
    counted = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    answer: dict[str, Any] = {"id": "c", "model": "up", "choices": [choice], "usage": counted}
    body, usage = crossing.read_answer(json.dumps(answer).encode())
    assert json.loads(body) == answer | {"model": "mine"}
    assert usage == Usage(input_tokens=1, output_tokens=2, total_tokens=3)
    collector = crossing.collect()
    collector.feed(chunk(piece("a", finish="stop")) + DONE)
    assert json.loads(collector.result())["id"] == "c"
    with pytest.raises(UpstreamInvalid):
        crossing.explode(b"[]")
    with pytest.raises(UpstreamReported):
        crossing.explode(b'{"error": {"message": "no"}}')


def test_each_answer_has_a_seam_of_its_own() -> None:
    crossing = resumed()
    event = chunk(piece("a", role="assistant"))
    written = crossing.follow().feed(event)
    assert b'"id":"first"' in written
    assert crossing.follow().feed(event) == written


def test_an_event_nested_too_deeply_to_be_written_is_the_upstreams_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before Python 3.12, what was decoded may be too deep to be encoded further down the stack."""

    def too_deep(_: Any) -> bytes:
        raise RecursionError

    monkeypatch.setattr("sluiceway.dialects.resume_chat.write_json", too_deep)
    with pytest.raises(UpstreamInvalid, match="nested"):
        resumed().follow().feed(chunk(piece("a")))
