#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's verifier (web/src/verify, TypeScript over WebCrypto, written from the specification alone) and the program's, of the same files:
honest exports with sound, without, of H.265, over several segments and a gap; and each of them damaged in many ways. They have to agree.
"""
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, DESK, ENV, RELEASE, ROOT, Edge, Site, check, main, run, skip, verify

WEB = ROOT / "web"
SEED, FLIPS = 20261123, 40
FAST = RELEASE if os.access(RELEASE, os.X_OK) else CUSTOS
OVERALL = {"authentic": 0, "not authentic": 1, "cannot tell": 2}


def compiled(folder):
    """The verifier as JavaScript; made with what web/package.json names."""
    if not shutil.which("npm") or not shutil.which("node"):
        skip("node and npm are not installed")
    if not (WEB / "node_modules/typescript").is_dir():
        made = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=WEB, capture_output=True, text=True, timeout=240)
        if made.returncode:
            skip(f"npm ci: {made.stderr.strip().splitlines()[-1] if made.stderr.strip() else made.returncode}")
    run(WEB / "node_modules/.bin/tsc", "-p", WEB / "tsconfig.pure.json", "--outDir", folder / "js", timeout=120)
    (folder / "js/package.json").write_text('{"type": "module"}')
    return folder / "js"


def agree(js, paths, trust):
    """Both verdicts of each file, which are the same; the page's."""
    p = subprocess.run(["node", WEB / "test/verify_file.mjs", js, trust or "-", *paths], env=ENV, capture_output=True, text=True, timeout=120)
    check(p.returncode == 0, f"the page's verifier ended with {p.returncode}: {p.stderr[-2000:]}")
    said = [json.loads(line) for line in p.stdout.splitlines()]
    for path, page in zip(paths, said, strict=True):
        code, report = verify(path, trust, program=FAST)
        check(OVERALL[page["verdict"]] == code, f"{path.stem}: the page says {page['verdict']} {page['items']}, the program {code} {report['items']}")
    return said


def exports(folder, site, edge):
    for name in ("cars", "desk"):
        site.add(name, edge.url(name), edge.user, edge.password_file)
    site.wait_recording("cars-main", "desk-main")
    time.sleep(6)
    made = {"sound": ("cars", "--last", "5"), "quiet": ("cars", "--last", "4", "--without-audio"), "h265": ("desk", "--last", "5")}
    for name, (camera, *options) in made.items():
        site.cli("export", "--camera", camera, *options, "--output", folder / f"{name}.mp4")
    return [folder / f"{name}.mp4" for name in made]


def box_at(data, kind, start=0):
    at = data.index(kind, start) - 4
    return at, struct.unpack(">I", data[at:at + 4])[0]


def resealed(data):
    """The last seal says another time, and the evidence's checksum is made anew: nothing but its signature can tell."""
    evidence, last = data.rindex(b"rnge") - 5, data.rindex(b"frag") - 4
    seal = last + 12 + struct.unpack(">I", data[last + 8:last + 12])[0]
    sealed = seal + 4 + struct.unpack(">H", data[seal + 2:seal + 4])[0] + 16 + 8 + 56 + 16 + 32 + 32 + 4
    data = data[:sealed + 7] + bytes([data[sealed + 7] ^ 1]) + data[sealed + 8:]
    return data[:-32] + hashlib.sha256(data[evidence:-40]).digest()


def damaged(data, chance):
    """(name, bytes): as somebody would who wants it to pass."""
    evidence = data.rindex(b"rnge")
    for i in range(FLIPS):
        at = chance.randrange(evidence, len(data)) if i % 2 else chance.randrange(len(data))
        yield f"bit {at}", data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1:]
    yield "a seal forged", resealed(data)
    yield "end cut", data[:-1]
    yield "evidence cut off", data[:evidence - 40]
    yield "a byte behind", data + b"\0"
    first, n = box_at(data, b"frag", evidence)
    second, m = box_at(data, b"frag", first + n)
    yield "two fragments swapped", data[:first] + data[second:second + m] + data[first + n:second] + data[first:first + n] + data[second + m:]
    stts, _ = box_at(data, b"stts")
    yield "slower", data[:stts + 20] + struct.pack(">I", 2 * struct.unpack(">I", data[stts + 20:stts + 24])[0]) + data[stts + 24:]


def test_they_agree(folder):
    js, chance = compiled(folder), random.Random(SEED)
    with Site(folder, config="[recorder]\nsegment_s = 2\n") as site, Edge(folder, {"cars": CARS, "desk": DESK}, site.camera_certificate("cameras")) as edge:
        files, trust = exports(folder, site, edge), site.fingerprint()
    for page in agree(js, files, trust):
        check(page["verdict"] == "authentic" and page["fragments"] >= 3 and page["fingerprint"] == trust, f"as it was exported: {page}")
    check({p["verdict"] for p in agree(js, files, None)} == {"cannot tell"}, "without a fingerprint nobody can tell")
    check(all(p["items"][0]["kind"] == "key not trusted" for p in agree(js, files, "0" * 64)), "of another site")
    bad = []
    for name, data in damaged(files[0].read_bytes(), chance):
        bad.append(folder / f"{name}.mp4")
        bad[-1].write_bytes(data)
    for path, page in zip(bad, agree(js, bad, trust), strict=True):
        check(page["verdict"] == "not authentic", f"{path.stem}: {page}")
    print(f"  {len(bad)} damaged files, the same verdicts")


if __name__ == "__main__":
    main(globals())
