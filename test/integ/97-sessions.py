#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every wrong session, at both role ports of a running site: the manager's and the recorder's, by openssl s_client.

TLS 1.3 with the ciphers and groups that are documented, and nothing else; nothing to resume, and nothing said early; without a certificate
the site's roots at the manager, a certificate for who has a code that is open, and no more; who is revoked is cut off while connected.
(Renegotiation does not exist in TLS 1.3; its place has KeyUpdate, and a flood of that ends. Bad certificates: 97-mitm.)
"""
import base64
import json
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from bad_certificates import Server
from custos_site import Site, check, main, make_key, wait_for
from manager_desk import request, secret_of
from role_peers import UPGRADE, Client, Nodes, joined, own

CUT_S = 10
EST = "/.well-known/est/"
QUESTION = "GET /.well-known/est/cacerts HTTP/1.1\nHost: x\nConnection: close\n\n"


class Here:
    """The running site, somebody for each port, and the ports."""

    def __init__(self, folder, site):
        self.folder, self.site, self.nodes = folder, site, Nodes(folder, state=site.state)
        self.ports = {role: int((site.state / role / "port").read_text()) for role in ("manager", "recorder")}
        self.front = own(joined(folder, site, "gateway", "front"), "gateway")  # may speak at both

    def client(self, of, *options, certificate=None):
        return Client(self.nodes, self.ports[of], certificate, "-crlf", *options)

    def refused(self, of, alert, *options):
        """Not one byte of an answer, though the certificate is good."""
        with self.client(of, *options, certificate=self.front) as client:
            client.process.wait(timeout=10)
            log = client.log()
            check(alert in log and "Cipher is (NONE)" in log, f"{of} {options}: {alert}:\n{log[-1500:]}")


def versions_ciphers_groups(here):
    for of in here.ports:
        for version in ("-tls1", "-tls1_1", "-tls1_2"):
            here.refused(of, "alert protocol version", version)
        for cipher in ("TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"):
            here.refused(of, "alert handshake failure", "-ciphersuites", cipher)
        for group in ("P-384", "P-521", "X448", "ffdhe2048", "ffdhe8192"):
            here.refused(of, "alert handshake failure", "-groups", group)
        for signature in ("RSA-PSS+SHA256", "ECDSA+SHA1", "ed25519"):
            here.refused(of, "alert handshake failure", "-sigalgs", signature)
        for options in (("-groups", "X25519"), ("-groups", "P-256"), ("-ciphersuites", "TLS_AES_128_GCM_SHA256"), ("-alpn", "h2,http/1.1")):
            with here.client(of, "-ign_eof", *options, certificate=here.front) as client:
                client.say(UPGRADE)
                client.wait_log("HTTP/1.1 101 ", "New, TLSv1.3", "GCM_SHA", "No ALPN negotiated", "Verify return code: 0 (ok)")
        plain = subprocess.run(["curl", "-s", "--max-time", "5", f"http://127.0.0.1:{here.ports[of]}/"], capture_output=True, check=False)
        check(plain.returncode and b"HTTP" not in plain.stdout, f"{of} without TLS: nothing that speaks HTTP: {plain}")


def nothing_to_resume(here):
    theirs, early = here.folder / "theirs.sess", here.folder / "early"
    early.write_text(QUESTION.replace("\n", "\r\n"))
    with Server(here.folder, here.nodes.issue("manager", "main"), "-tls1_3") as server:
        with Client(here.nodes, server.port, None, "-sess_out", theirs) as client:
            wait_for(theirs.exists, 10, lambda: f"a server that gives tickets gives one:\n{client.log()}")
        with Client(here.nodes, server.port, None, "-sess_in", theirs) as client:
            client.wait_log("Reused, TLSv1.3")
    for of in here.ports:
        ours = here.folder / f"{of}.sess"
        with here.client(of, "-ign_eof", "-sess_out", ours, certificate=here.front) as client:
            client.say(UPGRADE)
            client.wait_log("HTTP/1.1 101 ")
            check("Session Ticket arrived" not in client.log() and not ours.exists(), f"{of}: nothing to come again with:\n{client.log()}")
        with here.client(of, "-reconnect", certificate=here.front) as client:
            wait_for(lambda client=client: client.log().count("New, TLSv1.3") == 6, 10, lambda client=client: f"six times anew:\n{client.log()}")
            check("Reused" not in client.log(), f"{of}: {client.log()}")
        # With a session that another server gave, and a question in its first flight: it has neither name nor answer.
        with here.client(of, "-ign_eof", "-sess_in", theirs, "-early_data", early) as client:
            client.wait_log("New, TLSv1.3")
            client.say(UPGRADE)
            client.wait_log("HTTP/1.1 401 ")
            log = client.log()
            check("Reused" not in log and "Early data was accepted" not in log and log.count("HTTP/1.1 ") == 1, f"{of}: {log}")


class Asked:
    """curl's answer without a certificate."""

    def __init__(self, port, path, *options):
        p = subprocess.run(["curl", "-sk", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}", *options, f"https://127.0.0.1:{port}{path}"],
                           capture_output=True, check=False, text=True)
        self.status = int(p.stdout)


def without_a_certificate(here):
    csr = base64.b64encode(base64.b64decode(request(make_key(here.folder / "stranger.key")))).decode()
    send = ("--data-binary", csr, "-H", "Content-Type: application/pkcs10")

    def said(of, path, *options):
        return Asked(here.ports[of], path, *options).status

    check(said("manager", EST + "cacerts") == 200 and said("recorder", EST + "cacerts") == 401, "the roots, at the manager")
    for of in here.ports:
        for path in ("/", "/link/1", "/metrics", "/api/v1/status", EST, EST + "simplereenroll", EST + "seals/simpleenroll", EST + "csrattrs"):
            check(said(of, path) == 401, f"{of} {path}: 401")
            check(said(of, path, *send) in (401, 405), f"{of} POST {path}: nothing")
        check(said(of, EST + "simpleenroll", *send) == 401, f"{of}: no code, no certificate")
        check(said(of, EST + "simpleenroll", *send, "-u", "recorder/late:" + "0" * 32) == 401, f"{of}: while none is open neither")
    secret = secret_of(json.loads(here.site.cli("node", "add", "recorder", "late", "--json").stdout)["code"])
    check(said("recorder", EST + "simpleenroll", *send, "-u", f"recorder/late:{secret}") == 401, "a recorder is no authority, open code or not")
    check(said("manager", EST + "simpleenroll", *send, "-u", "recorder/late:" + "0" * 32) == 401, "a guess")
    check(said("manager", EST + "simpleenroll", *send, "-u", f"recorder/late:{secret}") == 200, "with the open code: a certificate")
    check(said("manager", EST + "simpleenroll", *send, "-u", f"recorder/late:{secret}") == 401, "once")


def flood(here, of):
    """KeyUpdates that ask for an answer and nothing else: s_client's command K, each in a read of its own."""
    with here.client(of, certificate=here.front) as client:
        client.say(UPGRADE)
        client.wait_log("HTTP/1.1 101 ")
        for _ in range(200):
            if client.process.poll() is not None:
                break
            client.say("K\n")
            time.sleep(0.02)
        wait_for(lambda: client.process.poll() is not None, 5, lambda: f"{of}: the flood is ended: {client.log().count('KEYUPDATE')} updates")
        updates = client.log().count("KEYUPDATE")
    check(32 < updates < 60, f"{of}: the flood ended after {updates} updates, behind 32")
    wait_for(lambda: re.search(rf"porter\.{of} .*KeyUpdates and nothing else", here.site.log()), 5, lambda: f"{of}: with the reason: {here.site.log()[-2000:]}")


def cut_when_revoked(here):
    """A link at either port of the one that is revoked, and one of another that is not."""
    other = own(joined(here.folder, here.site, "gateway", "back"), "gateway")
    links = {}
    for who, certificate in (("front", here.front), ("back", other)):
        for of in here.ports:
            client = here.client(of, "-ign_eof", certificate=certificate)
            client.say(UPGRADE)
            client.wait_log("HTTP/1.1 101 ")
            links[who, of] = client
    try:
        ended = {}

        def watch(of):
            links["front", of].process.wait(timeout=60)
            ended[of] = time.monotonic()
        watchers = [threading.Thread(target=watch, args=(of,), daemon=True) for of in here.ports]
        for t in watchers:
            t.start()
        at = time.monotonic()
        here.site.cli("node", "revoke", "gateway", "front", "--reason", "sold", "--yes")
        for t in watchers:
            t.join(CUT_S + 5)
        check(set(ended) == set(here.ports), f"both links of the revoked one end: {ended}")
        took = {of: end - at for of, end in ended.items()}
        check(max(took.values()) < CUT_S, f"within {CUT_S} s of the command: {took}")
        check(all(links["back", of].process.poll() is None for of in here.ports), "the other gateway's go on")
    finally:
        for client in links.values():
            client.__exit__()
    for of in here.ports:
        with here.client(of, "-ign_eof", certificate=here.front) as client:
            client.say(UPGRADE)
            client.process.wait(timeout=10)
            check("alert" in client.log() and "HTTP/1.1" not in client.log(), f"{of}: and it does not come back:\n{client.log()[-800:]}")
    print("  cut after " + ", ".join(f"{seconds:.2f} s ({of})" for of, seconds in took.items()))


def test_every_port_every_bad_session(folder):
    with Site(folder) as site:
        wait_for(lambda: "porter.connected" in site.log() and (site.state / "recorder/port").exists(), 20, lambda: f"both ports: {site.log()}")
        here = Here(folder, site)
        versions_ciphers_groups(here)
        nothing_to_resume(here)
        without_a_certificate(here)
        for of in here.ports:
            flood(here, of)
        cut_when_revoked(here)


if __name__ == "__main__":
    main(globals())
