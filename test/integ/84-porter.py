#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two porters, the manager's and the recorder's, find each other and carry what their roles say: in order, all of it, once,
while the reader is slow, keys change, and the link moves to another connection.
"""
import os
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import check, main, wait_for  # noqa: E402
from porters import BINARY, JSON, Pair  # noqa: E402

MESSAGES = 10000


def number(i, size=0):
    """A message of either kind: text has to be UTF-8."""
    return b"%08d" % i + b"." * size


def fill(sender, most):
    """Sends numbered messages until no more are taken; how many."""
    sender.end.setblocking(False)
    sent, until = 0, time.monotonic() + 1
    while sent < most and time.monotonic() < until:
        try:
            sender.send(BINARY, number(sent, 4096))
            sent, until = sent + 1, time.monotonic() + 1
        except BlockingIOError:
            time.sleep(0.01)
    return sent


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
        sent = fill(sender, MESSAGES)
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


def test_the_link_moves_while_a_role_is_behind(folder):
    """What asks for the move waits behind what the other role has not read; and when the new connection is there, much of the
    old one is not read yet."""
    with Pair(folder) as p:
        sender, reader = p.at_recorder, p.at_manager
        sent = fill(sender, MESSAGES // 2)
        check(p.recorder.ask("porter.rekey", handshake=True) == {"links": 1}, "it is to move")
        seen = []
        reading = threading.Thread(target=read_numbers, args=(reader, MESSAGES // 2, seen, 0.01))
        reading.start()
        sender.end.settimeout(20)
        for i in range(sent, MESSAGES // 2):
            sender.send(BINARY, number(i, 4096))
        reading.join(30)
        check(seen == list(range(MESSAGES // 2)), f"all arrive in their order: {len(seen)}\n{p.manager.log()[-2000:]}")
        check(p.manager.links()["custos://site/recorder/main"]["handshakes"] == 2, f"and it has moved: {p.manager.links()}")


main(globals())
