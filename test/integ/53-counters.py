#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""No pair of key and counter block encrypts twice: over tracks, streams, restarts, kill -9, a clock set back and a restored disk.

Counter blocks are a sample's IV (8 bytes) and a count from 0 (docs/spec/vault.md section 5), so two samples share one exactly where
they share key and IV. IVs and sizes are read from the segments, keys are derived from the recorder's private key as the
specification says, and compared with what `custos keys show` prints.
"""
import json
import shutil
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Site, check, kill, main, verify, wait_for
from vault_bytes import GAP_CAUSES, Segment, segment_key

CONFIG = "[recorder]\nsegment_s = 2\nfragment_ms = 200\nworkers = 2\n"
CLOCK_AHEAD_S = 7200


class Counters:
    """(key, IV) of every sample that was ever stored, with where; a segment that is met again (a copy) counts once."""

    def __init__(self):
        self.used, self.segments, self.blocks, self.collisions = {}, {}, 0, []

    def add(self, segment, key):
        if self.segments.setdefault(segment.kid, segment.object_key) != segment.object_key:
            self.collisions.append(f"one KID in {segment.object_key} and {self.segments[segment.kid]}")
        for number, sample in enumerate(segment.samples()):
            blocks = (sum(n for _, n in sample.ranges) + 15) // 16
            if not blocks:
                continue
            where = (segment.object_key, number, segment.fragments[0].seal.hash)
            before = self.used.setdefault((key, sample.iv), where)
            if before != where:
                self.collisions.append(f"{where} and {before}")
            elif blocks:
                self.blocks += blocks


def gather(counters, site, seen):
    """Everything under the vault now; returns the new segments."""
    private = bytes.fromhex((site.state / "recorder/wrap.key").read_text().strip())
    fresh = []
    for path in site.segments():
        segment = Segment(path)
        if not segment.fragments:
            continue
        key = segment_key(site.state / "vault", segment, private)
        counters.add(segment, key)
        if segment.kid not in seen:
            fresh.append(segment)
            seen[segment.kid] = key
    return fresh


def record(site, seconds, env=None):
    """Starts, records this long on both streams, and stops."""
    site.start(env=env)
    site.wait_recording("cars-main", "desk-main")
    time.sleep(seconds)
    site.stop()


def kill_each(site):
    """kill -9 of a worker, the sealer, the parent and the supervisor while both cameras are recorded."""
    site.start()
    site.wait_recording("cars-main", "desk-main")
    for role in ("worker.0", "sealer", "parent"):
        old = site.pids()[role]
        kill(old, signal.SIGKILL)
        wait_for(lambda r=role, o=old: site.pids().get(r, o) != o, 15, f"{role} runs again")
        site.wait_recording("cars-main", "desk-main")
        time.sleep(0.8)
    kill(site.pids()["supervisor"], signal.SIGKILL)
    site.main.process.wait()
    site.start()
    site.wait_recording("cars-main", "desk-main")
    time.sleep(0.8)
    site.stop()


def causes(segments):
    return {GAP_CAUSES[gap[0]] for s in segments for f in s.fragments for gap in f.seal.gaps}


def verdict(site, trust):
    """(exit status, kinds of items, the report's items as text)"""
    code, report = verify(site.state / "vault", trust, program=site.program)
    return code, {item["kind"] for item in report["items"]}, json.dumps(report["items"], indent=1)


def test_counters(folder):
    site, counters, seen = Site(folder, config=CONFIG), Counters(), {}
    try:
        site.init()
        with Edge(folder, {"cars": CARS, "desk": DESK}, site.camera_certificate("cams"), "--burst", program=site.program) as edge:
            run_through(site, edge, counters, seen)
    finally:
        site.clean()


def run_through(site, edge, counters, seen):
    site.start()
    trust = site.fingerprint()
    for name in ("cars", "desk"):
        site.add(name, edge.url(name), edge.user, edge.password_file)
    site.wait_recording("cars-main", "desk-main")
    time.sleep(3)
    site.stop()
    first = gather(counters, site, seen)
    check(len(first) >= 4 and {s.stream for s in first} == {"cars-main", "desk-main"}, f"segments of both streams: {len(first)}")
    check(any(len(s.tracks) == 2 for s in first), "one has two tracks")

    kill_each(site)
    killed = gather(counters, site, seen)
    check(len(killed) >= 8, f"after the kills: {len(killed)} more segments")
    check("unclean stop" in causes(killed), f"the kills are sealed as gaps: {causes(killed)}")

    record(site, 1.5, env={"CUSTOS_CLOCK_OFFSET_S": str(CLOCK_AHEAD_S)})
    ahead = gather(counters, site, seen)
    record(site, 1.5)
    back = gather(counters, site, seen)
    check(min(f.seal.first_us for s in ahead for f in s.fragments) > max(f.seal.last_us for s in back for f in s.fragments),
          "the clock went back")
    check("clock step" in causes(back), f"which is sealed: {causes(back)}")
    code, kinds, text = verdict(site, trust)
    check(code == 0, f"the vault is authentic after all this: {code} {kinds}\n{text[-3000:]}")

    restored_disk(site, counters, seen, trust)
    check_keys_show(site, seen)
    report(counters, seen)


def restored_disk(site, counters, seen, trust):
    """An old copy of the whole state directory comes back, and recording goes on from there."""
    backup, abandoned = site.folder / "backup", site.folder / "abandoned"
    shutil.copytree(site.state, backup, ignore=shutil.ignore_patterns("*.sock"))
    record(site, 1.5)
    lost = gather(counters, site, seen)
    shutil.copytree(site.state / "vault", abandoned)
    shutil.rmtree(site.state)
    shutil.copytree(backup, site.state)
    record(site, 1.5)
    again = gather(counters, site, seen)
    check(len(lost) >= 2 and len(again) >= 2, "segments before and after the disk was restored")
    # The history that was put back is whole, and nothing in it can know of the other (docs/spec/seal.md section 4); both together show.
    code, kinds, text = verdict(site, trust)
    check(code == 0, f"the restored history by itself: {code} {kinds}\n{text[-3000:]}")
    for segment in lost:
        path = site.state / "vault" / segment.object_key
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(abandoned / segment.object_key, path)
    code, kinds, text = verdict(site, trust)
    check(code == 1 and ("two histories" in text or "another history" in text), f"both histories in one vault: {code} {kinds}\n{text[-3000:]}")
    for segment in lost:
        (site.state / "vault" / segment.object_key).unlink()


def check_keys_show(site, seen):
    """What the command prints is what the specification yields."""
    def shown(path):
        segment = Segment(path)
        if segment.fragments:
            keys = site.keys_show(segment.stream, segment.fragments[0].seal.first_us)
            check(keys.get(path) == seen[segment.kid], f"custos keys show of {path}: {list(keys)}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(shown, site.segments()))


def report(counters, seen):
    check(not counters.collisions, "key and counter block used twice: " + "; ".join(counters.collisions[:5]))
    check(len(set(seen.values())) == len(seen), "each segment has a key of its own")
    total = len(counters.used)
    check(total > 1000, f"enough samples to mean something: {total}")
    # The test itself can fail: one sample's IV set to another's is found.
    (key, iv), where = next(iter(counters.used.items()))
    other = next(w for w in counters.used.values() if w != where)
    check(counters.used.setdefault((key, iv), other) != other, "a repeated pair is noticed")
    print(f"  {counters.blocks} counter blocks of {total} samples in {len(seen)} segments, no pair of key and block twice")


if __name__ == "__main__":
    main(globals())
