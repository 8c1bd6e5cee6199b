"""Which upstreams may serve a model, in which order, and what they call it.

The first rule whose name matches decides, even if its upstreams turn out not to speak the dialect: a rule
that is passed over would be a rule that nobody can reason about.
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import re
from collections.abc import Container, Iterable

import msgspec

from sluiceway.config.settings import OTHER, ModelRule, UpstreamSettings
from sluiceway.errors import UnknownModel

# Clients choose model names, so what is remembered about them is bounded in number and in length.
REMEMBERED_ROUTES = 1024
REMEMBERED_NAME_CHARS = 200
SHOWN_NAME_CHARS = 100


# What can be translated into one another, in the order in which an upstream that speaks several is preferred.
_TRANSLATABLE = ("chat", "responses", "messages")


def spoken(dialect: str, upstream_dialects: Container[str]) -> str | None:
    """The dialect in which that upstream is asked on behalf of a client of `dialect`; None if there is none."""
    if dialect in upstream_dialects:
        return dialect
    if dialect not in _TRANSLATABLE:
        return None
    return next((name for name in _TRANSLATABLE if name in upstream_dialects), None)


class Route(msgspec.Struct, frozen=True):
    """Where a request may go, in order of preference; never empty. `rewrite_to`: None keeps the name."""

    upstreams: tuple[UpstreamSettings, ...]
    rewrite_to: str | None = None


class Router:
    """Routes of one configuration. Pure, but for its memory of routes found before."""

    __slots__ = ("_known", "_remembered", "_rules", "_upstreams")

    def __init__(self, upstreams: Iterable[UpstreamSettings], models: Iterable[ModelRule]) -> None:
        self._upstreams = tuple(upstreams)
        by_name = {upstream.name: upstream for upstream in self._upstreams}
        self._rules = [
            (
                re.compile(fnmatch.translate(rule.name)),
                Route(tuple(by_name[name] for name in rule.upstreams), rule.rewrite_to or None),
            )
            for rule in models
        ]
        self._known = [rule.name for rule in models if not _is_glob(rule.name)]
        self._remembered = functools.lru_cache(maxsize=REMEMBERED_ROUTES)(self._decide)

    @property
    def remembered(self) -> int:
        """How many routes are remembered; at most `REMEMBERED_ROUTES`."""
        return self._remembered.cache_info().currsize

    def route(self, model: str | None, dialect: str | None) -> Route:
        """The route of a request.

        `model` None: it names none, so no rule applies. `dialect`: upstreams that speak it are left, and
        behind them those it can be translated for; None or `OTHER` for paths that are relayed as they
        are. Raises `UnknownModel`.
        """
        if model is not None and len(model) > REMEMBERED_NAME_CHARS:
            return self._decide(model, dialect)
        return self._remembered(model, dialect)

    def _decide(self, model: str | None, dialect: str | None) -> Route:
        route = self._matching(model)
        if dialect is None or dialect == OTHER:
            return route
        native = tuple(upstream for upstream in route.upstreams if dialect in upstream.dialects)
        others = (upstream for upstream in route.upstreams if dialect not in upstream.dialects)
        speaking = native + tuple(upstream for upstream in others if spoken(dialect, upstream.dialects))
        if not speaking:
            of = f" for model {_shown(model)}" if model is not None and self._rules else ""
            raise UnknownModel(f"no upstream{of} speaks the {dialect} API", param="model")
        return Route(speaking, route.rewrite_to)

    def _matching(self, model: str | None) -> Route:
        if model is None or not self._rules:
            return Route(self._upstreams)
        for pattern, route in self._rules:
            if pattern.match(model):
                return route
        near = difflib.get_close_matches(model[:SHOWN_NAME_CHARS], self._known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownModel(f"no rule for model {_shown(model)}{hint}", param="model")


def _is_glob(name: str) -> bool:
    return any(character in name for character in "*?[")


def _shown(model: str | None) -> str:
    """A client's model name, fit for a message: quoted, and not too long."""
    name = model or ""
    return repr(name if len(name) <= SHOWN_NAME_CHARS else name[:SHOWN_NAME_CHARS] + "…")
