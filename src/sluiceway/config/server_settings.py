"""The settings of the gateway's own side: where it listens, how much it takes, what several share."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sluiceway.config.kinds import Bytes, Count, Seconds, Secret


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[server]`: where the gateway listens, and what it takes from clients."""

    host: Annotated[
        str,
        Meta(
            description="The address to listen on; `0.0.0.0` or `::` is every interface. Anything but "
            "loopback (`127.0.0.0/8`, `::1`, `localhost`) needs `[[keys]]` or `allow_anonymous = true`, "
            "since whoever reaches the gateway spends your upstreams' money."
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        Meta(ge=0, le=65535, description="The port to listen on. 0 takes a free one, which `serve` prints."),
    ] = 8787
    max_body_bytes: Annotated[
        Bytes,
        Meta(
            description="The largest request body; more is answered with 413. 0 is unlimited. Bodies of the "
            "known dialects are held in memory, so this bounds what one client can make the gateway hold; "
            "requests with many images need tens of MiB."
        ),
    ] = 67108864
    cors_origins: Annotated[
        tuple[str, ...],
        Meta(
            description="The web origins whose pages may call the gateway, as `https://app.example.com`, or "
            "`*` for any. Empty: none. Only browsers obey it; it is no access control for other programs."
        ),
    ] = ()
    drain_s: Annotated[
        Seconds,
        Meta(
            description="On SIGTERM no connection is accepted any more, and running answers may take this "
            "long to finish; what is left then ends with an in-band error. 0 ends them at once. Keep it "
            "below the time your service manager waits before it kills."
        ),
    ] = 30.0
    allow_anonymous: Annotated[
        bool,
        Meta(
            description="Listen beyond loopback although there are no `[[keys]]`. Only for networks where "
            "everyone may use your upstreams, or behind a proxy that checks its users. Has no effect where "
            "`[[keys]]` exist: then every client needs one."
        ),
    ] = False
    head_timeout_s: Annotated[
        Seconds,
        Meta(
            description="How long a client may take to send the head of a request, from its first byte, or "
            "from the moment it connects. 0 is unlimited. Slow heads are a cheap way to use up connections."
        ),
    ] = 30.0
    max_head_bytes: Annotated[
        Bytes, Meta(description="The largest request head; more is answered with 431. 0 is unlimited.")
    ] = 65536
    body_timeout_s: Annotated[
        Seconds,
        Meta(
            description="The longest silence between two pieces of a request body before it is answered "
            "with 408. 0 is unlimited. A slow but steady upload is never cut."
        ),
    ] = 60.0
    max_in_flight: Annotated[
        Count,
        Meta(
            description="The most requests that the gateway is busy with at once; more wait in the queue. 0 "
            "is unlimited. Counted over all processes where `state.redis` is set."
        ),
    ] = 0
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="Processes that share the port; one uses one core. With more than one, limits are "
            "only true over all of them with `state.redis`; without it each gets its part of every limit.",
        ),
    ] = 1
    keys_file: Annotated[
        str,
        Meta(
            description="The file in which `sluiceway keys` keeps keys, by their hashes; read besides `[[keys]]` "
            "and watched, so that a new or revoked key counts within a second. A path that is not "
            "absolute begins at the configuration file. As soon as the file exists every client needs a key, "
            "even if it holds none. Empty: only `[[keys]]`."
        ),
    ] = "sluiceway-keys.json"
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks (`10.0.0.0/8`) of reverse proxies whose `x-forwarded-for` is "
            "believed. Then the client's address, in logs, in `allowed_ips` and against guessing of "
            "keys, is the last one there that is not itself such a proxy."
        ),
    ] = ()
    auth_failures_per_minute: Annotated[
        Count,
        Meta(
            description="How many wrong keys one client address may try in a minute before it is answered "
            "with 429 unchecked, for a minute at first and longer each time. Keys that were right from that "
            "address before still are. 0 is unlimited."
        ),
    ] = 20
    watch_config: Annotated[
        bool,
        Meta(
            description="Reload when the configuration file or the keys file changes, as SIGHUP does in any "
            "case. A file with a mistake changes nothing and is reported."
        ),
    ] = True
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least serious log line that reaches stderr."),
    ] = "info"
    access_log: Annotated[
        bool,
        Meta(
            description="Write one JSON line per request to stdout: who, which model and upstream, how it "
            "ended, how long it took, tokens. Never a prompt, an answer or a key. Costs some microseconds "
            "per request."
        ),
    ] = False


class QueueSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[queue]`: where requests wait that are over a limit on requests in flight: `server.max_in_flight`,
    `upstreams.max_in_flight` or a key's. Each key has its turn, whoever else waits."""

    max_waiting: Annotated[
        Count,
        Meta(
            description="The most requests that may wait in one process; one more is answered with 503 and "
            "`retry-after`, or takes the place of the last one of the key that has the most waiting. 0: "
            "nothing waits, and a limit is a refusal."
        ),
    ] = 256
    max_wait_s: Annotated[
        Seconds,
        Meta(
            description="The longest wait; then it is 503 and `retry-after`, or an in-band error where the "
            "stream has begun. 0 is unlimited."
        ),
    ] = 60.0


class FailoverSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[failover]`: another key or upstream is asked when one fails before the first real event was written."""

    max_attempts: Annotated[
        int,
        Meta(
            ge=1,
            description="The most attempts at one request, the first included; 1 never asks again. A retry on a "
            "fresh connection because a kept one proved dead does not count.",
        ),
    ] = 3
    max_s: Annotated[
        Seconds,
        Meta(description="Past this time since the request came no new attempt begins. 0 is unlimited."),
    ] = 120.0
    backoff_s: Annotated[
        Seconds,
        Meta(
            description="How long to wait, at most, before an upstream that failed is asked again with the same "
            "key; doubled each time, and a random part of it is waited. Another upstream or key is asked at "
            "once. 0: never wait."
        ),
    ] = 0.25
    max_backoff_s: Annotated[
        Seconds, Meta(description="The most that `backoff_s` grows to. 0: it does not grow.")
    ] = 4.0


class StateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`[state]`: what several processes, or machines, know together: requests in flight, rates and budgets."""

    redis: Annotated[
        Secret,
        Meta(
            description="The Redis that keeps it: `redis://HOST:PORT/DB`, `rediss://` with TLS, `unix://PATH`; "
            'best as `"env:NAME"` if it holds a password. Empty: each process counts for itself.'
        ),
    ] = Secret("")
    prefix: Annotated[
        str, Meta(min_length=1, description="What its keys begin with. Gateways that share limits share it.")
    ] = "sluiceway"
    on_unreachable: Annotated[
        Literal["open", "closed"],
        Meta(
            description="What happens while Redis is away. `open`: each process counts for itself. `closed`: "
            "requests that a limit applies to are answered with 503."
        ),
    ] = "open"
    timeout_s: Annotated[
        Seconds,
        Meta(description="How long Redis may take to answer before it counts as away. 0 is unlimited."),
    ] = 0.5
    lease_s: Annotated[
        float,
        Meta(
            ge=1,
            description="How long the requests in flight of a process that died count on. Shorter frees them "
            "sooner; a process that hangs for longer than this may let in too many.",
        ),
    ] = 15.0
    file: Annotated[
        str,
        Meta(
            description="Without Redis, the file in which budgets already spent outlive a restart; written "
            "every few seconds and at the end. A path that is not absolute begins at the configuration file. "
            "Empty: they are forgotten."
        ),
    ] = "sluiceway-state.json"
