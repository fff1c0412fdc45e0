# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports over the people's port (docs/design/web.md), by the curl program: a job, its file, and what custos export makes of the same range.

    job = make(page, "cars-main", span, receiver="Police", purpose="case 7")
    download(page, job, path)                   # Download: status of curl, headers; the file is at path
    by_program(site, "cars", span, path)        # custos export
"""
import datetime
import hashlib
import json
import subprocess
import time

from custos_site import check, wait_for

WHO = {"receiver": "Police Rostock, Ms Müller", "purpose": "case 2026/118, gate at night"}


def stamp(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def span(from_s, until_s):
    return {"from": stamp(from_s), "until": stamp(until_s)}


def make(page, stream, times, **more):
    return page.post("/api/v1/exports", {"stream": stream, **times, **WHO, **more}).ok(201)


def shown(page, job):
    return page.get(f"/api/v1/exports/{job['id']}").ok()


def curl(page, job, path, *more):
    """The command that downloads it."""
    return ["curl", "-sS", "--max-time", "60", "--cacert", page.root, "-D", str(path) + ".head", "-o", str(path), "-H", f"Cookie: __Host-custos={page.cookie}", *more,
            f"{page.origin}/api/v1/exports/{job['id']}/file"]


class Download:
    def __init__(self, page, job, path, *more):
        p = subprocess.run(curl(page, job, path, *more), capture_output=True, text=True, timeout=70)
        self.code, self.why = p.returncode, p.stderr
        lines = path.with_name(path.name + ".head").read_text().splitlines()
        self.status = int(lines[0].split()[1]) if lines else 0
        self.headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:]) if v}

    def ok(self):
        check(self.code == 0 and self.status == 200, f"it is downloaded: curl {self.code} {self.why} {self.status}")
        return self


def download(page, job, path, *more):
    return Download(page, job, path, *more).ok()


def by_program(site, camera, times, path, *options):
    site.cli("export", "--camera", camera, "--from", times["from"], "--to", times["until"], "--output", path, *options)
    return path.read_bytes()


def audit(path, event):
    """The lines of this event in a log of the chain format."""
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == event]


def recorded_until(site, seconds_s, stream="cars-main", wait=30):
    """All of what came until then is on the disk."""
    def last():
        text = site.stream(stream).get("last_durable") or "1970-01-01T00:00:00Z"
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    wait_for(lambda: last() > seconds_s, wait, "all of it is on the disk", 0.2)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def now():
    return time.time()
