"""Notifications end to end: Meta's top tier against one machine, from the POST of a batch to the callback of each event.

Notifier, bridge and receiver share the machine.
"""

import os
import time
from dataclasses import dataclass

from .bridge import Bridge, without_onprem
from .meta import Counter, Meta, Posted
from .process import PATIENCE_S, Failure, free_port
from .report import Goal, spread

PROGRAMS = []
# 1,000 messages a second, each of them a text or one of three statuses of an answer to it.
EVENTS_PER_S, PER_POST, CONTACTS = 4_000, 10, 2_000
MEDIA_PER_S, MEDIA_BYTES = 50, 100 << 10
# The documented maximum of the old client.
CALLBACKS_AT_A_TIME = 24
TAKEN = "waba_bridge_events_total"
SETTINGS = f"""
max_concurrent_requests = {CALLBACKS_AT_A_TIME}
[numbers.settings]
sent = true
"""


@dataclass(frozen=True)
class Run:
    posted: Posted
    # Of all that was due, in percent.
    acknowledged: float
    delivered: float
    # Acknowledged and not delivered, when the time was over.
    backlog: int
    # From then until all was delivered.
    drained_s: float
    late_p50_ms: float
    late_p99_ms: float
    duplicates: int
    disordered: int
    # Processors' worth of time of the bridge while notifications came.
    cores: float
    memory_mb: list


def run(bench, report):
    runs = bench.play({"bridge": lambda: play(bench)})["bridge"]
    what = {
        "acknowledged within the time (%)": [one.acknowledged for one in runs],
        "delivered within the time (%)": [one.delivered for one in runs],
        "backlog at the end (events)": [one.backlog for one in runs],
        "delivered, all of them, after (s)": [one.drained_s for one in runs],
        "texts: from due to callback, p50 (ms)": [one.late_p50_ms for one in runs],
        "texts: from due to callback, p99 (ms)": [one.late_p99_ms for one in runs],
        "acknowledgement, p50 (ms)": [one.posted.p50_ms for one in runs],
        "acknowledgement, p99 (ms)": [one.posted.p99_ms for one in runs],
        "cores of the bridge": [one.cores for one in runs],
        "delivered twice": [one.duplicates for one in runs],
    }
    for index, moment in enumerate(("before", "in the middle", "at the end", "when all was delivered")):
        what[f"memory {moment} (MB)"] = [one.memory_mb[index] for one in runs]
    report.say(
        f"{EVENTS_PER_S:,} events/s in batches of {PER_POST} from {CONTACTS:,} contacts, and {MEDIA_PER_S} images/s of "
        f"{MEDIA_BYTES >> 10} KiB, each fetched before its message is told; {CALLBACKS_AT_A_TIME} callbacks at a time. "
        f"Notifier, media host, receiver and bridge share {os.cpu_count()} cores."
    )
    report.table(["figure", "median (range)"], [[name, spread(values, 1)] for name, values in what.items()])
    report.goals([("out of order within a contact", [one.disordered for one in runs], Goal(0, at_most=True))])


def play(bench):
    seconds = bench.seconds
    media = {"count": MEDIA_PER_S * seconds, "rate": MEDIA_PER_S, "bytes": MEDIA_BYTES}
    plan = {"contacts": CONTACTS, "events": EVENTS_PER_S * seconds, "per_post": PER_POST, "rate": EVENTS_PER_S, "mixed": True}
    graph, media_host = free_port(), free_port()
    media |= {"graph": f"127.0.0.1:{graph}", "media_host": f"127.0.0.1:{media_host}"}
    folder = bench.fresh_folder("bridge")
    with Counter(bench) as receiver:
        sections = without_onprem(f"http://127.0.0.1:{graph}", receiver.url) + SETTINGS
        with Bridge(bench.programs, folder, sections) as bridge:
            memory = [bridge.memory_mb("VmRSS")]
            with Meta(bench, bridge.intake, media=media, **plan) as meta:
                started, used = time.monotonic(), bridge.cpu_seconds()
                pause_until(started + seconds / 2)
                memory.append(bridge.memory_mb("VmRSS"))
                pause_until(started + seconds)
                told, acknowledged = receiver.told(), bridge.sum_of(TAKEN)
                memory.append(bridge.memory_mb("VmRSS"))
                cores = (bridge.cpu_seconds() - used) / (time.monotonic() - started)
                posted = meta.posted()
                due = posted.events
                all_told = receiver.wait_for(due, PATIENCE_S + seconds * 10)
                drained = time.monotonic() - started - seconds
                memory.append(bridge.memory_mb("VmRSS"))
    published = [file for file in (folder / "media").iterdir() if file.is_file()]
    if [file.stat().st_size for file in published] != [MEDIA_BYTES] * media["count"]:
        raise Failure(f"{len(published)} media were published instead of {media['count']}, or not in full")
    return Run(
        posted=posted,
        acknowledged=acknowledged / due * 100,
        delivered=told["events"] / due * 100,
        backlog=max(0, acknowledged - told["events"]),
        drained_s=drained,
        late_p50_ms=all_told["late_p50_ms"],
        late_p99_ms=all_told["late_p99_ms"],
        duplicates=all_told["duplicates"],
        disordered=all_told["disordered"],
        cores=cores,
        memory_mb=memory,
    )


def pause_until(moment):
    time.sleep(max(0, moment - time.monotonic()))
