#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cameras are taken and which are not, and why: each refusal has its own reason and remedy in `custos status`, nothing
is recorded, and the other side never sees a request, let alone an Authorization header.

The other side is a trap: a server with the certificate in question that keeps every byte that it gets. That it sees
what is sent to it is shown with a certificate that is right.
"""
import re
import socket
import ssl
import sys
import threading
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import (CARS, PASSWORD, USER, Authority, Edge, Site, check, key_pin, main, password_file, self_signed,
                         wait_for)

warnings.simplefilter("ignore", DeprecationWarning)  # of TLS 1.1, which one trap has to speak
CHALLENGE = ("RTSP/1.0 401 Unauthorized\r\nCSeq: {cseq}\r\n"
             'WWW-Authenticate: Digest realm="trap", nonce="0123456789abcdef", algorithm=SHA-256, qop="auth"\r\n\r\n')


class Trap:
    """Listens on 127.0.0.1, with TLS when there is a certificate; keeps what clients say, and asks for Digest."""

    def __init__(self, certificate=None, version=None, port=0):
        self.certificate, self.context = certificate, None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*map(str, certificate))
            if version:
                self.context.set_ciphers("DEFAULT@SECLEVEL=0")
                self.context.minimum_version = self.context.maximum_version = version
        self.raw, self.heard, self.connections, self.done = b"", b"", 0, False
        self.socket = socket.create_server(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.done:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            client.settimeout(3)
            try:
                self.talk(client)
            except OSError:
                pass
            client.close()

    def talk(self, client):
        if self.context:
            client = self.context.wrap_socket(client, server_side=True)
        while data := client.recv(65536):
            self.heard += data
            for cseq in re.findall(rb"CSeq: (\d+)\r\n", data):
                client.sendall(CHALLENGE.format(cseq=cseq.decode()).encode())
            if not self.context:  # a camera without TLS answers whatever comes in its own manner
                client.sendall(b"RTSP/1.0 400 Bad Request\r\nCSeq: 0\r\n\r\n")

    def url(self, host="127.0.0.1"):
        return f"rtsps://{host}:{self.port}/main"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done = True
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(timeout=10)


def said_nothing(trap, what):
    for word in (b"RTSP", b"OPTIONS", b"DESCRIBE", b"Authorization", USER.encode(), PASSWORD.encode()):
        check(word not in trap.heard, f"{what}: the camera's side got {word!r}")


def refused(site, trap, name, reason, words, host="127.0.0.1", options=()):
    """Adds the camera and waits for its refusal; returns the stream's state."""
    stream = f"{name}-main"
    site.add(name, trap.url(host), USER, password_file(site.folder), *options)
    state = site.wait_refused(stream)
    check(state["fault"] == reason, f"{name}: refused as {reason}, not {state['fault']}: {state['error']}")
    check(words in state["error"], f"{name}: the text says '{words}': {state['error']}")
    check(len(state["remedy"]) > 20 and state["remedy"] in state["error"], f"{name}: a remedy, also in the text: {state}")
    check(state["protection"] == "open" and not state["recording"] and state["fragments"] == 0, f"{name}: nothing is recorded: {state}")
    check(trap.connections > 0, f"{name}: the camera was reached at all")
    said_nothing(trap, name)
    return state


def nothing_stored(site, *names):
    for name in names:
        check(not site.segments(f"{name}-main"), f"{name}: no segment on the disk: {site.segments(f'{name}-main')}")


def test_each_wrong_certificate_has_its_reason(folder):
    other = Authority.new(folder, "other-site")
    with Site(folder) as site:
        ca, nodes = site.issuer(), site.state / "site/nodes"
        cross = Authority(folder, nodes.with_suffix(".key"), nodes.with_suffix(".crt"), (nodes.with_suffix(".crt"),))
        cases = {"wrong-ca": (other.issue("cam"), "unknown-issuer", "a CA that is not trusted"),
                 "wrong-name": (ca.issue("cam", "IP:127.0.0.2,DNS:elsewhere.test"), "wrong-name", "not for the name or address"),
                 "expired": (ca.issue("cam", expired=True), "expired", "has expired"),
                 "self-signed": (self_signed(folder, "cam"), "self-signed", "self-signed"),
                 # A certificate of the same site, for another purpose: the root is right, the issuer is not.
                 "node": (cross.issue("cam"), None, "")}
        seen = {}
        for name, (certificate, reason, words) in cases.items():
            with Trap(certificate) as trap:
                if reason:
                    seen[name] = refused(site, trap, name, reason, words)
                else:
                    site.add(name, trap.url(), USER, password_file(folder))
                    state = site.wait_refused(f"{name}-main")
                    check(state["fault"] in ("unknown-issuer", "wrong-purpose"), f"{name}: {state}")
                    said_nothing(trap, name)
        check(len({s["fault"] for s in seen.values()}) == 4 and len({s["remedy"] for s in seen.values()}) == 4,
              f"four reasons with four remedies: {seen}")
        # The system's own trust store plays no part, and the trap is no proof unless it hears what is sent to it.
        with Trap(ca.issue("cam")) as trap:
            site.add("right", trap.url(), USER, password_file(folder))
            wait_for(lambda: b"Authorization: Digest" in trap.heard, 20, lambda: f"the trap hears a Digest answer: {trap.heard!r}")
            check(b"algorithm=SHA-256" in trap.heard and PASSWORD.encode() not in trap.heard, f"no password: {trap.heard!r}")
        nothing_stored(site, *cases, "right")
        check(PASSWORD not in site.log(), "the password is in no log")


def test_old_tls_and_no_tls(folder):
    with Site(folder) as site:
        certificate = site.camera_certificate("cam")
        with Trap(certificate, version=ssl.TLSVersion.TLSv1_1) as trap:
            check(ssl.HAS_TLSv1_1, "this Python can still speak TLS 1.1, as the trap has to")
            refused(site, trap, "old", "tls-version", "no TLS 1.2")
        with Trap() as trap:
            refused(site, trap, "plain", "not-tls", "not TLS")
        p = site.add("open", f"rtsp://127.0.0.1:{trap.port}/main", USER, password_file(folder), ok=1)
        check("not encrypted" in p.stderr and "rtsps://" in p.stderr, f"rtsp:// is refused, with the remedy: {p.stderr}")
        p = site.add("secret", f"rtsps://{USER}:{PASSWORD[:7]}@127.0.0.1/main", ok=64)
        check(PASSWORD[:7] not in p.stderr + p.stdout, f"a password in a URL is refused and not repeated: {p.stderr}")
        cameras = site.cli("camera", "list", "--json").stdout
        check('"open"' not in cameras and '"secret"' not in cameras, f"neither is in the inventory: {cameras}")
        nothing_stored(site, "old", "plain", "open", "secret")


def test_a_pin_holds(folder):
    first, second = self_signed(folder, "first"), self_signed(folder, "second")
    with Site(folder) as site:
        with Edge(folder, {"cam": CARS}, first, "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file, "--pin", key_pin(first[1]))
            site.wait_recording("cam-main")
            state = site.stream("cam-main")
            check(state["protection"] == "encrypted, pinned" and state["fault"] == "", f"pinned: {state}")
            check(state["camera_key"] == key_pin(first[1]), f"the key that openssl computes: {state['camera_key']}")
        # Another key at the same address.
        with Trap(second, port=edge.port) as trap:
            state = site.wait_refused("cam-main", 30)
            check(state["fault"] == "pin-mismatch" and "pinned" in state["error"], f"another key is refused: {state}")
            said_nothing(trap, "pin")
            stored = sum(p.stat().st_size for p in site.segments("cam-main"))
            time.sleep(1.5)
            check(stored == sum(p.stat().st_size for p in site.segments("cam-main")), "nothing more is recorded")
        # A pin is for one camera's own certificate only when the key is right; a certificate of the site does not replace it.
        site.remove("cam")
        with Trap(site.camera_certificate("cam")) as trap:
            refused(site, trap, "cam", "pin-mismatch", "pinned", options=["--pin", key_pin(first[1])])
        # And the first key is taken again.
        site.remove("cam")
        with Edge(folder, {"cam": CARS}, first, "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file, "--pin", key_pin(first[1]))
            site.wait_recording("cam-main")


def test_no_way_back_from_tls(folder):
    with Site(folder) as site:
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam"), "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")
            check(site.stream("cam-main")["protection"] == "encrypted and verified", "verified by chain and name")
            memory = site.state / "tls-memory.json"
            wait_for(lambda: memory.exists() and '"cam"' in memory.read_text(), 5, "the camera is remembered")
            today = time.strftime("%Y-%m-%d", time.gmtime())
        # The camera's port answers in the clear now, to whoever asks.
        with Trap(port=edge.port) as trap:
            state = site.wait_refused("cam-main", 30)
            check(state["fault"] == "not-tls", f"plain text where TLS was: {state}")
            said_nothing(trap, "downgrade")
        # Nor by hand: the text names camera and day; it holds for another name at that address, and after a restart too.
        site.remove("cam")
        for again in range(2):
            for name in ("cam", "newcomer"):
                p = site.add(name, f"rtsp://127.0.0.1:{edge.port}/cam", ok=1)
                check("possible downgrade" in p.stderr and f"spoke TLS until {today}" in p.stderr and "cam" in p.stderr,
                      f"{name} as rtsp:// is refused with the day: {p.stderr}")
            if again == 0:
                site.stop()
                site.start()
        check(site.cli("camera", "list", "--json").stdout.strip() == "[]", "neither is in the inventory")


def test_two_cameras_with_one_key(folder):
    """A key that was copied: whoever has it can play both cameras, so the second is not recorded."""
    with Site(folder) as site:
        certificate = site.camera_certificate("cam", "IP:127.0.0.1,DNS:localhost")
        with Edge(folder, {"cam": CARS, "copy": CARS}, certificate, "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")
            site.add("copy", edge.url("copy", "localhost"), edge.user, edge.password_file)
            state = site.wait_refused("copy-main")
            check(state["fault"] == "duplicate-key" and state["state"] == "stopped" and not state["recording"], f"refused: {state}")
            check("key of camera cam" in state["error"] and state["remedy"], f"the text names the other camera: {state}")
            shown = site.cli("camera", "show", "copy").stdout
            check("key of camera cam" in shown, f"camera show says it too: {shown}")
            check(site.stream("cam-main")["recording"], "the first goes on")
            site.remove("copy")
            check("copy-main" not in site.streams(), "and is forgotten with the camera")
            # Channels of one device share its address and its key: recorded, and said.
            site.add("channel", edge.url("copy"), edge.user, edge.password_file)
            site.wait_recording("channel-main")
            state = site.stream("channel-main")
            check("key of camera cam" in state["error"] and not state["fault"], f"said: {state}")


main(globals())
