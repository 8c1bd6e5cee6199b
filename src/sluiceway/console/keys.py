"""The keys of the gateway's clients: listed, made, changed, revoked, rotated.

They are kept in the keys file, as by `sluiceway keys`; what stands under `[[keys]]` in the configuration file is its
author's to change. A key itself is in one answer, and in no file; its hash is in no answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from sluiceway.config.key_settings import KeySettings, StoredKey, StoredKeys
from sluiceway.config.keyfile import change_keys, load_keys
from sluiceway.config.problems import ConfigError
from sluiceway.config.reader import Reader
from sluiceway.config.stored_keys import add, not_default, revoke, rotate
from sluiceway.config.tables import key as read_key
from sluiceway.console.deps import Deps
from sluiceway.console.key_states import told
from sluiceway.console.key_types import KeyChanges, KeyMade, Keys, NewKey, Rotation
from sluiceway.console.operation import Call, Nothing, Operation, failing
from sluiceway.console.reloading import reload_now
from sluiceway.policy.keys import new_key

# ── operations ──────────────────────────────────────────────────────────────────────────────────────


async def list_keys(call: Call[Nothing, Nothing]) -> Keys:
    """Those of the keys file, then those of the configuration file."""
    deps = call.deps
    settings = deps.settings()
    stored = await _off_loop(lambda: load_keys(settings.server.keys_file))
    keys = await told(deps, stored or (), settings.keys)
    return Keys(keys, required=deps.gateway.runtime.authenticator.required)


async def create_key(call: Call[Nothing, NewKey]) -> KeyMade:
    """A new one."""
    plain, digest = new_key()
    settings = _checked({**_given(call.body), "sha256": digest})
    deps, name = call.deps, settings.name
    _refuse_configured(deps, name)

    def change(keys: StoredKeys) -> StoredKeys:
        if _find(keys, name) is not None:
            raise failing(409, f'there is a key called "{name}" already', param="name")
        return add(keys, settings, _now())

    was_open = not deps.gateway.runtime.authenticator.required
    made = await _change(deps, name, change)
    return msgspec.structs.replace(made, api_key=plain, first=was_open)


async def change_key(call: Call[Nothing, KeyChanges]) -> KeyMade:
    """Other limits for it."""
    changes = _given(call.body)

    def change(keys: StoredKeys, found: StoredKey) -> StoredKeys:
        settings = _checked({**not_default(found.settings), **changes})
        new = msgspec.structs.replace(found, settings=settings)
        return tuple(new if key is found else key for key in keys)

    return await _change_one(call, change)


async def revoke_key(call: Call[Nothing, Nothing]) -> KeyMade:
    """Of no use any more."""
    return await _change_one(call, lambda keys, found: revoke(keys, found.settings.name, _now()))


async def rotate_key(call: Call[Nothing, Rotation]) -> KeyMade:
    """Another key, same name and limits."""
    plain, digest = new_key()
    grace_s = call.body.grace_s
    made = await _change_one(
        call, lambda keys, found: rotate(keys, found.settings.name, digest, _now(), grace_s)
    )
    return msgspec.structs.replace(made, api_key=plain)


# ── changing ────────────────────────────────────────────────────────────────────────────────────────


async def _change_one(
    call: Call[Nothing, Any], change: Callable[[StoredKeys, StoredKey], StoredKeys]
) -> KeyMade:
    """Change the key that the path names."""
    name = call.path["name"]
    _refuse_configured(call.deps, name)

    def changed(keys: StoredKeys) -> StoredKeys:
        found = _find(keys, name)
        if found is not None:
            return change(keys, found)
        if any(key.settings.name == name for key in keys):
            raise failing(409, f'the key "{name[:200]}" was revoked', param="name")
        raise failing(404, f'there is no key called "{name[:200]}"', param="name")

    return await _change(call.deps, name, changed)


async def _change(deps: Deps, name: str, change: Callable[[StoredKeys], StoredKeys]) -> KeyMade:
    """Change the keys file, and have it read again."""
    place = deps.gateway.runtime.settings.server.keys_file
    if not place:
        raise failing(409, "there is no place for keys: server.keys_file is empty")
    kept: list[StoredKeys] = []

    def noted(keys: StoredKeys) -> StoredKeys:
        kept.append(change(keys))
        return kept[0]

    await _off_loop(lambda: change_keys(place, noted))
    found = next(key for key in reversed(kept[0]) if key.settings.name.lower() == name.lower())
    result = await reload_now(deps, "keys were changed by an administrator")
    problems = (
        list(result.problems)
        if result is not None
        else [
            "the gateway does not read the keys file again, or takes too long to; its log will say how it went"
        ]
    )
    in_force = result is not None and result.ok
    (key,) = await told(deps, [found])
    return KeyMade(key, in_force, problems)


async def _off_loop(work: Callable[[], Any]) -> Any:
    """A file that can't be used is no fault of the request's, but it can be put right."""
    try:
        return await asyncio.to_thread(work)
    except ConfigError as error:
        raise failing(409, str(error)) from None


def _find(keys: StoredKeys, name: str) -> StoredKey | None:
    """The one of that name that is not revoked; as for `[[keys]]`, case is no difference."""
    return next(
        (key for key in keys if not key.revoked and key.settings.name.lower() == name.lower()),
        None,
    )


def _refuse_configured(deps: Deps, name: str) -> None:
    if any(key.name.lower() == name.lower() for key in deps.gateway.runtime.settings.keys):
        message = f'the key "{name}" is in the configuration file, and can only be changed there'
        raise failing(409, message, param="name")


def _given(body: msgspec.Struct) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}


def _checked(given: dict[str, Any]) -> KeySettings:
    """The settings of a key, checked as those of the configuration are."""
    for name, value in given.items():
        for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
            if not text.isprintable():  # it would break lines of logs
                raise failing(
                    400, f"body.{name}: holds line breaks or other characters that can't be shown", param=name
                )
    reader = Reader({})
    settings = read_key(reader, given, "")
    if settings is None:
        first = reader.problems[0]
        raise failing(400, f"body.{first}", param=first.path)
    return settings


def _now() -> float:
    """Unix seconds, whole ones: people read the file, too."""
    return float(int(time.time()))


_ONE: Final = {
    404: "there is no such key",
    409: "it was revoked, stands in the configuration file, or the keys file can't be written",
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/keys",
        name="listKeys",
        summary="All keys, with their limits and what is used of them. No key can be shown again.",
        handler=list_keys,
        answer=Keys,
        fails={409: "the keys file can't be read"},
    ),
    Operation(
        method="POST",
        path="/api/keys",
        name="createKey",
        summary="Make a key. It is in this answer, and nowhere else.",
        handler=create_key,
        body=NewKey,
        answer=KeyMade,
        status=201,
        fails={409: "the name is in use, or the keys file can't be written"},
    ),
    Operation(
        method="PATCH",
        path="/api/keys/{name}",
        name="changeKey",
        summary="Change what a key may do.",
        handler=change_key,
        body=KeyChanges,
        answer=KeyMade,
        fails=_ONE,
    ),
    Operation(
        method="POST",
        path="/api/keys/{name}/revoke",
        name="revokeKey",
        summary="Make a key useless. Answers that are running go on.",
        handler=revoke_key,
        answer=KeyMade,
        fails=_ONE,
    ),
    Operation(
        method="POST",
        path="/api/keys/{name}/rotate",
        name="rotateKey",
        summary="Replace a key by a new one of the same name and limits; the old one works on for a while.",
        handler=rotate_key,
        body=Rotation,
        answer=KeyMade,
        fails=_ONE,
    ),
)
