"""Notifications backlog: 200,000 events arrive while the integration's webhook is down, and it comes up again.

A second number, whose receiver is up all the time, gets a few events a second meanwhile.
"""

import time
from dataclasses import dataclass

from .bridge import ACCESS_TOKEN, APP_SECRET, Bridge, without_onprem
from .end_to_end import CALLBACKS_AT_A_TIME, SETTINGS
from .meta import Counter, Meta
from .process import Failure, free_port
from .report import Goal, spread

PROGRAMS = []
EVENTS, PER_POST, CONTACTS = 200_000, 10, 5_000
# The second number: events, and events per second.
OTHERS, OTHERS_PER_S, OTHERS_CONTACTS, OTHERS_CONNECTIONS = 400, 20, 20, 4
OTHERS_PATIENCE_S = 120
OTHER_ID = "106540352242923"
# The receiver stays down when all is taken in.
DOWN_S = 10
# Nothing may be delivered for so long: pauses grow up to 15 minutes.
PATIENCE_S = 1_000
OTHER = """
[[numbers]]
name = "other"
listen = "127.0.0.1:0"
[numbers.cloud]
graph_url = "{graph_url}"
phone_number_id = "{id}"
access_token = "{token}"
app_secret = "{secret}"
[numbers.callback]
url = "{url}"
[numbers.settings]
sent = true
"""


@dataclass(frozen=True)
class Run:
    taken_per_s: float
    delivered_per_s: float
    first_after_s: float
    duplicates: int
    disordered: int
    lost: int
    memory_mb: list
    # The second number's: its events before there were any of the first one, while those arrived, and while they were worked off.
    others: list


def run(bench, report):
    runs = bench.play({"bridge": lambda: play(bench)})["bridge"]
    report.say(
        f"{EVENTS:,} events of {CONTACTS:,} contacts in batches of {PER_POST} while the receiver is down, then it is up; "
        f"{CALLBACKS_AT_A_TIME} callbacks at a time. A second number gets {OTHERS_PER_S} events/s."
    )
    what = {
        "taken in/s": [one.taken_per_s for one in runs],
        "first callback, after the receiver is up (s)": [one.first_after_s for one in runs],
        "delivered/s, from the first to the last callback": [one.delivered_per_s for one in runs],
        "delivered twice": [one.duplicates for one in runs],
    }
    for index, moment in enumerate(("before", "all taken in", "after 10 s of waiting", "peak", "when all was delivered")):
        what[f"memory, {moment} (MB)"] = [one.memory_mb[index] for one in runs]
    for index, moment in enumerate(("alone", "while events arrive", "while they are delivered")):
        others = [one.others[index] for one in runs]
        for name in ("ack p50 (ms)", "ack p99 (ms)", "due to callback p50 (ms)", "due to callback p99 (ms)"):
            what[f"second number, {moment}: {name}"] = [other[name] for other in others]
    report.table(["figure", "median (range)"], [[name, spread(values, 1)] for name, values in what.items()])
    lost, disordered = [one.lost for one in runs], [one.disordered for one in runs]
    nothing = Goal(0, at_most=True)
    report.goals([("lost", lost, nothing), ("out of order within a contact", disordered, nothing)])
    if any(lost) or any(disordered):
        raise Failure("events were lost or came out of order")


def play(bench):
    folder = bench.fresh_folder("bridge")
    # Nothing listens here until it is up; nor is anybody asked for media.
    down, graph_url = free_port(), f"http://127.0.0.1:{free_port()}"
    others_port = free_port()
    other = OTHER.format(
        graph_url=graph_url,
        id=OTHER_ID,
        token=ACCESS_TOKEN,
        secret=APP_SECRET,
        url=f"http://127.0.0.1:{others_port}/callback",
    )
    sections = without_onprem(graph_url, f"http://127.0.0.1:{down}/callback") + SETTINGS
    with Bridge(bench.programs, folder, sections, other) as bridge:
        memory = [bridge.memory_mb("VmRSS")]
        with Others(bench, bridge, others_port) as others:
            alone = others.seen()
        with Others(bench, bridge, others_port) as others:
            with Meta(bench, bridge.intake, contacts=CONTACTS, events=EVENTS, per_post=PER_POST, mixed=True) as meta:
                posted = meta.posted()
            memory.append(bridge.memory_mb("VmRSS"))
            while_down = others.seen()
        time.sleep(DOWN_S)
        memory.append(bridge.memory_mb("VmRSS"))
        with Others(bench, bridge, others_port) as others, Counter(bench, down) as receiver:
            up = time.monotonic()
            bridge.wait_until(lambda: receiver.told()["events"], "makes no callbacks", PATIENCE_S)
            first = time.monotonic()
            told = work_off(receiver)
            took = time.monotonic() - first
            while_up = others.seen()
            memory += [bridge.memory_mb("VmHWM"), bridge.memory_mb("VmRSS")]
    return Run(
        taken_per_s=posted.events / posted.seconds,
        delivered_per_s=told["events"] / took,
        first_after_s=first - up,
        duplicates=told["duplicates"],
        disordered=told["disordered"],
        lost=EVENTS - told["events"],
        memory_mb=memory,
        others=[alone, while_down, while_up],
    )


def work_off(receiver):
    """What the receiver was told, once that is everything or nothing more comes."""
    told, since = receiver.told(), time.monotonic()
    while told["events"] < EVENTS and time.monotonic() - since < PATIENCE_S:
        time.sleep(0.2)
        now = receiver.told()
        if now["events"] > told["events"]:
            since = time.monotonic()
        told = now
    return told


class Others:
    """The second number's notifications for a while, and its receiver."""

    def __init__(self, bench, bridge, port):
        self.receiver = Counter(bench, port, "other receiver")
        plan = {"contacts": OTHERS_CONTACTS, "connections": OTHERS_CONNECTIONS, "events": OTHERS, "rate": OTHERS_PER_S}
        try:
            self.meta = Meta(bench, bridge.intake, phone_number_id=OTHER_ID, mixed=True, **plan)
        except BaseException:
            self.receiver.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.meta.stop()
        self.receiver.stop()

    def seen(self):
        posted = self.meta.posted()
        told = self.receiver.wait_for(posted.events, OTHERS_PATIENCE_S)
        if told["disordered"]:
            raise Failure(f"{told['disordered']} events of the second number came out of order")
        return {
            "ack p50 (ms)": posted.p50_ms,
            "ack p99 (ms)": posted.p99_ms,
            "due to callback p50 (ms)": told["late_p50_ms"],
            "due to callback p99 (ms)": told["late_p99_ms"],
        }
