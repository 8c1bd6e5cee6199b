"""The dialects that are translated into one another."""

from __future__ import annotations

from sluiceway.dialects.chat import CHAT
from sluiceway.dialects.messages import MESSAGES
from sluiceway.dialects.responses import RESPONSES
from sluiceway.translate.chat import CHAT_TRANSLATOR
from sluiceway.translate.crossing import Side
from sluiceway.translate.messages import MESSAGES_TRANSLATOR
from sluiceway.translate.responses import RESPONSES_TRANSLATOR

SIDES: dict[str, Side] = {
    side.dialect.name: side
    for side in (
        Side(CHAT, CHAT_TRANSLATOR),
        Side(RESPONSES, RESPONSES_TRANSLATOR),
        Side(MESSAGES, MESSAGES_TRANSLATOR),
    )
}
