#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks by a camera in its RTSP: media outside of TLS, ways to other hosts, ways to the password. The peer is a scripted camera with
a certificate that is right; the same camera without the attack is recorded.
"""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import PASSWORD, Site, check, main, wait_for
from leaks import check_no_secret
from refusal import add, left_out, refused
from scripted_camera import ScriptedCamera, sdp

DIGEST = 'WWW-Authenticate: Digest realm="trap", nonce="{}", algorithm=SHA-256, qop="auth"'
BASIC = 'WWW-Authenticate: Basic realm="trap"'


# ---- T-SPLIT ----

def test_media_outside_of_tls(folder):
    udp = "Transport: RTP/AVP;unicast;client_port=40000-40001;server_port=40002-40003"
    with Site(folder) as site, ScriptedCamera() as trap:
        there = f"rtsp://127.0.0.1:{trap.port}"
        based = {"DESCRIBE": lambda s, r: s.answer(r, headers=["Content-Type: application/sdp", f"Content-Base: {there}/main/"], body=sdp())}
        cases = {"udp": ({"SETUP": lambda s, r: s.answer(r, headers=[udp, "Session: 1"])}, sdp(), "outside of the TLS connection"),
                 "absolute": ({}, sdp(controls=(f"{there}/track1",)), f"another port ({trap.port})"),
                 "aggregate": ({}, sdp(aggregate=f"{there}/main"), f"another port ({trap.port})"),
                 "base": (based, sdp(), f"another port ({trap.port})")}
        certificate = site.camera_certificate("cam")
        for name, (script, description, words) in cases.items():
            with ScriptedCamera(certificate, script, description=description) as camera:
                add(site, name, camera.url())
                state = refused(site, name, None, words, "refused")
                check("DESCRIBE" in camera.methods(), f"{name}: it was described: {camera.methods()}")
                check("PLAY" not in camera.methods(), f"{name}: no PLAY is sent: {camera.methods()}")
                check(state["protection"] == "open" and state["connects"] == 0, f"{name}: never said to be encrypted: {state}")
            site.remove(name)
        # A camera that calls its own address rtsp:// means no harm: it is asked over TLS all the same.
        with ScriptedCamera(certificate, description=sdp(controls=("rtsp://127.0.0.1/track1",))) as camera:
            add(site, "careless", camera.url())
            site.wait_recording("careless-main")
            check(all(r.url.startswith(f"rtsps://127.0.0.1:{camera.port}/") for r in camera.requests), f"{camera.requests}")
        check(trap.connections == 0, f"and nobody asked for it in the clear: {trap.connections}")


# ---- T-SSRF ----

def test_a_camera_sends_the_recorder_nowhere(folder):
    def redirect(status, scheme="rtsp"):
        return lambda s, r: s.answer(r, status, headers=[f"Location: {scheme}://127.0.0.1:{trap.port}/internal"])

    def ask(session, request):
        session.standard(request)
        session.send(f"REDIRECT {request.url} RTSP/1.0\r\nCSeq: 7\r\nLocation: rtsps://127.0.0.1:{trap.port}/\r\n\r\n")
    with Site(folder) as site, ScriptedCamera() as trap, ScriptedCamera(site.camera_certificate("trap")) as tls_trap:
        cases = {
            "found": {"DESCRIBE": redirect("302 Found")}, "moved": {"OPTIONS": redirect("301 Moved Permanently", "rtsps")},
            "proxy": {"DESCRIBE": redirect("305 Use Proxy")}, "setup": {"SETUP": redirect("302 Found", "rtsps")},
            "http": {"DESCRIBE": redirect("302 Found", "http")}, "asks": {"DESCRIBE": ask},
            "host": {"DESCRIBE": lambda s, r: s.answer(r, headers=["Content-Type: application/sdp",
                                                                   "Content-Base: rtsps://localhost:{}/".format(tls_trap.port)], body=sdp())},
            "control": {"DESCRIBE": lambda s, r: s.answer(
                r, headers=["Content-Type: application/sdp"], body=sdp(controls=(f"rtsps://127.0.0.1:{tls_trap.port}/track1",)))},
        }
        for name, script in cases.items():
            with ScriptedCamera(site.camera_certificate("cam"), script) as camera:
                add(site, name, camera.url())
                state = refused(site, name)
                check("PLAY" not in camera.methods(), f"{name}: {camera.methods()}")
                check("refused" in state["error"] or "elsewhere" in state["error"], f"{name}: {state['error']}")
            site.remove(name)
        check(trap.connections == 0 and tls_trap.connections == 0,
              f"nobody came to the traps: {trap.connections} {tls_trap.connections}")


# ---- T-BASIC ----

def attempts(camera):
    return [r.authorization for r in camera.requests if r.authorization]


def test_no_way_down_to_basic_and_no_harvest(folder):
    count = {"n": 0}

    def digest_then_basic(session, request):
        if request.method == "OPTIONS":
            session.standard(request)
        elif request.authorization.startswith("Digest") and request.method == "DESCRIBE":
            session.standard(request)  # taken: Digest is proven
        else:
            session.answer(request, "401 Unauthorized", [BASIC if request.method != "DESCRIBE" else DIGEST.format("aa")])

    def harvest(session, request):
        count["n"] += 1
        session.answer(request, "401 Unauthorized", [DIGEST.format(f"{count['n']:032x}")])

    def stale(session, request):
        count["n"] += 1
        session.answer(request, "401 Unauthorized", [DIGEST.format(f"{count['n']:032x}") + ", stale=true"])

    def basic_behind(session, request):
        """Digest first; Basic when the answer came."""
        session.answer(request, "401 Unauthorized", [BASIC if request.authorization else DIGEST.format("bb")])

    def both(session, request):
        """A list of two, the weaker first: the stronger is answered."""
        session.answer(request, "401 Unauthorized", [BASIC, DIGEST.format("cc")])
    cases = {"later": digest_then_basic, "harvest": harvest, "stale": stale, "behind": basic_behind, "both": both}
    with Site(folder) as site:
        certificate = site.camera_certificate("cam")
        cameras = {name: ScriptedCamera(certificate, {"*": script}) for name, script in cases.items()}
        try:
            for name, camera in cameras.items():
                add(site, name, camera.url())
            for name, camera in cameras.items():
                refused(site, name)
                check("Basic" not in " ".join(attempts(camera)), f"{name}: {attempts(camera)}")
                check(attempts(camera), f"{name}: a Digest answer was given")
            time.sleep(6)  # longer than the first steps of the back-off
            for name, camera in cameras.items():
                answers = attempts(camera)
                check(camera.connections == 1, f"{name}: a refused password is not tried again soon: {camera.connections} connections")
                check(len(answers) <= 3, f"{name}: at most three answers: {camera.requests}")
                check(b"Basic" not in camera.heard and PASSWORD.encode() not in camera.heard, f"{name}: no Basic")
                print(f"  {name}: {len(answers)} answers; {site.stream(f'{name}-main')['error'][:90]}")
        finally:
            for camera in cameras.values():
                camera.stop()
        check_no_secret(site)


def test_digest_once_is_digest_for_ever(folder):
    """The camera took Digest; on the next connection it asks for Basic from the start."""
    def later(session, request):
        first = session is session.camera.sessions[0]
        if not first or not request.authorization:
            session.answer(request, "401 Unauthorized", [DIGEST.format("dd") if first else BASIC])
            return
        session.standard(request)
        session.closed = request.method == "PLAY"
    with Site(folder) as site, ScriptedCamera(site.camera_certificate("cam"), {"*": later}) as camera:
        add(site, "cam", camera.url())
        wait_for(lambda: len(camera.sessions) > 1 and camera.sessions[1].requests, 20, "it connects again")
        wait_for(lambda: "asked for Basic after offering Digest" in site.stream("cam-main")["error"], 10,
                 lambda: f"refused: {site.stream('cam-main')}")
        check(any(r.authorization for r in camera.sessions[0].requests), "Digest was taken before")
        check(b"Basic" not in camera.heard and PASSWORD.encode() not in camera.heard, f"no Basic: {camera.requests}")
        check_no_secret(site)


def test_basic_alone_needs_verified_tls(folder):
    """Basic is the last resort of poor cameras: over TLS with the peer verified, and nowhere else."""
    with Site(folder) as site:
        def basic(session, request):
            session.standard(request) if request.authorization or request.method == "OPTIONS" else \
                session.answer(request, "401 Unauthorized", [BASIC])
        with ScriptedCamera(site.camera_certificate("cam"), {"*": basic}) as camera:
            add(site, "cam", camera.url())
            site.wait_recording("cam-main")
            check(any(r.authorization.startswith("Basic ") for r in camera.requests), "verified: Basic is given")
        check_no_secret(site)
    with Site(folder) as site:  # one that never saw TLS at this address
        if "plain" not in site.cli("camera", "--help", ok=None).stdout:
            return left_out("this build knows no camera without TLS")
        with ScriptedCamera(None, {"*": basic}) as camera:
            add(site, "open", camera.url(), "--transport", "plain")
            refused(site, "open")
            check(not attempts(camera) and b"Basic" not in camera.heard, f"in the clear: never: {camera.requests}")
        check_no_secret(site)


main(globals())
