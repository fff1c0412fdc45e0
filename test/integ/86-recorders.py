#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers of the real manager: revocation reaches them all at once, several recorders have cameras that move between them, and one is
away.
"""
import calendar
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import check, main, wait_for
from manager_desk import Desk, Porter, Recorder, key_hash, request, secret_of, serial


def test_revocation(folder):
    with Desk(folder) as desk:
        porter = desk.porter
        lab, lab_pem = desk.enroll("recorder", "lab", desk.code("recorder", "lab"))
        lab2 = desk.new_key()
        lab2_pem = desk.renew("recorder", "lab", lab, lab2)
        yard, _ = desk.enroll("recorder", "yard", desk.code("recorder", "yard"))
        gate, _ = desk.enroll("gateway", "g", desk.code("gateway", "g"))
        links = [desk.peer("recorder", "lab", lab2), desk.peer("recorder", "yard", yard), desk.peer("gateway", "g", gate)]
        wait_for(lambda: all(x.told("link.revoked") for x in links), 5, "each learns at once what is revoked")
        check(all(x.told("link.revoked") == [{"crls": ""}] for x in links), "nothing, so far")
        p = desk.cli("node", "revoke", "recorder", "lab", "--reason", "stolen", ok=64)
        check("--yes" in p.stderr and not links[0].gone, "it is asked back")
        at = time.monotonic()
        check("2 certificate" in desk.cli("node", "revoke", "recorder", "lab", "--reason", "stolen", "--yes").stdout, "both that it had")
        wait_for(lambda: links[0].gone, 10, "its link is cut")
        wait_for(lambda: all(len(x.told("link.revoked")) == 2 for x in links[1:]) and len(porter.of("porter.crls")) == 2, 10, "all are told")
        took = time.monotonic() - at
        check(took < 10, f"within 10 s of the command: {took}")
        print(f"  cut and told after {took:.2f} s")
        crls = links[1].told("link.revoked")[-1]["crls"]
        check(crls == links[2].told("link.revoked")[-1]["crls"] == porter.of("porter.crls")[-1]["crls"], "one list")
        check(desk.serials_of_list(crls) == {serial(lab_pem, folder), serial(lab2_pem, folder)}, "which names both certificates, and no other")
        check(not links[1].gone and not links[2].gone, "the others go on")
        # It gets nothing more, and is not let in, whatever the porter thinks of its certificate.
        ask = {"uri": f"custos://{desk.name}/recorder/lab", "key": key_hash(lab2), "label": "", "csr": request(desk.new_key())}
        porter.refused("est.reenroll", ask, "denied", "revoked")
        again = desk.peer("recorder", "lab", lab2)
        wait_for(lambda: again.gone, 5, "it is not let in")
        check(desk.audit("peer.refused")[-1]["node"] == "lab", "which is in the log")
        node = desk.json("node", "show", "recorder", "lab")["node"]
        check(node["state"] == "revoked" and node["reason"] == "stolen", f"with the reason: {node}")
        line = desk.audit("node.revoked")[0]
        check((line["role"], line["node"], line["reason"], line["certificates"]) == ("recorder", "lab", "stolen", 2) and line["by"], f"{line}")
        p = desk.cli("camera", "add", "cam", "--url", "rtsps://127.0.0.1:1/x", "--recorder", "lab", ok=1)
        check("was revoked" in p.stderr, p.stderr)
        # With a new code it comes again: not with the key that was taken back.
        code = desk.code("recorder", "lab")
        porter.refused("est.enroll", {"role": "recorder", "name": "lab", "secret": secret_of(code), "csr": request(lab2)}, "denied", "revoked")
        fresh, _ = desk.enroll("recorder", "lab", code)
        back = desk.peer("recorder", "lab", fresh)
        wait_for(lambda: desk.nodes()["recorder", "lab"]["state"] == "connected", 5, "it is here again")
        check(desk.serials_of_list(back.told("link.revoked")[-1]["crls"]), "a peer is told at its connect too")
        # A second host of that name: only in the place of the first.
        p = desk.cli("node", "add", "recorder", "lab", ok=1)
        check("--again" in p.stderr and not back.gone, p.stderr)
        code = desk.code("recorder", "lab", "--again")
        wait_for(lambda: back.gone, 10, "the first is cut off")
        desk.enroll("recorder", "lab", code)
        # Removed: as revoked, and gone.
        desk.cli("node", "remove", "gateway", "g", "--yes")
        wait_for(lambda: links[2].gone, 10, "its link is cut")
        check(("gateway", "g") not in desk.nodes() and desk.audit("node.removed")[0]["node"] == "g", "not in the list any more")
        for role in ("manager", "recorder"):
            p = desk.cli("node", "remove", role, "main", "--yes", ok=1)
            check("beginning" in p.stderr, p.stderr)
        check("cannot take" in desk.cli("node", "revoke", "manager", "main", "--reason", "x", "--yes", ok=1).stderr, "nor itself")
        # A porter that begins again, and a manager: the list is in force from the start.
        desk.porter = Porter(desk.manager.first)
        wait_for(lambda: desk.porter.of("porter.crls"), 10, "the next porter is told")
        count = len(desk.serials_of_list(desk.porter.of("porter.crls")[0]["crls"]))
        check(count == 4, f"two, the third of that recorder, the gateway's: {count}")
        desk.manager.end()
        desk.begin()
        wait_for(lambda: desk.porter.of("porter.crls"), 10, "by the next manager too")
        check(len(desk.serials_of_list(desk.porter.of("porter.crls")[0]["crls"])) == 4, "all of it")
        desk.porter.refused("est.reenroll", {**ask, "key": key_hash(fresh)}, "denied")


def local(desk):
    """The recorder of this host."""
    return desk.peer("recorder", "main", desk.site.state / "node/recorder/node.key")


def test_recorders(folder):
    with Desk(folder) as desk:
        porter, site = desk.porter, desk.site
        keys = {name: desk.enroll("recorder", name, desk.code("recorder", name))[0] for name in ("lab", "yard")}
        lab, yard = (desk.peer("recorder", name, keys[name]) for name in ("lab", "yard"))
        first = local(desk)
        wait_for(lambda: [n["state"] for n in desk.nodes().values()].count("connected") == 4, 5, "all are here")
        p = desk.cli("camera", "add", "x", "--url", "rtsps://127.0.0.1:1/x", "--recorder", "nobody", ok=1)
        check("no recorder of that name" in p.stderr, p.stderr)
        url = ["--url", "rtsps://127.0.0.1:1/x"]
        desk.cli("camera", "add", "door", *url)
        desk.cli("camera", "add", "gate", *url, "--recorder", "lab")
        desk.cli("camera", "add", "gate", *url, "--stream", "sub")
        desk.cli("camera", "add", "tree", *url, "--recorder", "yard")
        p = desk.cli("camera", "add", "gate", *url, "--stream", "third", "--recorder", "yard", ok=1)
        check("belongs to recorder lab" in p.stderr, p.stderr)

        def streams(*wanted):
            return wait_for(lambda: [sorted(x.streams) for x in (first, lab, yard)] == list(map(list, wanted)), 5,
                            lambda: f"{wanted}: {[sorted(x.streams) for x in (first, lab, yard)]}")

        streams(["door-main"], ["gate-main", "gate-sub"], ["tree-main"])
        check({c["name"]: c["recorder"] for c in desk.json("camera", "list")} == {"door": "main", "gate": "lab", "tree": "yard"}, "the list says whose")
        status = desk.json("status")
        check([s["stream"] for s in status["recorder"]["streams"]] == ["door-main"], "the first recorder's")
        others = {r["name"]: [s["stream"] for s in r["status"]["streams"]] for r in status["recorders"] if "status" in r}
        check(others == {"lab": ["gate-main", "gate-sub"], "yard": ["tree-main"]}, f"and the others': {others}")
        check("4 of 4 streams are recorded" in desk.cli("status").stdout, "all of them counted")
        check(desk.json("camera", "show", "tree")["camera"]["streams"][0]["state"]["recording"], "asked of its own recorder")
        # It moves, with all its streams.
        moved = len(lab.asked)
        desk.cli("camera", "set", "gate", "--recorder", "yard")
        streams(["door-main"], [], ["gate-main", "gate-sub", "tree-main"])
        check([k for k, _ in lab.asked[moved:] if k.startswith("stream.")] == ["stream.remove"] * 2, "the one before is told to end")
        check(desk.audit("camera.changed")[-1]["recorder"] == "yard", "in the log")
        # What is said of a camera goes to its recorder.
        desk.cli("event", "start", "--camera", "gate")
        locked = desk.json("lock", "add", "--camera", "gate", "--from", "2026-11-20T08:00:00Z", "--to", "2026-11-20T09:00:00Z", "--reason", "x")
        check(locked["recorder"] == "yard" and len(yard.of("lock.add")) == 1 and len(yard.of("event.start")) == 2, f"{locked}")
        old = desk.json("lock", "add", "--camera", "gate", "--recorder", "lab", "--from", "2026-11-20T08:00:00Z", "--to", "2026-11-20T09:00:00Z",
                        "--reason", "before it moved")
        check(old["recorder"] == "lab" and len(lab.of("lock.add")) == 1, "or to the one that had it")
        desk.cli("lock", "list")
        check(all(x.of("lock.list") for x in (first, lab, yard)), "all are asked for locks")
        before = [len(x.of("storage.get")) for x in (first, lab, yard)]
        desk.cli("storage", "list", "--recorder", "yard")
        check([len(x.of("storage.get")) for x in (first, lab, yard)] == [before[0], before[1], before[2] + 1], "the disks of one, by its name")
        check("no recorder of that name" in desk.cli("storage", "list", "--recorder", "none", ok=1).stderr, "which has to be there")
        # A recorder speaks for its own cameras alone.
        memory = site.state / "tls-memory.json"
        told = {"protection": 3, "camera_key": "ab" * 32}
        lab.send({"type": "stream.connected", "body": {"stream": "tree-main", **told}})
        lab.send({"type": "stream.connected", "body": {"stream": "gate-main", **told}})
        wait_for(lambda: "camera.not_its_own" in desk.manager.log(), 5, "what it says of another's is not heard")
        check(not memory.exists() or not json.loads(memory.read_text())["cameras"], "and not remembered")
        yard.send({"type": "stream.connected", "body": {"stream": "tree-main", **told}})
        wait_for(lambda: memory.exists() and [c["camera"] for c in json.loads(memory.read_text())["cameras"]] == ["tree"], 5, "of its own it is")
        # Away: said, with since when; the rest goes on. What changes meanwhile it learns when it comes back.
        at = time.time()
        yard.close()
        wait_for(lambda: desk.nodes()["recorder", "yard"]["state"] == "away", 5, "it is away")
        node = desk.nodes()["recorder", "yard"]
        check(all(abs(calendar.timegm(time.strptime(node[k][:19], "%Y-%m-%dT%H:%M:%S")) - at) < 5 for k in ("since", "seen")), f"since when: {node}")
        said = desk.cli("status", ok=1).stdout
        check("yard is away since 20" in said and "1 of 1 streams are recorded" in said, f"{said}")
        check("recorder yard is not connected" in desk.cli("lock", "list", ok=1).stderr, "a list without its locks is no list")
        check("recorder away" in desk.cli("camera", "show", "tree").stdout, "its camera says so")
        desk.cli("camera", "set", "tree", "--recorder", "main")
        desk.cli("camera", "remove", "gate")
        wait_for(lambda: sorted(first.streams) == ["door-main", "tree-main"], 5, "the other begins at once")
        back = desk.porter.peer(desk.name, "recorder", "yard", key_hash(keys["yard"]),
                                make=lambda end: Recorder(end, ["gate-main", "gate-sub", "tree-main"]))
        wait_for(lambda: not back.streams, 5, lambda: f"what it recorded meanwhile is withdrawn: {back.streams}")
        # One with cameras stays.
        desk.cli("camera", "set", "tree", "--recorder", "yard")
        p = desk.cli("node", "remove", "recorder", "yard", "--yes", ok=1)
        check("1 camera" in p.stderr and "tree" in p.stderr and not back.gone, p.stderr)
        check("runs on this host" in desk.cli("node", "add", "recorder", "main", "--again", ok=1).stderr, "who is here needs no code")
        # The recorder of this host is one as the others.
        check(first.told("link.revoked") and desk.nodes()["recorder", "main"]["state"] == "connected", "it learns what is revoked")
        desk.cli("node", "revoke", "recorder", "main", "--reason", "test", "--yes")
        wait_for(lambda: first.gone, 5, "revoked, it is cut off")
        wait_for(lambda: local(desk).gone, 5, "and not let in again")
        check("recorder main is not connected" in desk.cli("storage", "list", ok=1).stderr, "it is away")
        # The next manager knows them all.
        desk.manager.end()
        desk.begin()
        nodes = desk.nodes()
        check(nodes["recorder", "lab"]["state"] == "away" and nodes["recorder", "lab"]["since"], f"last seen: {nodes}")
        again = desk.peer("recorder", "yard", keys["yard"])
        wait_for(lambda: list(again.streams) == ["tree-main"], 5, "told what is its own")


main(globals())
