#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that gets too little of the processor: the largest camera records key frames only, sealed as overload; a small one beside
it loses nothing; when there is time again, the large one is recorded whole by itself.

The worker is stopped and let run in turns (SIGSTOP, SIGCONT), so that its loop is late by most of a second all the time.
"""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import seals
from custos_site import Edge, Site, check, main, run, wait_for
from witness import Witness

STOPPED_S, RUNS_S = 0.8, 0.06  # less than the time from one beat of the loop to the next


def make_large(path):
    """Some 8 Mbit/s; the small camera has a quarter of one."""
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25,noise=alls=30:allf=t", "-t", "4", "-c:v", "libx264",
        "-preset", "ultrafast", "-b:v", "8M", "-g", "25", "-bf", "0", "-x264-params", "scenecut=0", "-pix_fmt", "yuv420p", path)
    return path


def test_the_largest_gives_way(folder):
    clip = make_large(folder / "large.mp4")
    with Site(folder, config="[recorder]\nworkers = 1\n") as site, Witness(site, folder) as witness, \
            Edge(folder, {"large": clip}, site.camera_certificate("large"), "--stamp") as edge:
        site.add("large", edge.url("large"), edge.user, edge.password_file)
        site.wait_recording("large-main")
        worker = site.pids()["worker.0"]
        try:
            until = time.monotonic() + 40
            while "record.key_frames_only" not in site.log():
                check(time.monotonic() < until, "the largest gives way")
                os.kill(worker, signal.SIGSTOP)
                time.sleep(STOPPED_S)
                os.kill(worker, signal.SIGCONT)
                time.sleep(RUNS_S)
        finally:
            os.kill(worker, signal.SIGCONT)
        check("cam=large-main record.key_frames_only" in site.log(), "it is the largest")
        check("cam=witness-main record.key_frames_only" not in site.log(), "and not the other")
        wait_for(lambda: (site.stream("large-main").get("alarm") or {}).get("fault") == "overload", 10, "it has the alarm")
        wait_for(lambda: "cam=large-main record.all_frames" in site.log(), 40, "it comes back by itself")
        wait_for(lambda: not site.stream("large-main")["alarm"], 20, "the alarm ends")
        check(site.pids()["worker.0"] == worker, "it is the same worker")
        witness.lost_nothing()
        causes = [g for s in seals.of_stream(site.state / "vault", "large-main") for g in s["gaps"] if g["cause"] == "overload"]
        frames = sum(g["frames"] for g in causes)
        check(frames >= 100, f"what was left out is in the seals: {causes}")
        kept = sum(t["samples"] for s in seals.of_stream(site.state / "vault", "large-main") for t in s["tracks"] if t["id"] == 1)
        print(f"  {frames} frames left out, {kept} recorded")


main(globals())
