"""How each peer is configured: the text of its configuration file, as a careful operator would write it.

Common ground: one upstream with keep-alive, no buffering of responses, no access log, no retries that
would hide a failure, limits above what the scenarios need.
"""

from __future__ import annotations

import hashlib
import json

_HIGH = 1_000_000_000
"""A limit that no load here reaches."""


def nginx(port: int, upstream_port: int) -> str:
    """nginx.conf: one worker, as the gateway under test has one process."""
    return f"""\
worker_processes 1;
worker_rlimit_nofile 65536;
daemon off;
pid nginx.pid;
error_log error.log error;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 100000000;
    upstream api {{
        server 127.0.0.1:{upstream_port};
        keepalive 512;
        keepalive_requests 100000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"""


def envoy(port: int, upstream_port: int) -> str:
    """Envoy's bootstrap file, static (JSON is YAML): no time-outs, no circuit breaking below 100,000."""
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "bench",
        "codec_type": "HTTP1",
        "stream_idle_timeout": "0s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "api", "timeout": "0s"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    limits = {"max_connections": 100000, "max_pending_requests": 100000, "max_requests": 100000}
    endpoint = {"endpoint": {"address": _envoy_address(upstream_port)}}
    cluster = {
        "name": "api",
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "api", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "front", "address": _envoy_address(port), "filter_chains": [{"filters": filters}]}
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}, indent=1)


def _envoy_address(port: int) -> dict[str, dict[str, str | int]]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def sluiceway(port: int, upstream_port: int, key: str) -> str:
    """sluiceway.toml with what costs something switched on: keys, usage, and heartbeats as they come."""
    return f"""\
[server]
host = "127.0.0.1"
port = {port}

[[keys]]
name = "bench"
sha256 = "{hashlib.sha256(key.encode()).hexdigest()}"

[[upstreams]]
name = "bench"
base_url = "http://127.0.0.1:{upstream_port}/v1"
api_keys = ["upstream-key"]
include_usage = true
"""


def sluiceway_team(port: int, upstream_port: int, key: str) -> str:
    """The same for a team: three keys with limits, limits on requests in flight, two upstreams, prices.

    Every limit is far above what the scenarios need: what is measured is that they are looked after. Both
    upstreams are the one fake, so that it costs the machine no more than with one.
    """
    keys = [("bench", key), ("agents", f"{key}-agents"), ("batch", f"{key}-batch")]
    lines = [
        f'[server]\nhost = "127.0.0.1"\nport = {port}\nmax_in_flight = {_HIGH}\naccess_log = false\n',
        '[routing]\nselect = "least_in_flight"\n',
    ]
    for priority, (name, secret) in enumerate(keys, 1):
        sha256 = hashlib.sha256(secret.encode()).hexdigest()
        lines += [
            f'[[keys]]\nname = "{name}"\nsha256 = "{sha256}"\npriority = {priority}',
            f"max_in_flight = {_HIGH}\nrequests_per_minute = {_HIGH}\ntokens_per_minute = {_HIGH}\n",
        ]
    for name in ("first", "second"):
        lines += [
            f'[[upstreams]]\nname = "{name}"\nbase_url = "http://127.0.0.1:{upstream_port}/v1"',
            f'api_keys = ["upstream-key"]\ninclude_usage = true\nmax_in_flight = {_HIGH}\n',
        ]
    lines += ['[[prices]]\nmodel = "bench-*"\ninput = 1.25\ncached_input = 0.125\noutput = 10.0\n']
    return "\n".join(lines)


def litellm(upstream_port: int, models: tuple[str, ...]) -> str:
    """LiteLLM's config.yaml (JSON is YAML): no database, no callbacks, no retries, no key of its own."""
    listed = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"http://127.0.0.1:{upstream_port}/v1",
                "api_key": "upstream-key",
            },
        }
        for model in models
    ]
    settings = {"num_retries": 0, "request_timeout": 600, "telemetry": False}
    return json.dumps({"model_list": listed, "litellm_settings": settings}, indent=1)
