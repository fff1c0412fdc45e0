#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An hour with 200 cameras and something going wrong every few seconds: processes die, cameras vanish, disks turn read-only, events
begin and end. At the end everything verifies, every gap has a cause, and neither memory nor descriptors have grown.

    90-soak.py [--seconds 3600] [--cameras 200] [--seed N]

Runs the release build. As root two volumes lie on file systems of their own (ext4 in images), so that disks can fail; as an ordinary
user there is one, and only processes and cameras do.
"""
import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import ROOT, Edge, Failure, Site, check, kill, run, wait_for  # noqa: E402

PROGRAM = os.environ.get("CUSTOS_RELEASE", str(ROOT / "build/release/src/custos"))
EDGES = 8
IMAGE_BYTES = 24 << 30      # sparse; retention keeps them from filling
SETTLED_S = 120             # memory is compared from here on
GROWTH_MAX = 1.15
RECORDING_S = 60            # after the last fault all record again


class Disk:
    """An ext4 file system in an image, mounted where only this process and its children see it."""

    def __init__(self, folder, name):
        self.image, self.path = folder / f"{name}.img", folder / name
        with open(self.image, "wb") as f:
            f.truncate(IMAGE_BYTES)
        run("mkfs.ext4", "-q", "-F", self.image, timeout=300)
        self.path.mkdir()
        run("mount", "-o", "loop", self.image, self.path)

    def mount(self, how):
        run("mount", "-o", f"remount,{how}", self.path, ok=None)


class Soak:
    def __init__(self, folder, args):
        self.folder, self.args, self.random = folder, args, random.Random(args.seed)
        self.disks, self.edges, self.memory, self.done = [], [], [], []

    # the scene

    def clip(self):
        clip = self.folder / "clip.mp4"
        run("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=12", "-t", "10", "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-preset", "veryfast", "-b:v", "300k", "-g", "24", "-bf", "0", clip)
        return clip

    def start(self):
        self.site = Site(self.folder, program=PROGRAM, config="[storage]\nreserve_mb = 1024\nscrub_mb_s = 20\n[log]\nlevel = warn\n")
        self.site.init()
        if os.geteuid() == 0:
            self.add_disks()
        self.site.start()
        clip, certificate = self.clip(), self.site.camera_certificate("soak")
        for i in range(EDGES):
            share = self.args.cameras // EDGES + (i < self.args.cameras % EDGES)
            edge = Edge(self.folder, {f"e{i}c": clip}, certificate, "--count", share, "--stamp", program=PROGRAM)
            self.edges.append(edge)
            for k in range(share):
                self.site.add(f"e{i}c{k}", edge.url(f"e{i}c{k}"), edge.user, edge.password_file)
        if self.disks:
            self.site.cli("storage", "add", "second", self.disks[0].path)
            self.site.cli("storage", "add", "third", self.disks[1].path)
        self.wait_recording(120)

    def add_disks(self):
        run("mount", "--make-rprivate", "/")
        self.disks = [Disk(self.folder, "second"), Disk(self.folder, "third")]

    def recording(self):
        return sum(s["recording"] for s in self.site.streams().values())

    def wait_recording(self, seconds):
        wait_for(lambda: self.recording() == self.args.cameras, seconds,
                 lambda: f"all record; {self.recording()} do, the others: "
                         f"{[(p, s['state'], s['fault'], s['error']) for p, s in self.site.streams().items() if not s['recording']][:5]}")

    # what goes wrong

    def kill_role(self):
        pids = self.site.pids()
        role = self.random.choice(sorted(r for r in pids if r != "supervisor"))
        kill(pids[role])
        return f"kill {role}"

    def freeze_cameras(self):
        edge = self.random.choice(self.edges)
        edge.process.send_signal(signal.SIGSTOP)
        time.sleep(self.random.uniform(1, 15))
        edge.process.send_signal(signal.SIGCONT)
        return "cameras frozen"

    def freeze_manager(self):
        pid = self.site.pids().get("manager")
        if pid:
            kill(pid, signal.SIGSTOP)
            time.sleep(5)
            kill(pid, signal.SIGCONT)
        return "manager frozen"

    def read_only(self):
        disk = self.random.choice(self.disks)
        disk.mount("ro")    # refused while files are open for writing: then it is a fault that did not happen
        time.sleep(8)
        disk.mount("rw")
        return f"{disk.path.name} read-only"

    def fill(self):
        disk = self.random.choice(self.disks)
        ballast = disk.path / "ballast"
        run("fallocate", "-l", str(os.statvfs(disk.path).f_bavail * os.statvfs(disk.path).f_frsize), ballast, ok=None)
        time.sleep(8)
        ballast.unlink(missing_ok=True)
        return f"{disk.path.name} full"

    def event(self):
        camera = f"e0c{self.random.randrange(5)}"
        self.site.cli("event", "start", "--camera", camera, "--seconds", "5", ok=None)
        return f"event at {camera}"

    # watching

    def measure(self):
        """(PSS in kB or None, open descriptors, processes) over all processes of the recorder."""
        pss = descriptors = 0
        pids = self.site.processes()
        for pid in pids:
            try:
                descriptors += len(os.listdir(f"/proc/{pid}/fd"))
                pss += next(int(line.split()[1]) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                            if line.startswith("Pss:"))
            except OSError:
                pass    # it ended meanwhile, or may not be looked at
        self.memory.append((time.monotonic() - self.begun, pss, descriptors, len(pids)))

    def run(self):
        faults = [self.kill_role, self.freeze_cameras, self.freeze_manager, self.event] + ([self.read_only, self.fill] if self.disks else [])
        self.begun = time.monotonic()
        while time.monotonic() - self.begun < self.args.seconds:
            time.sleep(self.random.uniform(5, 15))
            self.done.append(self.random.choice(faults)())
            time.sleep(3)
            self.measure()
            if len(self.done) % 10 == 0:
                t, pss, descriptors, n = self.memory[-1]
                print(f"{t:6.0f} s  {len(self.done)} faults, {self.recording()} recording, {pss / 1024:.0f} MB, {descriptors} descriptors, "
                      f"{n} processes", flush=True)

    def judge(self):
        self.wait_recording(RECORDING_S)
        time.sleep(10)
        self.measure()
        early = [m for m in self.memory if m[0] >= min(SETTLED_S, self.args.seconds / 3)]
        half = len(early) // 2
        for i, what in ((1, "memory"), (2, "descriptors")):
            first, last = (sorted(m[i] for m in part)[len(part) // 2] for part in (early[:half], early[half:]))
            print(f"{what}: median of the first half {first}, of the second {last}")
            check(last <= first * GROWTH_MAX, f"{what} grows: {first} to {last}")
        self.site.stop(60)
        p = self.site.cli("vault", "check", "--json", "--trust", self.fingerprint, ok=None, timeout=3600)
        checked = json.loads(p.stdout)
        print(json.dumps({k: v for k, v in checked.items() if not isinstance(v, (list, dict))}))
        check(p.returncode == 0 and not checked["faults"], f"everything verifies ({p.returncode}): {json.dumps(checked['faults'])[:3000]}")
        for edge in self.edges:
            check(edge.stop() == 0, "the cameras end in order")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--cameras", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args = parser.parse_args()
    if os.geteuid() == 0 and not os.environ.get("SOAK_INSIDE"):
        os.execvpe("unshare", ["unshare", "-m", sys.executable, *sys.argv], dict(os.environ, SOAK_INSIDE="1"))
    print(f"seed {args.seed}, {args.cameras} cameras, {args.seconds} s", flush=True)
    with tempfile.TemporaryDirectory(prefix="custos-soak-", dir=os.environ.get("SOAK_DIR")) as folder:
        soak = Soak(Path(folder), args)
        try:
            soak.start()
            soak.fingerprint = soak.site.fingerprint()
            soak.run()
            soak.judge()
        except Failure as e:
            print(f"FAILED after {len(soak.done)} faults, the last: {soak.done[-5:]}\n{e}\n{soak.site.log()[-6000:]}")
            return 1
        finally:
            for edge in soak.edges:
                edge.kill()
            soak.site.clean()
            for disk in soak.disks:
                run("umount", "-l", disk.path, ok=None)
    print(f"{len(soak.done)} faults survived")
    return 0


if __name__ == "__main__":
    sys.exit(main())
