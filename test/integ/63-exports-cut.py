#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A download that is not whole does not look whole: the session's end, a deleted job and footage that retention took break it off. Who does not
read holds up nobody and costs a bounded piece of memory.
"""
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import exports
from custos_site import CUSTOS, RELEASE, Edge, Site, check, main, processes, run, wait_for
from exports import curl, download, make, shown, span
from page import Page

CONFIG = "[recorder]\nsegment_s = 2\nfragment_ms = 500\n"
CUT_S = 10


def wide_film(path):
    """Noise, which nothing makes smaller: some 25 Mbit/s."""
    noise = path.with_suffix(".yuv")
    noise.write_bytes(os.urandom(320 * 240 * 3 // 2 * 25) * 3)
    run("ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "320x240", "-r", "25", "-i", noise, "-c:v", "libx264", "-preset", "ultrafast",
        "-qp", "4", "-g", "25", "-bf", "0", "-movflags", "+faststart", path)
    return path


class Narrow:
    """A browser with next to no room, which reads when it is told."""

    def __init__(self, page, job):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", int(page.origin.rsplit(":", 1)[1])))
        s.settimeout(15)
        self.tls = ssl.create_default_context(cafile=page.root).wrap_socket(s, server_hostname="localhost")
        host = page.origin.removeprefix("https://")
        self.tls.sendall(f"GET /api/v1/exports/{job['id']}/file HTTP/1.1\r\nHost: {host}\r\nCookie: __Host-custos={page.cookie}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.tls.recv(1024)
        head, _, rest = head.partition(b"\r\n\r\n")
        check(head.startswith(b"HTTP/1.1 200"), f"it is begun: {head[:300]}")
        self.length = int([line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")][0].split(b":")[1])
        self.got = len(rest)

    def rest(self):
        """Reads on to the connection's end; whether that was all."""
        try:
            while self.got < self.length:
                data = self.tls.recv(1 << 16)
                if not data:
                    break
                self.got += len(data)
        except (ConnectionError, ssl.SSLError):
            pass
        return self.got == self.length

    def cut_within(self, seconds):
        """Without reading: the other side hangs up. What is on the way comes first."""
        self.tls.settimeout(seconds)
        begin = time.monotonic()
        whole = self.rest()
        return not whole and time.monotonic() - begin < seconds


def rss_mb(pid):
    return int(next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1]) >> 10


def players(site):
    return [pid for pid, argv in processes(str(site.state)).items() if len(argv) > 1 and argv[1] == "player"]


def who_does_not_read(folder, site, page, times, program):
    """Another export, live and the recording go on; and memory stays."""
    slow = Narrow(page, make(page, "wide-main", times))
    before = rss_mb(site.pids()["gateway"])
    time.sleep(1)
    job = make(page, "wide-main", times)
    path = folder / "beside.mp4"
    download(page, job, path)
    check(path.stat().st_size == slow.length > 8 << 20, f"a large one: {path.stat().st_size} {slow.length}")
    watching = page.watch("wide-main", 6, lambda w: len(w.bytes) > 2 << 20)
    check(len(watching.bytes) > 2 << 20, f"live goes on: {len(watching.bytes)}")
    exports.recorded_until(site, exports.now(), "wide-main", 8)
    grown, held = rss_mb(site.pids()["gateway"]) - before, rss_mb(players(site)[0])
    check(program == CUSTOS or (grown < 30 and held < 80), f"the gateway grew by {grown} MiB, the player has {held}")
    print(f"  while {slow.length >> 20} MiB waited: gateway +{grown} MiB, player {held} MiB")
    return slow


def session_revoked(site, page, slow, admin):
    """The administrator ends it: the download is broken off, its player and its jobs are gone."""
    sessions = admin.get("/api/v1/sessions").ok()["items"]
    mine = admin.get("/api/v1/session").ok()["session"]
    for session in sessions:
        if session["session"] != mine:
            admin.delete(f"/api/v1/sessions/{session['session']}").ok()
    begin = time.monotonic()
    check(slow.cut_within(CUT_S), f"it is broken off: {slow.got} of {slow.length}")
    wait_for(lambda: not players(site), CUT_S - (time.monotonic() - begin), "its player ends")
    page.get("/api/v1/exports").problem(401)


def deleted(folder, page, times):
    """A deleted job: curl sees a broken download, by either HTTP."""
    for version, codes in (("--http1.1", {18, 56}), ("--http2", {92, 18, 56})):
        job = make(page, "wide-main", times)
        path = folder / f"cut{version}.mp4"
        with subprocess.Popen(curl(page, job, path, "--limit-rate", "3M", version), stderr=subprocess.PIPE, text=True) as p:
            wait_for(lambda: path.exists() and path.stat().st_size > 0, 10, "it comes")
            check(shown(page, job)["state"] == "running", "it runs")
            page.get(f"/api/v1/exports/{job['id']}/file").problem(409)
            page.delete(f"/api/v1/exports/{job['id']}").ok(204)
            begin = time.monotonic()
            p.wait(30)
            check(p.returncode in codes, f"curl says so: {p.returncode} {p.stderr.read()}")
            check(time.monotonic() - begin < CUT_S, "soon")
        page.get(f"/api/v1/exports/{job['id']}").problem(404)


def left(page, times):
    """Who goes away in the middle: the job says so, and may be read again."""
    job = make(page, "wide-main", times)
    slow = Narrow(page, job)
    slow.tls.close()
    wait_for(lambda: shown(page, job)["state"] == "failed", 10, lambda: f"it failed: {shown(page, job)}")
    check(shown(page, job)["error"] and shown(page, job)["sha256"] is None, f"and says why: {shown(page, job)}")
    return job


def retention(site, page, times):
    """Footage that goes while it is read ends it clearly."""
    job = make(page, "wide-main", times)
    slow = Narrow(page, job)
    kept = len([p for p in site.segments("wide-main") if p.stat().st_size])
    site.cli("camera", "set", "wide", "--quota", "8")
    wait_for(lambda: len([p for p in site.segments("wide-main") if p.stat().st_size]) < kept - 4, 20, "retention removes")
    check(not slow.rest(), f"it does not look whole: {slow.got} of {slow.length}")
    wait_for(lambda: shown(page, job)["state"] == "failed", 5, lambda: f"it failed: {shown(page, job)}")
    job = shown(page, job)
    check("not there any more" in job["error"] and job["sha256"] is None and job["bytes"] < job["bytes_expected"], f"and says why: {job}")
    page.get(f"/api/v1/exports/{job['id']}/file").problem(404)


def test_what_is_not_whole(folder):
    program = RELEASE if os.access(RELEASE, os.X_OK) else CUSTOS  # a sanitizer keeps what was freed
    film = wide_film(folder / "wide.mp4")
    with Site(folder, config=CONFIG, program=program) as site, Edge(folder, {"wide": film}, site.camera_certificate("wide"), program=program) as edge:
        site.add("wide", edge.url("wide"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("wide-main")
        begin = exports.now()
        exports.recorded_until(site, begin + 5, "wide-main")
        times = span(begin, begin + 4.5)
        admin = page.other("Erika")
        slow = who_does_not_read(folder, site, page, times, program)
        session_revoked(site, page, slow, admin)
        deleted(folder, admin, times)
        left(admin, times)
        retention(site, admin, times)


if __name__ == "__main__":
    main(globals())
