#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole site whose clock goes on by 400 days in steps, under all its processes while they run (T-EXPIRE): manager, recorder, a recorder
and a gateway that joined by code, two cameras.

The nodes renew by themselves, each time with a new key. A camera's certificate that nobody renews is told at each threshold, once, over
a restart of the manager too; when it has run out, the camera that comes again is refused, and recorded again with a new one. Then the
manager stands still until every certificate of the site has run out: recording goes on, viewing is refused with the reason, and nothing
is sent in the clear; and when it goes on, everything mends itself. All that time no frame is lost.
"""
import contextlib
import datetime
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cryptography import x509
from custos_site import CARS, CUSTOS, PORTS, Edge, Program, Site, check, custos, main, make_key, run, wait_for
from live_links import Linked, grant, recorder_link
from people import Front, add_person
from shifted_clock import DAY, Clock
from vault_bytes import GAP_CAUSES, Segment

OLD_DAYS = 205
LONG = os.environ.get("EXPIRE_LONG")
LIFE_DAYS = 14 if LONG else 90
# Days, and whether the nodes are to renew: between 2/3 and 2/3 + 1/10 of their life.
STEPS = ([(10.75 * i, True) for i in range(1, 38)] + [(400, False)] if LONG else
         [(69.5, True), (150, True), (176, False), (192, False), (198.5, False), (204.5, False), (230, True), (310, True), (390, True), (400, False)])


def warning(days):
    """What is to be said of the camera's certificate."""
    left = OLD_DAYS - days
    return next((name for name, limit in (("expired", 0), ("1 day", 1), ("7 days", 7), ("14 days", 14), ("30 days", 30),
                                          ("a third of its life", OLD_DAYS / 3)) if left <= limit), "")


class Whole:
    """The site with all that belongs to it, and what is asked of it."""

    def __init__(self, folder, clock, site, there):
        self.folder, self.clock, self.site, self.times = folder, clock, site, [clock.now()]
        self.north, self.front, self.asks = folder / "north", folder / "front", Front(folder, site)
        made = json.loads(site.cli("node", "add", "recorder", "north", "--json").stdout)
        run(CUSTOS, "enroll", f"127.0.0.1:{made['port']}", "-", "--state", self.north, stdin=made["code"] + "\n")
        self.far = there.enter_context(Program(folder / "north.log", [CUSTOS, "recorder", "--state", self.north, *site.options]))
        self.porter = self.asks.porter
        there.callback(self.porter.kill)

    def nodes(self):
        return {"manager": self.site.state, "recorder": self.site.state, "north": self.north, "front": self.front, "gate": self.site.state}

    def keys(self):
        """The public key of each node's certificate."""
        roles = {"north": "recorder", "front": "gateway", "gate": "gateway"}
        return {n: x509.load_pem_x509_certificate((s / f"node/{roles.get(n, n)}/node.pem").read_bytes()).public_key().public_numbers()
                for n, s in self.nodes().items()}

    def page(self):
        """The public key of the page's certificate."""
        return x509.load_pem_x509_certificate((self.site.state / "gateway/web.pem").read_bytes()).public_key().public_numbers()

    def go(self, days, renew):
        """The clock goes to that day; each node has a new key then, where it is time."""
        before, page, self.times = self.keys(), self.page(), [*self.times, self.clock.now()]
        self.clock.set(days * DAY)
        self.times.append(self.clock.now())
        if renew:
            self.renewed(before, 12)
            if not LONG:
                wait_for(lambda: self.page() != page, 12, "a new key for the page")
        else:
            check(self.keys() == before, f"day {days}: nobody renews before it is time")

    def renewed(self, before, seconds):
        def those():
            return {n for n, k in self.keys().items() if k != before[n]}
        wait_for(lambda: len(those()) == len(before), seconds, lambda: f"new keys for all, not {those()}: {self.site.log()[-5000:]}{self.far.log()[-2000:]}"
                 f"{self.porter.log()[-2000:]}")

    def watch(self):
        """{(what, subject): warning} of what is due; asking is a look too."""
        p = self.site.cli("certificate", "watch", "--json", ok=None)
        due = {(c["what"], c["subject"]): c["warning"] for c in json.loads(p.stdout) if c["warning"]}
        check(p.returncode == bool(due), f"{p.returncode} with {due}")
        return due

    def told(self):
        return [(x["what"], x["subject"], x["warning"]) for x in json.loads(self.site.cli("audit", "show", "--json").stdout)
                if x["event"] == "certificate.due"]

    def recorded(self, stream):
        """Bytes of this stream in the vault here."""
        return sum(p.stat().st_size for p in self.site.segments(stream))

    def connected(self):
        try:
            status = json.loads(self.site.cli("status", "--json", ok=None).stdout)
        except ValueError:
            return False
        return all(r["state"] == "connected" for r in status["recorders"])

    def footage(self):
        """All of the first camera's, exported between the steps of the clock; how many frames."""
        ends = [*self.times[1::2], self.clock.now() + 2]
        ranges = []
        for begin, end in zip(self.times[::2], ends):
            if ranges and end - ranges[-1][0] < 30 * DAY:  # what one export may span
                ranges[-1][1] = end
            else:
                ranges.append([begin, end])
        for i, times in enumerate(ranges):
            begin, end = (datetime.datetime.fromtimestamp(t, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for t in times)
            custos("export", "--state", self.site.state, "--camera", "good", "--from", begin, "--to", end, "--output", self.folder / f"good-{i:02}.mp4")
        report = json.loads(custos("edge", "check-stamps", "--json", *sorted(self.folder.glob("good-*.mp4")), ok=None).stdout)
        check(len(report["cameras"]) == 1, f"one camera: {report}")
        return report["cameras"][0]


def gaps(site, stream):
    return [[GAP_CAUSES[g[0]] for g in f.seal.gaps] for p in site.segments(stream) for f in Segment(p).fragments]


def watch_expire(whole):
    said, begun = [], False
    for days, renew in STEPS:
        whole.go(days, renew)
        due, word = whole.watch(), warning(days)
        check(due == ({("camera", "old-main"): word} if word else {}), f"day {days}: {due}, not {word!r}")
        if word and word not in said:
            said.append(word)
        check(whole.told() == [("camera", "old-main", w) for w in said], f"day {days}: each once: {whole.told()}")
        if len(said) > 2 and not begun:  # a manager that begins anew repeats nothing
            begun = True
            os.kill(whole.site.pids()["manager"], signal.SIGKILL)
            wait_for(lambda: whole.site.status() and whole.connected(), 20, "the manager is back")
            whole.watch()
            check(len(whole.told()) == len(said), f"nothing again after a restart: {whole.told()}")
    check(LONG or len(said) == 6, f"all six warnings: {said}")
    check(whole.site.log().count("certificate.due ") == len(said), "as many in the log")
    state = whole.site.streams()
    check(all(s["recording"] and s["connects"] == 1 and not s["alarm"] for s in state.values()), f"no camera was left, no alarm: {state}")


def expired_camera(whole, folder, old, there):
    """Its connection lives on; when it comes again it is refused, until it has a certificate that is good."""
    old.stop()
    with Edge(folder, {"old": CARS}, (folder / "old.pem", folder / "old.key"), port=old.port) as again:
        site, options = whole.site, ["--user", again.user, "--password-file", again.password_file]
        site.cli("camera", "set", "old", "--url", again.url("old"), *options)
        check(site.wait_refused("old-main", 15)["fault"] == "expired", "a certificate that has run out is refused")
        check(again.plays("old") == 0, "and nothing came without one")
        again.stop()
    key = make_key(folder / "new.key")
    run("openssl", "req", "-new", "-key", key, "-subj", "/CN=old", "-out", folder / "new.csr")
    (folder / "new.pem").write_text(site.cli("camera", "certificate", "old", "--csr", folder / "new.csr").stdout)
    fresh = there.enter_context(Edge(folder, {"old": CARS}, (folder / "new.pem", key), "--stamp", port=old.port))
    site.cli("camera", "set", "old", "--url", fresh.url("old"), "--user", fresh.user, "--password-file", fresh.password_file)
    site.wait_recording("old-main")
    wait_for(lambda: whole.watch() == {}, 5, lambda: f"nothing is due any more: {whole.watch()}")


def blocked(whole):
    """The manager stands still, and all that it has to renew runs out."""
    site, porter, asks = whole.site, whole.porter, whole.asks
    while porter.peers:  # of a manager that began anew
        asks.again()
    add_person(site, "Erika")
    session = asks.sign_in("Erika")
    front = Linked(asks.uri, recorder_link(porter, site))
    token = grant(asks, session, front, "good-main")
    front.open("good-main", token)
    check(front.read(5, lambda: front.subscriptions[1].things), "it is shown")
    before, pid, size = whole.keys(), site.pids()["manager"], whole.recorded("good-main")
    os.kill(pid, signal.SIGSTOP)
    try:
        whole.times.append(whole.clock.now())
        whole.clock.step(80 * DAY)
        whole.times.append(whole.clock.now())
        check(front.read(8, lambda: front.subscriptions[1].ended), "viewing ends with the grant")
        why = front.refused("denied", "good-main", token)
        check("expired" in why or "grant" in why, f"the reason is said: {why}")
        wait_for(lambda: whole.recorded("good-main") > size, 15, "recording goes on")
        time.sleep(2.5)
        check(whole.keys() == before, "no certificate without the manager")
    finally:
        os.kill(pid, signal.SIGCONT)
    whole.clock.step(301)  # they try again after 5 minutes
    whole.renewed(before, 15)
    wait_for(whole.connected, 30, "all are linked again")


def issuers(whole):
    """In ten years the issuers run out, which nobody but people can do something about: it is said for years."""
    whole.times.append(whole.clock.now())
    whole.clock.set(2700 * DAY)
    whole.times.append(whole.clock.now())
    due = whole.watch()
    check({s for w, s in due if w == "issuer"} == {"nodes", "cameras", "web", "seals"} and ("root", "site") not in due, f"{due}")
    size = whole.recorded("good-main")
    wait_for(lambda: whole.recorded("good-main") > size, 15, "recording goes on")


def test_four_hundred_days(folder):
    with Clock(folder) as clock, contextlib.ExitStack() as there:
        site = Site(folder, config=f"{PORTS}node_days = {LIFE_DAYS}\n[gateway]\nhttps_port = 0\nweb_days = {90 if LONG else LIFE_DAYS}\n[recorder]\nfragment_ms = 1000\n")
        site.init()
        (folder / "old.pem").write_text(site.issuer().issue("old", days=OLD_DAYS, key=make_key(folder / "old.key"))[0].read_text())
        good = there.enter_context(Edge(folder, {"good": CARS}, site.issuer().issue("good", days=9000), "--stamp"))
        old = there.enter_context(Edge(folder, {"old": CARS}, (folder / "old.pem", folder / "old.key"), "--stamp"))
        there.enter_context(site)
        for name, edge in (("good", good), ("old", old)):
            site.add(name, edge.url(name), edge.user, edge.password_file)
        wait_for(lambda: "porter.connected" in site.log() and "porter.manager listen.open" in site.log(), 20,
                 lambda: f"the manager has its porter: {site.log()}")
        whole = Whole(folder, clock, site, there)
        site.wait_recording("good-main", "old-main")
        wait_for(whole.connected, 20, "the other recorder is here")
        watch_expire(whole)
        expired_camera(whole, folder, old, there)
        blocked(whole)
        if LONG:
            issuers(whole)
        site.stop()
        got = whole.footage()
        check(got["missing"] == got["duplicates"] == got["out_of_order"] == 0 and not got["gaps"] and got["frames"] > 200, f"each frame once: {got}")
        lost = [g for s in gaps(site, "good-main") for g in s if g not in ("start", "clock step")]
        check(not lost, f"sealed gaps are steps of the clock: {lost}")
        print(f"  {got['frames']} frames over {clock.off / DAY:.0f} days, none missing")


if __name__ == "__main__":
    main(globals())
