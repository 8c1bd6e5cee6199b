"""Crossings: what a relay gets from a dialect, and from one with repairs in front."""

from __future__ import annotations

import json

import pytest
from chat_streams import DONE, chunk, event, piece

from sluiceway.dialects.base import DialectRequest, Usage
from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.crossing import Crossing, Direct, Repaired
from sluiceway.dialects.repair import REPAIRS, Repairer, restore_model
from sluiceway.errors import UpstreamInvalid, UpstreamTruncated

COUNTED = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
ANSWER = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "model": "up",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
        "usage": COUNTED,
    }
).encode()
USAGE = Usage(input_tokens=1, output_tokens=2, total_tokens=3)


def direct(*, wants_usage: bool = False, hide_usage: bool = True) -> Direct:
    request = DialectRequest(body=b"{}", fields={}, model="mine", stream=True, wants_usage=wants_usage)
    return Direct(CHAT, request, hide_usage=hide_usage, max_bytes=1000)


def repaired() -> Repaired:
    return Repaired(direct(), Repairer([restore_model("mine"), *REPAIRS.values()]))


def test_a_direct_crossing_passes_on_all_that_it_can() -> None:
    crossing = direct()
    assert crossing.passes_unread
    assert crossing.passes_errors
    assert crossing.read_answer(ANSWER) == (ANSWER, USAGE)
    assert crossing.read_error(429, b'{"error": {"message": "slow"}}').message == "slow"


def test_usage_that_only_the_gateway_asked_for_is_hidden_from_streams() -> None:
    usage = event({"object": "chat.completion.chunk", "choices": [], "usage": COUNTED})
    assert direct().follow().feed(usage) == b""
    assert direct(hide_usage=False).follow().feed(usage) == usage
    assert b'"usage"' not in direct().explode(ANSWER)[0]
    assert b'"usage"' in direct(wants_usage=True).explode(ANSWER)[0]
    assert direct().explode(ANSWER)[1] == USAGE


def test_a_collector_keeps_to_the_limit() -> None:
    collector = direct().collect()
    collector.feed(chunk(piece("a", finish="stop")) + DONE)
    assert json.loads(collector.result())["choices"][0]["message"]["content"] == "a"


def test_repairs_come_before_everything_else() -> None:
    crossing = repaired()
    assert not crossing.passes_unread
    assert crossing.passes_errors
    follower = crossing.follow()
    out = follower.feed(
        chunk(piece("a", finish="")) + event({"object": "chat.completion.chunk", "usage": COUNTED})
    )
    assert b'"model":"mine"' in out
    assert b'"finish_reason":null' in out
    assert follower.usage == USAGE
    assert (follower.ended, follower.complete(), follower.error, follower.rest()) == (False, False, None, b"")
    assert follower.feed(b": only a comment\n\n") == b""
    assert not follower.progressed
    follower.feed(event({"error": {"message": "no"}}))
    assert follower.error is not None
    assert follower.feed(DONE) == DONE
    assert follower.ended
    assert b"It stopped." in follower.error_event(UpstreamTruncated("It stopped."))


def test_answers_are_mended_whichever_way_they_cross() -> None:
    crossing = repaired()
    whole, usage = crossing.read_answer(ANSWER)
    assert (json.loads(whole)["model"], usage) == ("mine", USAGE)
    assert b'"model":"mine"' in crossing.explode(ANSWER)[0]
    collector = crossing.collect()
    assert collector.feed(chunk(piece("a", finish="stop")))
    assert collector.feed(event({"object": "chat.completion.chunk", "usage": COUNTED}))
    collector.feed(DONE)
    assert collector.ended
    assert collector.usage == USAGE
    assert json.loads(collector.result())["model"] == "mine"
    assert crossing.read_error(500, b"").status == 500


@pytest.mark.parametrize("crossing", [direct(), repaired()], ids=["direct", "repaired"])
def test_what_is_no_answer_is_refused(crossing: Crossing) -> None:
    with pytest.raises(UpstreamInvalid):
        crossing.read_answer(b"[]")
    with pytest.raises(UpstreamInvalid):
        crossing.explode(b"<html>")
