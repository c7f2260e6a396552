"""Acknowledgements: durable ones by the bridge, beside a bare hyper server that answers the same and does nothing."""

import json
import sqlite3
import socket
from contextlib import closing, contextmanager

from . import load
from .bridge import THREADS, Bridge, without_onprem
from .process import Failure, Process, free_port
from .report import Goal, ratios, spread

PROGRAMS = ["wrk"]
# The first digits of the ids; wrk.lua adds the rest.
FIRST = "1761"
ANSWER = {"media_items": [{"id": f"{FIRST}000000000001"}], "meta": {"api_status": "stable", "version": "v2.57.2"}}


def run(bench, report):
    with start_bare(bench) as bare, hanging_server() as graph_url:

        def through_bridge():
            folder = bench.fresh_folder("bridge")
            return acknowledge(bench, folder, without_onprem(graph_url))

        def through_bare():
            return load.drive(f"http://127.0.0.1:{bare.port}/", bench.seconds, "x" * 200, ["acks", FIRST])

        results = bench.play({"bare hyper": through_bare, "bridge": through_bridge})
    columns = ["server", "acks/s", "p50 (ms)", "p99 (ms)"]
    report.table(columns, [row(name, runs) for name, runs in results.items()])
    ours, theirs = ([r.rate for r in results[name]] for name in ("bridge", "bare hyper"))
    report.goals([("acks/s / bare hyper", ratios(ours, theirs), Goal(0.35, 0.55))])
    acknowledged = sum(r.requests for r in results["bridge"])
    report.say(f"After kill -9 all {acknowledged:,} acknowledged jobs were in the state.")


def row(name, runs):
    return [
        name,
        spread([r.rate for r in runs], 0),
        spread([r.p50_ms for r in runs]),
        spread([r.p99_ms for r in runs]),
    ]


def acknowledge(bench, folder, sections):
    """A run against a bridge on this folder, which is killed and whose state must then hold every acknowledged job."""
    with Bridge(bench.programs, folder, sections) as bridge:
        seen = load.drive(bridge.url("/"), bench.seconds, bridge.login(), ["acks", FIRST])
        bridge.kill()
    with closing(open_state(folder)) as state:
        (kept,) = state.execute("SELECT count(*) FROM jobs WHERE queue = 0").fetchone()
    # What was under way when wrk stopped counting may have been accepted too.
    if not seen.requests <= kept <= seen.requests + load.CONNECTIONS:
        raise Failure(f"{seen.requests} jobs were acknowledged, but {kept} are in the state")
    return seen


def open_state(folder):
    return sqlite3.connect(folder / "state" / "bridge.db")


def start_bare(bench):
    """Also a receiver of callbacks that is never the bottleneck."""
    port = free_port()
    body = json.dumps(ANSWER, separators=(",", ":"))
    command = [bench.programs.bare, "serve", f"127.0.0.1:{port}", THREADS, body]
    return Process("bare", command, bench.folder, port)


@contextmanager
def hanging_server():
    """A Graph host that takes connections and never says a word, so that nothing but acknowledging is measured."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
