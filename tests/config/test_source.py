"""The configuration with its keys file, read as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.keyfile import change_keys
from sluiceway.config.load import ConfigError
from sluiceway.config.source import Source
from sluiceway.config.stored_keys import add

UPSTREAM = '[[upstreams]]\nname = "a"\nbase_url = "http://127.0.0.1:1/v1"\n'


class Place:
    """A folder with a configuration file in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "sluiceway.toml"
        self.write()

    def write(self, server: str = "") -> None:
        self.file.write_text(f"[server]\n{server}\n{UPSTREAM}")

    def replace(self, server: str) -> None:
        other = self.folder / ".sluiceway.toml.swp"
        other.write_text(f"[server]\n{server}\n{UPSTREAM}")
        other.replace(self.file)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_source_reads_the_file_the_options_and_the_keys_file(place: Place) -> None:
    place.write("port = 1\ndrain_s = 2")
    source = Source(place.file, {"port": 3})
    assert source.load().stored is None
    change_keys(
        place.folder / "sluiceway-keys.json",
        lambda keys: add(keys, KeySettings(name="ann", sha256="ab" * 32), 1.0),
    )
    loaded = source.load()
    assert (loaded.settings.server.port, loaded.settings.server.drain_s) == (3, 2.0)
    assert loaded.stored is not None
    assert [key.settings.name for key in loaded.stored] == ["ann"]
    assert source.files == (place.file, place.folder / "sluiceway-keys.json")


def test_a_source_notices_what_has_changed_since_it_read(place: Place) -> None:
    source = Source(place.file)
    source.load()
    assert not source.has_changed()
    place.replace("drain_s = 1")
    assert source.has_changed()
    source.load()
    assert not source.has_changed()
    (place.folder / "sluiceway-keys.json").write_text('{"version": 1, "keys": []}')
    assert source.has_changed()
    source.load()
    (place.folder / "something-else").write_text("")
    assert not source.has_changed()


def test_a_file_that_can_not_be_used_is_not_read_twice(place: Place) -> None:
    source = Source(place.file)
    source.load()
    place.file.write_text("[server\n")
    with pytest.raises(ConfigError):
        source.load()
    assert not source.has_changed()


def test_without_a_file_there_is_still_the_keys_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    source = Source(None)
    assert [upstream.name for upstream in source.load().settings.upstreams] == ["openai"]
    assert source.files == (place.folder / "sluiceway-keys.json",)


def test_a_keys_file_that_goes_away_is_a_mistake_and_one_that_is_no_longer_named_is_not(place: Place) -> None:
    """Without any key, a gateway lets everybody in."""
    keys = place.folder / "sluiceway-keys.json"
    keys.write_text('{"version": 1, "keys": []}')
    source = Source(place.file)
    assert source.load().stored == ()
    keys.unlink()
    for _ in range(2):
        with pytest.raises(ConfigError, match="gone"):
            source.load()
    place.write('keys_file = ""')
    assert source.load().stored is None
