"""The responses translator: OpenAI's Responses API, to and from the neutral form."""

from __future__ import annotations

from typing import Any

from sluiceway.translate.neutral import Answer, Conversation, Translator
from sluiceway.translate.responses_answer import read_answer, write_answer
from sluiceway.translate.responses_request import read_request, write_request
from sluiceway.translate.responses_stream import StreamReader
from sluiceway.translate.responses_stream_write import StreamWriter


class ResponsesTranslator:
    """See `neutral.Translator`. Holds no state."""

    __slots__ = ()
    name: str = "responses"
    path: str = "/responses"

    def read_request(self, fields: dict[str, Any]) -> Conversation:
        """See `neutral.Translator` and `responses_request`."""
        return read_request(fields)

    def write_request(self, conversation: Conversation) -> dict[str, Any]:
        """See `neutral.Translator` and `responses_request`."""
        return write_request(conversation)

    def read_answer(self, answer: dict[str, Any]) -> Answer:
        """See `neutral.Translator` and `responses_answer`."""
        return read_answer(answer)

    def write_answer(self, answer: Answer) -> dict[str, Any]:
        """See `neutral.Translator` and `responses_answer`."""
        return write_answer(answer)

    def read_stream(self) -> StreamReader:
        """See `neutral.Translator` and `responses_stream`."""
        return StreamReader()

    def write_stream(self, *, include_usage: bool) -> StreamWriter:
        """See `neutral.Translator` and `responses_stream_write`. Usage is always part of this stream."""
        return StreamWriter()


RESPONSES_TRANSLATOR: Translator = ResponsesTranslator()
