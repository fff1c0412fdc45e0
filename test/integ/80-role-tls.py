#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between roles against a program that is not ours (openssl s_client, s_server): eight bad certificates in each direction,
TLS 1.3 alone, nothing to resume, KeyUpdate, revocation of who is connected.

One end is ours (role_tls_probe: net/stream and crypto/tls_role, and nothing else).
"""
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from bad_certificates import Server, issue
from custos_site import Authority, check, main, skip, wait_for
from role_peers import PROBE, Client, Nodes, Probe

TAKES = "recorder,gateway"


def test_good_links(folder):
    nodes = Nodes(folder)
    manager, recorder = nodes.issue("manager", "main"), nodes.issue("recorder", "lobby")
    with Probe.accept(nodes, manager, TAKES) as probe:
        with Client(nodes, probe.port, recorder, "-alpn", "h2,http/1.1", "-status") as client:
            ready = probe.next("ready")
            check(ready["peer"] == {"uri": nodes.uri("recorder", "lobby"), "role": "recorder", "name": "lobby"}, f"{ready}")
            check(ready["tls"] == "0304" and "GCM" in ready["cipher"], f"{ready}")
            client.wait_log("Verify return code: 0 (ok)", "New, TLSv1.3", "No ALPN negotiated", "Secure Renegotiation IS NOT")
            client.say("question\n")
            check(probe.next("data")["text"] == "question\\x0a", f"{probe.events}")
        probe.next("ended")
        with Probe.connect(nodes, recorder, "manager", "main", probe.port) as ours:
            check(ours.next("ready")["peer"]["uri"] == nodes.uri("manager", "main"), f"{ours.events}")
            check(ours.next("data")["text"] == "greetings\\x0a", "what was said comes back")
        check("no close_notify" not in probe.next("ended")["text"], f"an orderly end: {probe.events}")
    with Server(folder, nodes.issue("manager", "m2"), "-tls1_3", "-Verify", "1", "-CAfile", nodes.root, "-verify_return_error") as server:
        with Probe.connect(nodes, recorder, "manager", "m2", server.port) as ours:
            ours.next("ready")
            wait_for(lambda: "greetings" in server.log(), 10, lambda: f"heard:\n{server.log()}")
            check("ERROR" not in server.log(), f"openssl takes our certificate:\n{server.log()}")


# ---- T-MITM: sixteen refusals ----

def test_eight_bad_clients_are_refused(folder):
    nodes = Nodes(folder)
    # Nobody is asked for by name on this side: the wrong name is one of no node.
    cases = nodes.eight("recorder", "lobby", "DNS:lobby.test,IP:127.0.0.1")
    with Probe.accept(nodes, nodes.issue("manager", "main"), TAKES) as probe:
        probe.tell(f"crls {nodes.list}")
        seen = {}
        for name, (certificate, fault) in cases.items():
            with Client(nodes, probe.port, certificate) as client:
                client.say("GET /link/1 HTTP/1.1\n\n")
                ended = probe.next("ended")
                check(ended["refusal"] == fault, f"{name}: refused as {fault}: {ended}")
                seen[name] = ended["refusal"]
                client.wait_log("alert")
                client.process.wait(timeout=10)
        check(len(set(seen.values())) == 8, f"each has a reason of its own: {seen}")
        check(not probe.all("ready") and not probe.all("data"), f"nothing was heard of them: {probe.events}")
        # The same program with the right certificate, and without any: what a client without one may do is asked later.
        with Client(nodes, probe.port, nodes.issue("recorder", "lobby")) as client:
            check(probe.next("ready")["peer"]["name"] == "lobby", "the right one passes")
        with Client(nodes, probe.port, None) as client:
            check(probe.next("ready")["peer"] is None, f"one without a certificate is told apart: {probe.events}")


def test_eight_bad_servers_are_refused(folder):
    nodes = Nodes(folder)
    cases = nodes.eight("manager", "main", f"URI:{nodes.uri('manager', 'elsewhere')},IP:127.0.0.1")
    recorder, seen = nodes.issue("recorder", "lobby"), {}
    for name, (certificate, fault) in cases.items():
        with Server(folder, certificate) as server, Probe.connect(nodes, recorder, "manager", "main", server.port, nodes.list) as probe:
            seen[name] = probe.next("ended")
            check(seen[name]["refusal"] == fault, f"{name}: refused as {fault}: {seen[name]}")
            check(server.met(), f"{name}: the server was reached")
            check("greetings" not in server.log(), f"{name}: nothing was said:\n{server.log()}")
            check(not probe.all("ready"), f"{name}: {probe.events}")
    check(len({e["refusal"] for e in seen.values()}) == 8, f"each has a reason of its own: {seen}")
    check("asked for custos://site/manager/main; it is custos://site/manager/elsewhere" in seen["wrong-name"]["text"], f"{seen}")


def test_other_certificates_of_the_site(folder):
    """Of the same root, and for something else."""
    nodes = Nodes(folder)
    uri = f"URI:{nodes.uri('recorder', 'lobby')}"
    cases = {"camera": (issue(nodes.authority("cameras"), "lobby", san=uri, usage="serverAuth,clientAuth"), "unknown-issuer"),
             "web": (issue(nodes.authority("web"), "lobby", san=uri, usage="serverAuth,clientAuth"), "unknown-issuer"),
             "seal": (issue(nodes.authority("seals"), "lobby", san=uri, usage="1.3.6.1.5.5.7.3.36"), "wrong-purpose"),
             "server-only": (nodes.issue("recorder", "lobby", usage="serverAuth"), "wrong-purpose"),
             "two-uris": (issue(nodes.issuer, "lobby", san=f"{uri},{uri}-2", usage="serverAuth,clientAuth"), "wrong-name"),
             "other-site": (issue(nodes.issuer, "lobby", san="URI:custos://east/recorder/lobby", usage="serverAuth,clientAuth"),
                            "wrong-name")}
    with Probe.accept(nodes, nodes.issue("manager", "main"), TAKES) as probe:
        for name, (certificate, fault) in cases.items():
            with Client(nodes, probe.port, certificate):
                ended = probe.next("ended")
                check(ended["refusal"] == fault, f"{name}: refused as {fault}: {ended}")
        check(not probe.all("ready"), f"{probe.events}")


def test_who_is_refused_learns_why(folder):
    """In TLS 1.3 the refusal comes after our first words; it is heard all the same, from our side and from openssl's."""
    nodes = Nodes(folder)
    stranger = nodes.issue("events", "e1")
    with Probe.accept(nodes, nodes.issue("manager", "main"), TAKES) as probe:
        for _ in range(5):
            with Probe.connect(nodes, stranger, "manager", "main", probe.port) as refused:
                ended = refused.next("ended")
                check(ended["refusal"] == "certificate-refused" and "it says bad certificate" in ended["text"], f"{ended}")
            check(probe.next("ended")["refusal"] == "wrong-role", f"{probe.events}")
    other = Authority.new(folder, "other-site")
    with Server(folder, nodes.issue("manager", "main"), "-tls1_3", "-Verify", "1", "-verify_return_error", "-CAfile", other.cert) as server:
        with Probe.connect(nodes, stranger, "manager", "main", server.port) as refused:
            ended = refused.next("ended")
            check(ended["refusal"] == "certificate-refused" and "it says unknown ca" in ended["text"], f"{ended}")


# ---- versions, sessions ----

def test_tls_13_and_aes_gcm_alone(folder):
    nodes = Nodes(folder)
    manager, recorder = nodes.issue("manager", "main"), nodes.issue("recorder", "lobby")
    cases = {"tls12": (("-tls1_2",), "tls-version"), "chacha": (("-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"), "no-cipher")}
    with Probe.accept(nodes, manager, TAKES) as probe:
        for name, (options, fault) in cases.items():
            with Client(nodes, probe.port, recorder, *options) as client:
                check(probe.next("ended")["refusal"] == fault, f"{name}: {probe.events}")
                client.wait_log("alert")
        check(not probe.all("ready"), f"{probe.events}")
    for name, (options, fault) in cases.items():
        with Server(folder, manager, *options) as server, Probe.connect(nodes, recorder, "manager", "main", server.port) as probe:
            check(probe.next("ended")["refusal"] == fault, f"{name}: {probe.events}")
            check(not probe.all("ready"), f"{probe.events}")


def resumed(log):
    return re.findall(r"^(New|Reused), TLSv1\.3", log, re.M)


def test_a_session_cannot_be_resumed(folder):
    nodes = Nodes(folder)
    manager, recorder = nodes.issue("manager", "main"), nodes.issue("recorder", "lobby")
    ours, theirs, early = folder / "ours.sess", folder / "theirs.sess", folder / "early"
    early.write_text("GET /early\n")
    with Probe.accept(nodes, manager, TAKES) as probe:
        with Client(nodes, probe.port, recorder, "-sess_out", ours) as client:
            probe.next("ready")
            client.say("one\n")
            probe.next("data")
            client.say("Q\n")  # its command to end: it has written whatever it was given
            client.process.wait(timeout=10)
            check("Session Ticket arrived" not in client.log(), f"no ticket is given:\n{client.log()}")
        check(not ours.exists(), "there is nothing to come again with")
        # A session of a server that gives tickets: it is resumed there, so that the program can do it; and here it is not.
        with Server(folder, manager, "-tls1_3") as server:
            with Client(nodes, server.port, recorder, "-sess_out", theirs) as client:
                wait_for(theirs.exists, 10, lambda: f"that server gives a ticket:\n{client.log()}")
            with Client(nodes, server.port, None, "-sess_in", theirs) as client:
                client.wait_log("Reused, TLSv1.3")
        with Client(nodes, probe.port, None, "-sess_in", theirs, "-early_data", early) as client:
            ready = probe.next("ready")
            check(ready["peer"] is None, f"it is nobody without a certificate: {ready}")
            client.wait_log("New, TLSv1.3")
            client.say("two\n")
            check(probe.next("data")["text"] == "two\\x0a", f"nothing came early: {probe.events}")
            check("Reused" not in client.log() and "Early data was accepted" not in client.log(), f"{client.log()}")


def test_key_updates_from_both_sides_are_counted(folder):
    nodes = Nodes(folder)
    manager, recorder = nodes.issue("manager", "main"), nodes.issue("recorder", "lobby")

    def counts(peer):
        """(sent, received), as openssl's -msg has it."""
        return tuple(len(re.findall(f"^{way} TLS 1.3, Handshake .*, KeyUpdate", peer.log(), re.M)) for way in (">>>", "<<<"))

    def until(peer, which, n):
        wait_for(lambda: counts(peer)[which] >= n, 10, lambda: f"{n} updates, not {counts(peer)}:\n{peer.log()}", 0.02)

    def speak(probe, peer, text):
        peer.say(text + "\n")
        check(probe.next("data")["text"] == text + "\\x0a", f"{probe.events}")

    def rekeyed(probe, peer):
        """The commands of s_client and s_server for it; every time something goes through."""
        for i, command in enumerate(("k\n", "K\n", "K\n")):
            peer.say(command)
            until(peer, 0, i + 1)
            speak(probe, peer, f"after {i}")

    with Probe.accept(nodes, manager, TAKES) as probe, Client(nodes, probe.port, recorder, "-msg") as client:
        probe.next("ready")
        rekeyed(probe, client)
        client.wait_log("after 2")
        state = probe.state()
        # What goes back answers the two that asked for it.
        check((state["rekeys_received"], state["rekeys_sent"]) == (3, 2), f"{state}")
        until(client, 1, 2)
        for n in range(4):
            probe.tell("rekey")
            until(client, 1, 3 + n)
        speak(probe, client, "at last")
        client.wait_log("at last")
        state = probe.state()
        # Some may be answered together (RFC 8446 section 4.6.3): openssl's own count says how many were.
        check((state["rekeys_received"], state["rekeys_sent"]) == counts(client), f"{state} {counts(client)}")
        check(state["rekeys_sent"] == 6 and 4 <= state["rekeys_received"] <= 7, f"{state}")
    with Server(folder, manager, "-tls1_3", "-Verify", "1", "-msg") as server:
        with Probe.connect(nodes, recorder, "manager", "main", server.port) as probe:
            probe.next("ready")
            wait_for(lambda: "greetings" in server.log(), 10, lambda: f"heard:\n{server.log()}")
            rekeyed(probe, server)
            answers = probe.state()["rekeys_sent"]  # this end has said nothing: some still wait for that
            probe.tell("rekey")
            until(server, 1, answers + 1)
            speak(probe, server, "at last")
            state = probe.state()
            check((state["rekeys_received"], state["rekeys_sent"]) == counts(server), f"{state} {counts(server)}")
            check(state["rekeys_received"] == 4 and 1 <= state["rekeys_sent"] <= 3, f"{state}")


# ---- who is connected already ----

def test_revocation_and_expiry_of_who_is_connected(folder):
    nodes = Nodes(folder)
    lobby, attic = nodes.issue("recorder", "lobby"), nodes.issue("recorder", "attic")
    with Probe.accept(nodes, nodes.issue("manager", "main"), TAKES) as probe:
        with Client(nodes, probe.port, lobby), Client(nodes, probe.port, attic) as left:
            peers = {probe.next("ready")["peer"]["name"] for _ in range(2)}
            check(peers == {"lobby", "attic"}, f"{peers}")
            probe.tell(f"crls {nodes.revoked(lobby)}")
            ended = probe.next("ended")
            check(ended["refusal"] == "revoked" and "lobby" in ended["text"], f"{ended}")
            left.say("still here\n")
            check(probe.next("data")["text"] == "still here\\x0a", f"the other goes on: {probe.events}")
            with Client(nodes, probe.port, lobby):
                check(probe.next("ended")["refusal"] == "revoked", "and it does not come again")
            probe.tell("days 3")
            check(probe.next("ended")["refusal"] == "expired", f"{probe.events}")


if not PROBE.exists():
    skip(f"{PROBE} is not built")
main(globals())
