"""The chat API, to and from the neutral form."""

from __future__ import annotations

from typing import Any

from sluiceway.translate import chat_answer, chat_request
from sluiceway.translate.chat_stream import StreamReader, StreamWriter
from sluiceway.translate.neutral import Answer, Conversation, Translator


class ChatTranslator:
    """See `neutral.Translator`. Holds no state."""

    __slots__ = ()
    name: str = "chat"
    path: str = "/chat/completions"

    def read_request(self, fields: dict[str, Any]) -> Conversation:
        """See `chat_request`."""
        return chat_request.read_request(fields)

    def write_request(self, conversation: Conversation) -> dict[str, Any]:
        """See `chat_request`."""
        return chat_request.write_request(conversation)

    def read_answer(self, answer: dict[str, Any]) -> Answer:
        """See `chat_answer`."""
        return chat_answer.read_answer(answer)

    def write_answer(self, answer: Answer) -> dict[str, Any]:
        """See `chat_answer`."""
        return chat_answer.write_answer(answer)

    def read_stream(self) -> StreamReader:
        """See `chat_stream`."""
        return StreamReader()

    def write_stream(self, *, include_usage: bool) -> StreamWriter:
        """See `chat_stream`."""
        return StreamWriter(include_usage=include_usage)


CHAT_TRANSLATOR: Translator = ChatTranslator()
