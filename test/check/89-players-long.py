#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage over real links, from a running site with two volumes: seen as one; with one of them away, what lies there is told as missing; a
request that nobody goes on with ends after a minute; and a gateway that is sent away in the middle sees nothing more within 10 s.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Gone
from custos_site import CARS, Edge, Site, check, main, wait_for
from gateway import FRAGMENT
from live_links import Linked, grant, recorder_link
from people import Front, add_person
from playback import GAP, Viewer, film, plays, recorded_in, span, us_of

CONFIG = "[recorder]\nsegment_s = 3\nfragment_ms = 1000\n[storage]\nscrub_mb_s = 0\nreserve_mb = 16\n"
IDLE_S, CUT_S = 60, 10
SMALL = 128 << 10


class Recorder(Linked, Viewer):
    """By a link of a gateway's porter, in the name of a session."""

    def __init__(self, front, session, link):
        super().__init__(front.uri, link)
        self.front, self.person = front, session

    def watch(self, stream, from_us, until_us, **more):
        token = grant(self.front, self.person, self, stream, use="playback", **span(from_us, until_us))
        return self.play(None, stream, token, from_us, until_us, **more)


def ended(recorder, seconds):
    """Whether its link came to an end within this time."""
    try:
        recorder.read(seconds)
    except Gone:
        return True
    return False


def recorded(vault):
    return recorded_in(vault, "cars-main")


def gaps(seen):
    return [json.loads(t[3]) for t in seen.of(GAP)]


def whole(recorder, from_us, until_us):
    seen = recorder.watch("cars-main", from_us, until_us)
    check(recorder.read(30, lambda: seen.ended), "to its end")
    check(seen.ended["code"] == "ok", f"all of it: {seen.ended}")
    return seen


def volume(site, name):
    volumes = json.loads(site.cli("storage", "list", "--json").stdout)
    return next(v for v in volumes if v["name"] == name)


def test_over_real_links(folder):
    other = folder / "other"
    other.mkdir()
    with Site(folder, config=CONFIG) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars"), "--stamp") as edge:
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        site.wait_recording("cars-main")
        first = site.state / "vault"
        wait_for(lambda: len(recorded(first)) > 4, 30, "on the first volume", 0.5)
        site.cli("storage", "add", "other", other)
        site.cli("storage", "set", "other", "--weight", "1000")
        wait_for(lambda: len(recorded(other)) > 6, 30, lambda: f"on the second: {site.log()[-2000:]}", 0.5)
        site.cli("storage", "set", "other", "--weight", "1")
        behind_us = recorded(other)[-1]["last_us"]
        wait_for(lambda: recorded(first)[-1]["first_us"] > max(behind_us, recorded(other)[-1]["last_us"]) + 3000000, 60,
                 lambda: f"on the first again: {site.log()[-2000:]}", 0.5)
        from_us, until_us = recorded(first)[1]["first_us"], recorded(first)[-2]["last_us"]
        far = [f for f in recorded(other) if from_us <= f["first_us"] <= until_us]
        front = Front(folder, site)
        add_person(site, "Erika")
        recorder = Recorder(front, front.sign_in("Erika"), recorder_link(front.porter, site))

        left = recorder.watch("cars-main", from_us, until_us, credit=SMALL)
        begun = time.monotonic()
        recorder.read(1, slow=[left])
        seen = recorder.watch("cars-main", from_us, until_us)
        check(recorder.read(30, lambda: seen.ended, slow=[left]) and seen.ended["code"] == "ok", f"to its end: {seen.ended}")
        check(not gaps(seen), f"one stream, whatever volume it lies on: {gaps(seen)}")
        check({f["first_us"] for f in far} <= {t[2] for t in seen.of(FRAGMENT)}, "with all that lies on the second")
        plays(film(seen, folder / "both.mp4"))

        # The second one is pulled out.
        other.rename(folder / "elsewhere")
        wait_for(lambda: volume(site, "other")["state"] != "healthy", 20, lambda: f"it is away: {volume(site, 'other')}", 0.5)
        part = recorder.watch("cars-main", from_us, until_us)
        check(recorder.read(30, lambda: part.ended, slow=[left]) and part.ended["code"] == "ok", f"to its end: {part.ended}")
        told = [g for g in gaps(part) if g["cause"] == "unavailable"]
        check(told and len(told) == len(gaps(part)), f"told, by its cause: {gaps(part)}")
        for f in far:
            check(any(us_of(g["from"]) <= f["first_us"] and f["last_us"] <= us_of(g["to"]) for g in told), f"all that lies there: {f} {told}")
        shown = {t[2] for t in part.of(FRAGMENT)}
        check(not shown & {f["first_us"] for f in far} and len(shown) >= len(seen.of(FRAGMENT)) - len(far) - 2, "and nothing else is missing")
        plays(film(part, folder / "part.mp4"))
        (folder / "elsewhere").rename(other)

        # Nobody goes on with the first request.
        wait_for(lambda: recorder.read(1, lambda: left.ended, slow=[left]), IDLE_S + 20, "it ends by itself")
        took = time.monotonic() - begun
        check(left.ended["code"] == "timeout" and "again" in left.ended["text"], f"why: {left.ended}")
        check(IDLE_S - 2 < took < IDLE_S + 10, f"after a minute: {took:.1f} s")
        wait_for(lambda: volume(site, "other")["state"] == "healthy", 30, "the second one is back", 0.5)
        check(not gaps(whole(recorder, from_us, until_us)), "and all of it is seen again")

        # Sent away in the middle: the player ends, with the link.
        recorder.watch("cars-main", from_us, until_us, credit=SMALL)
        recorder.read(0.5, slow=recorder.subscriptions.values())
        check(any(argv[1] == "player" for argv in site.processes().values()), "a player is at work")
        at = time.monotonic()
        site.cli("node", "revoke", "gateway", "front", "--reason", "stolen", "--yes")
        check(ended(recorder, CUT_S + 5), "the link ends")
        cut = time.monotonic() - at
        check(cut < CUT_S, f"{cut:.1f} s after the command")
        wait_for(lambda: not any(argv[1] == "player" for argv in site.processes().values()), 5, "and its player with it")
        check(site.stream("cars-main")["recording"], "recording goes on")
        print(f"  cut after {cut:.1f} s, idle after {took:.1f} s")
        front.end()


if __name__ == "__main__":
    main(globals())
