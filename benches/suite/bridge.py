"""The bridge under test, in a process and a folder of its own."""

import base64
import http.client
import json

from .process import Process, free_port

# argon2 of the password with a cheap setting: logins are not what is measured.
USER, PASSWORD = "admin", "Standin-1"
PASSWORD_HASH = "$argon2id$v=19$m=64,t=1,p=1$CiIV6PVPSXj2Y9hOe9qw/Q$1Q6e0yri/NlhOtdowx1O5LX/Q2obwfLyD3SC/jIPyCc"
# As many as nginx gets workers and HAProxy threads.
THREADS = 2
# The stand-in's.
PHONE_NUMBER_ID, ACCESS_TOKEN = "106540352242922", "EAAG-standin-token"
APP_SECRET = "standin-app-secret"

CONFIG = """
[server]
listen = "127.0.0.1:{public}"
threads = {threads}
allow_insecure_upstreams = true
[intake]
listen = "127.0.0.1:{intake}"
[admin]
listen = "127.0.0.1:{admin}"
[state]
url = "sqlite:{folder}/state/bridge.db"
[media]
url = "file:{folder}/media"
[limits]
requests_per_second = 0
{settings}
[[numbers]]
name = "support"
{sections}
[[numbers.users]]
name = "{user}"
password_hash = "{password_hash}"
"""


class Bridge(Process):
    """Started on a folder that keeps its state, ready when this returns."""

    def __init__(self, programs, folder, sections, settings=""):
        self.folder = folder
        self.admin, self.intake = free_port(), free_port()
        public = free_port()
        config = folder / "waba-bridge.toml"
        config.write_text(
            CONFIG.format(
                public=public,
                admin=self.admin,
                intake=self.intake,
                threads=THREADS,
                folder=folder,
                sections=sections,
                settings=settings,
                user=USER,
                password_hash=PASSWORD_HASH,
            )
        )
        super().__init__("bridge", [programs.bridge, "serve", "--config", config], folder, public)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def login(self):
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        body = request(self.port, "POST", "/v1/users/login", {"Authorization": f"Basic {credentials}"})
        return json.loads(body)["users"][0]["token"]

    def order(self, medium, token):
        """Asks for a retry download; acknowledged when this returns."""
        request(self.port, "GET", f"/v1/media/{medium}/download", {"Authorization": f"Bearer {token}"})

    def sum_of(self, name):
        """The sum of a metric over all its labels."""
        lines = request(self.admin, "GET", "/metrics").decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))

    def metric(self, name):
        """The value of a metric with its labels; 0 when it is not there yet."""
        for line in request(self.admin, "GET", "/metrics").decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0


def without_onprem(graph_url, callback_url=""):
    """The sections of a number that has no old client any more."""
    return f"""
[numbers.cloud]
graph_url = "{graph_url}"
phone_number_id = "{PHONE_NUMBER_ID}"
access_token = "{ACCESS_TOKEN}"
app_secret = "{APP_SECRET}"
media_hosts = ["127.0.0.1"]
[numbers.callback]
url = "{callback_url}"
"""


def request(port, method, path, headers=None):
    """The body of an answer that must be a 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers={"User-Agent": "integration/1.0", **(headers or {})})
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise http.client.HTTPException(f"{method} {path}: {answer.status} {body[:200]!r}")
    return body
