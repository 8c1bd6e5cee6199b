"""Repairs: what each rule mends, and that nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.dialects.repair import REPAIRS, Repairer, drop_fields, parse_path, restore_model
from sluiceway.wire.sse import encode_event, parse_events


def chunk(**changes: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": "a"}, "finish_reason": None}
    return {"id": "c", "object": "chat.completion.chunk", "model": "up", "choices": [choice]} | changes


def event(document: Any) -> bytes:
    return encode_event(json.dumps(document).encode())


def mended(block: bytes, *names: str) -> Any:
    found = Repairer(REPAIRS[name] for name in names).block(block)
    return json.loads(parse_events(found)[0].data or b"")


def test_an_event_that_no_rule_changes_stays_the_same_bytes() -> None:
    odd = b'data:{"object" : "chat.completion.chunk", "choices":[ {"index":0,"delta":{}} ]}\r\n\r\n'
    repairer = Repairer([*REPAIRS.values(), drop_fields([("cost",)])])
    assert repairer.block(odd) == odd
    plain = event({"type": "x"})
    assert repairer.block(plain) is plain


def test_null_roles_go_and_empty_finish_reasons_become_null() -> None:
    choice = {"index": 0, "delta": {"role": None, "content": "a"}, "finish_reason": ""}
    assert mended(event(chunk(choices=[choice])), "nulls") == chunk()
    spaced = b'data: {"choices": [{"delta": {"role" :  null}, "finish_reason" : ""}]}\n\n'
    assert mended(spaced, "nulls") == {"choices": [{"delta": {}, "finish_reason": None}]}


def test_a_text_that_only_looks_like_a_null_role_is_left_alone() -> None:
    block = event(chunk(choices=[{"index": 0, "delta": {"content": '"role":null'}, "finish_reason": None}]))
    assert Repairer([REPAIRS["nulls"]]).block(block) == block


def test_missing_choices_and_indexes_are_supplied() -> None:
    usage = {"object": "chat.completion.chunk", "usage": {"prompt_tokens": 1}}
    assert mended(event(usage), "choices") == usage | {"choices": []}
    two = {"choices": [{"delta": {"tool_calls": [{"id": "t"}]}}, {"delta": {}}]}
    assert mended(event(two), "choices") == {
        "choices": [
            {"delta": {"tool_calls": [{"id": "t", "index": 0}]}, "index": 0},
            {"delta": {}, "index": 1},
        ]
    }


def test_an_error_frame_gets_no_choices() -> None:
    block = event({"object": "chat.completion.chunk", "error": {"message": "no"}})
    assert Repairer([REPAIRS["choices"]]).block(block) == block


def test_obfuscation_goes_at_the_top_only() -> None:
    delta = {"type": "response.output_text.delta", "delta": "obfuscation", "obfuscation": "xyz"}
    assert mended(event(delta), "obfuscation") == {
        "type": "response.output_text.delta",
        "delta": "obfuscation",
    }


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"model": "up", "choices": []}, {"model": "mine", "choices": []}),
        ({"message": {"model": "up"}}, {"message": {"model": "mine"}}),
        ({"response": {"model": "up", "tools": []}}, {"response": {"model": "mine", "tools": []}}),
        ({"model": None, "message": "model"}, {"model": None, "message": "model"}),
    ],
)
def test_the_models_name_is_given_back_as_it_was_asked_for(document: Any, expected: Any) -> None:
    body = json.dumps(document).encode()
    assert json.loads(Repairer([restore_model("mine")]).json(body)) == expected


def test_fields_are_dropped_by_path() -> None:
    rule = drop_fields(map(parse_path, ("provider", "usage.cost", "choices[].delta.x", "a[].b[].c")))
    document = {
        "provider": "p",
        "usage": {"cost": 1, "total_tokens": 2},
        "choices": [{"delta": {"x": 1, "y": 2}}, {"delta": None}, 5],
        "a": [{"b": [{"c": 1}, {"d": 1}]}],
        "cost": 3,
    }
    assert json.loads(Repairer([rule]).json(json.dumps(document).encode())) == {
        "usage": {"total_tokens": 2},
        "choices": [{"delta": {"y": 2}}, {"delta": None}, 5],
        "a": [{"b": [{}, {"d": 1}]}],
        "cost": 3,
    }


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", "a[]", "[]", "a[0].b", "a]b"])
def test_a_path_that_makes_no_sense_is_refused_with_itself_in_the_message(text: str) -> None:
    with pytest.raises(ValueError, match=r"path|must end"):
        parse_path(text)


def test_everything_but_data_survives_in_an_event_that_changes() -> None:
    block = (
        b': note\r\nid: 7\r\nevent: x\r\ndata: {"obfuscation":\r\ndata: "a", "b":1}\r\nretry: 5\r\n\r\n'
        b'data: {"c":2}\r\n\r\n'
    )
    assert Repairer([REPAIRS["obfuscation"]]).block(block) == (
        b': note\r\nid: 7\r\nevent: x\r\ndata: {"b":1}\r\nretry: 5\r\n\r\ndata: {"c":2}\r\n\r\n'
    )


@pytest.mark.parametrize(
    "data", [b"[DONE]", b'{"obfuscation":', b'["obfuscation"]', b'"obfuscation"', b"\xff"]
)
def test_what_is_no_json_object_passes(data: bytes) -> None:
    repairer = Repairer([*REPAIRS.values(), restore_model("m")])
    block = encode_event(data)
    assert repairer.block(block) == block
    assert repairer.json(data) == data


@given(
    st.dictionaries(
        st.text(max_size=5), st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=5)
    )
)
def test_no_document_makes_a_rule_fail(document: Any) -> None:
    shapes = [document, {"choices": document}, {"choices": [document]}, {"choices": [{"delta": document}]}]
    repairer = Repairer(
        [*REPAIRS.values(), restore_model("m"), drop_fields([("choices", "[]", "delta", "a")])]
    )
    for shape in shapes:
        body = json.dumps(shape | {"object": "chat.completion.chunk", "obfuscation": "x"}).encode()
        once = repairer.json(body)
        assert repairer.json(once) == once
