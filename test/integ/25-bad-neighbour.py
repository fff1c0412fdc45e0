#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""One camera's fault never touches another's footage: three cameras in one worker, of which two misbehave in every way in turn,
and of the third not one frame is missing, as the stamps in its pictures show."""
import json
import os
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, custos, main, wait_for  # noqa: E402
from scripted_camera import ScriptedCamera, Session, access_units  # noqa: E402

CONFIG = "[recorder]\nworkers = 1\nfragment_ms = 500\nbackoff_max_ms = 1000\nidle_timeout_ms = 1000\nconnect_timeout_ms = 2000\n"
UNITS = access_units()[:50]


def say(text):
    return lambda session, request: session.send(text(request) if callable(text) else text)


def one_unit(session):
    session.unit(UNITS[0])


def packet(session, payload, **changes):
    session.rtp(payload, session.timestamp, changes.pop("marker", False), **changes)


def jump(session):
    for nals in UNITS[:10]:
        session.unit(nals)
        session.sequence[0] += 7000
        session.timestamp += 1 << 30


def cut_fragments(session):
    for i in range(200):
        packet(session, bytes([0x7C, 0x85]) + os.urandom(900))
        session.timestamp += 3600


def endless_fragment(session):
    for i in range(20000):  # an access unit larger than any may be
        packet(session, bytes([0x7C, 0x85 if i == 0 else 0x05]) + bytes(1200))


def many_sets(session):
    sps = next(n for n in UNITS[0] if n[0] & 31 == 7)
    for i in range(300):
        packet(session, sps[:4] + os.urandom(20))
        session.unit(UNITS[0])


def noise(session):
    for _ in range(40):
        session.send(os.urandom(5000))


def random_packets(session):
    for _ in range(2000):
        session.frame(0, os.urandom(os.urandom(1)[0]))
        session.frame(1, os.urandom(os.urandom(1)[0]))


def aggregates(session):
    for i in range(500):
        packet(session, b"\x78" + struct.pack(">H", 60000) + bytes(50), marker=True)
        session.timestamp += 3600


def asks(session):
    for i in range(5000):
        session.send(f"OPTIONS * RTSP/1.0\r\nCSeq: {i}\r\n\r\n")


# What it does on each connection, in turn.
FAULTS = {
    "no handshake": {"accept": lambda s: (s.socket.sendall(b"RTSP/1.0 200 OK\r\n\r\n"), False)[1]},
    "closes at once": {"ready": lambda s: False},
    "says nothing sensible": {"OPTIONS": say("\r\n" * 3000 + "x" * 70000)},
    "a head without end": {"OPTIONS": say("RTSP/1.0 200 OK\r\n" + "X-Header: yes\r\n" * 4000)},
    "no description": {"DESCRIBE": lambda s, r: s.answer(r, body="<html>")},
    "a thousand tracks": {"DESCRIBE": lambda s, r: s.answer(r, body="v=0\r\n" + "m=video 0 RTP/AVP 96\r\n" * 1000)},
    "closes at SETUP": {"SETUP": lambda s, r: setattr(s, "closed", True)},
    "channels twice": {"SETUP": lambda s, r: s.answer(r, headers=["Session: 1", "Transport: RTP/AVP/TCP;interleaved=4-4"])},
    "closes in the midst": {"media": lambda s: (one_unit(s), s.send(b"$\0\xff\xff..."))},
    "stalls": {"media": lambda s: (one_unit(s), s.camera.sleep(1.5))},
    "jumps": {"media": jump},
    "fragments without end": {"media": cut_fragments},
    "one fragment for ever": {"media": endless_fragment},
    "parameter sets all the time": {"media": many_sets},
    "noise": {"media": noise},
    "packets of noise": {"media": random_packets},
    "aggregates that are cut": {"media": aggregates},
    "asks and asks": {"media": asks},
}


class BadCamera(ScriptedCamera):
    """Another fault on each connection; the one that is on is not taken away while its session lives."""

    def __init__(self, certificate, names):
        self.served, self.names = [], names
        super().__init__(certificate, {}, fps=25)

    def serve_one(self, session):
        name = self.names[len(self.served) % len(self.names)]
        self.served.append(name)
        # A view of this camera with a script of its own.
        view = type("View", (), {"__getattr__": lambda _, key: getattr(self, key)})()
        view.script, view.handshakes = FAULTS[name], 0
        session.camera = view
        super().serve_one(session)


def stamps(folder, site):
    out = folder / "good.mp4"
    custos("export", "--camera", "good", "--last", "300", "--output", out, "--state", site.state, timeout=120)
    report = json.loads(custos("edge", "check-stamps", "--json", out, ok=None).stdout)
    check(len(report["cameras"]) == 1 and report["unstamped"] == 0, f"one camera, each frame stamped: {report}")
    return report["cameras"][0]


def test_bad_neighbour(folder):
    with Site(folder, config=CONFIG) as site:
        with Edge(folder, {"good": CARS}, site.camera_certificate("good"), "--burst", "--stamp") as edge, \
                BadCamera(site.camera_certificate("bad"), list(FAULTS)[::2]) as bad, \
                BadCamera(site.camera_certificate("worse"), list(FAULTS)[1::2]) as worse:
            site.add("good", edge.url("good"), edge.user, edge.password_file)
            site.wait_recording("good-main")
            site.add("bad", bad.url())
            site.add("worse", worse.url())
            worker = site.pids().get("worker.0")
            check([n for n in site.pids() if n.startswith("worker")] == ["worker.0"], f"one worker: {site.pids()}")
            begin = time.monotonic()
            wait_for(lambda: all(len(c.served) > len(c.names) for c in (bad, worse)), 60,
                     lambda: f"each fault in turn; the last ones were {bad.served[-1:]} and {worse.served[-1:]}")
            took = time.monotonic() - begin
            state = site.stream("good-main")
            check(state["recording"], f"the good one is recorded: {state}")
            check(site.pids().get("worker.0") == worker, "the worker is the same")
            check(edge.plays("good") == 1, f"the good one was connected once, not {edge.plays('good')} times")
            time.sleep(1.2)
        found = stamps(folder, site)
    check(found["missing"] == 0 and found["out_of_order"] == 0 and not found["gaps"], f"frames of the good one are missing: {found}")
    check(found["frames"] > 10 * took, f"{found['frames']} frames in {took:.0f} s")
    print(f"  {len(FAULTS)} faults beside it in {took:.1f} s: {found['frames']} frames of the other, none missing")


if __name__ == "__main__":
    main(globals())
