#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-CLONE: somebody has copied a camera's key, and plays from the camera's own address with it. It is told as soon as the second one is
seen, and when the certificate is taken back both are cut at once. (A copy at another address is not recorded at all: 40-camera-links.)
"""
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, main, make_key, run, wait_for

CUT_S = 10


def test_a_copied_key_is_told_and_taken_from_both(folder):
    with Site(folder) as site:
        site.add("cam", "rtsps://127.0.0.1:1/x")
        key, request, chain = make_key(folder / "cam.key"), folder / "cam.csr", folder / "cam.pem"
        run("openssl", "req", "-new", "-key", key, "-subj", "/CN=cam", "-out", request)
        chain.write_text(site.cli("camera", "certificate", "cam", "--csr", request).stdout)
        with Edge(folder, {"cam": CARS}, (chain, key)) as one, Edge(folder, {"copy": CARS}, (chain, key)) as two:
            site.cli("camera", "set", "cam", "--url", one.url("cam"), "--user", one.user, "--password-file", one.password_file)
            site.wait_recording("cam-main")
            check("key of camera" not in site.stream("cam-main")["error"], f"one alone is no copy: {site.stream('cam-main')}")
            site.add("copy", two.url("copy"), two.user, two.password_file)
            told = wait_for(lambda: [s["error"] for s in site.streams().values() if "shows the key of camera" in s["error"]], 20,
                            lambda: f"it is told: {site.streams()}")
            events = [line for line in json.loads(site.cli("audit", "show", "--json").stdout) if "copy" in json.dumps(line)]
            check(events, "and in the log")
            site.wait_recording("copy-main")
            at = time.monotonic()
            site.cli("camera", "revoke", "cam")
            for stream in ("cam-main", "copy-main"):
                wait_for(lambda stream=stream: site.stream(stream)["fault"] == "revoked", CUT_S, lambda stream=stream: f"cut: {site.stream(stream)}", 0.05)
            took = time.monotonic() - at
            check(took < CUT_S, f"both within {CUT_S} s: {took:.1f}")
            plays = one.plays("cam"), two.plays("copy")
            time.sleep(2)
            check((one.plays("cam"), two.plays("copy")) == plays, "and neither plays again")
            print(f"  {told[0]}\n  both cut after {took:.1f} s")


if __name__ == "__main__":
    main(globals())
