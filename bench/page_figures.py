# SPDX-License-Identifier: GPL-3.0-or-later
"""What people cost who watch, each a TLS connection with a grant of his own, and how long they wait for pictures."""
import base64
import hashlib
import json
import secrets
import shutil
import ssl
import subprocess
import time
import urllib.request

from cameras import Cameras
from common import CAMERA_CORE, ROOT, BenchError, forget, measure, role, run, say, wait_for
from recorders import Recorder, check_custos

VIEWERS = ROOT / "build/release/bench/viewers"
INDEX = ROOT / "build/release/bench/index_figures"
STREAMS_OF_A_SESSION = 64   # docs/spec/live.md
NAME = "bench"


class Page:
    """The people's port of a running site."""

    def __init__(self, bench, recorder):
        self.state, self.password = recorder.state, secrets.token_urlsafe(18)
        run(bench.custos, "person", "add", NAME, "--role", "administrator", "--password-file", "-", "--state", self.state,
            input=f"{self.password}\n".encode())
        self.port = int(wait_for("the gateway", 20, lambda: (self.state / "gateway/port").read_text().strip()))
        self.root = self.state / "gateway/root.crt"

    def cookie(self):
        """Of a session of its own."""
        asked = urllib.request.Request(f"https://localhost:{self.port}/api/v1/session", method="POST",
                                       data=json.dumps({"name": NAME, "password": self.password}).encode(),
                                       headers={"Content-Type": "application/json", "Origin": f"https://localhost:{self.port}"})
        with urllib.request.urlopen(asked, context=ssl.create_default_context(cafile=self.root), timeout=20) as answer:
            return answer.headers["Set-Cookie"].split("=", 1)[1].split(";")[0]


def watch(page, stream, n, seconds):
    """The program `viewers` on the cameras' core, watching."""
    cookies = "\n".join(page.cookie() for _ in range(1 + (n - 1) // STREAMS_OF_A_SESSION))
    p = subprocess.Popen(["taskset", "-c", str(CAMERA_CORE), str(VIEWERS), str(page.port), str(page.root), f"/api/v1/streams/{stream}/live", str(n), str(seconds)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    p.stdin.write(cookies + "\n")
    p.stdin.close()
    if p.stdout.readline() != "watching\n":
        raise BenchError(f"{n} viewers did not come to watch")
    return p


def viewers_figures(bench, n, seconds):
    """CPU of the gateway for each viewer and second, and what reached them; the recorder loses nothing meanwhile."""
    say(f"{n} viewers: {seconds} s")
    cameras = Cameras(bench, 1)
    recorder = Recorder(bench, f"viewers-{n}")
    try:
        recorder.add(cameras.targets)
        recorder.wait(1)
        viewers = watch(Page(bench, recorder), f"{cameras.targets[0][0]}-main", n, seconds + 2)
        result = measure(recorder.pids, role, n, seconds)
        result["viewers"] = json.loads(viewers.stdout.read())
        viewers.wait(20)
        recorder.stop()
        result["checked"] = check_custos(bench, recorder, cameras.targets)
    finally:
        recorder.stop()
        cameras.stop()
    forget(recorder.state)
    result["per_core"] = 1000 / result["shares_ms"]["gateway"]
    return result


def spki(path):
    key = run("openssl", "x509", "-in", path, "-pubkey", "-noout")
    return base64.b64encode(hashlib.sha256(run("openssl", "pkey", "-pubin", "-outform", "DER", input=key)).digest()).decode()


def browser_figures(bench, seconds, segments, openings=20, seeks=40):
    """Stamp to picture, click to first picture, and seek to picture beside an index of so many segments, in Debian's Chromium; all share the machine."""
    say(f"the page in a browser, an index of {segments} segments: {seconds} s")
    chromium = shutil.which("chromium")
    if not chromium:
        raise BenchError("the page in a browser: chromium is not installed")
    cameras = Cameras(bench, 1)
    recorder = Recorder(bench, "page", lambda state: run(INDEX, state, segments))
    try:
        recorder.add(cameras.targets)
        recorder.wait(1)
        begin = time.time()
        page = Page(bench, recorder)
        given = {"origin": f"https://localhost:{page.port}", "spki": spki(recorder.state / "gateway/web.pem"), "chromium": chromium, "person": NAME,
                 "password": page.password, "seconds": seconds, "openings": openings, "seeks": seeks, "camera": cameras.targets[0][0], "begin": begin}
        said = subprocess.run(["node", ROOT / "web/test/figures.mjs"], input=json.dumps(given), capture_output=True, text=True, timeout=300)
        if said.returncode:
            raise BenchError(f"the page in a browser: {said.stderr[-1500:]}")
    finally:
        recorder.stop()
        cameras.stop()
    forget(recorder.state)
    return json.loads(said.stdout.splitlines()[-1])
