"""Fuzz all that reads a client's request: JSON bodies, multipart forms, and their translation.

    python fuzz/fuzz_requests.py -max_total_time=60

Nothing that a client sends may raise anything but `InvalidRequest`; a form that is passed on unchanged stays the
bytes that it was.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import atheris  # type: ignore[import-untyped]

with atheris.instrument_imports():
    import logging

    import msgspec

    from sluiceway.dialects.images import IMAGE_EDITS
    from sluiceway.dialects.table import DIALECT_PATHS
    from sluiceway.errors import InvalidRequest
    from sluiceway.translate.crossing import translate
    from sluiceway.translate.table import SIDES


def words_of(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


NAMES = words_of(
    "model messages input role content type text image_url url file file_data tool_calls id function name "
    "arguments tool_call_id tools parameters tool_choice stop stop_sequences max_tokens temperature response_format "
    "json_schema schema reasoning effort thinking budget_tokens system source media_type data instructions output "
    "call_id summary stream stream_options n partial_images metadata user_id"
)
WORDS = words_of(
    "user assistant system tool text image_url input_text message function function_call function_call_output "
    "tool_use tool_result image base64 json_schema enabled auto none required any m data:image/png;base64,aGk="
)
PIECES = [
    b"--x", b"\r\n", b"--", b'content-disposition: form-data; name="', b"model", b"stream", b"n", b'"', b"\r\n\r\n",
    b'; filename="a.png"', b"true", b"2", b"m", b"\x89PNG", b"x", b":", b"content-type: image/png",
]  # fmt: skip


def value_of(source: Any, depth: int) -> Any:
    """A JSON value in the words of these APIs."""
    kind = source.ConsumeIntInRange(0, 9)
    if depth == 0 or kind < 4:
        simple = [None, True, False, source.ConsumeIntInRange(-1, 5000), 0.5, "", "{}", *WORDS]
        return simple[source.ConsumeIntInRange(0, len(simple) - 1)]
    if kind < 7:
        return [value_of(source, depth - 1) for _ in range(source.ConsumeIntInRange(0, 3))]
    names = [
        NAMES[source.ConsumeIntInRange(0, len(NAMES) - 1)] for _ in range(source.ConsumeIntInRange(0, 5))
    ]
    return {name: value_of(source, depth - 1) for name in names}


def check(data: bytes) -> None:
    """One input."""
    source = atheris.FuzzedDataProvider(data)
    if source.ConsumeBool():
        check_form(source)
        return
    fields = value_of(source, 6)
    if isinstance(fields, dict):
        fields |= {"model": "m", "messages": value_of(source, 5)}
    body = msgspec.json.encode(fields)
    sides = list(SIDES.values())
    client = sides[source.ConsumeIntInRange(0, len(sides) - 1)]
    upstream = sides[source.ConsumeIntInRange(0, len(sides) - 1)]
    for dialect in DIALECT_PATHS.values():
        with contextlib.suppress(InvalidRequest):
            dialect.read_request(body)
    with contextlib.suppress(InvalidRequest):
        request = client.dialect.read_request(body)
        translated = translate(
            request,
            client=client,
            upstream=upstream,
            model="theirs",
            force_stream=source.ConsumeBool(),
            ask_usage=True,
            drop_lost=source.ConsumeBool(),
            max_bytes=0,
        )
        upstream.dialect.read_request(translated.body)


def check_form(source: Any) -> None:
    """A body in the words of forms."""
    body = b"".join(PIECES[byte % len(PIECES)] for byte in source.ConsumeBytes(source.remaining_bytes()))
    with contextlib.suppress(InvalidRequest):
        request = IMAGE_EDITS.read_request(body, b"multipart/form-data; boundary=x")
        unchanged = IMAGE_EDITS.write_request(request, model=None, force_stream=False, ask_usage=False)
        assert unchanged == body, "a form that nothing changes has changed"
        forced = IMAGE_EDITS.write_request(request, model="theirs", force_stream=True, ask_usage=False)
        again = IMAGE_EDITS.read_request(forced, b"multipart/form-data; boundary=x")
        assert (again.model, again.stream) == ("theirs", True), "a form that was changed reads differently"


if __name__ == "__main__":
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
