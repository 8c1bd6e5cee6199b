"""The reference page, and the example: complete, and current."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from loaded_scripts import loaded

from sluiceway.config.explain import WIDTH, render
from sluiceway.config.fields import fields_of
from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.load import load, settings_from
from sluiceway.config.observe_settings import (
    AdminSettings,
    CaptureSettings,
    InspectorSettings,
    MetricsSettings,
    StoreSettings,
    TracingSettings,
)
from sluiceway.config.server_settings import FailoverSettings, QueueSettings, ServerSettings, StateSettings
from sluiceway.config.stream_settings import StreamSettings
from sluiceway.config.upstream_settings import HealthSettings, ModelRule, RoutingSettings, UpstreamSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "sluiceway.example.toml"
ENV = {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a"}
TABLES = [
    ServerSettings,
    StreamSettings,
    QueueSettings,
    RoutingSettings,
    FailoverSettings,
    HealthSettings,
    StateSettings,
    UpstreamSettings,
    ModelRule,
    PriceSettings,
    KeySettings,
]
SINGLE: dict[str, type[msgspec.Struct]] = {
    "server": ServerSettings,
    "queue": QueueSettings,
    "routing": RoutingSettings,
    "failover": FailoverSettings,
    "health": HealthSettings,
    "state": StateSettings,
    "store": StoreSettings,
    "capture": CaptureSettings,
    "inspector": InspectorSettings,
    "metrics": MetricsSettings,
    "tracing": TracingSettings,
    "admin": AdminSettings,
}
REPEATED: dict[str, type[msgspec.Struct]] = {
    "upstreams": UpstreamSettings,
    "models": ModelRule,
    "prices": PriceSettings,
}


@pytest.fixture
def gen_docs() -> ModuleType:
    return loaded("gen_docs")


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / "reference" / "configuration.md").read_text() == render(), "run: make docs"


def test_the_page_has_every_setting_with_type_default_and_meaning() -> None:
    page = " ".join(render().split())
    for table in TABLES:
        for field in fields_of(table).values():
            assert f"### `{field.name}` *" in page
            assert field.description in page
    assert "### `idle_s` *A number of seconds, 0 or more.* Default: `300.0`." in page
    assert "### `max_body_bytes` *A whole number of bytes, 0 or more.* Default: `67108864` (64 MiB)." in page
    assert '### `host` *A string.* Default: `"127.0.0.1"`.' in page
    assert "### `base_url` *A string.* Required." in page
    assert "### `port` *A whole number, 0 to 65535.* Default: `8787`." in page
    assert "*One of `abort`, `drain`, `keep`.*" in page


def test_the_page_names_the_defaults_of_images() -> None:
    assert "`commit_after_s = 0.0`, `idle_s = 900.0`" in " ".join(render().split())


def test_the_page_ends_in_one_newline_and_keeps_its_width() -> None:
    page = render()
    assert page.endswith(".\n")
    assert max(len(line) for line in page.splitlines()) <= WIDTH


def test_pages_are_checked_then_written_then_current(
    gen_docs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gen_docs.main(["--check"], tmp_path / "new") == 1
    assert "configuration.md is stale: run `make docs`" in capsys.readouterr().err
    assert gen_docs.main([], tmp_path / "new") == 0
    assert gen_docs.main(["--check"], tmp_path / "new") == 0
    assert (tmp_path / "new" / "configuration.md").read_text() == render()


def test_an_option_that_does_not_exist_is_refused(
    gen_docs: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gen_docs.main(["--chekc"], tmp_path) == 2
    assert "gen_docs.py [--check]" in capsys.readouterr().err


def test_the_page_has_words_for_a_choice_that_is_empty() -> None:
    assert "### `select` *One of an empty string, `order`, `weighted`," in " ".join(render().split())


def test_the_page_shows_tables_within_tables_as_empty() -> None:
    page = " ".join(render().split())
    assert "### `health` *A table.* Default: empty." in page
    assert "### `stream` *A table.* Default: empty." in page


def test_the_example_loads() -> None:
    settings = load(EXAMPLE, ENV)
    assert [upstream.name for upstream in settings.upstreams] == ["openai", "anthropic", "local"]
    assert settings.stream_for("images", settings.upstreams[2]).first_event_s == 1800.0
    assert [upstream.health.check_path for upstream in settings.upstreams] == ["", "", "/models"]
    assert settings.server.keys_file == str(ROOT / "sluiceway-keys.json")


def test_the_examples_comments_are_the_defaults() -> None:
    uncommented = re.sub(r"(?m)^#(?=[a-z_0-9]+ = )", "", EXAMPLE.read_text())
    shown = tomllib.loads(uncommented)
    assert settings_from(shown, ENV, folder=ROOT) == load(EXAMPLE, ENV)
    for name, struct in SINGLE.items():
        assert list(shown[name]) == list(struct.__struct_fields__)
    assert list(shown["stream"]) == [*StreamSettings.__struct_fields__, "images"]
    for name, struct in REPEATED.items():
        assert {key for table in shown[name] for key in table} == set(struct.__struct_fields__)


def test_the_examples_key_shows_every_setting_with_its_default() -> None:
    commented = EXAMPLE.read_text().partition("# [[keys]]")[2]
    shown = tomllib.loads("[[keys]]" + re.sub(r"(?m)^# ", "", commented))
    (key,) = settings_from({**shown, "keys": [{**shown["keys"][0], "sha256": "ab" * 32}]}, ENV).keys
    assert list(shown["keys"][0]) == list(KeySettings.__struct_fields__)
    assert key == KeySettings(name="alice", sha256="ab" * 32)
