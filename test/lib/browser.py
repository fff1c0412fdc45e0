# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in Debian's Chromium, on a running site: web/test/NAME.mjs is run by Node with what the test gives it.

    said = browse("entry.mjs", Page(site), code="...")

The test is skipped where Chromium or Node is not there.
"""
import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from custos_site import ENV, ROOT, check, skip
from page import PASSWORD

WEB = ROOT / "web"


def spki(page):
    """The SHA-256 of the page's public key, as Chromium takes it."""
    pem = page.site.state / "gateway/web.pem"
    key = subprocess.run(["openssl", "x509", "-in", pem, "-pubkey", "-noout"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, check=True).stdout
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def browse(script, page, timeout=90, **given):
    chromium = shutil.which("chromium")
    if not chromium or not shutil.which("node") or not (WEB / "node_modules/playwright-core").is_dir():
        skip("Chromium, Node or web/node_modules is not there (make build installs them)")
    all_given = {"origin": page.origin, "spki": spki(page), "chromium": chromium, "person": "Erika", "password": PASSWORD, **given}
    p = subprocess.run(["node", WEB / "test" / script], cwd=WEB, env=dict(ENV, HOME=str(page.site.state)), input=json.dumps(all_given, default=str),
                       capture_output=True, text=True, timeout=timeout)
    check(p.returncode == 0, f"{script}: {p.stderr[-6000:]}")
    return json.loads(p.stdout.splitlines()[-1])
