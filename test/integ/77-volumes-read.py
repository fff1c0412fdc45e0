#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage that lies on several volumes is read as one: exported, verified, checked, listed, its keys found.

A recording over three hours (the clock is moved); the middle one then lies on a second volume, as if it had been recorded there.
With that volume away, what is missing is said, and where it would be.
"""
import json
import os
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, main, run
from vault_bytes import Segment

CONFIG = "[recorder]\nsegment_s = 2\nfragment_ms = 500\n[storage]\nscrub_mb_s = 0\n"


def record(folder, site):
    """Some seconds in each of three hours; returns the site's fingerprint."""
    for hour in range(3):
        site.start(env={"CUSTOS_CLOCK_OFFSET_S": str(3600 * hour)})
        with Edge(folder, {"cars": CARS}, site.camera_certificate(f"cars-{hour}"), "--burst") as edge:
            if hour == 0:
                trust, port = site.fingerprint(), edge.port
                site.add("cars", edge.url("cars"), edge.user, edge.password_file)
            else:
                site.cli("camera", "set", "cars", "--url", edge.url("cars"), "--user", edge.user, "--password-file", edge.password_file)
            site.wait_recording("cars-main")
            time.sleep(2.5)
            site.stop()
    return trust


def volumes(site):
    """The recorder's list; with main alone where it has none yet."""
    path = site.state / "storage/volumes.json"
    path.parent.mkdir(exist_ok=True)
    if path.exists():
        return path, json.loads(path.read_text())
    main_volume = {"number": 0, "name": "main", "path": str(site.state / "vault"), "id": "0" * 32, "session": "0" * 32,
                   "coming": "0" * 32, "weight": 100, "retired": False}
    return path, {"version": 1, "volumes": [main_volume]}


def add_volume(site, where):
    """A second volume, as the recorder would have made it."""
    name, session = os.urandom(16).hex(), os.urandom(16).hex()
    where.mkdir(mode=0o700)
    (where / "volume.json").write_text(json.dumps({"version": 1, "name": "archive", "id": name, "recorder": "custos://test/recorder/main",
                                                   "session": session}))
    path, known = volumes(site)
    known["volumes"].append({"number": 1, "name": "archive", "path": str(where), "id": name, "session": session, "coming": "0" * 32,
                             "weight": 100, "retired": False})
    path.write_text(json.dumps(known))
    os.chmod(path, 0o600)


def hours(vault):
    return sorted(p for p in vault.glob("cars-main/*/*") if any(Segment(s).fragments for s in p.glob("*.mp4")))


def split(site, where):
    """The middle hour lies on the second volume, with its keys."""
    vault = site.state / "vault"
    there = hours(vault)
    check(len(there) >= 3, f"three hours: {there}")
    for hour in there[1:-1]:
        to = where / hour.relative_to(vault)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(hour, to)
    shutil.copytree(vault / "keys", where / "keys")


def stamp(us):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // 1000000)) + f".{us % 1000000 // 1000:03d}Z"


def kinds(report):
    return {i["kind"] for i in report["items"]}


def listed(site, *more):
    rows = json.loads(site.cli("vault", "ls", "--json", *more).stdout)
    return [{k: v for k, v in r.items() if k != "volume"} for r in rows], [r["volume"] for r in rows]


def verify(site, trust, *more):
    p = site.cli("verify", "--camera", "cars", "--trust", trust, "--json", *more, ok=None)
    return p.returncode, json.loads(p.stdout)


def test_volumes(folder):
    site = Site(folder, config=CONFIG)
    try:
        trust = record(folder, site)
        if not (site.state / "storage/index.sqlite").exists():
            site.cli("vault", "rebuild")
        before, _ = listed(site)
        code, whole = verify(site, trust)
        check(code == 0, f"on one volume: {json.dumps(whole)[:2000]}")
        archive = folder / "archive"
        add_volume(site, archive)
        split(site, archive)
        middle = Segment(next(archive.glob("cars-main/*/*/*.mp4"))).fragments[0].seal
        one_recording(folder, site, trust, before, whole, middle)
        by_hand(folder, site, archive, trust, whole)
        incomplete(site, archive, trust)
        misplaced(site, archive, trust)
        away(folder, site, archive, trust, middle)
    finally:
        site.clean()


def one_recording(folder, site, trust, before, whole, middle):
    code, report = verify(site, trust)
    check(code == 0 and report["fragments"] == whole["fragments"] and report["bytes"] == whole["bytes"],
          f"over two volumes: {code} {json.dumps(report)[:2000]}")
    site.cli("vault", "check", "--trust", trust, ok=1)  # the index says another volume
    made = json.loads(site.cli("vault", "rebuild", "--json").stdout)
    check(made["segments"] == len(before) and not made["away"] and not made["copies"], f"rebuilt: {made}")
    after, on = listed(site)
    check(after == before and set(on) == {"main", "archive"}, f"the same index:\n{before}\n{after}\n{on}")
    checked = json.loads(site.cli("vault", "check", "--trust", trust, "--key", site.state / "recorder/wrap.key", "--json").stdout)
    check(not checked["faults"] and checked["decrypted_fragments"] == checked["fragments"] == whole["fragments"], f"{checked}")
    check(len(site.keys_show("cars-main", (middle.first_us + middle.last_us) // 2)) == 1, "the key of a segment on the second volume")
    first, last = before[0]["from"], before[-1]["to"]
    clip = folder / "all.mp4"
    made = json.loads(site.cli("export", "--camera", "cars", "--from", first, "--to", last, "--output", clip, "--json").stdout)
    check(not made["damaged"], f"{made}")
    shown = 0
    for file in made["files"]:
        p = run("ffmpeg", "-v", "error", "-i", file["path"], "-f", "null", "-")
        check(not p.stderr, f"{file['path']} plays: {p.stderr[:500]}")
        report = json.loads(run(site.program, "verify", "--trust", trust, "--json", file["path"]).stdout)
        check(report["verdict"] == "authentic", f"{report}")
        shown += report["fragments"]
    check(shown == whole["fragments"], f"{shown} of {whole['fragments']} fragments in the export")


def by_hand(folder, site, archive, trust, whole):
    """Two disks on another machine: no state directory, no index."""
    state = folder / "elsewhere"
    state.mkdir()
    taken = ["--vault", site.state / "vault", "--vault", archive, "--state", state]
    report = json.loads(run(site.program, "verify", "--camera", "cars", "--trust", trust, "--json", *taken).stdout)
    check(report["fragments"] == whole["fragments"], f"{report}")
    rows = json.loads(run(site.program, "vault", "ls", "--json", *taken).stdout)
    check([r["from"] for r in rows] == [r["from"] for r in json.loads(site.cli("vault", "ls", "--json").stdout)], "listed without an index")
    checked = json.loads(run(site.program, "vault", "check", "--trust", trust, "--json", *taken).stdout)
    check(not checked["faults"] and not checked["index"], f"{checked}")
    # Each disk by itself: with its keys, and a hole where the other's footage belongs.
    p = run(site.program, "vault", "check", "--vault", archive, "--state", state, "--key", site.state / "recorder/wrap.key", "--json", ok=None)
    alone = json.loads(p.stdout)
    check(not alone["faults"] and alone["decrypted_fragments"] == alone["fragments"] > 0, f"the second volume by itself: {alone}")


def incomplete(site, archive, trust):
    (archive / "keys").rename(archive / ".keys")
    p = site.cli("vault", "check", "--trust", trust, "--json", ok=1)
    faults = json.loads(p.stdout)["faults"]
    check(faults and all("archive cannot be read by itself" in f["text"] for f in faults), f"keys on main alone: {faults}")
    (archive / ".keys").rename(archive / "keys")


def misplaced(site, archive, trust):
    """On whatever volume: a segment in the directory of another stream is foreign there."""
    segment = next(archive.glob("cars-main/*/*/*.mp4"))
    to = archive / "gate-main" / segment.relative_to(archive / "cars-main")
    to.parent.mkdir(parents=True)
    shutil.copy(segment, to)
    p = site.cli("vault", "check", "--trust", trust, "--json", ok=1)
    items = json.loads(p.stdout)["seals"]
    check(any(i["kind"] == "foreign" and "archive:gate-main" in i["where"] for i in items), f"{json.dumps(items)[:2000]}")
    shutil.rmtree(archive / "gate-main")


def away(folder, site, archive, trust, middle):
    archive.rename(folder / "unplugged")
    code, report = verify(site, trust)
    removed = [i for i in report["items"] if i["kind"] == "removed"]
    check(code == 1 and removed and all("volume archive is not there" in i["text"] for i in removed), f"{code} {json.dumps(report)[:2500]}")
    check(removed[0]["from"] <= stamp(middle.first_us) <= removed[-1]["to"], f"and when: {removed}")
    note = [i for i in report["items"] if i["kind"] == "cannot tell" and i["where"] == "archive"]
    check(len(note) == 1 and "newest footage" in note[0]["text"], f"until when it has footage: {json.dumps(note)}")
    p = site.cli("vault", "check", "--trust", trust, ok=1)
    check("archive" in p.stdout and "cannot be looked at" in p.stdout, p.stdout[-1500:])
    listed_rows = site.cli("vault", "ls").stdout
    check("(volume not there)" in listed_rows, listed_rows)
    p = site.cli("export", "--camera", "cars", "--from", stamp(middle.first_us), "--to", stamp(middle.last_us), "--output", folder / "none.mp4", ok=1)
    check("nothing of cars-main was recorded" in p.stderr and "archive" in p.stderr, p.stderr)
    made = json.loads(site.cli("vault", "rebuild", "--json").stdout)
    check([a["volume"] for a in made["away"]] == ["archive"] and str(archive) in made["away"][0]["text"], f"{made}")
    # Another disk at its place is not taken for it.
    archive.mkdir()
    shutil.copytree(folder / "unplugged/cars-main", archive / "cars-main")
    code, report = verify(site, trust)
    check(code == 1 and any("archive is not there" in i["text"] for i in report["items"]), f"an unknown disk: {json.dumps(report)[:2000]}")
    shutil.rmtree(archive)
    (folder / "unplugged").rename(archive)
    check(verify(site, trust)[0] == 0, "and whole again")


if __name__ == "__main__":
    main(globals())
