"""The settings of the gateway's own keys: who may call, for what, how much; and what it costs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sluiceway.config.kinds import Amount, Count, DialectName, Name


class KeySettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[keys]]`: a client that may use the gateway. With none, and no `server.keys_file`, no key
    is needed."""

    name: Annotated[
        Name, Meta(description="Who holds the key; shown in logs and records. No two keys share a name.")
    ]
    sha256: Annotated[
        str,
        Meta(
            description="The SHA-256 of the key, in hexadecimal. The key itself is in no file: `sluiceway "
            "keys new NAME --print-only` makes one and prints it once, with the table to paste here."
        ),
    ]
    owner: Annotated[str, Meta(description="Who answers for it: a team, an address. Only shown.")] = ""
    expires: Annotated[
        str,
        Meta(
            description="When it stops working, as `2027-01-31` (its first moment, UTC) or "
            "`2027-01-31T12:00:00+01:00`. Empty: never."
        ),
    ] = ""
    models: Annotated[
        tuple[Name, ...],  # an empty one matches no model: a key that was meant to have all would have none
        Meta(description="Models it may ask for, names or globs, as clients write them. Empty: all."),
    ] = ()
    dialects: Annotated[
        tuple[DialectName, ...],
        Meta(
            description="APIs it may use. Empty: all, and the paths that belong to none, as `/v1/models` and "
            "`/v1/embeddings`."
        ),
    ] = ()
    allowed_ips: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks it may be used from, as `10.0.0.0/8`. Empty: anywhere. Behind "
            "a reverse proxy see `server.trusted_proxies`."
        ),
    ] = ()
    capture: Annotated[
        bool, Meta(description='Keep what it asks and is answered, where `capture.mode` is `"asked"`.')
    ] = False
    priority: Annotated[
        int,
        Meta(
            ge=1,
            le=100,
            description="Its share of the turns when requests wait: a key with 4 gets four for each of a key "
            "with 1. No key is ever left out.",
        ),
    ] = 1
    max_in_flight: Annotated[
        Count,
        Meta(description="The most requests it may have running at once; more wait. 0 is unlimited."),
    ] = 0
    requests_per_minute: Annotated[
        Count,
        Meta(
            description="A rate that may be used up at once and then grows back evenly; more is answered with "
            "429 and `retry-after`. 0 is unlimited."
        ),
    ] = 0
    tokens_per_minute: Annotated[
        Count,
        Meta(
            description="The same for tokens, input and output together, as the upstream counted them. They are "
            "known only afterwards: what is over counts against the next requests. 0 is unlimited."
        ),
    ] = 0
    tokens_per_day: Annotated[
        Count, Meta(description="A budget of tokens, from midnight to midnight UTC. 0 is unlimited.")
    ] = 0
    tokens_per_month: Annotated[
        Count, Meta(description="A budget of tokens for each calendar month, UTC. 0 is unlimited.")
    ] = 0
    cost_per_day: Annotated[
        Amount,
        Meta(
            description="A budget of money, in the currency of `[[prices]]`, from midnight to midnight UTC. "
            "Models without a price cost nothing. 0 is unlimited."
        ),
    ] = 0.0
    cost_per_month: Annotated[
        Amount, Meta(description="A budget of money for each calendar month, UTC. 0 is unlimited.")
    ] = 0.0


Moment = Annotated[float, Meta(ge=0)]


class Previous(msgspec.Struct, frozen=True):
    """The key that a rotation replaced: it works on until then."""

    sha256: str
    until: Moment


class StoredKey(msgspec.Struct, frozen=True):
    """One entry of the file. `revoked`: since when; 0 where it is not. A revoked one is kept, so that whoever
    still sends it is told so."""

    settings: KeySettings
    created: float
    revoked: float = 0.0
    previous: Previous | None = None


StoredKeys = tuple[StoredKey, ...]


class PriceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[[prices]]`: what a model costs, in any one currency. The first that matches counts; with none, money is
    not counted."""

    model: Annotated[
        Name,
        Meta(description="The model as the upstream calls it, a name or a glob."),
    ]
    upstream: Annotated[str, Meta(description="Only at this upstream. Empty: at all of them.")] = ""
    input: Annotated[Amount, Meta(description="For a million input tokens that were not cached.")] = 0.0
    cached_input: Annotated[
        Amount, Meta(description="For a million input tokens that were read from the provider's cache.")
    ] = 0.0
    output: Annotated[Amount, Meta(description="For a million output tokens, reasoning included.")] = 0.0
    request: Annotated[Amount, Meta(description="For a request, however long.")] = 0.0
