"""OpenAI's Responses API, to and from the neutral form."""

from __future__ import annotations

from typing import Final

from sluiceway.translate.neutral import Translator
from sluiceway.translate.responses_answer import read_answer, write_answer
from sluiceway.translate.responses_request import read_request, write_request
from sluiceway.translate.responses_stream import StreamReader
from sluiceway.translate.responses_stream_write import StreamWriter

RESPONSES_TRANSLATOR: Final = Translator(
    name="responses",
    path="/responses",
    read_request=read_request,
    write_request=write_request,
    read_answer=read_answer,
    write_answer=write_answer,
    read_stream=StreamReader,
    writer=lambda _include_usage: StreamWriter(),  # usage is always part of this stream
)
