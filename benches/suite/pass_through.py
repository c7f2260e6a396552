"""Pass-through: what standing in front of the old client costs, beside nginx and HAProxy."""

import os
from contextlib import ExitStack
from dataclasses import dataclass

from . import load
from .bridge import THREADS, Bridge
from .process import Process, free_port
from .report import Goal, ratios, spread

PROGRAMS = ["nginx", "haproxy", "wrk"]
PATH = "/v1/settings/business/profile"
# As long as the tokens that the old client gave out.
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "x" * 160
WARM_UP_S = 1

NGINX = """
{user}
daemon off;
pid nginx.pid;
error_log stderr warn;
worker_processes {workers};
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {http}
}}
"""
ANSWERING = """
    server {{
        listen 127.0.0.1:{port};
        default_type application/json;
        location / {{ return 200 "{body}"; }}
    }}
"""
PASSING = """
    upstream onprem {{
        server 127.0.0.1:{upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://onprem;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
"""
HAPROXY = """
global
    nbthread {threads}
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    http-reuse always
frontend integrations
    bind 127.0.0.1:{port}
    default_backend onprem
backend onprem
    server one 127.0.0.1:{upstream}
"""


@dataclass(frozen=True)
class Passed:
    """One run through one proxy."""

    rate: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def run(bench, report):
    with ExitStack() as running:
        upstream = running.enter_context(start_upstream(bench)).port
        proxies = {
            name: running.enter_context(start(bench, upstream))
            for name, start in (("nginx", start_nginx), ("HAProxy", start_haproxy), ("bridge", start_bridge))
        }
        for proxy in proxies.values():
            drive(proxy, WARM_UP_S)
        results = bench.play({name: lambda it=proxy: drive(it, bench.seconds) for name, proxy in proxies.items()})
    tell(results, report)


def drive(proxy, seconds):
    before = proxy.cpu_seconds()
    seen = load.drive(f"http://127.0.0.1:{proxy.port}{PATH}", seconds, TOKEN)
    cpu = proxy.cpu_seconds() - before
    return Passed(seen.rate, cpu / seen.requests * 1e6, seen.p50_ms, seen.p99_ms)


def tell(results, report):
    rows = [
        [
            name,
            spread([r.cpu_us for r in runs]),
            spread([r.rate for r in runs], 0),
            spread([r.p50_ms for r in runs]),
            spread([r.p99_ms for r in runs]),
        ]
        for name, runs in results.items()
    ]
    report.table(["proxy", "CPU per request (us)", "requests/s", "p50 (ms)", "p99 (ms)"], rows)
    report.goals(
        [
            ("CPU per request / nginx", ratio(results, "nginx", "cpu_us"), Goal(1.15, 1.0, at_most=True)),
            ("requests/s / nginx", ratio(results, "nginx", "rate"), Goal(0.95)),
            ("p99 / nginx", ratio(results, "nginx", "p99_ms")),
            ("CPU per request / HAProxy", ratio(results, "HAProxy", "cpu_us")),
            ("requests/s / HAProxy", ratio(results, "HAProxy", "rate")),
            ("p99 / HAProxy", ratio(results, "HAProxy", "p99_ms")),
        ]
    )


def ratio(results, other, figure):
    ours, theirs = ([getattr(r, figure) for r in results[name]] for name in ("bridge", other))
    return ratios(ours, theirs)


def start_upstream(bench):
    """Stands for the old client: 1 KiB to every request, from one worker whose CPU is not counted."""
    port = free_port()
    body = '{\\"padding\\":\\"' + "x" * (1024 - 14) + '\\"}'
    return nginx(bench, "upstream", port, 1, ANSWERING.format(port=port, body=body))


def start_nginx(bench, upstream):
    port = free_port()
    return nginx(bench, "nginx", port, THREADS, PASSING.format(port=port, upstream=upstream))


def nginx(bench, name, port, workers, http):
    folder = bench.fresh_folder(name)
    # Workers of a master that is root become somebody who may not use the folder.
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(user=user, workers=workers, http=http))
    return Process(name, ["nginx", "-p", folder, "-c", config, "-e", "stderr"], folder, port)


def start_haproxy(bench, upstream):
    folder, port = bench.fresh_folder("haproxy"), free_port()
    config = folder / "haproxy.cfg"
    config.write_text(HAPROXY.format(threads=THREADS, port=port, upstream=upstream))
    return Process("haproxy", ["haproxy", "-db", "-f", config], folder, port)


def start_bridge(bench, upstream):
    sections = f'[numbers.onprem]\nurl = "http://127.0.0.1:{upstream}"'
    return Bridge(bench.programs, bench.fresh_folder("bridge"), sections)
