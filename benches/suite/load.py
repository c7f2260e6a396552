"""Load by wrk: keep-alive connections, 64 unless told otherwise, from two threads."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .process import Failure

SCRIPT = Path(__file__).resolve().parent.parent / "wrk.lua"
CONNECTIONS = 64


@dataclass(frozen=True)
class Run:
    """What wrk saw."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rate(self):
        return self.requests / self.seconds


def drive(url, seconds, token, script_arguments=(), connections=CONNECTIONS):
    """One run. Any error spoils it: a refused request costs a server less than an answered one."""
    command = [
        "wrk", "-t2", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT),
        "-H", f"Authorization: Bearer {token}", "-H", "User-Agent: integration/1.0",
        url, "--", *script_arguments,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    results = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not results:
        raise Failure(f"wrk failed: {(done.stderr or done.stdout).strip()}")
    run = Run(**json.loads(results[0]))
    if run.errors or not run.requests:
        raise Failure(f"wrk got {run.requests} answers from {url} and {run.errors} errors")
    return run
