#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live over real links: a running site, and a gateway on "another host" that joined with a code.

Its porter is real, this program is its role: it asks the manager for a grant by the one link, and the recorder for a camera by the
other. When the gateway is revoked, what it watches ends within 10 s, and it does not come back.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import grants
from channels import Gone
from custos_site import CARS, Edge, Site, check, custos, main, wait_for
from frames import stream_kinds
from gateway import HEADER, Gateway
from people import Front, add_person

CUT_S = 10


class Linked(Gateway):
    """A gateway whose channel to the recorder is a peer that its porter handed over."""

    def __init__(self, uri, link):
        self.uri, self.channel = uri, link
        self.requests, self.subscriptions, self.events, self.wire = 0, {}, [], []
        self.private, self.session = grants.new_session()


def grant(front, session, gateway, *streams):
    return front.ask("grant.make", session, use=["live"], streams=list(streams), session=gateway.session)["grant"].encode()


def recorder_link(porter, site):
    port = int((site.state / "recorder/port").read_text())
    porter.ask("porter.dial", role="recorder", name="main", host="127.0.0.1", port=port)
    recorder = porter.peer()
    check(recorder.who["uri"].endswith("/recorder/main"), f"the recorder: {recorder.who}")
    return recorder


def test_a_gateway_watches_until_it_is_revoked(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cameras"), "--stamp") as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        site.wait_recording("cars-main")
        asks = Front(folder, site)
        porter = asks.porter
        front = Linked(asks.uri, recorder_link(porter, site))
        add_person(site, "Erika")
        session = asks.sign_in("Erika")
        front.refused("denied", "cars-main", grant(asks, session, front, "desk-main"))
        token = grant(asks, session, front, "cars-main")
        watching = front.open("cars-main", token)
        front.read(5)
        check(len(watching.of(HEADER)) >= 1 and not watching.holes, f"all of it came: {len(watching.things)} {watching.holes}")
        for m in front.wire:
            check(b"moof" not in m and b"mdat" not in m, "sealed on the way")
        path = watching.write(folder / "live.mp4")
        check(stream_kinds(path) == ["h264", "aac"], f"tracks: {stream_kinds(path)}")
        report = json.loads(custos("edge", "check-stamps", "--json", path, ok=None).stdout)
        check(len(report["cameras"]) == 1 and not report["cameras"][0]["gaps"] and report["cameras"][0]["frames"] > 40, f"no frame is missing: {report}")

        # Sent away: nothing new is shown within the deadline, and nobody lets it in again.
        at = time.monotonic()
        site.cli("node", "revoke", "gateway", "front", "--reason", "stolen", "--yes")
        try:
            front.read(CUT_S + 5)
        except Gone:
            pass
        cut = time.monotonic() - at
        check(cut < CUT_S, f"the link to the recorder ended {cut:.1f} s after the command")
        wait_for(lambda: "recorder" in str(porter.links()) and all(k["state"] != "open" for k in porter.links().values()), 10,
                 lambda: f"neither takes it back: {porter.links()}")
        time.sleep(2.5)  # it tries again
        check(all(k["state"] != "open" for k in porter.links().values()), f"nor later: {porter.links()}")
        check(site.stream("cars-main")["recording"], "recording goes on")
        print(f"  cut after {cut:.1f} s")
        porter.kill()


if __name__ == "__main__":
    main(globals())
