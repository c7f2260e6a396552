"""Media: from the order to the callback that tells of the published file, beside curl, a digest and sync.

The digest is made by sha256sum, and by openssl besides: many builds of sha256sum leave the processor's SHA instructions
unused, and being faster than such a one says little.
"""

import json
import os
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .bridge import ACCESS_TOKEN, PHONE_NUMBER_ID, Bridge, request, without_onprem
from .process import PATIENCE_S, Failure, Process, free_port
from .report import Goal, ratios, spread

PROGRAMS = ["curl", "openssl", "sha256sum", "sync"]
FIRST_ID = 1761991787669000
MB = 1 << 20
# Size of a file in MB, files, files at a time.
CASES = [(64, 4, 1), (64, 16, 16), (100, 4, 1), (100, 16, 16)]
# $1 the token, $2 the file, $3 the URL.
CURL = 'curl -sSf --noproxy "*" -H "Authorization: Bearer $1"'
# Neither of the others can be faster than the media host.
CEILING = ("curl to /dev/null", f'{CURL} -o /dev/null "$3"')
YARDSTICKS = [
    ("curl, sha256sum, sync", f'{CURL} -o "$2" "$3" && sha256sum "$2" && sync "$2"'),
    ("curl, openssl sha256, sync", f'{CURL} -o "$2" "$3" && openssl dgst -sha256 "$2" && sync "$2"'),
]


def run(bench, report):
    rows, goals = [], []
    for case in CASES:
        what = "{0} MB, {2} at a time".format(*case)
        results = play(bench, *case)
        rows += [[what, name, spread(speeds, 0)] for name, speeds in results.items()]
        for name, _ in YARDSTICKS:
            goals.append((f"{what}: bridge / {name}", ratios(results["bridge"], results[name]), Goal(0.9, 1.0)))
    report.table(["files", "how", "MB/s"], rows)
    report.goals(goals)


def play(bench, megabytes, count, at_a_time):
    with start_cloud(bench, count, megabytes * MB) as cloud:
        media = [str(FIRST_ID + n) for n in range(count)]

        def through_curl(script):
            return lambda: megabytes * count / by_curl(bench, cloud, media, at_a_time, script)

        def through_bridge():
            with started_bridge(bench, cloud) as (bridge, receiver):
                return megabytes * count / order_all(bridge, receiver, media, megabytes * MB, at_a_time)

        contestants = {name: through_curl(script) for name, script in [CEILING, *YARDSTICKS]}
        return bench.play({**contestants, "bridge": through_bridge})


def by_curl(bench, cloud, media, at_a_time, script):
    """Seconds until the last file is through the script."""
    folder = clean_slate(bench, "curl")
    # curl is not charged for the look-ups; the bridge is.
    urls = {medium: cloud.look_up(medium)["url"] for medium in media}

    def fetch(medium):
        command = ["sh", "-c", script, "sh", ACCESS_TOKEN, folder / medium, urls[medium]]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"curl: {done.stderr.strip()}")

    return timed(fetch, media, at_a_time)


@contextmanager
def started_bridge(bench, cloud):
    """A bridge without a history, between this Cloud and a receiver."""
    folder = clean_slate(bench, "bridge")
    with ExitStack() as running:
        receiver = running.enter_context(Receiver())
        sections = without_onprem(cloud.url, receiver.url)
        yield running.enter_context(Bridge(bench.programs, folder, sections)), receiver


def order_all(bridge, receiver, media, length, at_a_time):
    """Seconds from the first order to the last callback."""
    token = bridge.login()

    def fetch(medium):
        bridge.order(medium, token)
        receiver.wait_for(medium)

    seconds = timed(fetch, media, at_a_time)
    published = [file for file in (bridge.folder / "media").iterdir() if file.is_file()]
    if sorted(file.stat().st_size for file in published) != [length] * len(media):
        raise Failure(f"{len(published)} files were published instead of {len(media)}, or not in full")
    return seconds


def timed(fetch, media, at_a_time):
    pool = ThreadPoolExecutor(at_a_time)
    try:
        started = time.monotonic()
        # Consuming the results raises what went wrong.
        list(pool.map(fetch, media))
        return time.monotonic() - started
    finally:
        # Not waiting: after a failure the servers end first, and with them what still waits for one.
        pool.shutdown(wait=False, cancel_futures=True)


def clean_slate(bench, name):
    """Nobody pays for writing out, or for throwing away, what another one wrote."""
    for used in ("curl", "bridge"):
        bench.fresh_folder(used)
    os.sync()
    return bench.fresh_folder(name)


class Cloud(Process):
    """The stand-in for Cloud, with media of one length."""

    def look_up(self, medium):
        path = f"/v24.0/{medium}?phone_number_id={PHONE_NUMBER_ID}"
        return json.loads(request(self.port, "GET", path, {"Authorization": f"Bearer {ACCESS_TOKEN}"}))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


def start_cloud(bench, count, length):
    graph, media = free_port(), free_port()
    command = [bench.programs.cloud, "serve", f"127.0.0.1:{graph}", f"127.0.0.1:{media}", FIRST_ID, count, length]
    cloud = Cloud("cloud", command, bench.folder, graph)

    def has_last():
        try:
            return cloud.look_up(str(FIRST_ID + count - 1))
        except Exception:
            return None

    try:
        cloud.wait_until(has_last, "has no media")
    except BaseException:
        cloud.kill()
        raise
    return cloud


class Receiver:
    """The integration's webhook."""

    def __init__(self):
        self.told = {}
        self.is_closed = False
        self.changed = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/callback"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def wait_for(self, medium):
        with self.changed:
            self.changed.wait_for(lambda: self.is_closed or medium in self.told, PATIENCE_S)
            if medium not in self.told:
                raise Failure(f"no callback for medium {medium}")
            if "errors" in self.told[medium]:
                raise Failure(f"medium {medium} was not fetched: {self.told[medium]['errors']}")

    def take(self, callback):
        with self.changed:
            for item in callback["media_items"]:
                self.told[item[item["type"]]["id"]] = item
            self.changed.notify_all()

    def handler(self):
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        return Handler
