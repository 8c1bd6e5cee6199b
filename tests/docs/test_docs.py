"""The documentation holds: its links lead somewhere, its examples work, its tables are those of the code."""

from __future__ import annotations

import itertools
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer.main

from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.kinds import DIALECT_NAMES
from sluiceway.config.load import settings_from
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
from sluiceway.observe.record import Record, Try
from sluiceway.translate import chat_request, messages_request, responses_request

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_SHOWN = re.compile(r'<img\b[^>]*?\bsrc="([^"]+)"')
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_ENVIRONMENT = re.compile(r'"env:(\w+)"')


class Block(msgspec.Struct, frozen=True):
    """One fenced example."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{named(self.page)}:{self.line}"


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """The page without its examples."""
    return _FENCE.sub("", text_of(page))


def all_blocks() -> Iterator[Block]:
    for page in PAGES:
        text = text_of(page)
        for match in _FENCE.finditer(text):
            yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])


def blocks(language: str) -> list[Block]:
    return [block for block in all_blocks() if block.language == language]


def relative_links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Text, file and anchor of each link that leads into the repository."""
    prose = prose_of(page)
    for text, target in [*_LINK.findall(prose), *(("picture", shown) for shown in _SHOWN.findall(prose))]:
        if "://" not in target and not target.startswith("mailto:"):
            path, _, anchor = target.partition("#")
            yield text, (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """What headings can be linked by, as GitHub makes it."""
    slugs = (re.sub(r"[^\w\- ]", "", heading.strip().lower()) for heading in _HEADING.findall(prose_of(page)))
    return {slug.replace(" ", "-") for slug in slugs}


def table(page: str, name: str) -> list[list[str]]:
    """The cells of a marked table, below its head."""
    marked = text_of(DOCS / page).split(f"<!-- {name} -->\n")[1].split(f"<!-- end of {name} -->")[0]
    rows = [line.strip("| ").split(" | ") for line in marked.strip().splitlines()]
    return rows[2:]


# ── links ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for text, target, anchor in relative_links(page):
        assert target.exists(), f"[{text}] leads to {target}"
        assert target.is_relative_to(ROOT), f"[{text}] leads out of the repository"
        assert not anchor or anchor in anchors(target), f"[{text}] leads to #{anchor} of {target}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_test_that_is_named_exists(page: Path) -> None:
    for text, target, _anchor in relative_links(page):
        if text.startswith("`test_"):
            assert f"def {text.strip('`')}(" in text_of(target), f"{text} is not in {target}"


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [DOCS / "index.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [target for _, target, _ in relative_links(page) if target.suffix == ".md"]
    assert set(DOCS.rglob("*.md")) - reached == set()


@pytest.mark.parametrize("page", sorted((DOCS / "design").glob("*.md")), ids=named)
def test_source_files_that_the_design_names_exist(page: Path) -> None:
    for token in _INLINE.findall(prose_of(page)):
        if re.fullmatch(r"[\w./]+\.py|[a-z_]+/", token):
            places = (ROOT, ROOT / "src" / "sluiceway")
            assert any((place / token).exists() for place in places), token


# ── examples ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_configuration_that_is_shown_is_one_that_loads(block: Block) -> None:
    secrets = dict.fromkeys(_ENVIRONMENT.findall(block.text), "sk-example")
    assert settings_from(tomllib.loads(block.text), secrets).upstreams


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_that_is_shown_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_that_is_shown_is_python(block: Block) -> None:
    compile(block.text, str(block), "exec")


def shell_of(block: Block) -> str:
    """The commands: all of a `sh` block; of a `console` block, the lines behind a prompt."""
    if block.language == "sh":
        return block.text
    lines, more = [], False
    for line in block.text.splitlines():
        if more or line.startswith("$ "):
            lines.append(line if more else line[2:])
            more = line.endswith("\\")
    return "\n".join(lines) + "\n"


SHELL = [*blocks("sh"), *blocks("console")]


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_shell_that_is_shown_is_shell(block: Block) -> None:
    done = subprocess.run(["sh", "-n"], input=shell_of(block), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", SHELL, ids=str)
def test_what_curl_sends_is_json(block: Block) -> None:
    words = shlex.split(shell_of(block), comments=True)
    for flag, body in itertools.pairwise(words):
        if flag == "-d":
            json.loads(body)


def commands() -> dict[str, set[str]]:
    """Every command of the command line with its options."""
    from sluiceway.cli import app

    def walk(command: Any, prefix: str) -> Iterator[tuple[str, set[str]]]:
        yield prefix, {option for parameter in command.params for option in parameter.opts} | {"--help"}
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, f"{prefix} {name}")

    return dict(walk(typer.main.get_command(app), "sluiceway"))


def test_the_start_shows_what_the_demo_prints() -> None:
    from sluiceway.cli import _CURL

    assert _CURL.format(address="127.0.0.1:8787") in text_of(DOCS / "start" / "first-answer.md")


def mentioned_commands() -> Iterator[tuple[str, list[str]]]:
    for block in SHELL:
        for line in shell_of(block).replace("\\\n", " ").splitlines():
            yield str(block), shlex.split(line, comments=True)
    for page in PAGES:
        for token in _INLINE.findall(prose_of(page)):
            if re.match(r"(sluiceway|make) \w|[A-Z_]+=\S+ sluiceway ", token):
                yield named(page), shlex.split(token)


def test_every_command_and_option_that_is_shown_exists() -> None:
    known = commands()
    seen = 0
    for where, words in mentioned_commands():
        words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
        if not words or words[0].rpartition("/")[2] != "sluiceway":
            continue
        seen += 1
        command = "sluiceway"
        for word in words[1:]:
            if word.startswith("-"):
                assert word.partition("=")[0] in known[command], f"{where}: {command} has no {word}"
            elif f"{command} {word}" in known:
                command += f" {word}"
            else:  # an argument, which `sluiceway` itself and groups of commands do not take
                assert not any(name.startswith(f"{command} ") for name in known) or word.isupper(), (
                    f"{where}: there is no {command} {word}"
                )
    assert seen


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for where, words in mentioned_commands():
        if words[:1] == ["make"]:
            assert {word for word in words[1:] if "=" not in word} <= targets, where


# ── what the pages say of the code ──────────────────────────────────────────────────────────────────

TABLES: Mapping[str, type[msgspec.Struct]] = {
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
    "prices": PriceSettings,
    "stream": StreamSettings,
    "upstreams": UpstreamSettings,
    "models": ModelRule,
    "keys": KeySettings,
}
SETTINGS = {name for struct in TABLES.values() for name in struct.__struct_fields__}


WITH_NAMES_OF_THEIR_OWN = {DOCS / "reference" / name for name in ("mock.md", "metrics.md", "api.md")}


def test_every_setting_that_is_mentioned_exists() -> None:
    for page in PAGES:
        for token in _INLINE.findall(prose_of(page)):
            if match := re.fullmatch(r"(\w+)\.(\w+)", token):
                if match[1] in TABLES and match[2] != "py":
                    assert match[2] in TABLES[match[1]].__struct_fields__, f"{named(page)}: {token}"
            elif match := re.fullmatch(r"(\w+) = .+", token):
                assert match[1] in SETTINGS, f"{named(page)}: {token}"
            elif re.fullmatch(r"[a-z_]+_(s|bytes)", token) and page not in WITH_NAMES_OF_THEIR_OWN:
                recorded = {*Record.__struct_fields__, *Try.__struct_fields__}
                assert token in SETTINGS | recorded, f"{named(page)}: {token}"
            elif match := re.fullmatch(r"\[+([a-z]{4,}(?:\.\w+)?)\]+", token):
                table_, _, dialect = match[1].partition(".")
                assert table_ in TABLES, f"{named(page)}: {token}"
                assert dialect in ("", "stream", "health", "DIALECT", *DIALECT_NAMES), (
                    f"{named(page)}: {token}"
                )


def test_the_fields_of_a_log_line_on_the_page_are_those_of_a_record() -> None:
    from_page = {
        name for cells in table("how-to/production.md", "fields") for name in _INLINE.findall(cells[0])
    }
    assert from_page == set(Record.__struct_fields__)


@pytest.mark.parametrize(
    ("dialect", "request_module"),
    [("chat", chat_request), ("responses", responses_request), ("messages", messages_request)],
)
def test_the_fields_that_translation_drops_are_those_on_the_page(dialect: str, request_module: Any) -> None:
    rows = {cells[0]: cells[1] for cells in table("reference/translation.md", "dropped")}
    assert set(request_module.DROPPED) <= set(_INLINE.findall(rows[dialect]))


def test_each_runtime_dependency_is_explained_and_no_other() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    required = {re.split(r"[\[><=!~; ]", line)[0] for line in project["dependencies"]}
    rows = re.findall(r"^\| `([\w-]+)` \|", text_of(DOCS / "design" / "dependencies.md"), re.MULTILINE)
    assert sorted(rows) == sorted(required)
    development = project["optional-dependencies"]
    page = text_of(DOCS / "design" / "dependencies.md")
    names = {re.split(r"[\[><=]", line)[0] for extra in development.values() for line in extra}
    assert {name for name in names if f"`{name}`" not in page} <= {"sluiceway"}
