#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start costs does not grow with the vault: files opened and bytes read below the state directory's vault and
index, over all processes of a real recorder, counted by strace; a vault of 50 segments and one of 5,000."""
import datetime
import os
import re
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, RELEASE, Edge, Program, Site, check, main, run, skip, wait_for

PROGRAM = RELEASE if os.access(RELEASE, os.X_OK) else None
FEW, MANY = 50, 5000
OPENS_MORE = 40             # directories of more days are looked through; segments are not
BYTES_MORE = 64 << 10       # an index of more levels
CALL = re.compile(r"^\d+ +(openat|read|pread64)\((.*)\) += (-?\d+)(<(.*?)>)?")
FD = re.compile(r"^(\d+)<(.*?)>,")


def ptrace_works():
    if not shutil.which("strace"):
        skip("strace is not installed")
    p = run("strace", "-f", "-o", "/dev/null", "true", ok=None)
    if p.returncode:
        skip(f"strace may not trace here: {p.stderr.strip()[:200]}")


def fill(site, n):
    """n segments of the stream, a minute apart, in the past: links to one that was recorded."""
    vault = site.state / "vault"
    made = sorted((vault / "cars-main").rglob("*.mp4"), key=lambda p: p.stat().st_size)
    source = made[-1]
    first = min(p.parts[-3:] for p in made)
    begin = datetime.datetime.fromisoformat(f"{first[0]}T{first[1]}:{first[2][:2]}:{first[2][3:5]}") - datetime.timedelta(minutes=5)
    there = len(made)
    i = 0
    while there < n:
        t = begin - datetime.timedelta(minutes=i)
        path = vault / "cars-main" / f"{t:%Y-%m-%d}" / f"{t:%H}" / f"{t:%M-%S}.000Z.0.mp4"
        i += 1
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, path)
        there += 1
    site.cli("vault", "rebuild", timeout=120)


def count(folder, site, name):
    """(files opened, bytes read) below the vault and of the index, from the start until the stream has its worker."""
    trace, logged = folder / f"trace-{name}", len(site.log())
    site.main = Program(site.log_path, ["strace", "-D", "-f", "-y", "-qq", "-s", "0", "-e", "trace=openat,read,pread64", "-o", trace,
                                        site.program, "run", "--state", site.state, *site.options])
    # By the log: each question for the status reads the index.
    wait_for(lambda: "cam=cars-main camera.lost" in site.log()[logged:], 60, lambda: f"the stream is tried\n{site.log()[-3000:]}")
    time.sleep(1)
    site.stop(60)
    opened, read = [], 0
    below = (str(site.state / "vault"), str(site.state / "storage"))
    for line in trace.read_text(errors="replace").splitlines():
        m = CALL.match(line)
        if not m or int(m[3]) < 0:
            continue
        if m[1] == "openat":
            if m[5] and m[5].startswith(below):
                opened.append(m[5])
        else:
            f = FD.match(m[2])
            if f and f[2].startswith(below):
                read += int(m[3])
    return opened, read


def test_start_cost(folder):
    ptrace_works()
    site = Site(folder, program=PROGRAM)
    try:
        site.start()
        with Edge(folder, {"cars": CARS}, site.camera_certificate("cars"), program=PROGRAM) as edge:
            site.add("cars", edge.url("cars"), edge.user, edge.password_file)
            site.wait_recording("cars-main")
            time.sleep(3)
            site.stop()
        found = {}
        for n in (FEW, MANY):
            fill(site, n)
            found[n] = count(folder, site, n)
            print(f"  {n} segments: {len(found[n][0])} files and directories opened, {found[n][1]} bytes read", flush=True)
        few, many = found[FEW], found[MANY]
        check(few[0], "the trace has something of the vault")
        check(len(many[0]) <= len(few[0]) + OPENS_MORE, f"{len(many[0])} opened with {MANY} segments, {len(few[0])} with {FEW}: {many[0][:60]}")
        check(many[1] <= few[1] + BYTES_MORE, f"{many[1]} bytes read with {MANY} segments, {few[1]} with {FEW}")
    except BaseException:
        print(f"---- end of the site's log ----\n{site.log()[-4000:]}", file=sys.stderr)
        raise
    finally:
        site.clean()


main(globals(), PROGRAM)
