#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a start makes for this host's porters, and what it mends; and what connections that say nothing cost them.
"""
import os
import select
import shutil
import socket
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Site, check, main, run, wait_for  # noqa: E402
from porters import Porter, node_dir, settings  # noqa: E402


def wait_links(site):
    wait_for(lambda: all(f"porter.{side} link.open" in site.log() for side in ("manager", "recorder")), 20,
             lambda: f"the porters are linked: {site.log()[-3000:]}")


def test_what_the_first_start_makes(folder):
    """And a later one: where there is none, and where one has run out; never anew what is good."""
    site = Site(folder)
    try:
        site.init()
        keys = {role: node_dir(site.state, role) / "node.key" for role in ("manager", "recorder")}
        for role, key in keys.items():
            check(key.stat().st_mode & 0o777 == 0o600 and key.parent.stat().st_mode & 0o777 == 0o700, f"{key} is its owner's alone")
            shown = run("openssl", "x509", "-in", key.with_name("node.pem"), "-noout", "-ext", "subjectAltName", "-enddate", "-startdate").stdout
            check(f"URI:custos://site/{role}/main" in shown, shown)
        before = {role: key.read_text() for role, key in keys.items()}
        site.init()
        check(before == {role: key.read_text() for role, key in keys.items()}, "a second start changes nothing")
        shutil.rmtree(site.state / "node")  # a state directory of an earlier release
        site.init()
        check(all(key.exists() and key.read_text() != before[role] for role, key in keys.items()), "it gets its nodes at the next start")
        before = {role: key.read_text() for role, key in keys.items()}
        os.environ["CUSTOS_CLOCK_OFFSET_S"] = str(40 * 86400)  # forty days in a cupboard
        site.start(env={"CUSTOS_CLOCK_OFFSET_S": os.environ["CUSTOS_CLOCK_OFFSET_S"]})
        wait_links(site)
        site.stop()
        check(all(key.read_text() != before[role] for role, key in keys.items()), "what ran out was made anew")
        site.start(env={"CUSTOS_CLOCK_OFFSET_S": os.environ["CUSTOS_CLOCK_OFFSET_S"]})
        wait_for(lambda: site.status()["recorder"], 20, "the recorder is there")
        site.cli("node", "revoke", "recorder", "main", "--reason", "test", "--yes")
        wait_for(lambda: not site.status()["recorder"], 10, "it was taken back")
        site.stop()
        after = {role: key.read_text() for role, key in keys.items()}
        os.environ["CUSTOS_CLOCK_OFFSET_S"] = str(80 * 86400)
        site.start(env={"CUSTOS_CLOCK_OFFSET_S": os.environ["CUSTOS_CLOCK_OFFSET_S"]})
        site.stop()
        check(keys["recorder"].read_text() == after["recorder"], "what was revoked is not mended")
        check(keys["manager"].read_text() != after["manager"], "the other is")
        os.chmod(keys["recorder"], 0o644)
        site.start(env={"CUSTOS_CLOCK_OFFSET_S": os.environ["CUSTOS_CLOCK_OFFSET_S"]})
        wait_for(lambda: "chmod 600" in site.log(), 10, lambda: f"a key that others may read is refused, with what to do:\n{site.log()[-3000:]}")
        site.stop()
    finally:
        os.environ.pop("CUSTOS_CLOCK_OFFSET_S", None)
        site.clean()


def open_half(port, address):
    s = socket.socket()
    s.bind((address, 0))
    s.connect(("127.0.0.1", port))
    return s


def still_open(sockets):
    gone = select.select(sockets, [], [], 0.5)[0]
    return [s for s in sockets if s not in gone]


def test_half_open_connections(folder):
    site = Site(folder)
    site.init()
    sockets = []
    try:
        config = settings(folder)
        manager = Porter(folder, site.state, "manager", config)
        port = manager.port()
        start = time.monotonic()
        sockets = [open_half(port, f"127.0.0.{2 + i // 34}") for i in range(70)]
        time.sleep(0.3)
        left = still_open(sockets)
        by_one = [s for s in left if s.getsockname()[0] == "127.0.0.2"]
        check(len(by_one) == 32, f"one address has 32 at most, not {len(by_one)}")
        sockets += [open_half(port, f"127.0.0.{9 + i}") for i in range(5)]
        time.sleep(0.3)
        left = still_open(sockets)
        check(len(left) == 64, f"and all together 64, not {len(left)}")
        told = [m["body"]["text"] for m in manager.events if m["type"] == "porter.refused"]
        check(told and len(told) <= 2 + int(time.monotonic() - start), f"which is said, and not for each of them: {told}")
        time.sleep(max(0, start + 7.5 - time.monotonic()))
        recorder = Porter(folder, site.state, "recorder", config)
        manager.peer(20)
        check(9 < time.monotonic() - start < 25, "a good peer is let in once they have been ended")
        wait_for(lambda: not still_open(sockets), 5, "none of them is left")
        recorder.end()
        manager.end()
    finally:
        for s in sockets:
            s.close()
        site.clean()


main(globals())
