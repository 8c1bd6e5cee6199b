"""What a configuration says that is valid and still hardly meant: for `sluiceway check`. Pure.

Nothing in here is an error: each could be on purpose, so a gateway starts with all of it.
"""

from __future__ import annotations

import fnmatch
from urllib.parse import urlsplit

from sluiceway.config.settings import Settings
from sluiceway.config.upstream_settings import ModelRule

_ENDPOINTS = (
    "/chat/completions",
    "/completions",
    "/responses",
    "/messages",
    "/images/generations",
    "/models",
)


def notes(settings: Settings) -> list[str]:
    """One line each, with the key path that it is about."""
    found: list[str] = []
    for number, upstream in enumerate(settings.upstreams):
        path = urlsplit(upstream.base_url).path.rstrip("/")
        where = f"upstreams[{number}]"
        if path.endswith(_ENDPOINTS):
            found.append(f"{where}.base_url: ends with an API's own path, which is appended to it once more")
        elif not path:
            found.append(f"{where}.base_url: has no path, and most providers' APIs are below /v1")
        if settings.models and not any(_leads_to(rule, upstream.name) for rule in settings.models):
            found.append(f"{where}: no rule under [[models]] leads to {upstream.name}")
    for number, rule in enumerate(settings.models):
        earlier = next((at for at in range(number) if _covers(settings.models[at].name, rule.name)), None)
        if earlier is not None:
            found.append(
                f"models[{number}]: {rule.name} never comes to it, "
                f"since models[{earlier}] ({settings.models[earlier].name}) matches first"
            )
        twice = sorted({name for name in rule.upstreams if rule.upstreams.count(name) > 1})
        found += [f"models[{number}].upstreams: {name} is named twice" for name in twice]
    return found


def _leads_to(rule: ModelRule, upstream: str) -> bool:
    return upstream in rule.upstreams or upstream in rule.continue_on


def _covers(earlier: str, later: str) -> bool:
    """Whether each model that the later name matches is matched by the earlier one, as far as that is easily said:
    a `?` or a set may match the later name's own wildcards as if they were letters."""
    if earlier == later:
        return True
    return not any(character in earlier for character in "?[") and fnmatch.fnmatchcase(later, earlier)
