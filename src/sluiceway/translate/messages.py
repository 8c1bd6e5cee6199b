"""Anthropic's Messages API, to and from the neutral form."""

from __future__ import annotations

from typing import Final

from sluiceway.translate.messages_answer import read_answer, write_answer
from sluiceway.translate.messages_request import read_request, write_request
from sluiceway.translate.messages_stream import StreamReader, StreamWriter
from sluiceway.translate.neutral import Translator

MESSAGES_TRANSLATOR: Final = Translator(
    name="messages",
    path="/messages",
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    read_stream=StreamReader,
    writer=lambda _include_usage: StreamWriter(),  # usage is always part of this stream
)
