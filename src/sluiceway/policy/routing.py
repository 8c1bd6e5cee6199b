"""Which upstreams may serve a model, in which order, and what they call it.

The first rule whose name matches decides, even if its upstreams turn out not to speak the dialect: a rule
that is passed over would be a rule that nobody can reason about.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Container, Iterable, Mapping

import msgspec

from sluiceway.config.kinds import OTHER
from sluiceway.config.upstream_settings import ModelRule, RoutingSettings, SelectName, UpstreamSettings
from sluiceway.errors import UnknownModel
from sluiceway.policy.affinity import OFF, Affinity
from sluiceway.policy.selection import Candidate
from sluiceway.policy.upstream_state import UpstreamState

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


_DEFAULT = RoutingSettings()


class Route(msgspec.Struct, frozen=True, eq=False):
    """Where a request may go, in order of preference; never empty.

    `rewrite_to`: None keeps the name. `hedge_after_s`: 0 never. `continue_on`: who may take up an answer that
    broke. Two routes are the same only if they are one object, which makes it a name for what it leads to.
    """

    candidates: tuple[Candidate, ...]
    rewrite_to: str | None = None
    select: SelectName = "order"
    affinity: Affinity | None = None
    hedge_after_s: float = 0.0
    continue_on: tuple[Candidate, ...] = ()

    @property
    def upstreams(self) -> tuple[UpstreamSettings, ...]:
        """Their settings."""
        return tuple(candidate.settings for candidate in self.candidates)


class Router:
    """Routes of one configuration. Pure, but for its memory of routes found before."""

    __slots__ = ("__weakref__", "_known", "_remembered", "_routing", "_rules", "_states", "_upstreams")

    def __init__(
        self,
        upstreams: Iterable[UpstreamSettings],
        models: Iterable[ModelRule],
        state_of: Callable[[UpstreamSettings], UpstreamState],
        routing: RoutingSettings = _DEFAULT,
    ) -> None:
        """`state_of`: what is known of an upstream, which lives longer than its settings."""
        self._states = {upstream.name: state_of(upstream) for upstream in upstreams}
        self._upstreams = {upstream.name: upstream for upstream in upstreams}
        self._routing = routing
        self._rules = [(re.compile(fnmatch.translate(rule.name)), rule) for rule in models]
        self._known = [rule.name for rule in models if not _is_glob(rule.name)]
        # Not functools' cache: of a method it is a circle of references, and a configuration that was replaced would
        # stay in memory until the collector comes by, which it seldom does.
        self._remembered: dict[tuple[str | None, str | None], Route] = {}

    @property
    def remembered(self) -> int:
        """How many routes are remembered; at most `REMEMBERED_ROUTES`."""
        return len(self._remembered)

    def route(self, model: str | None, dialect: str | None) -> Route:
        """The route of a request.

        `model` None: it names none, so no rule applies. `dialect`: upstreams that speak it are left, and
        behind them those it can be translated for; None or `OTHER` for paths that are relayed as they
        are. Raises `UnknownModel`.
        """
        if model is not None and len(model) > REMEMBERED_NAME_CHARS:
            return self._decide(model, dialect)
        route = self._remembered.get((model, dialect))
        if route is None:
            route = self._decide(model, dialect)
            if len(self._remembered) >= REMEMBERED_ROUTES:
                del self._remembered[next(iter(self._remembered))]  # the oldest
            self._remembered[model, dialect] = route
        return route

    def _decide(self, model: str | None, dialect: str | None) -> Route:
        rule = self._matching(model)
        names = rule.upstreams if rule is not None else tuple(self._upstreams)
        candidates = self._candidates(names, rule, dialect)
        if not candidates:
            of = f" for model {_shown(model)}" if model is not None and self._rules else ""
            raise UnknownModel(f"no upstream{of} speaks the {dialect} API", param="model")
        if rule is None:
            # A path that names no model may be about things that exist at one upstream only: files, batches.
            stays = model is None and dialect in (None, OTHER)
            select: SelectName = "order" if stays else self._routing.select
            return Route(candidates, None, select, _affinity(self._routing.affinity))
        return Route(
            candidates,
            rule.rewrite_to or None,
            rule.select or self._routing.select,
            _affinity(rule.affinity or self._routing.affinity),
            rule.hedge_after_s,
            self._candidates(rule.continue_on, rule, dialect),
        )

    def _candidates(
        self, names: Iterable[str], rule: ModelRule | None, dialect: str | None
    ) -> tuple[Candidate, ...]:
        """Those that speak the dialect, and behind them those it can be translated for."""
        weights: Mapping[str, float] = rule.weights if rule is not None else {}
        found = []
        for name in names:
            settings = self._upstreams[name]
            native = dialect is None or dialect == OTHER or dialect in settings.dialects
            if native or (dialect is not None and spoken(dialect, settings.dialects)):
                weight = weights.get(name, settings.weight)
                found.append(Candidate(settings, self._states[name], weight, native))
        return tuple(sorted(found, key=lambda candidate: not candidate.native))

    def _matching(self, model: str | None) -> ModelRule | None:
        """The rule for a model; None if there are no rules, or it has no model."""
        if model is None or not self._rules:
            return None
        for pattern, rule in self._rules:
            if pattern.match(model):
                return rule
        near = difflib.get_close_matches(model[:SHOWN_NAME_CHARS], self._known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UnknownModel(f"no rule for model {_shown(model)}{hint}", param="model")


def _affinity(setting: str) -> Affinity | None:
    return None if setting in OFF else Affinity(setting)


def _is_glob(name: str) -> bool:
    return any(character in name for character in "*?[")


def _shown(model: str | None) -> str:
    """A client's model name, fit for a message: quoted, and not too long."""
    name = model or ""
    return repr(name if len(name) <= SHOWN_NAME_CHARS else name[:SHOWN_NAME_CHARS] + "…")
