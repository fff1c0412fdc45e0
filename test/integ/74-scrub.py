#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bit rot is found by itself, and named with file and time, while the recorder records.

First the scrubber alone over its channel, this program in the place of the parent: what a real recorder recorded, whole and
damaged in every way, and files that are no segments. Then the whole system on a vault that was damaged while it stood still.
"""
import os
import random
import re
import sqlite3
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Process, text
from custos_site import CARS, DESK, Edge, Site, check, main, run, wait_for
from vault_bytes import Segment

SCRUB, SCRUBBED = 130, 131
AUTHENTIC, EDITED, REMOVED, REORDERED, DUPLICATED, TRUNCATED, FOREIGN, KEY_NOT_TRUSTED, CANNOT_TELL = range(9)
NAMES = "authentic", "edited", "removed", "reordered", "duplicated", "truncated", "foreign", "key not trusted", "cannot tell"
UNKNOWN = -1 << 63
FAST = 4000000000
CONFIG = "[recorder]\nsegment_s = 2\nfragment_ms = 500\n[storage]\nscrub_mb_s = {}\n"


class Scrubber(Process):
    def __init__(self, folder, state):
        super().__init__(folder, state, "scrubber")
        self.asked = 0

    def ask(self, fd, segment, rate=FAST, stream=None, last=bytes(32)):
        self.asked += 1
        self.first.send(SCRUB, struct.pack(">I", self.asked) + text(stream or segment.stream) + text(segment.object_key) +
                        struct.pack(">Q", rate) + last, [fd])

    def answer(self):
        kind, body = self.first.receive()
        check(kind == SCRUBBED, f"message {kind} from the scrubber")
        number, size, verdict, at_us, n = struct.unpack(">IQBqH", body[:23])
        check(number == self.asked and len(body) == 23 + n, f"the answer to {self.asked}: {body}")
        return verdict, at_us, body[23:].decode(), size

    def look(self, path, segment, **more):
        fd = os.open(path, os.O_RDONLY)
        self.ask(fd, segment, **more)
        os.close(fd)
        return self.answer()


STREAMS = {"cars": CARS, "desk": DESK}


def play(folder, site, verb):
    """An edge with both cameras; verb: "add", or "set" where the site knows them."""
    edge = Edge(folder, STREAMS, site.camera_certificate("cameras"), "--burst")
    try:
        for name in STREAMS:
            site.cli("camera", verb, name, "--url", edge.url(name), "--user", edge.user, "--password-file", edge.password_file)
        site.wait_recording(*(f"{name}-main" for name in STREAMS))
    except BaseException:
        edge.kill()
        raise
    return edge


def record(folder, site, seconds):
    """A recording of this many seconds; the site stands still then. {camera: its segments, in order}."""
    site.start()
    with play(folder, site, "add"):
        time.sleep(seconds)
        site.stop()
    found = {name: [s for s in map(Segment, site.segments(f"{name}-main")) if s.fragments] for name in STREAMS}
    for segments in found.values():
        check(len(segments) >= 3 and all(s.closed for s in segments), f"{len(segments)} closed segments")
    return found


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1:]


def damages(segments):
    """{what: (segment that it should be, its bytes, verdicts that name it, the fragment's time or None)}"""
    one, other = segments[0], segments[1]
    f = one.fragments[1]
    at_us = f.seal.first_us
    return {
        "media": (one, flipped(one.data, f.mdat.at + f.mdat.size // 2), {EDITED}, at_us),
        "moof": (one, flipped(one.data, f.moof.at + 40), {EDITED}, None),
        "seal": (one, flipped(one.data, f.uuid.at + f.uuid.size - 10), {EDITED}, None),
        "header": (one, flipped(one.data, 300), {EDITED, FOREIGN}, None),
        "cut": (one, one.data[:f.mdat.at + 100], {TRUNCATED}, None),
        "swapped": (one, other.data, {REORDERED}, None),
    }


def test_scrub(folder):
    site = Site(folder, config=CONFIG.format(0))
    try:
        segments = record(folder, site, 7)
        alone(folder, site, segments["cars"])
        together(folder, site, segments)
    finally:
        site.clean()


def alone(folder, site, segments):
    scrubber = Scrubber(folder, site.state)
    for s in segments:
        last = s.fragments[-1].seal.hash
        check(scrubber.look(s.path, s, last=last)[:3] == (AUTHENTIC, UNKNOWN, ""), f"{s.path} is sound")
        check(scrubber.look(s.path, s, last=bytes(31) + b"x")[0] == TRUNCATED, "and not what another last seal was written to")
        check(scrubber.look(s.path, s, stream="gate-main")[0] == FOREIGN, "nor of another stream")
    path = folder / "damaged.mp4"
    for what, (segment, data, verdicts, at_us) in damages(segments).items():
        path.write_bytes(data)
        verdict, at, said, size = scrubber.look(path, segment)
        check(verdict in verdicts and said and size == len(data), f"{what}: {verdict} {said}")
        check(at_us is None or at == at_us, f"{what}: at {at}, not {at_us}")
        check(what == "header" or at != UNKNOWN, f"{what}: a time is named")
    hostile_files(folder, scrubber, segments[0])
    confinement(scrubber)
    page_cache(folder, scrubber, segments[0])
    rate(scrubber, segments[0])
    two_at_once(folder, site, scrubber, segments[0])


def hostile_files(folder, scrubber, segment):
    path, chance = folder / "hostile.mp4", random.Random(7)
    for data in (b"", b"\0" * 5000, chance.randbytes(300000), segment.data[:2000], segment.data[:9000] + chance.randbytes(400000)):
        path.write_bytes(data)
        check(scrubber.look(path, segment)[0] != AUTHENTIC, f"{data[:20]}... is no segment")
    before = resident(scrubber.pid)
    with open(path, "wb") as f:  # no room is taken for it
        f.truncate(1 << 40)
    verdict, _, said, size = scrubber.look(path, segment)
    check(verdict == CANNOT_TELL and size == 0 and "more than any segment" in said, f"a file of a terabyte: {verdict} {said}")
    check(resident(scrubber.pid) < before + 50000, "and no memory was taken for it")
    path.unlink()
    read_end, write_end = os.pipe()
    scrubber.ask(read_end, segment)
    check(scrubber.answer()[0] == CANNOT_TELL, "a pipe is no file")
    os.close(read_end)
    os.close(write_end)
    fd = os.open(folder, os.O_RDONLY)
    scrubber.ask(fd, segment)
    check(scrubber.answer()[0] == CANNOT_TELL, "nor is a directory")
    os.close(fd)


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()).group(1))


def confinement(scrubber):
    """Its calls are filtered (which ones: test_sandbox), it has no file open but the channel, and it stands behind all others."""
    status = Path(f"/proc/{scrubber.pid}/status").read_text()
    check("Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status, status)
    if os.geteuid() == 0:
        files = [os.readlink(p) for p in Path(f"/proc/{scrubber.pid}/fd").iterdir()]
        ours = [f for f in files if f.startswith("/") and not f.startswith("/dev/null") and not f.endswith(".log")]
        check(not ours, f"no file is left open: {files}")
    check(os.getpriority(os.PRIO_PROCESS, scrubber.pid) == 19, "the lowest priority")


def cached(path):
    """Bytes of it in the page cache."""
    return int(run("fincore", "--bytes", "--noheadings", "--output", "RES", path).stdout)


def page_cache(folder, scrubber, segment):
    """What it reads does not take the place of what others read: nothing of the file is in memory behind it."""
    path = folder / "cold.mp4"
    path.write_bytes(segment.data)
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)
    if cached(path) == 0:  # a file system in memory keeps it
        check(scrubber.look(path, segment)[0] == AUTHENTIC and cached(path) == 0, f"{cached(path)} bytes in the page cache")


def rate(scrubber, segment):
    """By the clock, only that it is not as fast as it can: the exact rate is test_scrub_pace's."""
    started = time.monotonic()
    for _ in range(4):
        check(scrubber.look(segment.path, segment, rate=2 * len(segment.data))[0] == AUTHENTIC, "sound at twice its size a second, too")
    check(time.monotonic() - started > 1.0, f"four times {len(segment.data)} bytes took {time.monotonic() - started:.2f} s")


def two_at_once(folder, site, scrubber, segment):
    fd = os.open(segment.path, os.O_RDONLY)
    try:
        scrubber.ask(fd, segment, rate=1000)
        scrubber.ask(fd, segment, rate=1000)
        check(scrubber.first.closed(), "a second file while one is read ends the channel")
    finally:
        os.close(fd)
    scrubber.end()


# ---- the whole ----

def spoil(segments):
    """What a bad disk does to a vault; {object key: (verdicts, time of the fragment or None)}."""
    cars, desk = segments["cars"], segments["desk"]
    found = {}
    for s, what in (cars[0], "media"), (cars[1], "moof"), (cars[2], "seal"), (desk[0], "cut"):
        _, data, verdicts, at_us = damages([s, s])[what]
        s.path.write_bytes(data)
        found[s.object_key] = ({NAMES[v] for v in verdicts}, at_us)
    a, b = desk[1:3]
    a.path.write_bytes(b.data)
    b.path.write_bytes(a.data)
    found[a.object_key] = found[b.object_key] = ({"reordered"}, None)
    return found


def rows(site):
    """{object key: (checked, damage)} of what the index has of ended segments."""
    index = sqlite3.connect(f"file:{site.state}/storage/index.sqlite?mode=ro", uri=True)
    try:
        return {key: (checked, damage) for key, checked, damage in
                index.execute("SELECT object_key, checked_us, damage FROM segment WHERE ended = 1 AND fragments > 0")}
    finally:
        index.close()


def said(site):
    """{object key: (volume, what was found)} of the log."""
    form = r'scrub\.damaged fault=volume-damaged volume=(\S+) segment=(\S+) from=\S+Z to=\S+Z found="(.*)"'
    return {m.group(2): (m.group(1), m.group(3)) for m in re.finditer(form, site.log())}


def together(folder, site, segments):
    spoiled = spoil(segments)
    Path(site.options[-1]).write_text(CONFIG.format(1000))
    site.start()
    with play(folder, site, "set"):
        wait_for(lambda: set(said(site)) >= set(spoiled) and not [k for k, (at, _) in rows(site).items() if not at], 20,
                 lambda: f"all looked at, {set(spoiled)} named: {said(site)} {rows(site)}")
        time.sleep(1)
        found = rows(site)
        site.stop()
    check({k for k, (_, damage) in found.items() if damage} == set(spoiled), f"these and no others: {found}")
    for key, (names, at_us) in spoiled.items():
        volume, text_of = said(site)[key]
        check(volume == "main" and text_of.split(":")[0].split(" at ")[0] in names and text_of == found[key][1], f"{key}: {text_of}, not {names}")
        check(at_us is None or f" at {stamp(at_us)}" in text_of, f"{key}: {text_of}, at {at_us}")
        check(" at 2" in text_of, f"{key}: a time: {text_of}")
    before = {s.path for of_one in segments.values() for s in of_one}
    later = [Segment(p) for p in site.segments() if p not in before]
    later = [s for s in later if s.fragments]
    check(later, "it recorded meanwhile")
    causes = {g[0] for s in later for f in s.fragments for g in f.seal.gaps}
    check(not causes & {3, 6, 8}, f"and nothing was lost for it: {causes}")


def stamp(us):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // 1000000)) + f".{us % 1000000 // 1000:03d}Z"


if __name__ == "__main__":
    main(globals())
