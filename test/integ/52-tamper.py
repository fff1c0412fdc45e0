#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is done to what the real system recorded, `custos verify` says so, what it is, where and when.

Random bit flips over segments and exports, clean runs, segments and fragments that are deleted, swapped, doubled and cut off, and
another site of the same name that records the same footage. The seed is printed; CUSTOS_SEED repeats a run. A thousand flips:
test/check/52-tamper-long.py.
"""
import json
import os
import random
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, DESK, RELEASE, Edge, Failure, Site, check, main, verify
from vault_bytes import Segment

CONFIG = "[recorder]\nsegment_s = 3\nfragment_ms = 200\n"
SECONDS = 8
FLIPS, CLEAN_RUNS = int(os.environ.get("TAMPER_FLIPS", "1000")), int(os.environ.get("TAMPER_CLEAN_RUNS", "100"))
FAULTS = {"edited", "removed", "reordered", "duplicated", "truncated", "foreign", "key not trusted"}
# Hundreds of runs: the build without sanitizers, where there is one (unit tests do the same under them).
FAST = RELEASE if os.access(RELEASE, os.X_OK) else CUSTOS


def record(folder, site):
    """Two streams for some seconds; the vault and exports of it, copied to the folder. Returns the site's fingerprint."""
    site.start()
    trust = site.fingerprint()
    with Edge(folder, {"cars": CARS, "desk": DESK}, site.camera_certificate("cameras"), "--burst", program=site.program) as edge:
        for name in ("cars", "desk"):
            site.add(name, edge.url(name), edge.user, edge.password_file)
        site.wait_recording("cars-main", "desk-main")
        time.sleep(SECONDS)
        site.stop()
    return trust


def ordered(vault, stream):
    segments = [s for s in map(Segment, sorted(vault.glob(f"{stream}/*/*/*.mp4"))) if s.fragments]
    return sorted(segments, key=lambda s: s.fragments[0].seal.sequence)


def export(site, path, *options):
    site.cli("export", "--camera", "cars", "--output", path, *options)
    return path


def kinds(report):
    return {item["kind"] for item in report["items"]}


def expect(path, trust, kind, what, where=None, code=1):
    """The verdict names this kind, with a time range and, where asked for, this file."""
    got, report = verify(path, trust, program=FAST)
    items = [i for i in report["items"] if i["kind"] == kind]
    text = f"{what}: {got}, {json.dumps(report['items'], indent=1)[:3000]}"
    check(got == code and items, f"{kind} expected of {text}")
    check(any(i["from"] and i["to"] for i in items), f"a time range is missing: {text}")
    if where:
        check(any(where in i["where"] + i["text"] for i in items), f"{where} is not named: {text}")
    return report


def test_tamper(folder):
    site, other = (Site(folder, config=CONFIG, program=FAST) for _ in range(2))
    seed = int(os.environ.get("CUSTOS_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"  seed {seed}")
    try:
        with ThreadPoolExecutor(2) as both:
            trust, theirs = both.map(lambda s: record(folder, s), (site, other))
        vault = site.state / "vault"
        clips = [export(site, folder / "whole.mp4", "--last", "3600"), export(site, folder / "silent.mp4", "--last", "3600", "--without-audio")]
        chance = random.Random(seed)
        clean_runs(folder, site, vault, clips, trust, chance)
        flips(folder, vault, clips, trust, chance)
        vault_edits(folder, vault, trust)
        fragment_edits(folder, vault, trust)
        export_edits(folder, clips[0], trust)
        same_name(folder, other, theirs, vault, trust)
    finally:
        site.clean()
        other.clean()


# ---- nothing is reported where nothing was done ----

def clean_runs(folder, site, vault, clips, trust, chance):
    targets = [vault, vault / "cars-main", vault / "desk-main", *clips, *(s.path for stream in ("cars-main", "desk-main") for s in ordered(vault, stream))]
    first, last = ordered(vault, "cars-main")[0].fragments[0].seal.first_us, ordered(vault, "cars-main")[-1].fragments[-1].seal.last_us
    for n in range(CLEAN_RUNS):
        if n < CLEAN_RUNS // 2:
            path = targets[n % len(targets)]
        else:  # an export of any range
            a, b = sorted(chance.sample(range(first, last), 2))
            path = folder / "range.mp4"
            path.unlink(missing_ok=True)
            export(site, path, "--from", time_text(a), "--to", time_text(max(b, a + 300000)), *chance.choice(([], ["--without-audio"])))
        code, report = verify(path, trust, program=FAST)
        check(code == 0 and report["verdict"] == "authentic" and not kinds(report) & FAULTS, f"clean run {n}, {path}: {code} {json.dumps(report)[:2000]}")
    print(f"  {CLEAN_RUNS} clean runs, nothing reported")


def time_text(us):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // 1000000)) + f".{us % 1000000 // 1000:03d}Z"


# ---- bit flips ----

def flips(folder, vault, clips, trust, chance):
    # One segment of each stream, and both exports; each alone, so that a run reads little.
    originals = [(p, p.read_bytes()) for p in (ordered(vault, "cars-main")[1].path, ordered(vault, "desk-main")[1].path, *clips)]
    edits = []
    for n in range(FLIPS):
        path, data = originals[n % len(originals)]
        edits.append((n, path, data, chance.randrange(len(data)), 1 << chance.randrange(8)))
    start = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        unseen = [text for text in pool.map(lambda edit: flip(folder, trust, *edit), edits) if text]
    check(not unseen, f"{len(unseen)} of {FLIPS} flips:\n" + "\n".join(unseen[:10]))
    print(f"  {FLIPS} bit flips, all reported with file and time ({time.monotonic() - start:.0f} s)")


def flip(folder, trust, n, path, data, at, bit):
    """What is missing in the report of this flip, or None."""
    what, target = f"{path.name}, byte {at} of {len(data)}, bit {bit}", folder / f"flip-{n}-{path.name}"
    target.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1:])
    try:
        code, report = verify(target, trust, program=FAST)
    except Failure as why:
        return f"{what}: {why}"
    finally:
        target.unlink()
    bad = [i for i in report["items"] if i["kind"] in FAULTS]
    if code != 1 or not bad:
        return f"{what}: {code} {json.dumps(report['items'])[:800]}"
    if not any(i["from"] and i["to"] and target.name in i["where"] for i in bad):
        return f"{what}: file or time is missing: {json.dumps(bad)[:800]}"
    return None


# ---- whole segments ----

def vault_edits(folder, vault, trust):
    def attack(kind, what, edit, code=1):
        copy = folder / "vault-copy"
        shutil.copytree(vault, copy)
        segments = ordered(copy, "cars-main")
        named = edit(copy, segments)
        expect(copy, trust, kind, what, named, code)
        shutil.rmtree(copy)

    def deleted(_copy, s):
        s[1].path.unlink()

    def swapped(_copy, s):
        a, b = s[1].path.read_bytes(), s[2].path.read_bytes()
        s[1].path.write_bytes(b)
        s[2].path.write_bytes(a)
        return s[1].path.name

    def duplicated(_copy, s):
        to = s[1].path.with_name(s[1].path.name.replace("Z.0.", "Z.1."))
        shutil.copy(s[1].path, to)
        return to.name

    def truncated(_copy, s):
        s[1].path.write_bytes(s[1].data[:s[1].fragments[-1].begin])
        return s[1].path.name

    def foreign(copy, s):
        shutil.copy(ordered(copy, "desk-main")[1].path, s[1].path)
        return s[1].path.name

    attack("removed", "a deleted segment", deleted)
    attack("reordered", "two swapped segments", swapped)
    attack("duplicated", "a segment copied beside itself", duplicated)
    attack("truncated", "a segment without its end", truncated)
    attack("foreign", "a segment of another camera in its place", foreign)
    print("  segments: deleted, swapped, duplicated, truncated, foreign are named as such")


# ---- fragments within a segment ----

def fragment_edits(folder, vault, trust):
    segment = max(ordered(vault, "desk-main")[1:], key=lambda s: len(s.fragments))
    check(len(segment.fragments) >= 3, f"a segment of {len(segment.fragments)} fragments")
    parts = [segment.data[f.begin:f.end] for f in segment.fragments]
    front, back = segment.data[:segment.fragments[0].begin], segment.data[segment.fragments[-1].end:]
    path = folder / segment.path.name
    moof = segment.fragments[1].moof
    for kind, what, order in (("removed", "a fragment taken out", [0, *range(2, len(parts))]),
                              ("reordered", "two fragments swapped", [1, 0, *range(2, len(parts))]),
                              ("duplicated", "a fragment doubled", [0, 1, 1, *range(2, len(parts))]),
                              ("truncated", "the last fragment cut off", list(range(len(parts) - 1)))):
        path.write_bytes(front + b"".join(parts[i] for i in order) + (back if kind != "truncated" else b""))
        expect(path, trust, kind, what, path.name)
    path.write_bytes(segment.data[:moof.at + 20] + b"\x77" + segment.data[moof.at + 21:])
    expect(path, trust, "edited", "a changed moof", path.name)
    other = ordered(vault, "desk-main")[0]
    path.write_bytes(front + parts[0] + other.data[other.fragments[0].begin:other.fragments[0].end] + b"".join(parts[2:]) + back)
    expect(path, trust, "foreign", "a fragment of another segment in its place", path.name)
    path.unlink()
    print("  fragments: taken out, swapped, doubled, cut off, changed, of another segment are named as such")


# ---- exports ----

def export_edits(folder, clip, trust):
    data, path = clip.read_bytes(), folder / "edited.mp4"
    path.write_bytes(data[:len(data) * 2 // 3])
    expect(path, trust, "truncated", "an export cut off", path.name)
    path.write_bytes(data + bytes(100))
    expect(path, trust, "edited", "bytes behind an export", path.name)
    at = data.index(b"stts") + 16
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
    expect(path, trust, "edited", "another sample duration", path.name)
    path.unlink()


# ---- somebody else's site ----

def same_name(folder, other, theirs, vault, trust):
    """A site of the same name re-signs everything: it records the same cameras. Only the fingerprint tells them apart."""
    check(theirs != trust, "another fingerprint")
    head, mine = ordered(other.state / "vault", "cars-main")[0].head, ordered(vault, "cars-main")[0].head
    check(head[5] == mine[5] and head[8] != mine[8], "the same recorder's URI, another root")
    clip = export(other, folder / "theirs.mp4", "--last", "3600")
    for path in (other.state / "vault", clip, other.segments("desk-main")[0]):
        code, report = verify(path, None, program=FAST)
        check(code == 2 and report["verdict"] == "cannot tell" and report["fingerprint"] == theirs, f"{path} without --trust: {code}")
        expect(path, trust, "key not trusted", "the same name, another CA")
        check(verify(path, theirs, program=FAST)[0] == 0, "it is authentic to its own site")
    mixed = folder / "mixed"
    shutil.copytree(vault, mixed)
    segment, forged = ordered(mixed, "cars-main")[1], ordered(other.state / "vault", "cars-main")[1]
    shutil.copy(forged.path, segment.path)
    code, report = verify(mixed, trust, program=FAST)
    check(code == 1 and "key not trusted" in kinds(report), f"one forged segment among real ones: {code} {kinds(report)}")
    print("  a site of the same name: cannot tell without --trust, key not trusted with it")


if __name__ == "__main__":
    main(globals(), program=FAST)
