#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody takes too much or gives no way: a camera with a bit rate that memory was not made for, a manager that stands still, a
client that asks and never reads. A camera beside them in the same worker loses no frame.
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
import seals
from custos_site import Edge, Site, check, main, run, wait_for
from witness import Witness

LINK_MESSAGE = 100  # src/net/link.h
MEMORY = "[recorder]\nworkers = 1\nqueue_memory_mb = 16\nchunk_memory_mb = 16\n"


def pss(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split("\nPss:")[1].split()[0]) << 10


def make_bomb(path):
    """Noise: some 70 Mbit/s, a key frame every two seconds, so that one group of pictures is more than a camera's share."""
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=25,noise=alls=100:allf=t", "-t", "4", "-c:v", "libx264",
        "-preset", "ultrafast", "-b:v", "70M", "-g", "50", "-bf", "0", "-x264-params", "scenecut=0", "-pix_fmt", "yuv420p", path)
    check(path.stat().st_size > 25 << 20, f"a clip that is large enough: {path.stat().st_size}")
    return path


def check_gaps(site):
    """The bomb's seals say what is not there, and that it was too much; the witness's say nothing of it."""
    dropped = {"bomb": 0, "witness": 0}
    for camera in dropped:
        for seal in seals.of_stream(site.state / "vault", f"{camera}-main"):
            dropped[camera] += sum(g["frames"] for g in seal["gaps"] if g["cause"] == "overload")
    check(dropped["witness"] == 0 and dropped["bomb"] >= 25, f"frames dropped for want of memory, by the seals: {dropped}")
    print(f"  the bomb lost {dropped['bomb']} frames, sealed as overload")


def ask(state, times):
    """A client of the control socket that asks and asks, and never reads."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.setblocking(False)
    client.connect(str(state / "control.sock"))
    sent = 0
    for i in range(times):
        message = {"v": 1, "id": i + 1, "type": "status", "body": {}}
        try:
            client.send(struct.pack(">H", LINK_MESSAGE) + json.dumps(message).encode())
            sent += 1
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            break
    return client, sent


def test_who_takes_too_much_pays_for_it(folder):
    clip = make_bomb(folder / "bomb.mp4")
    site = Site(folder, config=MEMORY)
    try:
        # A sanitizer keeps freed memory for a while; not here, where it is measured.
        site.start(env={"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"})
        with Witness(site, folder) as witness, Edge(folder, {"bomb": clip}, site.camera_certificate("bomb"), "--stamp") as edge:
            worker, manager = site.pids()["worker.0"], site.pids()["manager"]
            before = pss(worker)
            site.add("bomb", edge.url("bomb"), edge.user, edge.password_file)
            client, sent = ask(site.state, 5000)
            check(sent >= 10, f"many questions were asked: {sent}")
            began = time.monotonic()
            check(site.status() and time.monotonic() - began < 5, "others are answered at once")
            wait_for(lambda: (site.stream("bomb-main").get("alarm") or {}).get("fault") == "overload", 20,
                     lambda: f"the alarm of the bomb: {site.stream('bomb-main')}", 0.5)
            largest = stand_still(site, manager, worker)
            client.close()
            bomb = wait_for(lambda: site.stream("bomb-main"), 10, "the manager answers again")
            print(f"  memory of the worker: {before >> 20} MB before, at most {largest >> 20} MB under the bomb's {bomb['bytes'] >> 20} MB")
            check(bomb["bytes"] > 40 << 20 and largest - before < 80 << 20, "its memory is bounded")
            witness.lost_nothing(11 * 12)
            check(site.pids()["manager"] == manager and site.pids()["worker.0"] == worker, "all are the same")
            check(not site.stream("witness-main")["alarm"], "the witness has no alarm")
            check(site.log().count("record.overload ") == 1, "said once")
        site.stop()
        check_gaps(site)
    finally:
        site.clean()


def stand_still(site, manager, worker):
    """The manager, for eleven seconds; the largest memory of the worker meanwhile."""
    os.kill(manager, signal.SIGSTOP)
    try:
        sizes, largest = [], 0
        for _ in range(6):
            sizes.append(sum(p.stat().st_size for p in site.segments("witness-main")))
            for _ in range(10):
                time.sleep(0.19)
                largest = max(largest, pss(worker))
        check(all(b > a for a, b in zip(sizes, sizes[1:])), f"recording goes on: {sizes}")
        return largest
    finally:
        os.kill(manager, signal.SIGCONT)


main(globals())
