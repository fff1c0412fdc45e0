#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a camera's key, or kills a worker by what it sends, gets no further than that.

Yesterday's footage played again is recorded, because it is what the camera sent, and said at once: in the log and in the status. The same
for a camera whose clock goes back. A worker that dies of a camera takes no frame from the cameras of another worker.
(There is no XML parser in Custos, so no entities to expand: metadata is not looked into.)
"""
import datetime
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import DESK, ENV, PASSWORD, USER, Edge, Site, check, kill, main, password_file, wait_for
from scripted_camera import ScriptedCamera, Session, access_units, is_key
from witness import Witness

FPS = 25


def groups(units):
    """Lists of units, each from a key frame on."""
    found = []
    for unit in units:
        if is_key(unit):
            found.append([])
        found[-1].append(unit)
    return found


def replayed(live_s):
    """A camera that shows the present for so long, and then what it showed at first; how far it got, and when it began anew.
    Who connects again in between gets what comes next, from a key frame on: the film goes on while nobody watches."""
    live = access_units()[:live_s * FPS]
    state = {"shown": 0, "again": 0, "at": None}

    def play(session):
        while not is_key(live[state["shown"] % len(live)]):
            state["shown"] += 1
        while not session.closed and not session.camera.done:
            if state["shown"] >= len(live):
                state["at"] = state["at"] or time.time()
                state["again"] = state["shown"] + 1 - len(live)
            session.unit(live[state["shown"] % len(live)])
            state["shown"] += 1
            session.listen(1 / FPS)
    return {"media": play}, state


def since(alarm):
    return datetime.datetime.fromisoformat(alarm["since"].replace("Z", "+00:00")).timestamp() if alarm else None


def alarm(site, stream):
    return site.stream(stream).get("alarm") or {}


def test_old_footage_is_told_within_one_group(folder):
    with Site(folder) as site:
        script, told = replayed(11)
        certificate = site.camera_certificate("cam")
        with ScriptedCamera(certificate, script, fps=FPS) as camera, \
                Edge(folder, {"stamped": DESK}, site.camera_certificate("stamped"), "--stamp") as stamped, \
                Edge(folder, {"looped": DESK}, site.camera_certificate("looped")) as looped:
            site.add("cam", camera.url(), USER, password_file(folder))
            site.add("stamped", stamped.url("stamped"), stamped.user, stamped.password_file)
            site.add("looped", looped.url("looped"), looped.user, looped.password_file)
            site.wait_recording("cam-main", "stamped-main", "looped-main")
            wait_for(lambda: told["shown"] > 6 * FPS, 20, "the present is shown", 0.02)
            now = alarm(site, "cam-main")
            check(not now or told["again"] and since(now) >= told["at"], f"no alarm while it shows the present: {now} {told}")
            wait_for(lambda: told["again"] > 0, 20, "the old footage begins", 0.02)
            said = wait_for(lambda: "security=repeated-footage" in site.log() and told["again"], 10,
                            lambda: f"the alarm; {told}", 0.02)
            group = max(len(g) for g in groups(access_units()[:11 * FPS]))
            check(said <= group, f"told after {said} pictures, within a group of {group}")
            state = wait_for(lambda: alarm(site, "cam-main"), 5, "the alarm in the status")
            check(state["fault"] == "repeated-footage" and len(state["remedy"]) > 20 and since(state) >= told["at"], f"{state} {told}")
            shown = site.cli("status", ok=None).stdout
            check("ALARM since" in shown and "byte for byte" in shown, f"custos status says it: {shown}")
            check(site.stream("cam-main")["recording"] and site.stream("cam-main")["fault"] == "", "recording goes on")
            # A film that goes round and round is old footage too; one whose frames each carry the time is not.
            wait_for(lambda: alarm(site, "looped-main").get("fault") == "repeated-footage", 20, "the loop is noticed")
            check(not alarm(site, "stamped-main"), f"the stamped one never repeats: {alarm(site, 'stamped-main')}")
            print(f"  told at picture {said} of the second showing (groups have up to {group})")


def test_a_camera_clock_that_goes_back(folder):
    with Site(folder) as site:
        def today(session):
            Session.play(session)

        def yesterday(session):
            Session.play(session, wall=lambda: time.time() - 86400, units=access_units()[100:])
        first = []

        def media(session):
            first.append(session)
            (today if len(first) == 1 else yesterday)(session)
        with ScriptedCamera(site.camera_certificate("cam"), {"media": media}, fps=FPS) as camera, \
                ScriptedCamera(site.camera_certificate("good"), fps=FPS) as good:
            for name, there in (("cam", camera), ("good", good)):
                site.add(name, there.url(), USER, password_file(folder))
            site.wait_recording("cam-main", "good-main")
            first[0].closed = True  # somebody takes the camera's place, with its key
            wait_for(lambda: len(first) > 1, 20, "the recorder connects again")
            state = wait_for(lambda: alarm(site, "cam-main"), 10, lambda: f"the alarm {site.stream('cam-main')}")
            check(state["fault"] == "time-went-back", f"{state}")
            check("security=time-went-back" in site.log(), "and in the log")
            site.wait_recording("cam-main")
            check(not alarm(site, "good-main"), f"none where the clock is right: {alarm(site, 'good-main')}")


def test_a_dead_worker_takes_no_frame_of_others(folder):
    # The signal must end the process as it does an ordinary build's, not make a report.
    ENV["ASAN_OPTIONS"] = ":".join(filter(None, (ENV.get("ASAN_OPTIONS"), "handle_segv=0")))
    with Site(folder, config="[recorder]\nworkers = 2\n") as site, Witness(site, folder) as witness:
        with Edge(folder, {"victim": DESK}, site.camera_certificate("victim"), "--stamp", "--burst") as edge:
            site.add("victim", edge.url("victim"), edge.user, edge.password_file)
            site.wait_recording("victim-main", "witness-main")
            where = {n: s["worker"] for n, s in site.streams().items()}
            check(where["victim-main"] != where["witness-main"], f"in workers of their own: {where}")
            for _ in range(3):
                name = f"worker.{site.stream('victim-main')['worker']}"
                if site.stream("victim-main")["worker"] == where["witness-main"]:
                    break  # its streams go to the others: this one must not die
                pid = site.pids()[name]
                fragments = site.stream("victim-main")["fragments"]
                kill(pid, signal.SIGSEGV)  # as a parser's fault would
                wait_for(lambda: pid not in site.processes(), 10, "the worker is dead")
                wait_for(lambda: site.stream("victim-main").get("fragments", 0) > fragments and
                         site.stream("victim-main")["recording"], 15, lambda: f"recorded again: {site.streams()}")
            frames = witness.lost_nothing()
            check(site.stream("witness-main")["worker"] == where["witness-main"], "the witness stayed where it was")
            print(f"  the witness has all of its {frames} frames")
        check(PASSWORD not in site.log(), "the password is in no log")


main(globals())
