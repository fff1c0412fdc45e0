#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of storage and certificates in a real browser: a volume that is gone, a lock, days left, links, roots, and who may not."""
import hashlib
import os
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from browser import browse
from custos_site import CARS, CUSTOS, Authority, Edge, Site, main, run
from page import Page

SHOTS = {"shots": os.environ["SHOTS"]} if "SHOTS" in os.environ else {}


def remedy(fault):
    rows = run(CUSTOS, "errors", "--markdown").stdout.splitlines()
    return next(r for r in rows if r.startswith(f"| `{fault}`")).split(" | ")[2].removesuffix(" |")


def test_storage_and_certificates(folder):
    with Site(folder) as site, Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as edge:
        page = Page(site)
        page.set_up()
        page.add("Victor", "viewer")
        site.add("cam", edge.url("cam"), edge.user, edge.password_file)
        second = folder / "second"
        second.mkdir()
        site.cli("storage", "add", "second", second)
        second.rename(folder / "elsewhere")
        site.wait_recording("cam-main")
        vendor = Authority.new(folder, "vendor")
        pem = vendor.cert.read_text()
        browse("site.mjs", page, remedy=remedy("volume-missing"), root_pem=pem, key_pem=vendor.key.read_text(),
               fingerprint=hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest(),
               web_root=hashlib.sha256(page.get("/root.crt").body).hexdigest(), **SHOTS)


main(globals())
