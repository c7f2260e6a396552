"""Child processes: started, watched, measured by /proc, and always stopped."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE_S = 60
STOP_S = 40
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """Something could not be run; its text is for the operator."""


class Process:
    """A server on loopback. Used with `with`, so that it ends however the block ends."""

    def __init__(self, name, command, folder, port):
        self.name = name
        self.port = port
        self.log = Path(folder) / f"{name}.log"
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean_environment(),
            )
        try:
            self.wait_until(self.accepts, "does not listen")
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def accepts(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        except OSError:
            return False

    def wait_until(self, holds, complaint, patience_s=PATIENCE_S):
        """Polls `holds` and returns what it returned, unless the process ends or patience does."""
        deadline = time.monotonic() + patience_s
        while not (result := holds()):
            if self.child.poll() is not None:
                raise Failure(f"{self.name} ended: {self.last_lines()}")
            if time.monotonic() > deadline:
                raise Failure(f"{self.name} {complaint}: {self.last_lines()}")
            time.sleep(0.02)
        return result

    def last_lines(self):
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-3:])

    def stop(self):
        """SIGTERM, then SIGKILL. Whatever the process started goes with it."""
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        """kill -9: no last words."""
        for pid in tree(self.child.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.child.wait()

    def cpu_seconds(self):
        """User and system time of all its processes and threads so far."""
        return sum(ticks(pid) for pid in tree(self.child.pid)) / TICKS_PER_S

    def memory_mb(self, field):
        """`VmRSS` or `VmHWM`."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
        raise Failure(f"{self.name} has no {field}")


def tree(pid):
    """A process and its descendants."""
    found = [pid]
    try:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                found += tree(int(child))
    except FileNotFoundError:
        pass
    return found


def ticks(pid):
    # The name of the program, in parentheses, may hold blanks; utime and stime are fields 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def clean_environment():
    """Without what would change the bridge's configuration or its log."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("WABA_BRIDGE") and name != "RUST_LOG"
    }
