"""Translation: what making callbacks of a notification costs, beside parsing and writing its bytes, by criterion (`translate.rs`)."""

import json
import os
import subprocess

from .process import Failure
from .report import Goal, ratios

PROGRAMS = []
CASES = {
    "text": "a text",
    "image": "an image",
    "status": "a status",
    "statuses": "1,000 statuses at once",
}


def run(bench, report):
    figures = bench.play({"translate": lambda: measure(bench)})["translate"]
    goals = []
    for case, what in CASES.items():
        ours, theirs = ([each[group, case] for each in figures] for group in ("translate", "serde_json"))
        # Times, so the other way round.
        goals.append((f"{what}: speed / serde_json", ratios(theirs, ours), Goal(0.5)))
    report.goals(goals)


def measure(bench):
    """Nanoseconds by group and case."""
    folder = bench.fresh_folder("criterion")
    command = [bench.programs.translate, "--bench", "--noplot", "--save-baseline", "suite"]
    # Half a second to warm up, then as long as asked for; both for each of eight.
    command += ["--warm-up-time", "0.5", "--measurement-time", str(bench.seconds)]
    done = subprocess.run(command, env={**os.environ, "CRITERION_HOME": str(folder)}, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"the translation benchmark failed: {done.stderr.strip()[-400:]}")
    return {
        (group, case): mean(folder / group / case / "suite" / "estimates.json")
        for group in ("translate", "serde_json")
        for case in CASES
    }


def mean(file):
    return json.loads(file.read_text())["mean"]["point_estimate"]
