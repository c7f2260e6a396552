"""Backlog: acknowledging and working off jobs with an empty state, and with a million finished ones in it."""

import os
import shutil
import time
import uuid
from contextlib import closing
from dataclasses import dataclass

from .acks import acknowledge, hanging_server, open_state, start_bare
from .bridge import Bridge, without_onprem
from .process import PATIENCE_S
from .report import Goal, ratios, spread

PROGRAMS = ["wrk"]
FINISHED = 1_000_000
# Rows in one statement, which Ctrl-C has to wait for.
SEEDED_AT_ONCE = 20_000
# Jobs that are worked off, for each second that a run is to last.
JOBS_PER_S = 2_000
DELIVERED = 'waba_bridge_callback_requests_total{number="support",result="success"}'
COLUMNS = "number, cloud_id, uuid, kind, mime_type, sha256, length, fate"
# Finished jobs leave the table of jobs; what stays is their medium.
SEED = f"""
INSERT INTO media ({COLUMNS})
WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last)
SELECT 'support', printf('9%015d', i), randomblob(16), 'image', 'image/jpeg', randomblob(32), 100000, 1 FROM n
"""
STORED = f"INSERT INTO media ({COLUMNS}) VALUES ('support', ?, ?, 'image', 'image/jpeg', zeroblob(32), 0, 1)"


@dataclass(frozen=True)
class Worked:
    """One run on one state."""

    acks: float
    jobs: float


def run(bench, report):
    with start_bare(bench) as receiver, hanging_server() as graph_url:
        sections = without_onprem(graph_url, f"http://127.0.0.1:{receiver.port}/callback")
        full = seed(bench, sections)
        results = bench.play(
            {
                "empty": lambda: work(bench, sections, None),
                f"{FINISHED:,} finished jobs": lambda: work(bench, sections, full),
            }
        )
    rows = [[name, spread([r.acks for r in runs], 0), spread([r.jobs for r in runs], 0)] for name, runs in results.items()]
    report.table(["state", "acks/s", "jobs worked off/s"], rows)
    empty, full = results.values()
    report.goals(
        [
            ("acks/s, full / empty", ratios([r.acks for r in full], [r.acks for r in empty]), Goal(0.9)),
            ("jobs worked off/s, full / empty", ratios([r.jobs for r in full], [r.jobs for r in empty]), Goal(0.9)),
        ]
    )


def seed(bench, sections):
    """A folder whose state looks like that of a bridge which fetched a million media."""
    folder = bench.fresh_folder("full")
    with Bridge(bench.programs, folder, sections):
        pass
    with closing(open_state(folder)) as state:
        for first in range(1, FINISHED, SEEDED_AT_ONCE):
            state.execute(SEED, {"first": first, "last": first + SEEDED_AT_ONCE - 1})
        state.commit()
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def work(bench, sections, template):
    folder = bench.fresh_folder("bridge")
    if template:
        shutil.copytree(template / "state", folder / "state")
    # What was just copied and prepared is written out now, not while the bridge waits for the same disk.
    os.sync()
    seen = acknowledge(bench, folder, sections)
    jobs = make_easy(folder, bench.seconds * JOBS_PER_S)
    os.sync()
    with Bridge(bench.programs, folder, sections) as bridge:
        return Worked(seen.rate, work_off(bridge, jobs))


def make_easy(folder, limit):
    """Lets the media of the first jobs be stored already, so that nothing but taking and finishing jobs is measured."""
    with closing(open_state(folder)) as state:
        state.execute("DELETE FROM jobs WHERE id NOT IN (SELECT id FROM jobs ORDER BY id LIMIT ?)", [limit])
        keys = [key for (key,) in state.execute("SELECT key FROM jobs")]
        media = [(key, uuid.uuid4()) for key in keys]
        state.executemany(STORED, [(key, name.bytes) for key, name in media])
        # Some were tried, and would wait for their next attempt.
        state.execute("UPDATE jobs SET due_at = created_at")
        state.commit()
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for _, name in media:
        (folder / "media" / str(name)).touch()
    return len(keys)


def work_off(bridge, jobs):
    """Jobs per second from the first look to the last callback."""
    started, before = time.monotonic(), bridge.metric(DELIVERED)
    bridge.wait_until(lambda: bridge.metric(DELIVERED) >= jobs, "does not finish its jobs", PATIENCE_S * 5)
    return (jobs - before) / (time.monotonic() - started)
