"""The admission of requests to the API: what the server knows of one, put before `policy.admin_access`."""

from __future__ import annotations

import time
from typing import Any

from sluiceway.config.settings import Settings
from sluiceway.policy.admin_access import AdminAccess, Who
from sluiceway.policy.guessing import Guesses


class Admins:
    """Goes by the settings in force, also after a reload; what it knows of those who guess stays."""

    __slots__ = ("_access", "_guesses", "_settings")

    def __init__(self) -> None:
        self._guesses = Guesses(0)
        self._settings: Settings | None = None
        self._access: AdminAccess

    def check(self, scope: Any, settings: Settings) -> Who:
        """By what right the request may be served; raises what `AdminAccess.check` does."""
        if settings is not self._settings:
            self._settings = settings
            self._guesses.per_minute = settings.server.auth_failures_per_minute
            self._access = AdminAccess(
                map(str, settings.admin.keys),
                self._guesses,
                loopback=settings.admin.loopback,
                trusted_proxies=settings.server.trusted_proxies,
            )
        client = scope.get("client")
        return self._access.check(
            scope["headers"],
            peer=client[0] if client else "",
            method=scope["method"],
            http_version=scope["http_version"],
            now=time.time(),
        )
