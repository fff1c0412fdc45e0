# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that a camera's password can be had from is in a log, a status, an error or a command line."""
import base64
import hashlib
import json

from custos_site import PASSWORD, USER, check


def forms(user=USER, password=PASSWORD, realms=("trap", "scripted")):
    """The password as it could slip out: itself, in parts of URLs, as Basic sends it, as Digest stores it (HA1)."""
    found = {"the password": password, "a word of it": password.split(":")[0],
             "its Basic form": base64.b64encode(f"{user}:{password}".encode()).decode().rstrip("="),
             "its base64": base64.b64encode(password.encode()).decode().rstrip("=")}
    for realm in realms:
        for name in ("md5", "sha256"):
            found[f"HA1 ({name}, {realm})"] = hashlib.new(name, f"{user}:{realm}:{password}".encode()).hexdigest()
    return found


def check_no_secret(site, *texts):
    """Looks at the site's log, its whole status, camera list and show, its processes' command lines, and what else a test has seen."""
    told = {"the log": site.log(), "custos status --json": json.dumps(site.status()), "custos status": site.cli("status", ok=None).stdout,
            "custos camera list": site.cli("camera", "list", "--json").stdout}
    for stream in site.streams():
        camera = stream.rsplit("-", 1)[0]
        told[f"custos camera show {camera}"] = site.cli("camera", "show", camera, "--json").stdout
    told.update({f"text {i}": text for i, text in enumerate(texts)})
    told.update({f"the command line of {pid}": " ".join(argv) for pid, argv in site.processes().items()})
    for where, text in told.items():
        for what, secret in forms().items():
            check(secret not in text, f"{what} is in {where}")
