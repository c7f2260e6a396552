"""Memory: idle, with 10,000 idle connections, and how far it grows while 16 large media are fetched."""

import socket
import time
from contextlib import ExitStack

from . import media
from .process import Failure
from .report import Goal

PROGRAMS = []
CONNECTIONS = 10_000
FILES, MEGABYTES = 16, 100
# What starting took has been given back by then.
SETTLE_S = 3


def run(bench, report):
    with media.start_cloud(bench, FILES, MEGABYTES * media.MB) as cloud:
        results = bench.play(
            {
                "fetches": lambda: fetch(bench, cloud),
                "connections": lambda: connect(bench, cloud),
            }
        )
    idle, growth = zip(*results["fetches"])
    report.goals(
        [
            ("idle (MB)", idle, Goal(25, at_most=True)),
            (f"with {CONNECTIONS:,} idle connections (MB)", results["connections"]),
            (f"growth at the peak of {FILES} fetches of {MEGABYTES} MB (MB)", growth, Goal(64, at_most=True)),
        ]
    )


def fetch(bench, cloud):
    """What it has when idle, and by how much the peak was higher."""
    with media.started_bridge(bench, cloud) as (bridge, receiver):
        time.sleep(SETTLE_S)
        idle = bridge.memory_mb("VmRSS")
        ids = [str(media.FIRST_ID + n) for n in range(FILES)]
        media.order_all(bridge, receiver, ids, MEGABYTES * media.MB, FILES)
        return idle, bridge.memory_mb("VmHWM") - idle


def connect(bench, cloud):
    """What it has with many connections that each made one request."""
    with media.started_bridge(bench, cloud) as (bridge, _), ExitStack() as connections:
        token = bridge.login()
        for _ in range(CONNECTIONS):
            ask(connections.enter_context(socket.create_connection(("127.0.0.1", bridge.port))), token)
        time.sleep(SETTLE_S)
        open_now = bridge.metric("waba_bridge_connections")
        if open_now < CONNECTIONS:
            raise Failure(f"only {open_now:.0f} of {CONNECTIONS} connections stayed open")
        return bridge.memory_mb("VmRSS")


def ask(connection, token):
    head = f"GET /v1/media/1 HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer {token}\r\n\r\n"
    connection.sendall(head.encode())
    # Nothing is stored, and this 404 has no body.
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 404"):
        raise Failure(f"unexpected answer: {answer[:100]!r}")
