"""The chat API, to and from the neutral form."""

from __future__ import annotations

from typing import Final

from sluiceway.translate.chat_answer import read_answer, write_answer
from sluiceway.translate.chat_request import read_request, write_request
from sluiceway.translate.chat_stream import StreamReader, StreamWriter
from sluiceway.translate.neutral import Translator

CHAT_TRANSLATOR: Final = Translator(
    name="chat",
    path="/chat/completions",
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    read_stream=StreamReader,
    writer=lambda include_usage: StreamWriter(include_usage=include_usage),
)
