#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of every process of a site, a dozen times in random order, while two cameras are recorded.

The cameras put a counter and the wall clock into each frame (SEI), so that the exported footage itself says what is
missing: for each kill at most the fragment that was open, two seconds of a stream, and the time until what died and the
camera's connection were there again, which the processes' own log tells. The vault verifies, each gap carries its
cause, recording goes on by itself, and nothing is left running. The seed of the order is printed; KILL_SEED repeats it,
KILLS is another number (test/check/60-kill-long.py).
"""
import datetime
import json
import os
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import seals
from custos_site import CARS, CUSTOS, DESK, RELEASE, Edge, Site, check, custos, kill, main, processes, wait_for

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILL_SEED", str(time.time_ns() % 1000000)))
CAMERAS = {"cars": CARS, "desk": DESK}
FRAGMENT_MS = 2000  # of a stream, in the memory of what was killed
BACK_S = 10         # until both are durably recorded again
MARGIN_US = 3000000
PROGRAM = RELEASE if os.access(RELEASE, os.X_OK) else CUSTOS
STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z (.*)$", re.M)


def durable(site, since):
    """Whether each stream became durable on disk after this moment."""
    streams = site.streams()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since)) + f".{int(since % 1 * 1000):03d}Z"
    return all((streams.get(f"{c}-main", {}).get("last_durable") or "") > stamp and streams[f"{c}-main"]["recording"] for c in CAMERAS)


def kill_one(site, name):
    pids = site.pids()
    at = time.time()
    kill(pids[name])
    if name == "supervisor":
        site.main.process.wait()
        site.start()  # at once, as systemd would
    wait_for(lambda: pids[name] not in processes(str(site.state)), 5, f"{name} is gone")
    wait_for(lambda: durable(site, at + 0.3), BACK_S, lambda: f"both recorded again after the kill of {name}: {json.dumps(site.streams())}")
    wait_for(lambda: set(site.pids()) >= set(pids), BACK_S, lambda: f"every process is there again: {site.pids()}")
    check(site.pids()[name] != pids[name], f"{name} is a new process")
    print(f"  {time.strftime('%H:%M:%S', time.gmtime(at))} {name}: recorded again within {time.time() - at:.1f} s", flush=True)
    return at, name


def victims(site, rnd):
    """As many of each kind as there are kinds of processes: {worker.0, worker.1} are one kind."""
    order = []
    while len(order) < KILLS:
        kinds = {}
        for name in site.pids():
            kinds.setdefault(name.split(".")[0], []).append(name)
        turn = [rnd.choice(sorted(names)) for _, names in sorted(kinds.items())]
        rnd.shuffle(turn)
        order += turn
    return order[:KILLS]


def restarts(log, camera, at, until):
    """Milliseconds from a kill to the last thing that had to come back, by the log: processes, the camera's stream."""
    last = at
    for stamp, line in STAMP.findall(log):
        when = datetime.datetime.fromisoformat(stamp + "+00:00").timestamp()
        if at <= when < until and ("process.started" in line or ("camera.start" in line and f"cam={camera}" in line)):
            last = max(last, when)
    return (last - at) * 1000


def check_stamps(folder, site, camera, kills):
    """What the footage says of itself: every missing run of frames belongs to a kill, and is short enough."""
    out = folder / f"{camera}.mp4"
    p = custos("export", "--camera", camera, "--last", "3600", "--output", out, "--state", site.state, program=PROGRAM, ok=None, timeout=120)
    check(p.returncode == 0, f"custos export: {p.returncode} {p.stdout} {p.stderr}")
    parts = sorted(folder.glob(f"{camera}.mp4")) + sorted(folder.glob(f"{camera}.mp4.*")) + sorted(folder.glob(f"{camera}.*.mp4"))
    p = custos("edge", "check-stamps", "--json", *parts, program=PROGRAM, ok=None)
    report = json.loads(p.stdout)
    check(len(report["cameras"]) == 1 and report["unstamped"] == 0, f"one camera, each frame stamped: {report}")
    found = report["cameras"][0]
    # A camera begins each connection with its current group of pictures (--burst), so its first frames may be there twice.
    check(found["camera"] == camera and found["out_of_order"] <= len(kills), f"{camera}: {found}")
    spacing_us = (found["last_us"] - found["first_us"]) / (found["last"] - found["first"])
    worst = 0
    for gap in found["gaps"]:
        at = found["first_us"] + (gap["first"] - found["first"]) * spacing_us
        near = [(t, n) for t, n in kills if at - MARGIN_US < t * 1e6 < at + gap["ms"] * 1000 + MARGIN_US]
        check(near, f"{camera}: frames {gap['first']} to {gap['last']} are missing, and nothing was killed then")
        # What the missing frames show; the stamps on both sides are one frame further apart, and jitter a little.
        lost_ms = gap["frames"] * spacing_us / 1000
        back_ms = max(restarts(site.log(), camera, t, next((u for u, _ in kills if u > t), t + BACK_S)) for t, _ in near)
        check(lost_ms <= FRAGMENT_MS + back_ms + spacing_us / 2000,
              f"{camera}: {lost_ms:.0f} ms lost after the kill of {[n for _, n in near]}, which was back after {back_ms:.0f} ms ({gap})")
        worst = max(worst, lost_ms)
    check(len(found["gaps"]) <= len(kills), f"{camera}: at most one gap a kill, not {len(found['gaps'])}")
    print(f"  {camera}: {found['frames']} frames, {found['missing']} missing in {len(found['gaps'])} gaps, the longest {worst:.0f} ms; "
          f"{found['duplicates']} twice")
    return out


def check_seals(site, camera, last_cause):
    """The chain by a second reader: unbroken, and no hole without its cause."""
    chain = seals.of_stream(site.state / "vault", f"{camera}-main")
    check([g["cause"] for g in chain[0]["gaps"]] == ["start"], f"{camera}: begins with a gap 'start': {chain[0]['gaps']}")
    check(chain[0]["previous"] == (bytes(16), 0, bytes(32)), f"{camera}: begins without a previous seal")
    causes = []
    for before, s in zip(chain, chain[1:]):
        check(s["previous"] == seals.link(before), f"{camera}: seal {s['sequence']} names the one before it on the disk")
        hole_us = s["first_us"] - before["last_us"]
        if s["epoch"] != before["epoch"] or s["sequence"] != before["sequence"] + 1 or hole_us > 250000:
            check(len(s["gaps"]) >= 1, f"{camera}: {hole_us / 1000:.0f} ms without a word why")
        for g in s["gaps"]:
            check(g["from_us"] == before["last_us"] and g["to_us"] == s["first_us"], f"{camera}: the gap is where the hole is: {g}")
        causes += [g["cause"] for g in s["gaps"]]
    # A volume's process that dies is a disk that does not answer.
    check(set(causes[:-1]) <= {"unclean stop", "disk"}, f"{camera}: kills are unclean stops: {causes}")
    check(causes and causes[-1] == last_cause, f"{camera}: the last gap is '{last_cause}': {causes}")


def test_kills(folder):
    rnd = random.Random(SEED)
    print(f"  seed {SEED}", flush=True)
    site = Site(folder, program=PROGRAM)
    edges = []
    try:
        site.start()
        for name, path in CAMERAS.items():
            edges.append(Edge(folder, {name: path}, site.camera_certificate(name), "--stamp", "--burst", program=PROGRAM))
            site.add(name, edges[-1].url(name), edges[-1].user, edges[-1].password_file)
        site.wait_recording(*(f"{c}-main" for c in CAMERAS))
        time.sleep(2)
        kills = []
        for victim in victims(site, rnd):
            kills.append(kill_one(site, victim))
            time.sleep(rnd.uniform(0.1, 0.5))
        fingerprint = site.fingerprint()
        # In between an operator stops it in order: the next gap has another cause.
        site.stop()
        exports = [check_stamps(folder, site, c, kills) for c in CAMERAS]
        site.start()
        site.wait_recording(*(f"{c}-main" for c in CAMERAS))
        time.sleep(1.5)
        site.stop()
        for edge in edges:
            check(edge.stop() == 0, f"the camera ended well: {edge.log()[-2000:]}")
        for path in [*exports, site.state / "vault"]:
            p = custos("verify", "--trust", fingerprint, path, program=PROGRAM, ok=None, timeout=120)
            check(p.returncode == 0, f"{path.name} is authentic, not {p.returncode}: {p.stdout[-3000:]}{p.stderr}")
        p = custos("vault", "check", "--trust", fingerprint, "--key", site.state / "recorder/wrap.key", "--state", site.state,
                   program=PROGRAM, ok=None, timeout=120)
        check(p.returncode == 0, f"custos vault check: {p.returncode} {p.stdout[-3000:]}{p.stderr}")
        for camera in CAMERAS:
            check_seals(site, camera, "stopped by an operator")
        check(not processes(str(site.state)), f"no process is left: {processes(str(site.state))}")
    except BaseException:
        print(f"---- end of the site's log ----\n{site.log()[-6000:]}", file=sys.stderr)
        raise
    finally:
        for edge in edges:
            edge.kill()
        site.clean()


main(globals(), PROGRAM)
