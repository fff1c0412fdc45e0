#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that hang, fail and fill up, and a camera that sends too much, beside cameras that none of it concerns: those lose no frame.

The first test drives the real worker and the real sealer on real file systems (FUSE), in the parent's place: so what a worker owes
is seen, whatever its parent does. The others run the whole program.
"""
import json
import os
import signal
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, custos, main, run, skip, wait_for
from disks import FaultFs, own_mounts
from witness import Witness
from worker_driver import FAULTS, LEAVE, Volume, WorkerDriver

PATIENCE_MS = 1500
FRAGMENT = 12  # frames: one group of pictures of the clip


def test_one_bad_disk_is_not_the_others(folder):
    own_mounts()
    site = Site(folder)
    site.init()
    bad = {n: FaultFs(folder, n) for n in ("hung", "slow", "broken", "full", "readonly")}
    volumes = {n: Volume(i + 2, d.path, d.backing) for i, (n, d) in enumerate(bad.items())}
    volumes["good"], volumes["left"] = Volume(1, folder / "good"), Volume(9, folder / "left")
    cameras = {n: n.split("-")[0] for n in ("good-1", "good-2", "hung-1", "hung-2", "slow", "broken", "full", "readonly", "left")}
    cameras["none"] = None
    edge = Edge(folder, {n: CARS for n in cameras}, site.camera_certificate("cameras"), "--stamp", "--burst")
    try:
        with edge:
            bad_disks(folder, site, edge, bad, volumes, cameras)
    finally:
        for disk in bad.values():
            disk.close()
        site.clean()


def bad_disks(folder, site, edge, bad, volumes, cameras):
    driver = WorkerDriver(folder, site, edge, "[recorder]\nqueue_memory_mb = 64\n", PATIENCE_MS)
    s = {n: driver.assign(n, volumes[v] if v else volumes["good"]) for n, v in cameras.items()}
    check(driver.run(15, lambda: all(len(x.written) >= 3 for x in s.values())),
          f"all are recorded: {[(n, len(x.written)) for n, x in s.items()]}\n{driver.worker.log()[-3000:]}")
    bad["hung"].say("write hang")
    bad["slow"].say("write delay 300")
    for n, error in (("broken", "EIO"), ("full", "ENOSPC"), ("readonly", "EROFS")):
        bad[n].say(f"write errno {error}")
    s["none"].volume = None
    began, before = time.monotonic(), {n: len(x.written) for n, x in s.items()}
    driver.worker.first.send(LEAVE, struct.pack(">I", volumes["left"].number))
    failing = [n for n in cameras if n.split("-")[0] in ("hung", "broken", "full", "readonly", "left")]
    for n in failing:
        s[n].volume = volumes["good"]  # where the parent lets it go on
    check(driver.run(PATIENCE_MS / 1000 + 5, lambda: all(s[n].released and len(s[n].written) >= before[n] + 2 for n in failing)),
          f"all go on elsewhere: {[(n, s[n].released, s[n].not_written) for n in failing]}\n{driver.worker.log()[-4000:]}")
    threads = held_threads(driver.worker.pid)
    check(threads <= 3, f"a hung volume holds at most three threads: {threads}")
    driver.run(2)
    s["none"].volume = volumes["good"]
    driver.run(3)

    for n, fault in (("hung-1", "volume-slow"), ("hung-2", "volume-slow"), ("broken", "volume-io-error"), ("full", "volume-full"),
                     ("readonly", "volume-read-only")):
        told = s[n].not_written
        check(len(told) == 1, f"{n}: told once: {told}")
        check(told[0][3] == FAULTS[fault], f"{n}: {fault}, not {told}")
        check(told[0][0] < s[n].released[0] + 0.5 and len(s[n].released) == 1, f"{n}: then it is released, once")
        after = told[0][0] - began
        limit = PATIENCE_MS / 1000 + 3.5 if n.startswith("hung") else 3
        check(after < limit, f"{n}: noticed after {after:.1f} s")
    check(not s["left"].not_written and len(s["left"].released) == 1, "a volume that was left: released, nothing failed")
    for n in ("good-1", "good-2", "slow", "none"):
        check(not s[n].not_written and not s[n].released, f"{n} was not concerned")
    for n in ("good-1", "good-2"):
        times = [t for t, _ in s[n].written if t > began]
        pause = max(b - a for a, b in zip([began, *times], times))
        check(pause < 2.5, f"{n}: it waits for nobody's disk: {pause:.1f} s")
    check(s["none"].refused >= 2, "no volume was to be had for a while")

    found = {n: x.missing() for n, x in s.items()}  # while the disk still hangs: what is in its file
    print(f"  frames that are missing: {found}")
    lost = {n: found[n] for n in cameras if n in failing and n != "left"}
    for n in cameras:
        check(n in lost or found[n] == 0, f"{n}: no frame is lost, not {found[n]}")
        causes = [g[0] for g in s[n].gaps()]
        check(causes.count("disk") == (n in failing), f"{n}: gaps {causes}")
    # What was being written is lost, a fragment each. One more, where this machine was busy and a second one was finished already.
    check(all(0 < x <= 2 * FRAGMENT for x in lost.values()) and sum(lost.values()) <= FRAGMENT * (len(lost) + 1),
          f"of each a fragment is lost: {lost}")
    bad["hung"].say("well")
    driver.end()


def held_threads(pid):
    """Threads of the process that wait for FUSE."""
    held = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            held += "fuse" in (task / "wchan").read_text() or "request_wait" in (task / "wchan").read_text()
        except OSError:
            pass
    return held


main(globals())
