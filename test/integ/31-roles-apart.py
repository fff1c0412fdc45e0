#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manager and recorder started apart in one state directory, each with its porter: the recorder records on while the manager is dead, finds
the next one by itself, and a camera that is removed and added again goes on in the same chain.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CUSTOS, DESK, Edge, Program, Site, check, kill, main, verify, wait_for


def durable(site):
    status = site.status()
    streams = ((status or {}).get("recorder") or {}).get("streams") or []
    return streams[0]["last_durable"] if streams else None


def start(site, role):
    return [CUSTOS, role, "--state", site.state, *site.options]


def test_recorder_goes_on_without_its_manager(folder):
    site = Site(folder)
    try:
        site.init()
        manager = Program(folder / "manager.log", start(site, "manager"))
        with Program(folder / "recorder.log", start(site, "recorder")) as recorder, \
                Edge(folder, {"desk": DESK}, site.camera_certificate("desk")) as edge:
            wait_for(lambda: site.status() is not None, 20, lambda: f"the manager answers: {manager.log()}")
            fingerprint = site.fingerprint()
            site.add("desk", edge.url("desk"), edge.user, edge.password_file)
            wait_for(lambda: durable(site), 20, lambda: f"desk is recorded: {recorder.log()}")

            second = [Program(folder / f"{role}.second", start(site, role)) for role in ("run", "manager", "recorder")]
            rows = {(r["from"], r["to"]) for r in json.loads(site.cli("security", "links", "--json", ok=None).stdout)}
            check({("custos://site/recorder/main", "custos://site/manager/main")} <= rows, f"by their porters: {rows}")
            check(not (site.state / "recorder.sock").exists(), "and not otherwise")
            wait_for(lambda: not any(p.alive() for p in second), 20, "one of each role")
            check(all("another Custos runs" in p.log() and p.process.returncode == 1 for p in second), f"{[p.log() for p in second]}")

            kill(manager.pid)
            manager.process.wait()
            dead_from = time.time()
            check(site.status() is None, "no manager answers")
            time.sleep(3)
            dead_until = time.time()
            manager = Program(folder / "manager.log", start(site, "manager"))
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(dead_until))
            wait_for(lambda: (durable(site) or "") > stamp, 20, lambda: f"the recorder found the next manager: {recorder.log()}")
            check("recorder.refused" not in manager.log(), f"what the manager says again is taken: {manager.log()}")

            site.remove("desk")
            wait_for(lambda: not site.streams(), 10, "desk is no longer recorded")
            site.add("desk", edge.url("desk"), edge.user, edge.password_file)
            wait_for(lambda: durable(site), 20, "desk is recorded again")
            time.sleep(2)
        manager.stop()
        manager.check_log()
        _, verdict = verify(site.state / "vault", trust=fingerprint, ok=0)
        gaps = [i for i in verdict["items"] if i["kind"] == "gap"]
        check(len(gaps) == 2, f"a gap at the start and one for the removal, none for the manager's death: {gaps}")
        check(dead_until - dead_from >= 3, "the manager was dead for three seconds")
    finally:
        site.clean()


main(globals())
