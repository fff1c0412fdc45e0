#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What testssl.sh says of the people's port of a running gateway, with the site's root for pages as its CA: findings of medium severity or
above are those that docs/design/web.md lists with the reason why they stand, no others and none less. And what openssl s_client is told
on the role ports: TLS 1.3 alone, a client certificate asked for, no ticket, no early data.
"""
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import ROOT, Site, check, main, run, skip, wait_for
from page import Page

GRAVE = ("MEDIUM", "HIGH", "CRITICAL", "WARN")


def listed():
    """{id: severity} of the table in docs/design/web.md."""
    text = (ROOT / "docs/design/web.md").read_text()
    rows = re.findall(rf"^\| `([^`|]+)` \| ({'|'.join(GRAVE)}) \| \S.*\|$", text, re.M)
    check(rows, "docs/design/web.md has a table of findings")
    return dict(rows)


def findings(folder, page):
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if not program:
        skip("testssl.sh is not installed")
    out = folder / "findings.json"
    p = subprocess.run([program, "--quiet", "--warnings", "batch", "--color", "0", "--ip", "one", "--add-ca", page.root, "--jsonfile", str(out),
                        page.origin.removeprefix("https://")], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    check(out.exists(), f"testssl.sh wrote its findings: {p.stdout[-3000:]}{p.stderr[-2000:]}")
    return json.loads(out.read_text())


def test_the_peoples_port(folder):
    with Site(folder) as site:
        page = Page(site)
        check("content-encoding" not in page.get("/api/v1/session", headers=["Accept-Encoding: gzip, deflate, br"]).headers, "no answer of the API is packed")
        found = findings(folder, page)
        check(not [f for f in found if f["severity"] == "FATAL"], f"it came to its end: {found[-3:]}")
        by_id = {f["id"].split(" ")[0]: f for f in found}
        for protocol, wanted in (("SSLv2", "not offered"), ("SSLv3", "not offered"), ("TLS1", "not offered"), ("TLS1_1", "not offered"),
                                 ("TLS1_2", "offered"), ("TLS1_3", "offered")):
            check(by_id[protocol]["finding"].startswith(wanted), f"{protocol}: {by_id[protocol]}")
        grave = {f["id"]: f["severity"] for f in found if f["severity"] in GRAVE}
        for name, severity in sorted(grave.items()):
            print(f"  {severity} {name}: {next(f['finding'] for f in found if f['id'] == name)}")
        known = listed()
        check(not set(grave.items()) - set(known.items()), f"a finding that docs/design/web.md does not explain: {set(grave.items()) - set(known.items())}")
        check(not set(known.items()) - set(grave.items()), f"explained there, and not found any more: {set(known.items()) - set(grave.items())}")


def s_client(port, *options, stdin="Q\n"):
    p = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options], input=stdin, capture_output=True, text=True, timeout=20)
    return p.stdout + p.stderr


def role_port(site, role):
    port = int((site.state / role / "port").read_text())
    for version in ("-tls1", "-tls1_1", "-tls1_2"):
        said = s_client(port, version, "-cipher", "ALL:@SECLEVEL=0")
        check("Cipher is (NONE)" in said and "alert protocol version" in said, f"{role} {version}: {said[-1500:]}")
    said = s_client(port, "-tls1_3", "-CAfile", site.state / "site/root.crt")
    check("Protocol  : TLSv1.3" in said or "New, TLSv1.3, Cipher is TLS_AES_" in said, f"{role}: {said[-1500:]}")
    check("Verification: OK" in said, f"{role}: by the site's root: {said[-1500:]}")
    check("Acceptable client certificate CA names" in said or "Requested Signature Algorithms" in said, f"{role}: it asks for a certificate: {said[-1500:]}")
    check("Post-Handshake New Session Ticket" not in said, f"{role}: no ticket: {said[-1500:]}")
    check("Max Early Data: 0" in said or "Early data was not sent" in said, f"{role}: no early data: {said[-1500:]}")
    for suite in ("TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_AES_128_CCM_8_SHA256"):
        check("Cipher is (NONE)" in s_client(port, "-tls1_3", "-ciphersuites", suite), f"{role}: {suite} is not spoken")
    for group in ("ffdhe2048", "P-521"):
        check("Cipher is (NONE)" in s_client(port, "-tls1_3", "-groups", group), f"{role}: {group} is not spoken")


def test_the_role_ports(folder):
    with Site(folder) as site:
        wait_for(lambda: site.log().count("listen.open") > 1, 20, lambda: f"both ports: {site.log()}")
        for role in ("manager", "recorder"):
            role_port(site, role)


if __name__ == "__main__":
    main(globals())
