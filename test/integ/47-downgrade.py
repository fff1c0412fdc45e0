#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody on the way between recorder and camera cuts off the camera's TLS port, and offers other ports in the clear: nobody comes.
Networks of their own; what listens in the clear writes down what it hears.
"""
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, PASSWORD, USER, Site, check, main, password_file, wait_for
from leaks import check_no_secret
from namespaces import CAMERA, TLS_PORT, the_network
from refusal import left_out
from scripted_camera import ScriptedCamera

CONFIG = "[recorder]\nidle_timeout_ms = 1500\nconnect_timeout_ms = 1000\nbackoff_max_ms = 1000\n"
OPEN_PORT = 554


class Listener:
    """What answers in the clear in the camera's place, on every port that the router sends there, and asks for a password."""

    def __init__(self, net):
        self.net = net

    def __enter__(self):
        def ask(session, request):
            session.answer(request, "401 Unauthorized", ['WWW-Authenticate: Basic realm="camera"'])
        self.server = self.net.call("evil", lambda: ScriptedCamera(None, {"*": ask}, host="0.0.0.0", port=8080))
        return self.server

    def __exit__(self, *_):
        self.server.stop()


TO_LISTENER = 'iifname "evil0" tcp dport { 80, 554, 8554, 8080 } redirect to :8080'


def test_a_dropped_port_opens_no_other(folder):
    """The camera's TLS port is cut off, first silently and then with resets; its other ports are open to whoever asks."""
    net = the_network()
    with Site(folder, config=CONFIG) as site:
        certificate = site.camera_certificate("cam", f"IP:{CAMERA}")
        with net.edge("camera", folder, {"cam": CARS}, certificate, "--burst", port=TLS_PORT) as edge, Listener(net) as listener:
            net.rules(TO_LISTENER)
            with socket.create_connection((CAMERA, OPEN_PORT), timeout=5) as s:  # so that its silence means something
                s.sendall(b"OPTIONS rtsp://camera/ RTSP/1.0\r\nCSeq: 1\r\nX-Test: heard\r\n\r\n")
                wait_for(lambda: b"X-Test: heard" in listener.heard, 5, "the listener hears what is sent to port 554")
            listener.heard, listener.connections = b"", 0
            net.rules(TO_LISTENER)
            site.add("cam", f"rtsps://{CAMERA}/cam", edge.user, edge.password_file)
            site.wait_recording("cam-main")
            check(net.packets("tls") > 10 and net.packets("other") == 0, f"all by TLS: {net.packets('tls')} {net.packets('other')}")
            for how, fault in (("drop", "connection-timeout"), ("reject with tcp reset", "connection-refused")):
                net.rules(TO_LISTENER, *([] if how != "drop" else [f'iifname "evil0" tcp dport {TLS_PORT} drop']))
                if how != "drop":  # a reset can only be sent where packets are filtered on their way
                    net.nft("table ip cut {", "chain on { type filter hook forward priority 0;", f"tcp dport {TLS_PORT} {how}", "}", "}")
                state = wait_for(lambda f=fault: (lambda s: s if s["fault"] == f else None)(site.stream("cam-main")), 15,
                                 lambda: f"told: {site.stream('cam-main')}")
                check(state["protection"] == "open" and len(state["remedy"]) > 20, f"{state}")
                before = net.packets("tls")
                wait_for(lambda b=before: net.packets("tls") > b + 3, 15, "it goes on trying")
                check(site.stream("cam-main")["state"] != "streaming", "not recorded")
                check(net.packets("other") == 0 and net.packets("datagrams") == 0, f"{how}: not a packet to another port: {net.packets('other')}")
                check(listener.connections == 0 and not listener.heard, f"{how}: nobody came: {listener.heard!r}")
                check("camera.lost" in site.log() and fault in site.log(), "the log says it")
            net.rules(TO_LISTENER)
            site.wait_recording("cam-main")
            check(site.stream("cam-main")["protection"] == "encrypted and verified", "and it is recorded again as before")
        check_no_secret(site)


def test_if_available_ends_with_the_first_success(folder):
    """The exception takes what there is, says so, and is over for ever once TLS worked."""
    net = the_network()
    with Site(folder, config=CONFIG) as site:
        if "tls-if-available" not in site.cli("camera", "--help", ok=None).stdout:
            return left_out("this build knows no tls-if-available")
        plain = net.call("camera", lambda: ScriptedCamera(None, auth=True, host=CAMERA, port=OPEN_PORT))
        try:
            net.rules(f'iifname "evil0" tcp dport {TLS_PORT} drop')
            site.add("cam", f"rtsps://{CAMERA}/cam", USER, password_file(folder), "--transport", "tls-if-available")
            site.wait_recording("cam-main", seconds=30)
            check(site.stream("cam-main")["protection"] == "open", f"shown as it is: {site.stream('cam-main')}")
            check(b"Basic" not in plain.heard and PASSWORD.encode() not in plain.heard, "no password in the clear")
            certificate = site.camera_certificate("cam", f"IP:{CAMERA}")
            with net.edge("camera", folder, {"cam": CARS}, certificate, "--burst", port=TLS_PORT):
                net.rules()
                for session in plain.sessions:
                    session.closed = True
                wait_for(lambda: site.stream("cam-main")["protection"] == "encrypted and verified" and
                         site.stream("cam-main")["recording"], 30, lambda: f"TLS is taken when it is there: {site.stream('cam-main')}")
                connections = plain.connections
                net.rules(f'iifname "evil0" tcp dport {TLS_PORT} drop')
                wait_for(lambda: site.stream("cam-main")["fault"], 20, lambda: f"lost: {site.stream('cam-main')}")
                before = net.packets("tls")
                wait_for(lambda: net.packets("tls") > before + 4, 20, "it goes on trying")
                check(net.packets("other") == 0, f"never again another port: {net.packets('other')}")
                check(plain.connections == connections, "nor the camera in the clear")
                wait_for(lambda: not site.stream("cam-main")["recording"], 10, "not recorded")
        finally:
            plain.stop()
        check_no_secret(site)


main(globals())
