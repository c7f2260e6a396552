"""Notifications: taken in durably by the bridge, beside a bare hyper server that answers 200 to the same and does nothing.

Once with a receiver that hangs, so that nothing but taking in happens, and once with callbacks made meanwhile.
"""

import time
from contextlib import closing
from dataclasses import dataclass, replace

from .acks import hanging_server, open_state, start_bare
from .bridge import Bridge, without_onprem
from .meta import CONNECTIONS, Counter, Meta, Posted
from .process import PATIENCE_S, Failure
from .report import Goal, ratios, spread

PROGRAMS = []
CONTACTS = 10_000
# As many are made beforehand for each second.
MOST_PER_S = 20_000


@dataclass(frozen=True)
class Run:
    posted: Posted
    # Of the server while notifications came, each.
    cpu_us: float
    # Events per second from the first POST to the last callback.
    delivered: float | None = None


def run(bench, report):
    with start_bare(bench) as bare, hanging_server() as hanging_url:
        contestants = {
            "bare hyper": lambda: post(bench, bare, bare.port, repeat=True),
            "bridge": lambda: take_in(bench, hanging_url),
            "bridge, callbacks made meanwhile": lambda: deliver(bench, hanging_url),
        }
        results = bench.play(contestants)
    columns = ["server", "acknowledged/s", "p50 (ms)", "p99 (ms)", "CPU each (us)", "delivered/s"]
    report.table(columns, [row(name, runs) for name, runs in results.items()])
    bare, alone, busy = ([one.posted.rate for one in runs] for runs in results.values())
    report.goals(
        [
            ("acknowledged/s / bare hyper", ratios(alone, bare), Goal(0.25, 0.4)),
            ("the same, callbacks made meanwhile", ratios(busy, bare)),
        ]
    )
    acknowledged = sum(one.posted.requests for one in results["bridge"])
    report.say(f"After kill -9 all {acknowledged:,} acknowledged events were in the state; the others were all delivered.")


def row(name, runs):
    delivered = [one.delivered for one in runs if one.delivered]
    return [
        name,
        spread([one.posted.rate for one in runs], 0),
        spread([one.posted.p50_ms for one in runs]),
        spread([one.posted.p99_ms for one in runs]),
        spread([one.cpu_us for one in runs], 0),
        spread(delivered, 0) if delivered else "",
    ]


def post(bench, server, port, **plan):
    with notify(bench, port, **plan) as meta:
        return watch(server, meta)


def watch(server, meta):
    used = server.cpu_seconds()
    posted = meta.posted()
    return Run(posted, (server.cpu_seconds() - used) / posted.requests * 1e6)


def notify(bench, port, **plan):
    return Meta(bench, port, contacts=CONTACTS, events=bench.seconds * MOST_PER_S, seconds=bench.seconds, **plan)


def take_in(bench, hanging_url):
    """The bridge is killed at the end, and its state must then hold every acknowledged event."""
    folder = bench.fresh_folder("bridge")
    with Bridge(bench.programs, folder, without_onprem(hanging_url, f"{hanging_url}/callback")) as bridge:
        one = post(bench, bridge, bridge.intake)
        bridge.kill()
    with closing(open_state(folder)) as state:
        (kept,) = state.execute("SELECT count(*) FROM jobs WHERE queue IN (1, 3)").fetchone()
    # What was under way when the time was over may have been taken in too.
    acknowledged = one.posted.requests
    if not acknowledged <= kept <= acknowledged + CONNECTIONS:
        raise Failure(f"{acknowledged} events were acknowledged, but {kept} are in the state")
    return one


def deliver(bench, graph_url):
    folder = bench.fresh_folder("bridge")
    with Counter(bench) as receiver:
        with (
            Bridge(bench.programs, folder, without_onprem(graph_url, receiver.url)) as bridge,
            notify(bench, bridge.intake) as meta,
        ):
            started = time.monotonic()
            one = watch(bridge, meta)
            events = one.posted.events
            receiver.wait_for(events, PATIENCE_S + bench.seconds * 10)
            return replace(one, delivered=events / (time.monotonic() - started))
