#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-SPLITBRAIN: a recorder whose manager is away for a day, and then two managers that both say they are its own.

The recorder is on "another host" (a state directory of its own, by the manager's real port). Its clock is a day ahead after the partition:
it recorded all the time, sealed, kept what is locked and removed what is beyond the quota. An older copy of the manager, under the same name, with
the same keys, at the same port, changes nothing there, until somebody says that it is the one that counts.
"""
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, Edge, Program, Site, check, main, run, wait_for
from role_peers import joined
from shifted_clock import Clock


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def state_of(site):
    """Of the recorder north, as this manager has it."""
    nodes = json.loads(site.cli("node", "list", "--json", ok=None).stdout or "[]")
    return next((n["state"] for n in nodes if n["name"] == "north"), None)


def recorded(state, stream, since=0):
    """Segments there that were written to since."""
    return [p for p in (state / "vault").glob(f"{stream}/*/*/*.mp4") if p.stat().st_mtime > since]


def still_records(state, stream, what):
    at = time.time()
    wait_for(lambda: recorded(state, stream, at + 1), 20, lambda: f"{what}: {stream} is recorded: {recorded(state, stream)[-3:]}")


def back(site, north, state="connected"):
    """Its manager, or the copy of it, is there again, at the same port: the recorder tries at least every 30 s."""
    site.start()
    wait_for(lambda: state_of(site) == state, 60, lambda: f"the recorder {state}: {state_of(site)}\n{north.log()[-2000:]}\n{site.log()[-2000:]}")


def a_day_alone(site, state, clock, north, begin):
    lock = json.loads(site.cli("lock", "add", "--camera", "far", "--from", iso(begin), "--to", iso(begin + 4), "--reason", "case 4711", "--json").stdout)
    time.sleep(10)
    before = recorded(state, "far-main")
    site.stop()
    clock.step(25 * 3600)
    wait_for(lambda: list((state / "vault").glob(f"far-main/{time.strftime('%Y-%m-%d', time.gmtime(clock.now()))}/*/*.mp4")), 30, "recorded a day later")
    still_records(state, "far-main", "without a manager")
    wait_for(lambda: len([p for p in before if p.exists()]) < len(before), 60, "what is beyond its quota is removed")
    time.sleep(8)
    kept = [p for p in before if p.exists()]
    check(kept and len(kept) < len(before), f"what is locked is kept, and the rest is not: {len(kept)} of {len(before)}")
    report = json.loads(run(CUSTOS, "verify", state / "vault", "--trust", site.trust, "--json", ok=None).stdout)
    kinds = {i["kind"] for i in report["items"]}
    check(kinds <= {"authentic", "gap", "note", "removed"}, f"sealed all the time: {report['verdict']} {kinds}")
    print(f"  a day without a manager: {len(kept)} locked segments of {len(before)} kept, {len(recorded(state, 'far-main'))} there")
    return lock


def test_a_day_without_a_manager_and_then_two(folder):
    clock, state = Clock(folder), folder / "north"
    site = Site(folder)
    older = Site(folder, state=Path(tempfile.mkdtemp(prefix="cst-")) / "s")
    site.init()
    try:
        with Edge(folder, {"far": CARS, "late": CARS}, site.camera_certificate("cams")) as edge:
            site.start()
            wait_for(lambda: "porter.connected" in site.log(), 20, "the manager has its porter")
            site.trust = site.fingerprint()
            joined(folder, site, "recorder", "north")
            config = folder / "north.ini"
            config.write_text("[recorder]\nsegment_s = 2\nfragment_ms = 500\n\n[link]\nrecorder_port = 0\n")
            north = Program(folder / "north.log", [CUSTOS, "recorder", "--state", state, "--config", config], env=clock.env())
            try:
                wait_for(lambda: state_of(site) == "connected", 30, lambda: f"north comes: {north.log()}")
                begin = time.time()
                site.add("far", edge.url("far"), edge.user, edge.password_file, "--recorder", "north", "--quota", "1")
                wait_for(lambda: recorded(state, "far-main"), 25, lambda: f"it records: {north.log()[-2000:]}")
                a_day_alone(site, state, clock, north, begin)
                shutil.copytree(site.state, older.state, ignore=shutil.ignore_patterns("*.sock", "vault"))
                back(site, north)
                site.add("late", edge.url("late"), edge.user, edge.password_file, "--recorder", "north")
                wait_for(lambda: recorded(state, "late-main"), 25, "its manager is followed")
                two_managers(site, older, state, north)
            finally:
                north.stop()
            north.check_log()
    finally:
        for one in (site, older):
            one.clean()
        shutil.rmtree(older.state.parent, ignore_errors=True)


def two_managers(site, older, state, north):
    # The copy does not know the second camera, and would withdraw it.
    site.stop()
    back(older, north, "refuses")
    check("manager.not_followed" in north.log(), "the recorder says so too")
    events = [line["event"] for line in json.loads(older.cli("audit", "show", "--json").stdout)]
    check("recorder.refuses" in events, f"in the log of the copy: {events[-5:]}")
    older.cli("camera", "remove", "far", ok=None)
    older.cli("lock", "list", ok=None)
    for stream in ("far-main", "late-main"):
        still_records(state, stream, "with an older manager")
    said = older.cli("doctor", ok=None).stdout
    check("follows another copy" in said and "restore --here" in said, f"with the remedy: {said}")
    older.stop()
    back(site, north)
    still_records(state, "late-main", "with its own again")
    # Somebody decides for the copy: from then on the other one is refused.
    site.stop()
    older.cli("restore", "--here")
    back(older, north)
    wait_for(lambda: north.log().count("late-main") and not recorded(state, "late-main", time.time() - 5), 30, "what the copy does not know is not recorded")
    older.stop()
    back(site, north, "refuses")
    time.sleep(5)
    check(not recorded(state, "late-main", time.time() - 4), "and the one before changes nothing any more")
    site.stop()
    print("  an older copy was refused, taken when that was ordered, and the one before refused from then on")


if __name__ == "__main__":
    main(globals())
