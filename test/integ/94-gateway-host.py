#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway on a host of its own: manager, two recorders, the gateway and whoever watches are five hosts on one switch. A code is the only
step on the gateway's host; people there sign in, watch what either recorder has, live and recorded. The gateway begins anew and nobody
notices but for the picture; without the manager what is watched goes on; and the gateway that is sent away is cut and says why.
"""
import json
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Site, check, custos, kill, main, processes, wait_for
from far_hosts import At, Far, Watcher
from frames import stream_kinds
from namespaces import Switch
from page import Page
from playback import recorded_in

ADDRESS = {"manager": "10.67.0.1", "north": "10.67.0.2", "south": "10.67.0.3", "door": "10.67.0.4", "desk": "10.67.0.9"}
CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 1000\nworkers = 1\n[storage]\nscrub_mb_s = 0\n"
CUT_S = 10


def stamps(path):
    return json.loads(custos("edge", "check-stamps", "--json", path, ok=None).stdout)["cameras"]


def connected(site):
    """Names of the recorders that are there."""
    status = json.loads(site.cli("status", "--json", ok=None).stdout or "{}")
    return {r["name"] for r in status.get("recorders", []) if r["state"] == "connected"}


def gateway_of(door):
    """Its processes {role: pid}."""
    return {argv[1]: pid for pid, argv in processes(str(door.state)).items() if argv[1] == "porter" or (argv[1] == "gateway" and "--supervised" in argv)}


def people_watch(folder, net, page, site):
    """Live of both recorders, timeline and what was recorded."""
    there = At(net, "desk", page)
    both = {stream: Watcher(net, page, stream) for stream in ("cars-main", "desk-main")}
    for stream, codec, kind in (("cars-main", "avc1.", "h264"), ("desk-main", "hvc1.", "hevc")):
        wait_for(lambda w=both[stream].seen: w.messages > 60, 12, lambda s=stream: f"{s}: {both[s].seen.texts}")
        live = both[stream].stop()
        check(not live.told("ended") and live.told("codec")[0].startswith(codec), f"{stream}: {live.messages} {live.texts}")
        path = live.write(folder / f"{stream}.mp4")
        check(stream_kinds(path)[0] == kind, f"it plays: {stream_kinds(path)}")
        check(not stamps(path)[0]["gaps"], f"no frame is missing: {stamps(path)}")
    now = datetime.now(timezone.utc)
    span = (now - timedelta(minutes=1)).strftime("from=%Y-%m-%dT%H:%M:%SZ") + now.strftime("&until=%Y-%m-%dT%H:%M:%SZ")
    film = there.watch("cars-main", 15, lambda w: w.closed, query=f"?{span}", kind="playback")
    check(film.told("ended")[0]["code"] == "ok" and film.closed[0] == 1000, f"played to its end: {film.texts}")
    check(stamps(film.write(folder / "film.mp4"))[0]["frames"] > 20, "with what was recorded")
    line = there.get(f"/api/v1/cameras/cars/timeline?stream=main&{span.replace('until', 'to')}").ok()
    check(line["ranges"], f"the timeline of the recorder elsewhere: {line}")


def begins_anew(net, page, door):
    """First the role alone, then all of that host; who was signed in still is."""
    there, before = At(net, "desk", page), gateway_of(door)
    kill(before["gateway"])
    wait_for(lambda: set(gateway_of(door)) == {"gateway", "porter"} and not set(gateway_of(door).values()) & set(before.values()), 15,
             lambda: f"others in their place: {gateway_of(door)}")
    for restart in (lambda: None, lambda: (door.stop(), door.start())):
        restart()
        wait_for(lambda: answers(there), 20, lambda: f"it is there again: {door.log()[-2000:]}")
        live = there.watch("cars-main", 10, lambda w: w.messages > 20)
        check(live.messages > 20, f"and is watched again, with the same session: {live.texts}")


def answers(page):
    try:
        health = page.get("/api/health")
    except Exception:  # nobody listens yet
        return False
    return health.status == 200 and health.json["recorders_connected"] == 3


def manager_goes(net, page, site, door, far):
    there, watchers = At(net, "desk", page), [Watcher(net, page, stream) for stream in ("cars-main", "desk-main")]

    def all_go_on(what, seconds=5):
        for watcher in watchers:
            watcher.goes_on(what, seconds)

    all_go_on("it is watched", 10)
    site.stop()
    vault = far["north"].state / "vault"
    had = recorded_in(vault, "cars-main")[-1]["last_us"]
    all_go_on("without the manager too")
    wait_for(lambda: recorded_in(vault, "cars-main")[-1]["last_us"] > had + 1000000, 10, "and recorded", 0.5)
    refused = there.get("/api/v1/cameras").problem(503)
    check("manager" in refused["detail"], f"what needs the manager is refused, and says so: {refused}")
    site.start()
    wait_for(lambda: answers(there), 40, lambda: f"it is found again: {door.log()[-2000:]}")
    check(there.get("/api/v1/session").ok()["person"] == "Erika", "who was signed in still is")
    time.sleep(1)  # what the manager says of recorders that are not there again yet
    all_go_on("and never stopped")
    for seen in [watcher.stop() for watcher in watchers]:
        check(not seen.told("skipped") and not seen.closed, f"one picture all the time: {seen.texts}")


def sent_away(net, page, site, door):
    there, watcher = At(net, "desk", page), Watcher(net, page, "desk-main")
    watcher.goes_on("it is watched", 10)
    began = time.monotonic()
    site.cli("node", "revoke", "gateway", "door", "--reason", "sold", "--yes")
    wait_for(lambda: watcher.seen.closed, CUT_S + 2, lambda: f"it ends: {watcher.seen.texts}", 0.05)
    check(watcher.seen.closed[1] - began < CUT_S, f"within {CUT_S} s")
    check(watcher.stop().told("ended"), f"and the picture says that it did: {watcher.seen.texts}")
    wait_for(lambda: "revoked" in there.get("/api/v1/cameras").problem(503)["detail"], CUT_S - (time.monotonic() - began),
             lambda: f"the page says why: {there.get('/api/v1/cameras').json}", 0.2)
    health = there.get("/api/health")
    check(health.status == 503 and "revoked" in health.json["text"], f"before anybody signs in too: {health.json}")
    door.stop()
    door.start()
    time.sleep(1)
    wait_for(lambda: "revoked" in door.log()[-3000:], 10, lambda: f"nor does it come again: {door.log()[-2000:]}")
    check(connected(site) == {"main", "north", "south"}, "the others never noticed")


def test_a_gateway_elsewhere(folder):
    net = Switch(ADDRESS)
    site = Site(folder, config=CONFIG)
    far = {}
    try:
        site.start()
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        cameras = {name: site.camera_certificate(name, f"IP:{ADDRESS['manager']}") for name in ("cars", "desk")}
        with Edge(folder, {"cars": CARS}, cameras["cars"], "--stamp", address=ADDRESS["manager"]) as cars, \
                Edge(folder, {"desk": DESK}, cameras["desk"], "--stamp", address=ADDRESS["manager"]) as desk:
            for name in ("north", "south"):
                far[name] = Far(net, folder, site, "recorder", name, ADDRESS["manager"]).start()
            far["door"] = door = Far(net, folder, site, "gateway", "door", ADDRESS["manager"])
            check(not (door.state / "gateway/web.pem").exists(), "no page yet")
            door.start()
            wait_for(lambda: connected(site) == {"main", "north", "south"}, 20, lambda: f"all are there: {site.status()}")
            for camera, edge, recorder in (("cars", cars, "north"), ("desk", desk, "south")):
                site.add(camera, edge.url(camera, ADDRESS["manager"]), edge.user, edge.password_file, "--recorder", recorder)
            page = Page(site, door, ADDRESS["door"])
            page.add("Erika")
            At(net, "desk", page).sign_in("Erika")
            for camera, recorder in (("cars", "north"), ("desk", "south")):
                wait_for(lambda: recorded_in(far[recorder].state / "vault", f"{camera}-main"), 25, lambda: f"recorded: {far[recorder].log()[-2000:]}", 0.2)
            people_watch(folder, net, page, site)
            begins_anew(net, page, door)
            manager_goes(net, page, site, door, far)
            sent_away(net, page, site, door)
            for one in far.values():
                one.stop()
            site.stop()
    except BaseException:
        print(site.log()[-3000:], *(f"{f.name}:\n{f.log()[-2500:]}" for f in far.values()), sep="\n----\n")
        raise
    finally:
        for one in far.values():
            one.kill()
            for pid in processes(str(one.state)):
                kill(pid)
        site.clean()


if __name__ == "__main__":
    main(globals())
