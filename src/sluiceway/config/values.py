"""The settings that are more than a number or a word: URLs, origins, headers, hashes, secrets.

Each function takes a value as written and returns it as used; it raises `BadValue` with a message that
does not repeat the value where that could hold a secret.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from sluiceway.config.problems import BadValue, suggest
from sluiceway.config.settings import Secret
from sluiceway.dialects.repair import parse_path
from sluiceway.wire.http import HOP_BY_HOP

ENV_PREFIX = "env:"

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VISIBLE = re.compile(r"[!-~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SHA256 = re.compile(r"[0-9a-f]{64}")

_PROXY_SCHEMES = ("http", "https", "socks5")


def host(value: str) -> str:
    """An address to listen on."""
    if value == "localhost" or _address(value) is not None:
        return value
    if value.startswith("["):
        raise BadValue("an IPv6 address stands here without brackets")
    name, colon, port = value.rpartition(":")
    if colon and port.isdigit() and (_HOST_NAME.fullmatch(name) or _address(name) is not None):
        raise BadValue("is an address with a port", f'write host = "{name}" and port = {port}')
    if not _HOST_NAME.fullmatch(value):
        raise BadValue("is no address and no host name", 'as "127.0.0.1", "::" or "gateway.internal"')
    return value


def is_loopback(value: str) -> bool:
    """Whether only this machine can reach that address: `127.0.0.0/8`, `::1` or `localhost`."""
    address = _address(value)
    return value == "localhost" if address is None else address.is_loopback


def base_url(value: str, *, only_messages: bool = False) -> str:
    """An upstream's base URL, without a slash at its end.

    `only_messages`: the upstream speaks nothing but Anthropic's API, whose SDKs take a base URL without
    the version; `/v1` is then added unless it is there.
    """
    url = _split(value, ("http", "https"))
    if url.username is not None or url.password is not None:
        raise BadValue("holds a user or password", "keys belong in api_keys, best as env:NAME")
    if url.query or url.fragment or value.endswith(("?", "#")):
        raise BadValue(
            "has a query or a fragment", "paths are appended to it, so it must end with its own path"
        )
    path = url.path.rstrip("/")
    if only_messages and not path.endswith("/v1"):
        path += "/v1"
    return f"{url.scheme}://{url.netloc}{path}"


def json_path(value: str) -> str:
    """A path to a member of a JSON document; see `repair.parse_path`."""
    try:
        parse_path(value)
    except ValueError:
        raise BadValue(
            "is no path to a member", 'write names joined by dots, as "usage.cost" or "choices[].delta.cost"'
        ) from None
    return value


def proxy(value: str) -> str:
    """A proxy's URL; `""` stays so."""
    if not value:
        return value
    url = _split(value, _PROXY_SCHEMES)
    if url.port is None:
        raise BadValue("names no port", f"as {url.scheme}://HOST:PORT")
    if url.path.strip("/") or url.query or url.fragment:
        raise BadValue("has a path", f"a proxy is only {url.scheme}://HOST:PORT")
    return value.rstrip("/")


def cors_origin(value: str) -> str:
    """A web origin as browsers send it (RFC 6454 section 6.2), or `*`."""
    if value == "*":
        return value
    example = 'as "https://app.example.com" or "http://localhost:3000"'
    try:
        url = _split(value, ("http", "https"))
    except BadValue as error:
        raise BadValue(error.message, example) from None
    if url.path or url.query or url.fragment or url.username is not None or value.endswith(("?", "#")):
        raise BadValue("is more than an origin: scheme, host and port, no slash at the end", example)
    default = {"http": 80, "https": 443}[url.scheme]
    netloc = url.netloc.lower()
    return f"{url.scheme}://{netloc.removesuffix(f':{default}')}"


def header_name(value: str) -> str:
    """A request header that may be set toward an upstream, in lower case."""
    name = value.lower()
    if not _TOKEN.fullmatch(name):
        raise BadValue("is not a header's name")
    if name.encode() in HOP_BY_HOP:
        raise BadValue("belongs to the connection; the gateway sets it itself")
    return name


def header_value(value: str) -> str:
    """A header's value: no line breaks, which would end the header, and no other control characters."""
    if _CONTROL.search(value):
        raise BadValue("holds a line break or another control character")
    return value


def api_key(value: str) -> str:
    """A key that can stand in a header."""
    if not value:
        raise BadValue("is empty")
    if not _VISIBLE.fullmatch(value):
        raise BadValue("holds white space or characters that are not ASCII, which no key does")
    return value


def sha256(value: str) -> str:
    """A SHA-256 in hexadecimal, in lower case. What may be a key itself is refused and not repeated."""
    digest = value.lower()
    if not _SHA256.fullmatch(digest):
        raise BadValue(
            "is not a SHA-256, which has 64 hexadecimal digits; the key itself does not belong here",
            'hash it: printf %s "$KEY" | sha256sum; or make a new one: sluiceway keys new NAME',
        )
    return digest


def secret(value: str, env: Mapping[str, str], check: Callable[[str], str]) -> Secret:
    """The value, or for `env:NAME` what the environment holds under that name, as `check` returns it."""
    if value.startswith(ENV_PREFIX):
        name = value.removeprefix(ENV_PREFIX)
        if not env.get(name):
            raise BadValue(f"the environment variable {name} is {'empty' if name in env else 'not set'}")
        value = env[name]
    return Secret(check(value))


def _split(value: str, schemes: tuple[str, ...]) -> SplitResult:
    """A URL with a scheme, a host and, if any, a port in range."""
    forms = " or ".join(f"{scheme}://" for scheme in schemes)
    if not _VISIBLE.fullmatch(value):
        raise BadValue("is empty" if not value else "holds white space or characters that are not ASCII")
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        raise BadValue("is not a URL, or its port is out of range") from None
    scheme, colon, _ = value.partition("://")
    if not colon:
        raise BadValue("has no scheme", f"it begins with {forms}")
    if url.scheme not in schemes:
        raise BadValue(f"does not begin with {forms}", suggest(scheme.lower(), schemes))
    if not url.hostname:
        raise BadValue("names no host")
    if port == 0:
        raise BadValue("names port 0")
    if _address(url.hostname) is None and not _HOST_NAME.fullmatch(url.hostname):
        raise BadValue("names a host that can't be one")
    return url


def _address(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None
