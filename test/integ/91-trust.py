#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots of others: a vendor's root vouches for cameras where it is trusted for them, and for nothing else.

The vendor's CA is made by openssl, the cameras are `custos edge`.
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Authority, Edge, Site, check, main, make_key, run


def trust(site, *words, ok=0):
    p = site.cli("trust", *words, "--json", ok=ok)
    return json.loads(p.stdout)


def certified(site, folder, name):
    """A certificate of the site's own making: (chain, key)."""
    key = make_key(folder / f"{name}.key")
    csr, chain = key.with_suffix(".csr"), key.with_suffix(".pem")
    run("openssl", "req", "-new", "-key", key, "-subj", "/CN=x", "-out", csr)
    chain.write_text(site.cli("camera", "certificate", name, "--csr", csr).stdout)
    return chain, key


def point(site, name, edge):
    site.cli("camera", "set", name, "--url", edge.url(name), "--user", edge.user, "--password-file", edge.password_file)


def test_a_vendors_cameras(folder):
    vendor = Authority.new(folder, "vendor")
    with Site(folder) as site:
        for name in ("theirs", "ours", "node"):
            site.add(name, "rtsps://127.0.0.1:1/x")
        own, ca = certified(site, folder, "ours"), site.state / "site"
        nodes = Authority(folder, ca / "nodes.key", ca / "nodes.crt", (ca / "nodes.crt",)).issue("node")
        with Edge(folder, {"theirs": CARS}, vendor.issue("theirs"), "--burst") as theirs, \
                Edge(folder, {"ours": CARS}, own, "--burst") as ours, Edge(folder, {"node": CARS}, nodes, "--burst") as node:
            for name, edge in (("theirs", theirs), ("ours", ours), ("node", node)):
                point(site, name, edge)
            site.wait_recording("ours-main")
            # Nobody vouches for it, and who is trusted for mail does not either.
            site.wait_refused("theirs-main", fault="unknown-issuer")
            mail = trust(site, "add", vendor.cert, "--class", "mail")
            directory = trust(site, "add", vendor.cert, "--class", "directory")
            check(mail["id"] != directory["id"] and mail["class"] == "mail", f"each a root of its own: {mail} {directory}")
            point(site, "theirs", theirs)  # the recorder is told anew by what to judge it
            time.sleep(1)
            check(theirs.plays("theirs") == 0, "a root for mail or a directory vouches for no camera")
            site.wait_refused("theirs-main", fault="unknown-issuer")
            # Trusted for cameras it is taken; what goes on never notices.
            text = site.cli("trust", "add", vendor.cert, "--class", "camera").stdout
            fingerprint = run("openssl", "x509", "-in", vendor.cert, "-noout", "-fingerprint", "-sha256").stdout
            fingerprint = fingerprint.split("=")[1].strip().replace(":", "").lower()
            check("CN=vendor" in text and fingerprint in text and "days left" in text, f"what it is is shown: {text}")
            site.wait_recording("theirs-main")
            state = site.stream("theirs-main")
            check(state["protection"] == "encrypted and verified", f"by its chain and name: {state}")
            # A certificate of the site for another purpose is none for a camera, vendor or not.
            check(node.plays("node") == 0, "a node's certificate is none for a camera")
            site.wait_refused("node-main", fault="unknown-issuer")
            p = site.cli("camera", "test", theirs.url("theirs"), "--user", theirs.user, "--password-file", theirs.password_file)
            check("verified" in p.stdout, f"camera test trusts what the site trusts: {p.stdout}")
            # It lasts, and it ends.
            site.stop()
            site.start()
            site.wait_recording("theirs-main", "ours-main")
            listed = trust(site, "list")
            check([r["class"] for r in listed] == ["mail", "directory", "camera"], f"the list: {listed}")
            before, at = ours.plays("ours"), time.monotonic()
            gone = trust(site, "remove", listed[2]["id"])
            check(gone["fingerprint"] == fingerprint, f"what went: {gone}")
            state = site.wait_refused("theirs-main", 10, fault="unknown-issuer")
            check(time.monotonic() - at < 10 and not state["protection"].startswith("encrypted"), f"cut within 10 s: {state}")
            print(f"  cut and refused after {time.monotonic() - at:.1f} s")
            plays = theirs.plays("theirs")
            time.sleep(1)
            check(theirs.plays("theirs") == plays, "and not taken again")
            other = site.stream("ours-main")
            check(ours.plays("ours") == before and other["recording"] and other["connects"] == 1, f"the site's own never noticed: {other}")
            # What nobody remembers is cut as well.
            trust(site, "add", vendor.cert, "--class", "camera")
            site.wait_recording("theirs-main")
            site.cli("camera", "clear-tls-memory", "theirs")
            trust(site, "remove", trust(site, "list")[-1]["id"])
            site.wait_refused("theirs-main", 10, fault="unknown-issuer")
        lines = json.loads(site.cli("audit", "show", "--json").stdout)
        check([line["event"] for line in lines if line["event"].startswith("trust.")] ==
              ["trust.added"] * 3 + ["trust.removed", "trust.added", "trust.removed"], f"in the audit log: {lines}")


def test_what_is_refused(folder):
    vendor = Authority.new(folder, "vendor")
    leaf, key = vendor.issue("leaf")
    below_key, below = make_key(folder / "below.key"), folder / "below.crt"
    ext = folder / "ca.ext"
    ext.write_text("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    run("openssl", "req", "-new", "-key", below_key, "-subj", "/CN=below", "-out", folder / "below.csr")
    run("openssl", "x509", "-req", "-in", folder / "below.csr", "-CA", vendor.cert, "-CAkey", vendor.key, "-set_serial", "77", "-days", "9",
        "-extfile", ext, "-out", below)
    weak, old = folder / "weak.crt", folder / "old"
    run("openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", folder / "weak.key", "-subj", "/CN=weak", "-days", "9", "-out", weak,
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    old.mkdir()
    (old / "index.txt").write_text("")
    (old / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={old}/index.txt\nrand_serial=yes\nnew_certs_dir={old}\ndefault_md=sha256\n"
                                "policy=p\n[p]\ncommonName=supplied\n")
    run("openssl", "req", "-new", "-key", vendor.key, "-subj", "/CN=old", "-out", old / "old.csr")
    run("openssl", "ca", "-batch", "-config", old / "ca.cnf", "-selfsign", "-keyfile", vendor.key, "-in", old / "old.csr", "-out", old / "old.crt",
        "-startdate", "20240101000000Z", "-enddate", "20240201000000Z", "-extfile", ext, "-notext")
    both, two, der = folder / "both.pem", folder / "two.pem", folder / "vendor.der"
    both.write_text(vendor.cert.read_text() + vendor.key.read_text())
    two.write_text(vendor.cert.read_text() + below.read_text())
    run("openssl", "x509", "-in", vendor.cert, "-outform", "DER", "-out", der)
    with Site(folder) as site:
        for path, text in ((leaf, "not a CA"), (below, "not a root"), (weak, "too weak"), (old / "old.crt", "expired"), (both, "private key"),
                           (key, "private key"), (two, "more than one"), (Path("/etc/hostname"), "no certificate")):
            p = site.cli("trust", "add", path, "--class", "camera", ok=64)
            check(text in p.stderr, f"{path.name}: {p.stderr}")
        p = site.cli("trust", "add", site.state / "site/root.crt", "--class", "camera", ok=1)
        check("the site's own" in p.stderr, p.stderr)
        p = site.cli("trust", "add", vendor.cert, "--class", "recorder", ok=64)
        check("camera, directory, mail or archive" in p.stderr, p.stderr)
        check(trust(site, "list") == [], "nothing of it is trusted")
        trust(site, "add", vendor.cert, "--class", "archive")
        p = site.cli("trust", "add", der, "--class", "archive", ok=1)
        check("already" in p.stderr, p.stderr)
        p = site.cli("trust", "remove", "99", ok=1)
        check("no root of that number" in p.stderr, p.stderr)


main(globals())
