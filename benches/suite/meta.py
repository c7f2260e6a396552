"""Meta's notifications by `notify`, and a receiver of callbacks that counts them."""

import json
import subprocess
from dataclasses import dataclass

from .bridge import APP_SECRET, PHONE_NUMBER_ID, THREADS, request
from .process import TICKS_PER_S, Failure, Process, free_port, ticks

CONNECTIONS = 64


@dataclass(frozen=True)
class Posted:
    """What the notifier saw."""

    requests: int
    events: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    # By how much a POST was begun after it was due, at most.
    late_ms: float
    ran_out: bool

    @property
    def rate(self):
        return self.requests / self.seconds


class Meta:
    """Notifies a port. Posting has begun when this returns; media are served until the end of the block."""

    def __init__(self, bench, port, **plan):
        plan = {
            "address": f"127.0.0.1:{port}",
            "phone_number_id": PHONE_NUMBER_ID,
            "app_secret": APP_SECRET,
            "connections": CONNECTIONS,
            "per_post": 1,
            "mixed": False,
            "rate": 0,
            "seconds": 0,
            "repeat": False,
            "media": None,
            **plan,
        }
        self.child = subprocess.Popen([bench.programs.notify, json.dumps(plan)], stdout=subprocess.PIPE, text=True)
        try:
            self.line("STARTED")
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def posted(self):
        """Waits until all is posted. An error spoils a run: a refused notification costs less than an accepted one."""
        posted = Posted(**json.loads(self.line("RESULT ")))
        if posted.errors or posted.ran_out or not posted.requests:
            raise Failure(f"notifying went wrong: {posted}")
        return posted

    def cpu_seconds(self):
        """So far, also when it has ended."""
        return ticks(self.child.pid) / TICKS_PER_S

    def line(self, beginning):
        line = self.child.stdout.readline()
        if not line.startswith(beginning):
            raise Failure(f"notify said {line!r} instead of {beginning}")
        return line.removeprefix(beginning)

    def stop(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()


class Counter(Process):
    """A receiver that answers 200 at once."""

    def __init__(self, bench, port=None, name="receiver"):
        port = port or free_port()
        command = [bench.programs.bare, "count", f"127.0.0.1:{port}", THREADS, "{}"]
        super().__init__(name, command, bench.folder, port)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/callback"

    def told(self):
        told = json.loads(request(self.port, "GET", "/"))
        if told["strange"]:
            raise Failure(f"{told['strange']} callbacks were of nothing that was notified")
        return told

    def wait_for(self, events, patience_s):
        """Until every event was delivered."""
        self.wait_until(lambda: self.told()["events"] >= events, f"was not told of {events} events", patience_s)
        return self.told()
