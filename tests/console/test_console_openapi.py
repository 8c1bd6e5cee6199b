"""The description of the API is true: it is valid, and requests made from it meet nothing that it does not say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import schemathesis
from console_client import FakeReloader, console, database, record, run
from console_server import RunningConsole, running_console
from hypothesis import HealthCheck, Phase, given, settings

from sluiceway.config.observe_settings import InspectorSettings
from sluiceway.console.api import OPERATIONS
from sluiceway.console.openapi import document, failures
from sluiceway.observe.inspector import Inspector


def test_it_is_served_as_it_is_made() -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.get("/api/openapi.json")
            assert answer.body == msgspec.json.encode(document(OPERATIONS))
            assert answer.json["openapi"] == "3.1.0"

    run(scenario())


def test_every_operation_is_described() -> None:
    described = document(OPERATIONS)
    for operation in OPERATIONS:
        found = described["paths"][operation.path][operation.method.lower()]
        assert found["operationId"] == operation.name
        assert set(found["responses"]) == {str(operation.status), *map(str, failures(operation))}


def test_every_parameter_and_field_of_a_request_is_explained() -> None:
    described = document(OPERATIONS)
    for path in described["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                assert parameter["description"], (operation["operationId"], parameter["name"])
    schemas = described["components"]["schemas"]
    for operation in OPERATIONS:
        for name, field in schemas.get(operation.body.__name__, {}).get("properties", {}).items():
            assert field.get("description"), (operation.name, name)


def test_every_reference_leads_somewhere() -> None:
    described = document(OPERATIONS)

    def check(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                assert value["$ref"].rpartition("/")[2] in described["components"]["schemas"]
            for one in value.values():
                check(one)
        elif isinstance(value, list):
            for one in value:
                check(one)

    check(described)


# ── requests made from it ───────────────────────────────────────────────────────────────────────────

BOUNDED: Any = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)
CHECKS = (
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
    schemathesis.checks.negative_data_rejection,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """With everything that can be asked for, and streams that end at once."""
    folder = tmp_path_factory.mktemp("console")
    inspector, reloader = Inspector(InspectorSettings()), FakeReloader(at_once=True)
    config = {
        "upstreams": [{"name": "one", "base_url": "http://127.0.0.1:9/v1"}],
        "server": {"keys_file": str(folder / "keys.json")},
        "admin": {"live_s": 0.01},
    }
    with (
        database(folder, [record(number) for number in range(3)]) as store,
        running_console(config, store=store, inspector=inspector, reloader=reloader) as running,
    ):
        running.deps.gateway.draining = True  # so that live views end at once
        yield running


def name_of(operation: Any) -> str:
    return str(operation.definition.raw["operationId"])


def operations() -> list[Any]:
    read: Any = schemathesis.openapi.from_dict(document(OPERATIONS))
    return [one.ok() for one in read.get_all_operations()]


def ask(server: RunningConsole, operation: Any, mode: schemathesis.GenerationMode) -> None:
    """Requests of that operation, made from its description; checked against it."""

    def once(case: Any) -> None:
        response = case.call(base_url=server.url, timeout=10)
        case.validate_response(response, checks=CHECKS)

    with_cases: Any = given(operation.as_strategy(generation_mode=mode))
    BOUNDED(with_cases(once))()


@pytest.mark.parametrize("operation", operations(), ids=name_of)
def test_what_is_asked_as_described_is_answered_as_described(server: RunningConsole, operation: Any) -> None:
    ask(server, operation, schemathesis.GenerationMode.POSITIVE)


@pytest.mark.parametrize("operation", [one for one in operations() if one.query or one.body], ids=name_of)
def test_what_is_asked_otherwise_is_refused_as_described(server: RunningConsole, operation: Any) -> None:
    ask(server, operation, schemathesis.GenerationMode.NEGATIVE)
