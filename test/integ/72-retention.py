#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-LOCK: a volume of 64 MB, two cameras, one of which floods it.

The other keeps every second (its minimum), though its footage is as old; what is locked stays, whatever needs the room; when nothing
but locked footage is left, recording stops, says so, and had said before that it would; it goes on by itself when a lock is removed.
"""
import datetime
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, Edge, Site, check, main, run, wait_for
from disks import Tmpfs, own_mounts

CONFIG = "[recorder]\nsegment_s = 2\nfragment_ms = 500\n[storage]\nreserve_mb = 16\n"
MB = 64
FLOOD_MBIT = 24
FAR = "2199-01-01T00:00:00Z"


def flood_clip(folder):
    """Noise, of which nothing can be saved."""
    clip = folder / "flood.mp4"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=640x360:r=25:d=4,noise=alls=100:allf=t+u", "-c:v", "libx264",
        "-preset", "ultrafast", "-b:v", f"{FLOOD_MBIT}M", "-maxrate", f"{FLOOD_MBIT}M", "-bufsize", "10M", "-g", "25", "-bf", "0",
        "-pix_fmt", "yuv420p", clip)
    check(clip.stat().st_size > 3 * FLOOD_MBIT * 1e6 / 8, f"the flood is one: {clip.stat().st_size} bytes")
    return clip


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Storage:
    """What custos storage status says, and which segments there are."""

    def __init__(self, site):
        self.site, self.seen = site, {}

    def status(self):
        # The exit status says whether all is well, which it will not be.
        return json.loads(self.site.cli("storage", "status", "--json", ok=None).stdout)

    def volume(self):
        return self.status()["volumes"][0]

    def stream(self, path):
        return next(s for s in self.status()["streams"] if s["stream"] == path)

    def recorded(self, path):
        """Segments with anything in them: files are made ahead."""
        return {p.name for p in self.site.segments(path) if p.stat().st_size}

    def watch(self, path):
        """Fails when a segment that was there is gone."""
        found = self.recorded(path)
        gone = self.seen.get(path, set()) - found
        check(not gone, f"{path}: segments that were to be kept are gone: {sorted(gone)}\n{self.site.log()[-3000:]}")
        self.seen[path] = found
        return found

    def lock(self, camera, start, end):
        return json.loads(self.site.cli("lock", "add", "--camera", camera, "--from", start, "--to", end, "--reason", "case 4711",
                                        "--json").stdout)["id"]

    def unlock(self, lock):
        self.site.cli("lock", "remove", lock, "--reason", "handed over", "--yes")


def wait(storage, condition, seconds, what, *kept):
    """wait_for, and what was to be kept is kept meanwhile."""
    def look():
        for path in kept:
            storage.watch(path)
        return condition()
    return wait_for(look, seconds, lambda: f"{what() if callable(what) else what}\n{json.dumps(storage.status(), indent=1)}\n{storage.site.log()[-3000:]}", 0.3)


def record(site, edge, storage):
    begin = now()
    for name in ("quiet", "flood"):
        site.add(name, edge.url(name), edge.user, edge.password_file)
        site.cli("camera", "set", name, "--min-days", "2")
    site.wait_recording("quiet-main", "flood-main")
    wait(storage, lambda: len(storage.recorded("flood-main")) >= 3, 15, "segments of the flood")
    return begin, now()


def test_retention(folder):
    own_mounts()
    site = Site(folder, config=CONFIG)
    vault = Tmpfs(site.state, "vault", MB)
    vault.path.chmod(0o700)
    try:
        with Edge(folder, {"quiet": CARS, "flood": flood_clip(folder)}, site_certificate(site), "--burst", program=CUSTOS) as edge:
            site.start()
            play(site, edge, Storage(site))
            site.stop()
    finally:
        site.clean()
        vault.close()
        shutil.rmtree(site.state, ignore_errors=True)


def site_certificate(site):
    site.init()
    return site.camera_certificate("cameras")


def foreseen(storage):
    status = storage.status()
    return status["volumes"][0]["full_in_days"], status["forecast"]["minimum_in_days"]


def play(site, edge, storage):
    begin, second = record(site, edge, storage)

    # It is foreseen: full within minutes, and two days are more than there is room for.
    # (Of a stream that has been recorded for less than five seconds no rate is known.)
    full, minimum = wait(storage, lambda: (lambda f: f if f[1] and f[1] < 0.002 else None)(foreseen(storage)), 30, "a forecast",
                         "flood-main", "quiet-main")
    check(0 < full < 0.002 and minimum > 0, f"foreseen: full in {full} days, minimum in {minimum}")
    check(not storage.stream("flood-main")["below_minimum"], "nothing was removed yet")

    # The first seconds of the flood are locked: what was recorded until its second segment ended.
    locked = set(sorted(storage.recorded("flood-main"))[:2])
    evidence = storage.lock("flood", begin, second)

    # The volume fills up: the flood pays for it, out of what is not locked, and says so.
    wait(storage, lambda: storage.stream("flood-main")["below_minimum"], 60, "the flood is below its minimum", "quiet-main")
    alarm = wait(storage, lambda: site.stream("flood-main").get("alarm"), 20, "an alarm", "quiet-main")
    check(alarm["fault"] == "below-minimum" and alarm["remedy"], f"the alarm: {alarm}")
    check(not site.stream("quiet-main").get("alarm"), "the other camera has none")
    removed = storage.status()["removed"]
    check(removed["below_minimum"] > 0 and removed["bytes"] > 0 and not removed["max_days"], f"removed: {removed}")
    check(locked <= storage.recorded("flood-main"), "what is locked is there")
    check(site.stream("flood-main")["recording"] and storage.volume()["state"] == "healthy", "and recording goes on")

    # All is locked, and all that will come: it is foreseen that recording stops, and it does.
    everything = [storage.lock(camera, begin, FAR) for camera in ("quiet", "flood")]
    storage.seen = {}
    stops = wait(storage, lambda: storage.status()["forecast"]["stops_in_days"] is not None, 20, "a forecast of the end", "quiet-main", "flood-main")
    check(stops, "it is foreseen")
    wait(storage, lambda: storage.volume()["state"] == "volume-full", 60, "the volume is full", "quiet-main", "flood-main")
    wait(storage, lambda: not any(s["recording"] for s in site.streams().values()), 40, "recording stops", "quiet-main", "flood-main")
    wait(storage, lambda: all(s["fault"] == "no-storage" for s in site.streams().values()), 15, lambda: f"and says why: {site.streams()}",
         "quiet-main", "flood-main")
    check("volume.full" in site.log(), "and the log says so")
    check(storage.status()["forecast"]["stops_in_days"] == 0, "now is 0 days away")
    check(storage.volume()["locked_bytes"] > MB << 19, f"locked: {storage.volume()['locked_bytes']}")

    # A lock goes: recording goes on by itself; what the others hold stays.
    storage.unlock(everything[1])
    site.wait_recording("quiet-main", "flood-main", seconds=40)
    wait(storage, lambda: storage.volume()["state"] == "healthy", 20, "the volume is healthy", "quiet-main")
    check(locked <= storage.recorded("flood-main"), "the first lock holds")
    locks = json.loads(site.cli("lock", "list", "--json").stdout)
    check({k["id"] for k in locks} == {evidence, everything[0]}, f"locks: {locks}")
    files = {p.stem for p in (site.state / "vault/locks").iterdir()}
    check(files == {evidence, everything[0]}, f"beside the footage: {files}")
    print(f"  {len(storage.seen['quiet-main'])} segments of the quiet camera were all kept; removed: {storage.status()['removed']}")


if __name__ == "__main__":
    main(globals())
