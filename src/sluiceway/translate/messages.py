"""The messages translator: Anthropic's `/v1/messages`, to and from the neutral form."""

from __future__ import annotations

from typing import Any, Final

from sluiceway.translate.messages_answer import read_answer, write_answer
from sluiceway.translate.messages_request import read_request, write_request
from sluiceway.translate.messages_stream import StreamReader, StreamWriter
from sluiceway.translate.neutral import Answer, Conversation, Translator


class MessagesTranslator:
    """See `neutral.Translator`. Holds no state."""

    __slots__ = ()
    name: str = "messages"
    path: str = "/messages"

    def read_request(self, fields: dict[str, Any]) -> Conversation:
        """See `messages_request`."""
        return read_request(fields)

    def write_request(self, conversation: Conversation) -> dict[str, Any]:
        """See `messages_request`."""
        return write_request(conversation)

    def read_answer(self, answer: dict[str, Any]) -> Answer:
        """See `messages_answer`."""
        return read_answer(answer)

    def write_answer(self, answer: Answer) -> dict[str, Any]:
        """See `messages_answer`."""
        return write_answer(answer)

    def read_stream(self) -> StreamReader:
        """See `messages_stream`."""
        return StreamReader()

    def write_stream(self, *, include_usage: bool) -> StreamWriter:
        """See `messages_stream`. Usage is always in a stream of this dialect."""
        return StreamWriter()


MESSAGES_TRANSLATOR: Final[Translator] = MessagesTranslator()
