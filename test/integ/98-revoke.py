#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is taken back is out within 10 s, in one running site (T-REVOKE): a camera, a recorder and a gateway that were at work. Each is cut by
whoever it is linked with, comes in nowhere again, on no port, and the others never notice. That still holds while the manager is away and
the recorder begins anew: by the last list on its disk.
"""
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Gone
from custos_site import CARS, CUSTOS, Edge, Program, Site, check, kill, main, make_key, run, wait_for
from live_links import Linked, grant, recorder_link
from people import Front, add_person

CUT_S = 10


def certified(site, folder, name):
    key, csr, chain = (folder / f"{name}.{s}" for s in ("key", "csr", "pem"))
    run("openssl", "req", "-new", "-key", make_key(key), "-subj", f"/CN={name}", "-out", csr)
    chain.write_text(site.cli("camera", "certificate", name, "--csr", csr).stdout)
    return chain, key


def recorders(site):
    return {r["name"]: r["state"] for r in json.loads(site.cli("status", "--json", ok=None).stdout)["recorders"]}


def cut(what, begin, over):
    """Fails unless over() within the deadline from the command on."""
    wait_for(over, CUT_S - (time.monotonic() - begin), f"{what} is cut", 0.05)
    print(f"  {what} after {time.monotonic() - begin:.1f} s")


def recorder_is_out(site, far):
    begin = time.monotonic()
    site.cli("node", "revoke", "recorder", "north", "--reason", "stolen", "--yes")
    cut("the recorder", begin, lambda: "porter.manager link.closed peer=custos://site/recorder/north" in site.log())
    check(recorders(site) == {"main": "connected", "north": "revoked"}, f"{recorders(site)}")
    wait_for(lambda: "link.not_made" in far.log(), 10, lambda: f"it does not come again: {far.log()[-2000:]}")


def gateway_is_out(site, front, porter):
    begin = time.monotonic()
    site.cli("node", "revoke", "gateway", "front", "--reason", "sold", "--yes")
    try:
        front.read(CUT_S + 2)
        check(False, f"it still sees {front.subscriptions[1].got} bytes")
    except Gone:
        print(f"  the gateway after {time.monotonic() - begin:.1f} s")
    check(time.monotonic() - begin < CUT_S, "what it watched ended in time")
    wait_for(lambda: all(k["state"] != "open" for k in porter.links().values()), CUT_S, lambda: f"no link is left: {porter.links()}")


def camera_is_out(site, edge):
    begin = time.monotonic()
    site.cli("camera", "revoke", "bad")
    cut("the camera", begin, lambda: site.stream("bad-main")["fault"] == "revoked")
    plays = edge.plays("bad")
    time.sleep(1)
    check(edge.plays("bad") == plays, "and plays nothing more")


def by_the_last_list(site, porter):
    """The manager stands still; the recorder and its porter begin anew."""
    os.kill(site.pids()["manager"], signal.SIGSTOP)
    try:
        for name in ("parent", "porter.recorder"):  # what the one remembers it tells the other
            kill(site.pids()[name])
        wait_for(lambda: {"parent", "porter.recorder"} <= set(site.pids()), 15, "others in their place")
        # The port is another where the first is not free again; it is asked at the one that it has.
        port = wait_for(lambda: (site.state / "recorder/port").read_text().strip(), 10, "its port")
        porter.ask("porter.hang_up", role="recorder", name="main")
        porter.ask("porter.dial", role="recorder", name="main", host="127.0.0.1", port=int(port))
        known = site.log().count("porter.recorder link.refused")
        wait_for(lambda: site.log().count("porter.recorder link.refused") > known, 10, lambda: f"refused by the list on its disk: {site.log()[-3000:]}")
        check(all(k["state"] != "open" for k in porter.links().values()), f"{porter.links()}")
    finally:
        os.kill(site.pids()["manager"], signal.SIGCONT)


def test_revoked(folder):
    with Site(folder) as site, Edge(folder, {"good": CARS}, site.camera_certificate("good"), "--stamp") as good:
        wait_for(lambda: "porter.connected" in site.log() and "porter.manager listen.open" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        site.add("good", good.url("good"), good.user, good.password_file)
        site.add("bad", "rtsps://127.0.0.1:1/x")
        north = folder / "north"
        made = json.loads(site.cli("node", "add", "recorder", "north", "--json").stdout)
        run(CUSTOS, "enroll", f"127.0.0.1:{made['port']}", "-", "--state", north, stdin=made["code"] + "\n")
        with Edge(folder, {"bad": CARS}, certified(site, folder, "bad"), "--stamp") as bad, \
                Program(folder / "north.log", [CUSTOS, "recorder", "--state", north, *site.options]) as far:
            site.cli("camera", "set", "bad", "--url", bad.url("bad"), "--user", bad.user, "--password-file", bad.password_file)
            asks = Front(folder, site)
            porter = asks.porter
            site.wait_recording("good-main", "bad-main")
            wait_for(lambda: recorders(site).get("north") == "connected", 20, "the other recorder is here")
            add_person(site, "Erika")
            front = Linked(asks.uri, recorder_link(porter, site))
            front.open("good-main", grant(asks, asks.sign_in("Erika"), front, "good-main"))
            check(front.read(5, lambda: front.subscriptions[1].things), "it is shown")
            recorder_is_out(site, far)
            gateway_is_out(site, front, porter)
            camera_is_out(site, bad)
            state = site.stream("good-main")
            check(state["recording"] and state["connects"] == 1 and good.plays("good") == 1, f"the good camera never noticed: {state}")
            by_the_last_list(site, porter)
            porter.kill()
            site.wait_recording("good-main")
            told = [x["event"] for x in json.loads(site.cli("audit", "show", "--json").stdout)]
            check(told.count("node.revoked") == 2 and told.count("certificate.revoked") == 1, "all in the audit log")


if __name__ == "__main__":
    main(globals())
