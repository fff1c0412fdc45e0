#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the site makes for its cameras, by request, and takes back: a connection with a revoked one is cut."""
import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, key_pin, main, make_key, run


def audit(site):
    return json.loads(site.cli("audit", "show", "--json").stdout)


def events(site):
    return [(line["event"], line["camera"]) for line in audit(site)]


def certified(site, folder, name, san_key=None):
    """A certificate of the site's own making for a camera in the inventory: (chain, key)."""
    key = san_key or make_key(folder / f"{name}-{time.monotonic_ns()}.key")
    csr, chain = key.with_suffix(".csr"), key.with_suffix(".pem")
    run("openssl", "req", "-new", "-key", key, "-subj", "/CN=whatever/O=evil", "-out", csr,
        "-addext", "subjectAltName=DNS:evil.test,IP:192.0.2.66", "-addext", "basicConstraints=CA:TRUE")
    chain.write_text(site.cli("camera", "certificate", name, "--csr", csr).stdout)
    return chain, key


def test_a_certificate_by_request(folder):
    with Site(folder) as site:
        p = site.cli("camera", "certificate", "cam", "--csr", "/etc/hostname", ok=64)
        check("signing request" in p.stderr, p.stderr)
        site.add("cam", "rtsps://127.0.0.1:1/x")
        site.add("yard", "rtsps://127.0.0.3:1/x")
        chain, key = certified(site, folder, "cam")
        text = run("openssl", "x509", "-in", chain, "-noout", "-text").stdout
        check("IP Address:127.0.0.1" in text and "evil" not in text and "192.0.2.66" not in text, f"names of the inventory alone: {text}")
        check("CA:FALSE" in text and "TLS Web Server Authentication" in text, "a server's and no CA")
        csr = key.with_suffix(".csr")
        p = site.cli("camera", "certificate", "yard", "--csr", csr, ok=1)
        check("key of camera cam" in p.stderr, f"one key, one camera: {p.stderr}")
        p = site.cli("camera", "certificate", "nobody", "--csr", csr, ok=1)
        check("no camera of that name" in p.stderr, p.stderr)
        forged = folder / "forged.csr"
        der = bytearray(run_bytes("openssl", "req", "-in", csr, "-outform", "DER"))
        der[-3] ^= 1
        (folder / "forged.der").write_bytes(der)
        run("openssl", "req", "-inform", "DER", "-in", folder / "forged.der", "-out", forged)
        p = site.cli("camera", "certificate", "cam", "--csr", forged, ok=64)
        check("not signed by its own key" in p.stderr, p.stderr)
        rsa = folder / "rsa.csr"
        run("openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "rsa.key", "-subj", "/CN=x", "-out", rsa)
        p = site.cli("camera", "certificate", "cam", "--csr", rsa, ok=64)
        check("P-256" in p.stderr, p.stderr)
        # It is what a recording needs.
        with Edge(folder, {"cam": CARS}, (chain, key), "--burst") as edge:
            site.cli("camera", "set", "cam", "--url", edge.url("cam"), "--user", edge.user, "--password-file", edge.password_file)
            site.wait_recording("cam-main")


def run_bytes(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout


def test_revoked(folder):
    with Site(folder) as site:
        for name, host in (("cam", "127.0.0.1"), ("other", "127.0.0.1")):
            site.add(name, f"rtsps://{host}:1/x")
        bad, good = certified(site, folder, "cam"), certified(site, folder, "other")
        p = site.cli("camera", "revoke", "nobody", ok=1)
        check("nothing to revoke" in p.stderr, p.stderr)
        with Edge(folder, {"cam": CARS}, bad, "--burst") as one, Edge(folder, {"other": CARS}, good, "--burst") as two:
            for name, edge in (("cam", one), ("other", two)):
                site.cli("camera", "set", name, "--url", edge.url(name), "--user", edge.user, "--password-file", edge.password_file)
            site.wait_recording("cam-main", "other-main")
            at = time.monotonic()
            check("1 certificate" in site.cli("camera", "revoke", "cam").stdout, "one is revoked")
            state = site.wait_refused("cam-main", 10)
            check(time.monotonic() - at < 10, "the living connection is cut within 10 s")
            check(state["fault"] == "revoked" and not state["protection"].startswith("encrypted"), f"and not made again: {state}")
            print(f"  cut and refused after {time.monotonic() - at:.1f} s")
            plays = one.plays("cam")
            time.sleep(1.5)
            other = site.stream("other-main")
            check(other["recording"] and other["connects"] == 1 and two.plays("other") == 1, f"the other camera never noticed: {other}")
            check(one.plays("cam") == plays, "the revoked one plays nothing more")
            check(("certificate.revoked", "cam") in events(site), "in the log")
            # The register and the list survive.
            site.stop()
            site.start()
            state = site.wait_refused("cam-main", 20)
            check(state["fault"] == "revoked", f"after a restart too: {state}")
            site.wait_recording("other-main")
            p = site.cli("camera", "revoke", "cam", ok=1)
            check("nothing to revoke" in p.stderr, "no certificate twice")
            # Neither the key again, nor its pin; a new key and certificate are taken.
            p = site.cli("camera", "certificate", "cam", "--csr", bad[1].with_suffix(".csr"), ok=1)
            check("revoked" in p.stderr, p.stderr)
            p = site.cli("camera", "set", "cam", "--pin", key_pin(bad[1]), ok=1)
            check("revoked" in p.stderr, p.stderr)
        fresh = certified(site, folder, "cam")
        with Edge(folder, {"cam": CARS}, fresh, "--burst") as edge:
            site.cli("camera", "set", "cam", "--url", edge.url("cam"), "--password-file", edge.password_file)
            site.wait_recording("cam-main")
        register = json.loads((site.state / "site/issued.json").read_text())
        check(os.stat(site.state / "site/issued.json").st_mode & 0o777 == 0o600, "the register is for its owner alone")
        crl = folder / "list.pem"
        crl.write_text(register["lists"]["cameras"]["crl"])
        text = run("openssl", "crl", "-in", crl, "-noout", "-text", "-CAfile", site.state / "site/cameras.crt").stdout
        serials = [c["serial"].upper() for c in register["issued"] if c["revoked"] and c["issuer"] == "cameras"]
        check("Version 2" in text and "CRL Number" in text and "Next Update" in text and len(serials) == 1, text)
        check(serials[0].lstrip("0") in text.replace(":", ""), f"the list names the serial {serials}: {text}")


main(globals())
