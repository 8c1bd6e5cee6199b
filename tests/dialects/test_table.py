"""Which path belongs to which dialect."""

from __future__ import annotations

import pytest

from sluiceway.dialects.table import DIALECT_PATHS, family_of


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/v1/chat/completions", "chat"),
        ("/v1/chat/completions/chatcmpl_1", "chat"),
        ("/v1/responses", "responses"),
        ("/v1/responses/resp_1/input_items", "responses"),
        ("/v1/messages", "messages"),
        ("/v1/messages/count_tokens", "messages"),
        ("/v1/messages/batches", "messages"),
        ("/v1/images/edits", "images"),
        ("/v1/images/unheard-of", "images"),
        ("/v1/models", None),
        ("/v1/messagesque", None),
        ("/v1/embeddings", None),
    ],
)
def test_a_path_belongs_to_the_api_that_it_is_below(path: str, family: str | None) -> None:
    assert family_of(path) == family


def test_every_dialect_says_its_own_name_on_its_path() -> None:
    assert {dialect.name for dialect in DIALECT_PATHS.values()} == {"chat", "responses", "messages", "images"}
