#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole recorder with two volumes, one on a disk that fills up, turns read-only, is pulled out, swapped, put back as an old copy, fails
or hangs. Each is said by name, with cause, cure and since; recording goes on on the other volume within a fragment, and comes back by
itself; and what was recorded is authentic afterwards, with gaps that say "disk" and nothing worse.

This program is the recorder's manager (docs/spec/link.md). Needs root for the mounts, and FUSE for the broken disks.
"""
import datetime
import json
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Program, Site, check, kill, wait_for
from disks import Ext4, FailingDisk, main_at_once, own_mounts
from porters import Porter

LINK = 100
FRAGMENT_S, PATIENCE_S = 2, 2
LOOK_S = 2  # between two looks at a volume
CONFIG = f"[recorder]\nsegment_s = 4\nfragment_ms = 1000\n[storage]\nreserve_mb = 16\nvolume_patience_ms = {PATIENCE_S * 1000}\nscrub_mb_s = 0\n"
CAMERAS = {"cars": CARS, "desk": DESK}


def stamp(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def seconds(item):
    return stamp(item["to"]) - stamp(item["from"])


class Recorder:
    """`custos recorder` with this program as its manager, two cameras, and a volume `second` that takes nearly all."""

    def __init__(self, folder, disk):
        self.folder, self.disk, self.requests, self.chan = folder, disk, 0, None
        self.site = Site(folder, config=CONFIG)
        self.trust = self.site.init().stdout.split("fingerprint ")[1].split()[0]
        self.root = (self.site.state / "site/root.crt").read_text()
        self.porter = Porter(folder, self.site.state, "manager", self.site.options[-1])
        self.edge = Edge(folder, CAMERAS, self.site.camera_certificate("cameras"), "--burst", "--stamp")
        self.start()

    def start(self):
        self.program = Program(self.folder / "recorder.log", [self.site.program, "recorder", "--state", self.site.state,
                                                              *self.site.options])
        self.chan = self.porter.peer(20)
        for name in CAMERAS:
            self.ask("stream.set", stream=f"{name}-main", url=self.edge.url(name), transport="tls", carrier="interleaved", roots=self.root,
                     user=self.edge.user, password=Path(self.edge.password_file).read_text().rstrip("\n"))
        if self.volume("second") is None:
            self.ask("storage.set", name="main", weight=1)
            self.ask("storage.add", name="second", path=str(self.disk.path), weight=1000)

    def ask(self, kind, **body):
        """A request's answer; a refusal as the failure's body."""
        self.requests += 1
        self.chan.send(LINK, json.dumps({"v": 1, "id": self.requests, "type": kind, "body": body}).encode())
        while True:
            answer = json.loads(self.chan.receive()[1])
            if answer.get("id") == self.requests:
                check(answer["type"] == "answer", f"{kind}: {answer}")
                return answer["body"]

    def volumes(self):
        return {v["name"]: v for v in self.ask("storage.get")["volumes"]}

    def volume(self, name):
        return self.volumes().get(name)

    def state(self, name="second"):
        return self.volume(name)["state"]

    def streams(self):
        return {s["stream"]: s for s in self.ask("status.get")["streams"]}

    def on(self, name, seconds=25):
        """All cameras record, each to a segment on this volume that began just now."""
        path = Path(self.volume(name)["path"])
        since = time.time() - 1

        def new(camera):
            return any(p.stat().st_mtime > since and p.stat().st_size > 0 for p in path.glob(f"{camera}-main/*/*/*.mp4"))
        wait_for(lambda: all(new(c) for c in CAMERAS) and all(s["recording"] for s in self.streams().values()), seconds,
                 lambda: f"all are recorded on {name}: {json.dumps(self.volumes(), indent=1)} {self.log()[-3000:]}", 0.3)

    def said(self, *faults, seconds):
        """The volume's state, with all that a person needs."""
        v = wait_for(lambda: (lambda v: v if v["state"] in faults else None)(self.volume("second")), seconds,
                     lambda: f"{faults}: {self.volume('second')} {self.log()[-3000:]}")
        check(abs(time.time() - stamp(v["since"])) < 20, f"since when: {v['since']}")
        check(v["text"] and v["remedy"], f"cause and cure: {v}")
        return v

    def healthy(self, seconds=20):
        wait_for(lambda: self.state() == "healthy", seconds, lambda: f"used again by itself: {self.volume('second')} {self.log()[-3000:]}")

    def log(self):
        return self.program.log()

    def stop(self):
        self.program.stop()
        self.program.check_log()
        self.chan.end.close()

    def clean(self):
        try:
            self.edge.stop()
        finally:
            self.program.kill()
            kill(self.porter.pid)
            self.site.clean()

    def lock_all(self):
        """Nothing of what is and will be recorded may be removed."""
        for name in CAMERAS:
            self.ask("lock.add", id=os.urandom(16).hex(), stream=f"{name}-main", **{"from": "2026-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"},
                     by="test", reason="case 71")

    def prove(self):
        """All volumes together are one recording: authentic, and the only gaps are starts and disks. The longest of the latter."""
        longest, causes = 0, set()
        for name in CAMERAS:
            report = json.loads(self.site.cli("verify", "--camera", name, "--trust", self.trust, "--json", ok=None).stdout)
            items = report["items"]
            check(report["verdict"] == "authentic", f"{name}: authentic: {json.dumps(items)[:3000]}")
            check({i["kind"] for i in items} <= {"authentic", "gap", "note"}, f"{name}: with gaps: {json.dumps(items)[:3000]}")
            for i in (i for i in items if i["kind"] == "gap"):
                causes.add(i["text"])
                if i["text"] == "disk":
                    longest = max(longest, seconds(i))
        check("disk" in causes and causes <= {"start", "disk", "frames dropped", "stopped"}, f"gaps and their causes: {causes} {self.log()}")
        return longest


def case(folder, disk, work, longest):
    """longest: seconds without a frame that a disk may cost, with what it forgets that it had not said was durable."""
    r = Recorder(folder, disk)
    try:
        r.on("second")
        work(r)
        r.healthy()
        r.on("second")
        r.stop()
        gap = r.prove()
        check(gap <= longest, f"at most {longest} s were lost: {gap:.1f}")
        print(f"  {folder.name}: the longest gap took {gap:.1f} s")
    finally:
        r.clean()
        disk.close()


def test_pulled_out_and_swapped(folder):
    disk, other = Ext4(folder, "disk", 512), Ext4(folder, "other", 256)

    def work(r):
        disk.unmount(lazy=True)
        r.said("volume-missing", seconds=LOOK_S + 2)
        r.on("main")
        check(not list(disk.path.iterdir()), "the mount point is never written to")
        # A disk of somebody else; then one that is known here, at the wrong place.
        image, disk.image = disk.image, other.image
        other.unmount()
        disk.mount()
        r.said("volume-missing", "volume-foreign", seconds=LOOK_S + 2)
        check({p.name for p in disk.path.iterdir()} <= {"lost+found"}, f"nor is a disk that is none of ours: {list(disk.path.iterdir())}")
        disk.unmount(lazy=True)
        disk.image = image
        disk.mount()
    try:
        # From the last frame on the disk to the first key frame behind: seen by the next look at the latest.
        case(folder, disk, work, LOOK_S + FRAGMENT_S + 2)
    finally:
        other.close()


def test_full(folder):
    disk = Ext4(folder, "disk", 160)

    def work(r):
        r.lock_all()
        disk.fill()
        r.said("volume-full", seconds=15)
        r.on("main")
        disk.empty()
    case(folder, disk, work, FRAGMENT_S + 2)


def test_read_only(folder):
    disk = Ext4(folder, "disk", 512)

    def work(r):
        disk.abort()
        r.said("volume-read-only", "volume-io-error", seconds=LOOK_S + 2)
        r.on("main")
        disk.unmount(lazy=True)
        wait_for(lambda: "disk.img" not in os.popen(f"losetup -l -n -O BACK-FILE | grep {folder}").read(), 15, "all have let go of it")
        os.system(f"fsck.ext4 -p -f {disk.image} >/dev/null")
        disk.mount()
    case(folder, disk, work, LOOK_S + FRAGMENT_S + 2)


def test_fails(folder):
    disk = FailingDisk(folder, "disk", 512)

    def work(r):
        disk.fail()
        r.said("volume-io-error", "volume-read-only", seconds=10)
        r.on("main")
        disk.mend()
    # Its file system goes back to what was synced.
    case(folder, disk, work, FRAGMENT_S + LOOK_S + 2)


def test_hangs(folder):
    disk = FailingDisk(folder, "disk", 512)

    def work(r):
        disk.hang()
        r.said("volume-slow", seconds=PATIENCE_S + LOOK_S + 6)
        r.on("main")
        disk.heal()
    case(folder, disk, work, PATIENCE_S + FRAGMENT_S + 4)


def test_an_old_copy(folder):
    disk = Ext4(folder, "disk", 256)
    r = Recorder(folder, disk)
    try:
        r.on("second")
        r.stop()
        disk.unmount()
        copy = folder / "copy.img"
        shutil.copy(disk.image, copy)
        disk.mount()
        r.start()
        r.on("second")
        r.stop()
        disk.unmount()
        disk.image = copy
        disk.mount()
        r.start()
        r.said("volume-stale", seconds=10)
        r.on("main")
        r.stop()
    finally:
        r.clean()
        disk.close()


def noted(site, path):
    """The recorder knows the session that stands on its first volume."""
    try:
        known = json.loads((site.state / "storage/volumes.json").read_text())["volumes"][0]
        found = json.loads((path / "volume.json").read_text())
    except (FileNotFoundError, IndexError):
        return False
    return (known["id"], known["session"]) == (found["id"], found["session"])


def test_the_first_volume_is_never_claimed_twice(folder):
    """main on a disk of its own: while that is away, its mount point is a directory of another."""
    site = Site(folder, config=CONFIG)
    site.init()
    (site.state / "vault").mkdir(exist_ok=True)
    disk = Ext4(site.state, "vault", 256, image=folder / "main.img")
    try:
        site.start()
        wait_for(lambda: noted(site, disk.path), 15, lambda: f"made a volume at the first start: {site.log()}")
        before = (disk.path / "volume.json").read_text()
        disk.unmount(lazy=True)
        pid = site.pids().get("volume.0")
        wait_for(lambda: site.pids().get("volume.0") not in (pid, None), 10, "its process begins again")
        time.sleep(LOOK_S + 1)
        kill(site.pids()["volume.0"])
        wait_for(lambda: site.pids().get("volume.0") is not None, 10, "and again when it was killed")
        kill(site.pids()["parent"])
        wait_for(lambda: site.pids().get("parent") is not None, 15, "as does all of the recorder")
        time.sleep(LOOK_S)
        check(not list(disk.path.iterdir()), f"nothing is written there: {list(disk.path.iterdir())} {site.log()}")
        disk.mount()
        check(json.loads(before)["id"] == json.loads((disk.path / "volume.json").read_text())["id"], "the disk is what it was")
        wait_for(lambda: noted(site, disk.path) and (disk.path / "volume.json").read_text() != before, 15,
                 lambda: f"used again, with a session of its own: {site.log()[-3000:]}")
        site.stop()
    finally:
        site.clean()
        disk.close()


own_mounts()
main_at_once(globals(), __file__)
