"""Keys that `sluiceway keys` keeps in a file of their own: what an entry holds, and how the list may change.

Values only: `keyfile` reads and writes the file, `policy.keys` decides whom they let in. The file is JSON:

    {"version": 1, "keys": [{"name": "alice", "sha256": "…", "created": 1767225600.0, …}]}

An entry has the fields of `[[keys]]` that are not the default, and those of `StoredKey`. Moments are Unix
seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from sluiceway.config.key_settings import KeySettings, Moment, Previous, StoredKey, StoredKeys
from sluiceway.config.problems import BadValue, ConfigError, Problem, suggest
from sluiceway.config.reader import Reader
from sluiceway.config.tables import key as read_key
from sluiceway.config.values import sha256

__all__ = [
    "Previous", "StoredKey", "StoredKeys", "add", "decode", "encode", "not_default", "revoke", "rotate",
]  # fmt: skip

VERSION = 1

# ── changes ─────────────────────────────────────────────────────────────────────────────────────────


def add(keys: StoredKeys, new: KeySettings, now: float) -> StoredKeys:
    """With one more. Raises `BadValue` if the name is in use; that of a revoked key is free again."""
    if any(_is_called(key, new.name) for key in keys):
        raise BadValue(
            f'there is a key called "{new.name}" already',
            "choose another name, or give it a new key: sluiceway keys rotate NAME",
        )
    return (*keys, StoredKey(new, now))


def revoke(keys: StoredKeys, name: str, now: float) -> StoredKeys:
    """With that key, and what it replaced, of no use any more. Raises `BadValue` if there is none to revoke."""
    found = _find(keys, name)
    return _replaced(keys, found, msgspec.structs.replace(found, revoked=now))


def rotate(keys: StoredKeys, name: str, digest: str, now: float, grace_s: float) -> StoredKeys:
    """With another SHA-256 for that key; the one before works on for `grace_s`, one before that no longer.

    Raises `BadValue` if there is no such key.
    """
    found = _find(keys, name)
    settings = msgspec.structs.replace(found.settings, sha256=digest)
    previous = Previous(found.settings.sha256, now + grace_s) if grace_s > 0 else None
    return _replaced(keys, found, msgspec.structs.replace(found, settings=settings, previous=previous))


def _find(keys: StoredKeys, name: str) -> StoredKey:
    for key in keys:
        if _is_called(key, name):
            return key
    if any(key.settings.name == name for key in keys):
        raise BadValue(f'the key "{name}" was revoked already', "make a new one: sluiceway keys new NAME")
    known = [key.settings.name for key in keys if not key.revoked]
    raise BadValue(f'there is no key called "{name}"', suggest(name, known) if known else "")


def _is_called(key: StoredKey, name: str) -> bool:
    return (
        not key.revoked and key.settings.name.lower() == name.lower()
    )  # as for [[keys]], case is no difference


def _replaced(keys: StoredKeys, old: StoredKey, new: StoredKey) -> StoredKeys:
    return tuple(new if key is old else key for key in keys)


# ── the file's text ─────────────────────────────────────────────────────────────────────────────────


class _Marks(msgspec.Struct, frozen=True):
    created: Annotated[Moment, Meta(description="When the key was made, in Unix seconds.")]
    revoked: Moment = 0.0
    previous: Mapping[str, Any] = field(default_factory=dict)


def encode(keys: Iterable[StoredKey]) -> bytes:
    """What the file holds, for people to read, too."""
    document = {"version": VERSION, "keys": [_entry(key) for key in keys]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def decode(text: bytes, source: str, configured: Iterable[KeySettings] = ()) -> StoredKeys:
    """What `encode` made, or somebody by hand. `configured`: `[[keys]]`, whose names and keys these can't have.

    Raises `ConfigError` with all that is wrong; `source` is what it calls the file.
    """
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError([Problem("", f"is not valid JSON: {error}")], source) from None
    if not isinstance(document, dict):
        raise ConfigError([Problem("", "is not an object with version and keys")], source)
    reader = Reader({})
    top = reader.table(document, "", ("version", "keys"))
    if top.get("version") != VERSION:
        reader.problem("version", f"is not {VERSION}, the only one that is known here")
    read = [_stored(reader, raw, path) for path, raw in reader.tables(top.get("keys"), "keys")]
    keys = tuple(key for key in read if key is not None)
    if not reader.problems:
        _check_unique(reader, keys, configured)
    if reader.problems:
        raise ConfigError(reader.problems, source)
    return keys


def _entry(key: StoredKey) -> dict[str, Any]:
    entry: dict[str, Any] = not_default(key.settings)
    entry["created"] = key.created
    if key.revoked:
        entry["revoked"] = key.revoked
    if key.previous is not None:
        entry["previous"] = msgspec.structs.asdict(key.previous)
    return entry


def not_default(settings: KeySettings) -> dict[str, Any]:
    """The fields of a key that have to be written, in their order."""
    fields = msgspec.structs.fields(KeySettings)
    written = {info.name: getattr(settings, info.name) for info in fields}
    return {info.name: written[info.name] for info in fields if written[info.name] != info.default}


def _stored(reader: Reader, raw: object, path: str) -> StoredKey | None:
    before = len(reader.problems)
    own: dict[str, Any] = {}
    if isinstance(raw, dict):
        own = {name: raw[name] for name in _Marks.__struct_fields__ if name in raw}
        raw = {name: value for name, value in raw.items() if name not in own}
    settings = read_key(reader, raw, path)
    if settings is None:
        return None
    marks = reader.settings(_Marks, own, path)
    previous = None
    if "previous" in marks:
        where = f"{path}.previous"
        given = reader.settings(Previous, marks["previous"], where)
        reader.parse(given, "sha256", where, sha256)
        previous = Previous(**given) if len(reader.problems) == before else None
    if len(reader.problems) != before:
        return None
    return StoredKey(settings, marks["created"], marks.get("revoked", 0.0), previous)


def _check_unique(reader: Reader, keys: StoredKeys, configured: Iterable[KeySettings]) -> None:
    names: dict[str, str] = {}
    digests: dict[str, str] = {}
    for settings in configured:
        names[settings.name.lower()] = digests[settings.sha256] = "one in the configuration's [[keys]]"
    for index, key in enumerate(keys):
        path = f"keys[{index}]"
        told = [(digests, key.settings.sha256, "sha256")]
        if key.previous is not None:
            told.append((digests, key.previous.sha256, "previous.sha256"))
        if not key.revoked:
            told.append((names, key.settings.name.lower(), "name"))
        for seen, value, name in told:
            first = seen.setdefault(value, f"{path}.{name}")
            if first != f"{path}.{name}":
                reader.problem(f"{path}.{name}", f"is the same as {first}")
