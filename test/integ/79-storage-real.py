#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of storage, locks and events on a whole running system: a second volume is added, takes over, and is seen to; what is
locked lies beside the footage; a stream that waits for an event is recorded when there is one.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Site, check, main, verify, wait_for


def volumes(site):
    return {v["name"]: v for v in json.loads(site.cli("storage", "list", "--json").stdout)}


def stamp(seconds_ago):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds_ago))


def audit(site, event):
    return [x for x in json.loads(site.cli("audit", "show", "--json").stdout) if x["event"] == event]


def test_a_second_volume(folder):
    disk2 = folder / "disk2"
    disk2.mkdir(mode=0o700)
    with Site(folder, config="[recorder]\nsegment_s = 5\n") as site, Edge(folder, {"desk": DESK}, site.camera_certificate("desk")) as edge:
        fingerprint = site.fingerprint()
        site.add("desk", edge.url("desk"), edge.user, edge.password_file)
        site.wait_recording("desk-main")
        first = volumes(site)
        check(set(first) == {"main"} and first["main"]["state"] == "healthy" and first["main"]["path"] == str(site.state / "vault") and
              first["main"]["total_bytes"] > first["main"]["free_bytes"] > 0 and first["main"]["device"], f"main: {first}")
        (disk2 / "letter.txt").write_text("somebody else's")
        said = site.cli("storage", "add", "disk2", disk2, ok=1).stderr
        check("empty" in said and (disk2 / "letter.txt").exists(), f"a directory that is in use is not taken: {said}")
        (disk2 / "letter.txt").unlink()
        answer = json.loads(site.cli("storage", "add", "disk2", disk2, "--weight", "50", "--json").stdout)
        same = volumes(site)["main"]["device"] == answer["volume"]["device"]
        check(answer["volume"]["name"] == "disk2" and len(answer["warnings"]) == same, f"added: {answer}")
        wait_for(lambda: volumes(site)["disk2"]["state"] == "healthy", 5, lambda: f"in use: {volumes(site)}")
        check((disk2 / "volume.json").exists(), "it is a volume now")
        site.cli("storage", "add", "disk2", disk2, ok=1)
        site.cli("storage", "set", "disk2", "--weight", "70")
        check(volumes(site)["disk2"]["weight"] == 70, "another weight")
        site.cli("storage", "set", "disk3", "--weight", "70", ok=1)

        site.cli("storage", "retire", "main", "--yes")
        wait_for(lambda: list(disk2.glob("desk-main/*/*/*.mp4")), 20, lambda: f"segments on disk2: {volumes(site)}")
        wait_for(lambda: volumes(site)["disk2"]["footage_bytes"] > 0, 20, lambda: f"counted there: {volumes(site)}")
        site.wait_recording("desk-main")
        check(volumes(site)["main"]["retired"], "main is retired")
        said = site.cli("storage", "list").stdout
        check("retired" in said and "2 volumes" in said, said)
        status = json.loads(site.cli("storage", "status", "--json").stdout)
        check([s["stream"] for s in status["streams"]] == ["desk-main"] and not status["streams"][0]["below_minimum"], f"{status}")
        check("STREAM" in site.cli("storage", "status").stdout, "for people")
        check(json.loads(site.cli("storage", "damage", "--json").stdout) == [], "nothing is damaged")
        check([x["volume"] for x in audit(site, "storage.added") + audit(site, "storage.retired")] == ["disk2", "main"], "and who did it")

        lock = json.loads(site.cli("lock", "add", "--camera", "desk", "--from", stamp(60), "--to", stamp(0), "--reason", "case 12",
                                   "--json").stdout)
        check(lock["warnings"] == [], f"{lock}")
        name = f"locks/{lock['id']}.json"
        wait_for(lambda: (disk2 / name).exists() and (site.state / "vault" / name).exists(), 10, "the lock lies on both volumes")
        locks = json.loads(site.cli("lock", "list", "--json").stdout)
        check([(x["id"], x["stream"], x["reason"]) for x in locks] == [(lock["id"], "desk-main", "case 12")], f"{locks}")
        wait_for(lambda: volumes(site)["main"]["locked_bytes"] > 0, 10, lambda: f"what it holds: {volumes(site)}")
        site.stop()
        site.start()
        check(json.loads(site.cli("lock", "list", "--json").stdout) == locks, "over a restart")
        site.cli("lock", "remove", lock["id"], "--reason", "over", "--yes")
        wait_for(lambda: not (disk2 / name).exists() and not (site.state / "vault" / name).exists(), 10, "it is gone from both")
        check("0 locks" in site.cli("lock", "list").stdout, "none")
        site.wait_recording("desk-main")
        check(volumes(site)["disk2"]["state"] == "healthy" and volumes(site)["main"]["retired"], "volumes over a restart")
    _, verdict = verify(disk2, trust=fingerprint)
    check(verdict["verdict"] in ("authentic", "cannot-tell", "cannot tell"), f"what is on the second volume: {verdict['verdict']}")


def test_events_and_terms(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars")) as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file, "--record", "event", "--post", "1")
        wait_for(lambda: site.stream("cars-main").get("state") == "streaming", 20, lambda: f"connected: {site.streams()}")
        time.sleep(2)
        check(site.stream("cars-main")["gate"] == "waiting" and not site.stream("cars-main")["recording"], f"{site.streams()}")
        said = site.cli("status").stdout
        check("standby" in said and "1 more is not to be" in said, f"no fault: {said}")
        check(not site.segments("cars-main"), "nothing was recorded")
        site.cli("event", "start", "--camera", "cars", "--seconds", "60", "--source", "bell")
        site.wait_recording("cars-main")
        site.cli("event", "stop", "--camera", "cars", ok=1)
        site.cli("event", "stop", "--camera", "cars", "--source", "bell")
        wait_for(lambda: site.stream("cars-main")["gate"] == "waiting", 10, lambda: f"{site.streams()}")
        site.cli("camera", "set", "cars", "--record", "off")
        wait_for(lambda: site.stream("cars-main").get("gate") == "off", 10, lambda: f"{site.streams()}")
        said = site.cli("status").stdout
        check(" off " in said, said)
        check("its mode is off" in site.cli("event", "start", "--camera", "cars", ok=1).stderr, "and no event")
        site.cli("camera", "set", "cars", "--record", "always")
        site.wait_recording("cars-main")


main(globals())
