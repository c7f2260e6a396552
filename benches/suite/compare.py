"""Comparing: what it costs the integration whose answers are compared, and what a hung other side costs in memory."""

import json
from contextlib import ExitStack
from dataclasses import dataclass

from . import load
from .acks import hanging_server
from .bridge import ACCESS_TOKEN, PHONE_NUMBER_ID, Bridge
from .process import Failure, Process, free_port
from .report import Goal, ratios, spread

PROGRAMS = ["wrk"]
PATH = "/v1/settings/business/profile"
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "x" * 160
# An old client takes some milliseconds; with this many callers at a time the machine is busy, but not full.
ONPREM_MS, CONNECTIONS = 4, 8
PROFILE = {"address": "Street 1", "description": "d" * 200, "email": "a@example.com", "vertical": "Education", "websites": []}
AT_CLOUD = {"data": [{**PROFILE, "vertical": "EDU", "messaging_product": "whatsapp"}]}
COMPARISONS = 1_000_000
GROWTH_MB = 16


@dataclass(frozen=True)
class Seen:
    """One run."""

    p50_ms: float
    p99_ms: float
    rate: float


def run(bench, report):
    with ExitStack() as running:
        onprem = running.enter_context(server(bench, "onprem", as_onprem(), ONPREM_MS)).port
        others = {
            "healthy": f"http://127.0.0.1:{running.enter_context(server(bench, 'cloud', AT_CLOUD, 0)).port}",
            "hung": running.enter_context(hanging_server()),
            "refusing": f"http://127.0.0.1:{free_port()}",
        }
        bridges = {"not compared": running.enter_context(bridge(bench, "plain", onprem, others["healthy"], "onprem"))}
        for name, url in others.items():
            bridges[name] = running.enter_context(bridge(bench, name, onprem, url, "compare"))
        for each in bridges.values():
            drive(each, 1)
        results = bench.play({name: lambda it=each: drive(it, bench.seconds) for name, each in bridges.items()})
        for name in others:
            if not comparisons(bridges[name]):
                raise Failure(f"nothing was compared with the other side {name}")
    tell(results, others, report)
    flat(bench, report)


def tell(results, others, report):
    rows = [
        [name, spread([r.p50_ms for r in runs]), spread([r.p99_ms for r in runs]), spread([r.rate for r in runs], 0)]
        for name, runs in results.items()
    ]
    report.table(["other side", "p50 (ms)", "p99 (ms)", "requests/s"], rows)
    goals = []
    for name in others:
        for figure, bound in (("p50_ms", 1.10), ("p99_ms", 1.5)):
            ours, theirs = ([getattr(r, figure) for r in results[which]] for which in (name, "not compared"))
            goals.append((f"{figure[:3]}, {name} / not compared", ratios(ours, theirs), Goal(bound, at_most=True)))
    report.goals(goals)


def flat(bench, report):
    """Memory after a tenth of the comparisons, and after all of them, with an other side that never says a word."""
    with ExitStack() as running:
        onprem = running.enter_context(server(bench, "onprem", as_onprem(), 0)).port
        hung = running.enter_context(hanging_server())
        compared = running.enter_context(bridge(bench, "flat", onprem, hung, "compare"))
        early = memory_after(compared, COMPARISONS // 10)
        late = memory_after(compared, COMPARISONS)
        ended, skipped = comparisons(compared), asked(compared) - comparisons(compared)
    report.say(
        f"With a hung other side {ended:,.0f} comparisons came to their deadline and {skipped:,.0f} were skipped and counted, "
        f"because every permit was taken; {early:.1f} MB after the first tenth, {late:.1f} MB after all."
    )
    report.goals([(f"growth from {COMPARISONS // 10:,} to {COMPARISONS:,} comparisons (MB)", [late - early], Goal(GROWTH_MB, at_most=True))])


def memory_after(bridge, count):
    while asked(bridge) < count:
        load.drive(bridge.url(PATH), 5, TOKEN)
    return bridge.memory_mb("VmRSS")


def asked(bridge):
    return bridge.sum_of("waba_bridge_comparisons_total") + bridge.sum_of("waba_bridge_comparisons_skipped_total")


def comparisons(bridge):
    return bridge.sum_of("waba_bridge_comparisons_total")


def drive(bridge, seconds):
    seen = load.drive(bridge.url(PATH), seconds, TOKEN, connections=CONNECTIONS)
    return Seen(seen.p50_ms, seen.p99_ms, seen.rate)


def as_onprem():
    return {"meta": {"api_status": "stable", "version": "v2.57.2"}, "settings": {"business": {"profile": PROFILE}}}


def server(bench, name, body, delay_ms):
    port = free_port()
    text = json.dumps(body, separators=(",", ":"))
    command = [bench.programs.bare, "serve", f"127.0.0.1:{port}", "1", text, str(delay_ms)]
    return Process(name, command, bench.folder, port)


def bridge(bench, name, onprem, graph_url, mode):
    sections = f"""
[numbers.routes]
business_profile = "{mode}"
[numbers.onprem]
url = "http://127.0.0.1:{onprem}"
[numbers.cloud]
graph_url = "{graph_url}"
phone_number_id = "{PHONE_NUMBER_ID}"
access_token = "{ACCESS_TOKEN}"
"""
    settings = "[compare]\ndeadline_s = 1\nnoise_percent = 0\n[log]\nlevel = \"info,compare=off\"\n"
    return Bridge(bench.programs, bench.fresh_folder(f"bridge-{name}"), sections, settings)
