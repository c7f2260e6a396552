"""What must be there before anything is measured: programs, builds, file descriptors. And what it ran on."""

import json
import os
import platform
import resource
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .process import Failure

# By program, where the names differ.
PACKAGES = {"sha256sum": "coreutils", "sync": "coreutils"}
# Their packages start them as services, which would serve nobody and cost time.
SERVICES = {"nginx", "haproxy"}
VERSION_OPTIONS = {"nginx": "-v", "haproxy": "-v", "wrk": "-v", "curl": "--version", "openssl": "version"}
# The descriptors of 10,000 connections, and some to spare.
FILES = 11_000


@dataclass(frozen=True)
class Programs:
    """What `cargo build` made."""

    bridge: Path
    bare: Path
    cloud: Path
    decide: Path
    notify: Path
    translate: Path


def require(names):
    """Installs what is missing, where that is possible."""
    # Servers live in sbin, which not every user has on the path.
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = missing_of(names)
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [PACKAGES.get(name, name) for name in missing]
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        subprocess.run(["apt-get", "update", "-q"], check=False)
        subprocess.run(install, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        for service in SERVICES.intersection(missing):
            subprocess.run(["service", service, "stop"], check=False)
        missing = missing_of(names)
    if missing:
        raise Failure(f"not installed: {', '.join(missing)}")


def missing_of(names):
    return sorted(name for name in names if not shutil.which(name))


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        raise Failure(f"`ulimit -Hn` is {hard}; the benchmarks need {FILES}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def build(root):
    """Builds the bridge and what stands in benches/ in release mode."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics"]
    benches = ["bare", "cloud", "decide", "notify", "translate"]
    targets = ["--bin", "waba-bridge", *(word for bench in benches for word in ("--bench", bench))]
    if not shutil.which("cargo"):
        raise Failure("not installed: cargo")
    built = subprocess.run(command + targets, cwd=root, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        raise Failure("`cargo build --release` failed")
    messages = map(json.loads, built.stdout.splitlines())
    found = {m["target"]["name"]: Path(m["executable"]) for m in messages if m.get("executable")}
    return Programs(found["waba-bridge"], **{bench: found[bench] for bench in benches})


def describe(root, folder, arguments):
    """Everything somebody else would ask about the figures."""
    commit = output("git", "-C", root, "describe", "--always", "--dirty") or "of an unknown commit"
    load = os.getloadavg()[0]
    lines = [
        f"waba-bridge {commit}, rounds: {arguments.rounds}, seconds of a run under load: {arguments.seconds}",
        f"{cpu_model()}, {os.cpu_count()} cores, {memory_gb()} GB, Linux {platform.release()}",
        f"files on {output('df', '--output=fstype', folder).split()[-1]}, where 8 kB are on disk in {sync_ms(folder):.1f} ms",
        f"load when started: {load:.1f}",
        "; ".join(version(name) for name in VERSION_OPTIONS if shutil.which(name)),
    ]
    if load > 0.5:
        lines.append("**The machine was busy: these figures are worth nothing.**")
    return "\n".join(f"- {line}" for line in lines)


def sync_ms(folder):
    """What the disk takes to keep a small write; it bounds everything durable."""
    file, took = Path(folder) / "synced", []
    with file.open("wb", buffering=0) as synced:
        for _ in range(100):
            started = time.monotonic()
            synced.write(bytes(8192))
            os.fdatasync(synced.fileno())
            took.append(time.monotonic() - started)
    file.unlink()
    return median(took) * 1e3


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def memory_gb():
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def version(name):
    return " ".join(output(name, VERSION_OPTIONS[name]).split()[:3]) or name


def output(*command):
    if not shutil.which(command[0]):
        return ""
    # nginx tells its version on stderr, and wrk exits with 1 after telling it.
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip() if done.returncode in (0, 1) else ""
