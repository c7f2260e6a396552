"""Notifications: taken in durably by the bridge, beside a bare hyper server that answers 200 to the same and does nothing.

Once with a receiver that hangs, so that nothing but taking in happens, once with callbacks made meanwhile, and once with
nothing but what was notified before, as Meta does when an answer was lost.
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
MOST_PER_S = 60_000
# So few that all but the first moment of a run are duplicates; some for each connection.
DUPLICATED = 10 * CONNECTIONS


@dataclass(frozen=True)
class Run:
    posted: Posted
    # Of the server while notifications came, each.
    cpu_us: float
    # What the notifier took of a core. It has one thread: near 1 it is what limits the run.
    notifier: float
    # Events per second from the first POST to the last callback.
    delivered: float | None = None


def run(bench, report):
    with start_bare(bench) as bare, hanging_server() as hanging_url:
        contestants = {
            "bare hyper": lambda: post(bench, bare, bare.port, repeat=True),
            "bridge": lambda: take_in(bench, hanging_url),
            "bridge, callbacks made meanwhile": lambda: deliver(bench, hanging_url),
            "bridge, duplicates": lambda: duplicate(bench, hanging_url),
        }
        results = bench.play(contestants)
    columns = ["server", "acknowledged/s", "p50 (ms)", "p99 (ms)", "CPU each (us)", "notifier (cores)", "delivered/s"]
    report.table(columns, [row(name, runs) for name, runs in results.items()])
    bare, alone, busy, again = ([one.posted.rate for one in runs] for runs in results.values())
    used, least = ([one.cpu_us for one in results[name]] for name in ("bridge", "bare hyper"))
    report.goals(
        [
            ("acknowledged/s / bare hyper", ratios(alone, bare), Goal(0.25, 0.4)),
            ("the same, callbacks made meanwhile", ratios(busy, bare)),
            ("the same, duplicates", ratios(again, bare)),
            ("CPU each / bare hyper", ratios(used, least)),
        ]
    )
    acknowledged = sum(one.posted.requests for one in results["bridge"])
    report.say(f"After kill -9 all {acknowledged:,} acknowledged events were in the state; those with callbacks made were all delivered.")


def row(name, runs):
    delivered = [one.delivered for one in runs if one.delivered]
    return [
        name,
        spread([one.posted.rate for one in runs], 0),
        spread([one.posted.p50_ms for one in runs]),
        spread([one.posted.p99_ms for one in runs]),
        spread([one.cpu_us for one in runs], 1),
        spread([one.notifier for one in runs]),
        spread(delivered, 0) if delivered else "",
    ]


def post(bench, server, port, **plan):
    with notify(bench, port, **plan) as meta:
        return watch(server, meta)


def watch(server, meta):
    server_used, notifier_used = server.cpu_seconds(), meta.cpu_seconds()
    posted = meta.posted()
    cpu_us = (server.cpu_seconds() - server_used) / posted.requests * 1e6
    return Run(posted, cpu_us, (meta.cpu_seconds() - notifier_used) / posted.seconds)


def notify(bench, port, **plan):
    plan = {"contacts": CONTACTS, "events": bench.seconds * MOST_PER_S, "seconds": bench.seconds, **plan}
    return Meta(bench, port, **plan)


def take_in(bench, hanging_url):
    """The state must hold every acknowledged event."""
    one, kept = post_and_kill(bench, hanging_url)
    acknowledged = one.posted.requests
    # What was under way when the time was over may have been taken in too.
    if not acknowledged <= kept <= acknowledged + CONNECTIONS:
        raise Failure(f"{acknowledged} events were acknowledged, but {kept} are in the state")
    return one


def duplicate(bench, hanging_url):
    """The state must hold every event once."""
    one, kept = post_and_kill(bench, hanging_url, events=DUPLICATED, repeat=True)
    acknowledged = one.posted.requests
    if kept != DUPLICATED or acknowledged < 2 * DUPLICATED:
        raise Failure(f"{DUPLICATED} events were acknowledged {acknowledged} times, but {kept} are in the state")
    return one


def post_and_kill(bench, hanging_url, **plan):
    """The run, and how many events are in the state after kill -9."""
    folder = bench.fresh_folder("bridge")
    with Bridge(bench.programs, folder, without_onprem(hanging_url, f"{hanging_url}/callback")) as bridge:
        one = post(bench, bridge, bridge.intake, **plan)
        bridge.kill()
    with closing(open_state(folder)) as state:
        (kept,) = state.execute("SELECT count(*) FROM jobs WHERE queue IN (1, 3)").fetchone()
    return one, kept


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
