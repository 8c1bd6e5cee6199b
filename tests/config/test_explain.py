"""The reference page, and the example: complete, and current."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from sluiceway.config.explain import WIDTH, render
from sluiceway.config.fields import fields_of
from sluiceway.config.load import load, settings_from
from sluiceway.config.settings import (
    KeySettings,
    ModelRule,
    ServerSettings,
    StreamSettings,
    UpstreamSettings,
)

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "sluiceway.example.toml"
ENV = {"OPENAI_API_KEY": "sk-o", "ANTHROPIC_API_KEY": "sk-a"}
TABLES = [ServerSettings, StreamSettings, UpstreamSettings, ModelRule, KeySettings]


@pytest.fixture
def gen_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_docs", ROOT / "scripts" / "gen_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_the_example_loads() -> None:
    settings = load(EXAMPLE, ENV)
    assert [upstream.name for upstream in settings.upstreams] == ["openai", "anthropic", "local"]
    assert settings.stream_for("images", settings.upstreams[2]).first_event_s == 1800.0


def test_the_examples_comments_are_the_defaults() -> None:
    uncommented = re.sub(r"(?m)^#(?=[a-z_0-9]+ = )", "", EXAMPLE.read_text())
    shown = tomllib.loads(uncommented)
    assert settings_from(shown, ENV) == load(EXAMPLE, ENV)
    assert list(shown["server"]) == list(ServerSettings.__struct_fields__)
    assert list(shown["stream"]) == [*StreamSettings.__struct_fields__, "images"]
    upstream_keys = {key for upstream in shown["upstreams"] for key in upstream}
    assert upstream_keys == set(UpstreamSettings.__struct_fields__)
    assert {key for rule in shown["models"] for key in rule} == set(ModelRule.__struct_fields__)
