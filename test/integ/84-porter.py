#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two porters, the manager's and the recorder's, find each other and carry what their roles say: in order, all of it, once,
while the reader is slow, keys change, the link moves to another connection, and one of the two is killed.
"""
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Gone
from custos_site import Failure, Site, check, main, wait_for
from porters import BINARY, JSON, Porter, node_dir, settings

MESSAGES = 10000


class Pair:
    """A site with both porters, and the link between them."""

    def __init__(self, folder, text=""):
        self.folder, self.site = folder, Site(folder)
        self.site.init()
        self.config = settings(folder, text)
        try:
            self.manager = Porter(folder, self.site.state, "manager", self.config)
            self.recorder = Porter(folder, self.site.state, "recorder", self.config)
            self.meet()
        except BaseException:
            self.site.clean()
            raise

    def meet(self):
        self.at_manager, self.at_recorder = self.manager.peer(), self.recorder.peer()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.recorder.end()
            self.manager.end()
        self.site.clean()


def number(i, size=0):
    """A message of either kind: text has to be UTF-8."""
    return b"%08d" % i + b"." * size


def read_numbers(link, n, into, delay=0):
    for i in range(n):
        kind, body = link.receive()
        into.append(int(body[:8]))
        if delay and i % 100 == 0:
            time.sleep(delay)


def test_they_find_each_other(folder):
    with Pair(folder) as p:
        who = p.at_manager.who
        check((who["uri"], who["role"], who["name"], who["accepted"]) == ("custos://site/recorder/main", "recorder", "main", True),
              f"the manager's peer is the recorder: {who}")
        check(len(who["key"]) == 64 and who["address"].startswith("127.0.0.1:") and who["not_after"] > "2026", f"and who it is: {who}")
        other = p.at_recorder.who
        check((other["uri"], other["role"], other["name"], other["accepted"]) == ("custos://site/manager/main", "manager", "main", False),
              f"the recorder's peer is the manager: {other}")
        for kind, body in ((JSON, b'{"v":1,"type":"hello","body":{}}'), (BINARY, os.urandom(128 << 10)), (BINARY, b"")):
            for a, b in ((p.at_manager, p.at_recorder), (p.at_recorder, p.at_manager)):
                a.send(kind, body)
                check(b.receive() == (kind, body), f"message {kind} of {len(body)} bytes arrives as it was")
        links = p.manager.links()["custos://site/recorder/main"]
        check((links["state"], links["tls"], links["accepted"], links["plaintext_bytes"]) == ("open", "TLS 1.3", True, 0), f"{links}")
        check("GCM" in links["cipher"] and links["bytes_in"] > 128 << 10 and links["handshakes"] == 1, f"{links}")
        certificate = p.recorder.ask("porter.links")["certificate"]
        check(certificate["uri"] == "custos://site/recorder/main" and certificate["not_before"] < certificate["renewal"] <
              certificate["not_after"] and certificate["error"] == "", f"{certificate}")
        p.at_manager.end.close()
        check(p.at_recorder.closed(), "the role's end of the channel is the link's")
        p.meet()  # which is made again


def test_a_slow_reader_stops_the_sender_and_loses_nothing(folder):
    with Pair(folder) as p:
        sender, reader = p.at_manager, p.at_recorder
        sender.end.setblocking(False)
        sent, until = 0, time.monotonic() + 1.5
        while sent < MESSAGES and time.monotonic() < until:
            try:
                sender.send(BINARY, number(sent, 4096))
                sent, until = sent + 1, time.monotonic() + 1.5
            except BlockingIOError:
                time.sleep(0.01)
        check(100 < sent < MESSAGES, f"while nobody reads, a part is taken and no more: {sent}")
        links = p.manager.links()["custos://site/recorder/main"]
        check(links["bytes_out"] < 16 << 20, f"what waits is bounded: {links}")
        sender.end.settimeout(20)
        seen = []
        reading = threading.Thread(target=read_numbers, args=(reader, MESSAGES, seen))
        reading.start()
        for i in range(sent, MESSAGES):
            sender.send(BINARY, number(i, 4096))
        reading.join(30)
        check(seen == list(range(MESSAGES)), f"all {MESSAGES} arrive in their order: {len(seen)}")


def test_keys_change(folder):
    with Pair(folder) as p:
        before = p.manager.links()["custos://site/recorder/main"]
        check((before["rekeys_in"], before["rekeys_out"]) == (0, 0), f"{before}")
        check(p.manager.ask("porter.rekey", role="recorder", name="main") == {"links": 1}, "one link has new keys")
        check(p.manager.ask("porter.rekey", role="recorder", name="nobody") == {"links": 0}, "of nobody there is none")
        # The answer to a KeyUpdate goes out with what is written next.
        for a, b in ((p.at_manager, p.at_recorder), (p.at_recorder, p.at_manager)):
            a.send(JSON, b"{}")
            check(b.receive() == (JSON, b"{}"), "messages go on")
        for side, uri in ((p.manager, "custos://site/recorder/main"), (p.recorder, "custos://site/manager/main")):
            wait_for(lambda: (lambda s: s["rekeys_in"] >= 1 and s["rekeys_out"] >= 1)(side.links()[uri]), 5,
                     lambda: f"keys change both ways: {side.links()}")
        p.at_manager.send(JSON, b"{}")
        check(p.at_recorder.receive() == (JSON, b"{}"), "and still do")


def both_ways(p, n, during):
    """n numbered messages each way while during() runs; what arrived."""
    seen, threads = ([], []), []

    def write(link):
        for i in range(n):
            link.send(BINARY if i % 2 else JSON, number(i, 1024))
            if i % 50 == 0:
                time.sleep(0.01)

    for i, (a, b) in enumerate(((p.at_manager, p.at_recorder), (p.at_recorder, p.at_manager))):
        threads += [threading.Thread(target=write, args=(a,)), threading.Thread(target=read_numbers, args=(b, n, seen[i]))]
    for t in threads:
        t.start()
    during()
    for t in threads:
        t.join(30)
    return seen


def test_the_link_moves_while_messages_flow(folder):
    with Pair(folder) as p:
        moves = []

        def move():
            for _ in range(5):
                made = len(moves) + 2
                check(p.recorder.ask("porter.rekey", handshake=True) == {"links": 1}, "the side that connected moves the link")
                wait_for(lambda: p.recorder.links()["custos://site/manager/main"]["handshakes"] == made, 10,
                         lambda: f"move {made}: {p.recorder.links()}\n{p.recorder.log()[-2000:]}\n{p.manager.log()[-2000:]}", 0.02)
                moves.append(made)

        port = p.at_manager.who["address"]
        seen = both_ways(p, 4000, move)
        for way in seen:
            check(way == list(range(4000)), f"nothing is lost, doubled or out of order: {len(way)} of 4000, {[i for i, n in enumerate(way) if i != n][:3]}")
        there = p.manager.links()["custos://site/recorder/main"]
        check(there["handshakes"] == 6 and there["address"] != port, f"it was another connection each time: {there} {port}")
        check(not p.manager.peers and not p.recorder.peers, "and the roles noticed nothing")
        check(p.manager.ask("porter.rekey", handshake=True) == {"links": 0}, "the side that was connected to does not")
        check(there["bytes_in"] > 4000 * 1024, f"bytes of all connections count: {there}")


def test_a_role_does_not_speak_for_its_porter(folder):
    with Pair(folder) as p:
        p.at_recorder.send(JSON, b'{"v":1,"type":"link.moved","body":{}}')
        check(p.at_manager.closed(), "the link ends")
        check(p.at_recorder.closed(), "on both sides")
        p.meet()


def test_one_is_killed(folder):
    with Pair(folder) as p:
        p.recorder.kill()
        check(p.at_manager.closed(), "the manager's end of the link ends")
        try:
            p.at_recorder.receive()
            raise Failure("the channel outlives its porter")
        except Gone:
            pass
        p.recorder = Porter(folder, p.site.state, "recorder", p.config)
        p.meet()
        p.at_recorder.send(JSON, b"{}")
        check(p.at_manager.receive() == (JSON, b"{}"), "a new one is linked again")
        port = p.manager.port()
        p.manager.kill()
        check(p.at_recorder.closed(), "the recorder's end ends too")
        p.manager = Porter(folder, p.site.state, "manager", p.config)
        p.meet()
        check(p.manager.port() == port, "a port that was free to choose is kept")


def test_two_of_one_name(folder):
    """A second link of the same node ends the first: of two that have one key, one is cut all the time."""
    with Pair(folder) as p:
        twin = Porter(folder, p.site.state, "recorder", p.config)
        second = p.manager.peer()
        check(second.who["uri"] == p.at_manager.who["uri"], f"the same name: {second.who}")
        check(p.at_manager.closed() and p.at_recorder.closed(), "and the first link has ended")
        twin.end()
        p.meet()


def test_a_certificate_is_renewed(folder):
    """Ten of fourteen days later the recorder has a new key and certificate at once, by the manager's porter and its role."""
    site = Site(folder)
    site.init()
    try:
        key = node_dir(site.state, "recorder") / "node.key"
        before, config = key.read_text(), settings(folder)
        os.environ["CUSTOS_CLOCK_OFFSET_S"] = str(11 * 86400)
        try:
            manager = Porter(folder, site.state, "manager", config)
            manager.est["est.reenroll"] = lambda body: renew(folder, site, body)
            recorder = Porter(folder, site.state, "recorder", config)
        finally:
            del os.environ["CUSTOS_CLOCK_OFFSET_S"]
        for porter, role in ((recorder, "recorder"), (manager, "manager")):
            told = porter.event("porter.certificate", lambda body: body["error"] == "", 15)
            check(told["uri"] == f"custos://site/{role}/main", f"{told}")
        check(key.read_text() != before, "the key is a new one")
        check(os.stat(key).st_mode & 0o777 == 0o600, "and nobody else's")
        asked = [m["body"] for m in manager.requests if m["body"].get("uri", "").endswith("/recorder/main")]
        old = recorder.peer().who
        check(asked[0]["label"] == "" and len(asked[0]["key"]) == 64, f"the manager knows whose key asks: {asked}")
        check(old["role"] == "manager", f"{old}")
        # What is made from now on shows the new one.
        check(recorder.ask("porter.rekey", handshake=True) == {"links": 1}, "the link moves")
        wait_for(lambda: recorder.links()["custos://site/manager/main"]["handshakes"] == 2, 10, lambda: f"{recorder.links()}")
        recorder.end()
        manager.end()
    finally:
        site.clean()


def renew(folder, site, body):
    """What the manager's role does, by openssl."""
    import base64
    from custos_site import run
    name = body["uri"].rsplit("/", 2)[1]
    csr, leaf, ext = (Path(folder) / f"renew-{name}-{time.monotonic_ns()}.{s}" for s in ("der", "crt", "ext"))
    csr.write_bytes(base64.b64decode(body["csr"]))
    ext.write_text(f"subjectAltName=critical,URI:{body['uri']}\nkeyUsage=critical,digitalSignature\n"
                   "extendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=critical,CA:FALSE\n"
                   "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    ca = site.state / "site"
    run("openssl", "x509", "-req", "-inform", "DER", "-in", csr, "-CA", ca / "nodes.crt", "-CAkey", ca / "nodes.key",
        "-set_serial", time.monotonic_ns(), "-days", "30", "-extfile", ext, "-out", leaf)
    return {"certificates": leaf.read_text() + (ca / "nodes.crt").read_text()}


main(globals())
