"""Decisions: what finding out which side a call goes to costs, by criterion (`decide.rs`)."""

import json
import os
import subprocess

from .process import Failure
from .report import Goal

PROGRAMS = []


def run(bench, report):
    folder = bench.fresh_folder("criterion")
    command = [bench.programs.decide, "--bench", "--noplot", "--save-baseline", "suite"]
    done = subprocess.run(command, env={**os.environ, "CRITERION_HOME": str(folder)}, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"the decision benchmark failed: {done.stderr.strip()[-400:]}")
    goals = []
    for name, what in (("by_share", "by a share, with pinned keys"), ("by_mode", "by the mode alone")):
        file = folder / name / "suite" / "estimates.json"
        estimates = json.loads(file.read_text())
        goals.append((f"{what} (ns)", [estimates["mean"]["point_estimate"]], Goal(1000, at_most=True)))
    report.say("50 numbers, every route overridden at run time, 1,000 pinned keys.")
    report.goals(goals)
