#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attacks on the TLS of a camera link, by whoever answers in the camera's place: eight bad certificates, old versions, weak ciphers,
a second handshake. Each is refused for a reason of its own, before a byte is said.

The other side is openssl s_server, which prints what it hears. The same program with the right certificate is spoken to.
"""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import bad_certificates
from bad_certificates import Server, issue, rsa_key
from custos_site import Site, check, free_port, main, make_key, run, wait_for
from leaks import check_no_secret
from refusal import add, heard_nothing, left_out, refused
from scripted_camera import ScriptedCamera


# ---- T-MITM ----

def test_eight_bad_certificates_eight_reasons(folder):
    with Site(folder) as site:
        cases = bad_certificates.eight(folder, site)
        servers = {name: Server(folder, certificate) for name, (certificate, _) in cases.items()}
        try:
            for name, server in servers.items():
                add(site, name, server.url())
            seen = {}
            for name, server in servers.items():
                seen[name] = refused(site, name, cases[name][1])["fault"]
                check(server.met(), f"{name}: the server was reached: {server.log()}")
                heard_nothing(server.log(), name)
            check(len(set(seen.values())) == len(cases) == 7, f"each has a reason of its own: {seen}")
        finally:
            for server in servers.values():
                server.kill()
        # The openssl program takes what it is told, so that its silence means something: with the right certificate.
        with Server(folder, issue(site.issuer(), "cam")) as server:
            add(site, "right", server.url())
            wait_for(lambda: "OPTIONS rtsps://" in server.log(), 20, lambda: f"the request is heard:\n{server.log()}")
        check_no_secret(site)


def test_the_eighth_reason_is_revoked(folder):
    with Site(folder, config="[recorder]\nbackoff_max_ms = 1000\n") as site:
        if "revoke" not in site.cli("camera", "--help", ok=None).stdout:
            return left_out("custos camera revoke does not exist in this build")
        key, request, chain, port = make_key(folder / "cam.key"), folder / "cam.csr", folder / "cam.pem", free_port()
        run("openssl", "req", "-new", "-key", key, "-subj", "/CN=cam", "-out", request)
        add(site, "cam", f"rtsps://127.0.0.1:{port}/main")
        chain.write_text(site.cli("camera", "certificate", "cam", "--csr", request).stdout)
        with ScriptedCamera((chain, key), port=port) as camera:
            site.wait_recording("cam-main")
            site.cli("camera", "revoke", "cam")
            wait_for(lambda: site.stream("cam-main")["fault"] == "revoked", 10, lambda: f"cut off: {site.stream('cam-main')}")
            requests, connections = len(camera.requests), camera.connections
            wait_for(lambda: camera.connections > connections, 10, "it is tried again")
            time.sleep(0.5)
            check(len(camera.requests) == requests, f"and nothing is said to it: {camera.requests[requests:]}")
        # The same server with another certificate of the same issuer: it was this one that is not taken.
        with ScriptedCamera(issue(site.issuer(), "cam"), port=port):
            site.wait_recording("cam-main")
        check_no_secret(site)


def test_weak_signatures_and_names_that_fit(folder):
    with Site(folder) as site:
        ours = site.issuer()
        cases = {"sha1": (issue(ours, "cam", digest="sha1"), ("weak-key",)),
                 "rsa-1536": (issue(ours, "cam", key=rsa_key(folder / "k", 1536)), ("weak-key",)),
                 # A CA with our name and our key identifier: the chain can be built, the signature is not ours.
                 "namesake": (issue(bad_certificates.namesake(folder, ours), "cam"), ("bad-signature", "unknown-issuer"))}
        for name, (certificate, faults) in cases.items():
            with Server(folder, certificate) as server:
                add(site, name, server.url())
                state = refused(site, name)
                check(state["fault"] in faults, f"{name}: {state['fault']}: {state['error']}")
                heard_nothing(server.log(), name)
            site.remove(name)
        # Without the key, a certificate is worth nothing: another camera's chain, this one's key.
        good = ScriptedCamera(issue(ours, "cam"), auth=True)
        with good:
            add(site, "good", good.url())
            site.wait_recording("good-main")
            check(site.stream("good-main")["protection"] == "encrypted and verified", "the good one is recorded")
        check_no_secret(site)


# ---- T-TLSVER ----

def test_old_versions_and_weak_ciphers(folder):
    with Site(folder) as site:
        ec = issue(site.issuer(), "cam")
        rsa = issue(site.issuer(), "cam", key=rsa_key(folder / "rsa.key", 2048))
        cases = {"tls10": (ec, ("-tls1",), "tls-version"), "tls11": (ec, ("-tls1_1",), "tls-version"),
                 "cbc": (ec, ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"), "no-cipher"),
                 "no-pfs": (rsa, ("-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"), "no-cipher"),
                 "null": (rsa, ("-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0"), "no-cipher")}
        for name, (certificate, options, fault) in cases.items():
            with Server(folder, certificate, *options) as server:
                add(site, name, server.url())
                refused(site, name, fault)
                check(server.met(), f"{name}: the server was reached")
                heard_nothing(server.log(), name)
            site.remove(name)
        with Server(folder, ec, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256") as server:
            add(site, "good", server.url())
            wait_for(lambda: "OPTIONS rtsps://" in server.log(), 20, lambda: f"TLS 1.2 with a good cipher is taken:\n{server.log()}")
            # Once more from the top, on the same connection and at the server's wish: no.
            server.say("R\n")
            wait_for(lambda: "write hello request" in server.log(), 10, lambda: f"the server asks:\n{server.log()[-800:]}")
            wait_for(lambda: "no renegotiation" in server.log(), 10, lambda: f"and is told no:\n{server.log()[-800:]}")
            after = server.log().split("write hello request", 1)[1].split("before SSL initialization")[0]
            check("read client hello" not in after, f"no second handshake: {after}")
            check(refused(site, "good")["fault"] in ("protocol", ""), f"{site.stream('good-main')}")


main(globals())
