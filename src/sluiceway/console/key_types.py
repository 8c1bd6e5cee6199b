"""What is said of keys: the types of requests and answers. What a key may do is said by the fields of `[[keys]]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, get_type_hints

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.kinds import Name

DAY_S: Final = 86400.0

_NOT_LIMITS: Final = ("name", "sha256")
RULES: Final = {
    name: hint
    for name, hint in get_type_hints(KeySettings, include_extras=True).items()
    if name not in _NOT_LIMITS
}
_DEFAULTS: Final = {info.name: info.default for info in msgspec.structs.fields(KeySettings)}

# The fields of these are those of `[[keys]]`: a setting that is added there is here, too, with its description.
if TYPE_CHECKING:

    class KeyRules(msgspec.Struct):
        """What a key may do."""

    class KeyChanges(msgspec.Struct):
        """What is to be changed of it."""

    class NewKey(msgspec.Struct):
        """A key to be made."""

        name: str

else:
    KeyRules = msgspec.defstruct(
        "KeyRules",
        [(name, hint, _DEFAULTS[name]) for name, hint in RULES.items()],
        frozen=True,
        kw_only=True,
        module=__name__,
        namespace={"__doc__": "What a key may do; as under `[[keys]]`."},
    )
    KeyChanges = msgspec.defstruct(
        "KeyChanges",
        [(name, hint | UnsetType, UNSET) for name, hint in RULES.items()],
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        module=__name__,
        namespace={"__doc__": "What is to be changed of a key; the rest stays. As under `[[keys]]`."},
    )
    NewKey = msgspec.defstruct(
        "NewKey",
        [
            (
                "name",
                Annotated[
                    Name, Meta(max_length=200, description="Who will use it; shown in logs and records.")
                ],
            ),
            *((name, hint, _DEFAULTS[name]) for name, hint in RULES.items()),
        ],
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
        module=__name__,
        namespace={"__doc__": "A key to be made; but for its name, the fields of `[[keys]]`."},
    )


class KeyUse(msgspec.Struct, frozen=True):
    """What is used of the limits that are set."""

    requests: Annotated[float, Meta(description="Of `requests_per_minute`, now; it falls back evenly.")]
    tokens: Annotated[float, Meta(description="Of `tokens_per_minute`, now; it falls back evenly.")]
    tokens_today: Annotated[int, Meta(description="Since midnight UTC.")]
    tokens_this_month: Annotated[int, Meta(description="Since the first of the month, UTC.")]
    cost_today: Annotated[float, Meta(description="In the currency of `[[prices]]`.")]
    cost_this_month: Annotated[float, Meta(description="In the currency of `[[prices]]`.")]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a client. Moments are Unix seconds."""

    name: str
    state: Literal["active", "expired", "revoked"]
    kept_in: Annotated[
        Literal["keys file", "configuration"],
        Meta(description="What stands in the configuration file can only be changed there."),
    ]
    created: Annotated[float | None, Meta(description="Null for those of the configuration file.")] = None
    revoked: Annotated[float | None, Meta(description="Since when; null if it is not.")] = None
    previous_until: Annotated[
        float | None,
        Meta(description="The key that a rotation replaced works on until then; null: none does."),
    ] = None
    in_flight: Annotated[int, Meta(description="Requests of it that run or wait in this process.")] = 0
    use: Annotated[
        KeyUse | None, Meta(description="Null if it has no limits, or nobody knows what is used of them.")
    ] = None
    settings: KeyRules


class Keys(msgspec.Struct, frozen=True):
    """All keys."""

    keys: list[Key]
    required: Annotated[bool, Meta(description="Clients need one: there are some, or there is a keys file.")]


class KeyMade(msgspec.Struct, frozen=True):
    """A key that was made, or changed. `api_key` is shown this once."""

    key: Key
    in_force: Annotated[
        bool, Meta(description="The gateway goes by it already; if not, it was kept, and `problems` say why.")
    ]
    problems: Annotated[list[str], Meta(description="Why the configuration could not be read again.")]
    api_key: Annotated[
        str | None, Meta(description="The key itself, shown this once; null if it is the same.")
    ] = None
    first: Annotated[
        bool, Meta(description="It is the first key of all: from now on every client needs one.")
    ] = False


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a key is replaced."""

    grace_s: Annotated[
        float, Meta(ge=0, le=3.2e7, description="How long the old one works on, in seconds; 0: not at all.")
    ] = DAY_S
