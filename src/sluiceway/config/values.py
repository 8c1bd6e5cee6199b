"""The settings that are more than a number or a word: URLs, origins, headers, hashes, secrets.

Each function takes a value as written and returns it as used; it raises `BadValue` with a message that
does not repeat the value where that could hold a secret.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, parse_qs, urlsplit

from sluiceway.config.kinds import Secret
from sluiceway.config.problems import BadValue, suggest
from sluiceway.dialects.repair import parse_path
from sluiceway.wire.http import HOP_BY_HOP

ENV_PREFIX = "env:"

_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_VISIBLE = re.compile(r"[!-~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SHA256 = re.compile(r"[0-9a-f]{64}")

_PROXY_SCHEMES = ("http", "https", "socks5")
_REDIS_SCHEMES = ("redis", "rediss")

SQLITE = "sqlite:///"
_POSTGRES = "postgresql://"

# What is shorter can be guessed; administrators see and change everything.
MIN_ADMIN_KEY = 16

# RFC 4291 section 2.5.5.2: an IPv4 address as IPv6 writes it.
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


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


def redis(value: str) -> str:
    """A Redis by `redis://`, `rediss://` or `unix://`; `""` stays so."""
    if not value:
        return value
    if value.startswith("unix://"):
        return _redis_socket(value)
    try:
        url = _split(value, _REDIS_SCHEMES)
    except BadValue as error:
        raise BadValue(error.message, "as redis://HOST:6379/0, rediss://HOST:6379/0 or unix://PATH") from None
    database = url.path.strip("/")
    if url.query or url.fragment or not (database.isdigit() or not database):
        raise BadValue(
            "has more behind the host than the number of a database", f"as {url.scheme}://HOST:6379/0"
        )
    return value


def _redis_socket(value: str) -> str:
    url = urlsplit(value)
    query = parse_qs(url.query, keep_blank_values=True)
    if not url.path.startswith("/"):
        raise BadValue("names no absolute path", "as unix:///run/redis.sock, with ?db=1 for another database")
    if not query.keys() <= {"db", "password"} or not query.get("db", ["0"])[0].isdigit() or url.fragment:
        raise BadValue("has more behind the path than db and password", "as unix:///run/redis.sock?db=1")
    return value


def network(value: str) -> str:
    """An address or a network, `10.0.0.0/8`."""
    try:
        read = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise BadValue(
            "is no address and no network", 'as "10.0.0.7", "10.0.0.0/8" or "2001:db8::/32"'
        ) from None
    if isinstance(read, ipaddress.IPv6Network) and read.subnet_of(_MAPPED):
        plain = f"{read.network_address.ipv4_mapped}/{read.prefixlen - _MAPPED.prefixlen}"
        raise BadValue("is an IPv4 network in IPv6's words", f'write "{plain}"')
    if "/" in value and _address(value.partition("/")[0]) != read.network_address:
        raise BadValue(
            "is an address within a network, not the network", f'write "{read}", or the address alone'
        )
    return value


def affinity(value: str, *, or_off: bool = False) -> str:
    """What keeps requests at one upstream: `""`, `conversation`, or `header:NAME`, the name in lower case.

    `or_off`: `off` may stand there, too.
    """
    words = ("", "conversation", *(["off"] if or_off else ()))
    kind, colon, name = value.partition(":")
    if value in words:
        return value
    if not colon or kind != "header":
        raise BadValue(f"is none of {', '.join(words[1:])} and header:NAME", 'as "header:x-session-id"')
    if not _TOKEN.fullmatch(name):
        raise BadValue("names no header", 'as "header:x-session-id"')
    return f"header:{name.lower()}"


def check_path(value: str) -> str:
    """A path below an upstream's base URL; `""` stays so."""
    if value and (not value.startswith("/") or not _VISIBLE.fullmatch(value) or "#" in value):
        raise BadValue("is no path", 'it begins with a slash, as "/models"')
    return value


def expiry(value: str) -> str:
    """A moment, as `unix_seconds` reads it; `""` is never."""
    if value:
        unix_seconds(value)
    return value


def unix_seconds(value: str) -> float:
    """The moment that an ISO 8601 date (its first moment) or time names, UTC unless it says otherwise."""
    try:
        moment = datetime.datetime.fromisoformat(value)
    except ValueError:
        raise BadValue("is no date and no time", 'as "2027-01-31" or "2027-01-31T12:00:00+01:00"') from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def cors_origin(value: str) -> str:
    """A web origin, or `*`."""
    return value if value == "*" else origin(value)


def origin(value: str) -> str:
    """A web origin as browsers send it (RFC 6454 section 6.2)."""
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


def database(value: str) -> str:
    """`sqlite:///FILE` or `postgresql://…`; `""` stays so."""
    if not value or (value.startswith(SQLITE) and len(value) > len(SQLITE)):
        return value
    if value.startswith("postgres://"):  # as many services write it
        value = _POSTGRES + value.removeprefix("postgres://")
    try:
        url = _split(value, (_POSTGRES.removesuffix("://"),))
    except BadValue as error:
        hint = "as sqlite:///sluiceway.db or postgresql://USER:PASSWORD@HOST/DATABASE"
        raise BadValue(error.message, hint) from None
    if not url.path.strip("/"):
        raise BadValue("names no database", "as postgresql://USER:PASSWORD@HOST/DATABASE")
    return value


def pattern(value: str) -> str:
    """A regular expression, as Python's `re` reads it."""
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadValue(f"is no regular expression: {error}") from None
    return value


def endpoint(value: str) -> str:
    """The URL of a service, without a slash at its end; `""` stays so."""
    if not value:
        return value
    url = _split(value, ("http", "https"))
    if url.username is not None or url.query or url.fragment:
        raise BadValue("has more than a host and a path", "keys belong in headers")
    return value.rstrip("/")


def admin_key(value: str) -> str:
    """The SHA-256 of an administrator's key, whether the key or its hash was given."""
    if value.startswith("sha256:"):
        return sha256(value.removeprefix("sha256:"))
    if len(value) < MIN_ADMIN_KEY or not _VISIBLE.fullmatch(value):
        raise BadValue(
            f"is no key: at least {MIN_ADMIN_KEY} visible ASCII characters", "make one: openssl rand -hex 24"
        )
    return hashlib.sha256(value.encode()).hexdigest()


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
