#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorder on another host: a code of the manager, one command there, and it records.

The other "host" is another state directory, reached by the manager's real port alone. It seals by a certificate of its own, keeps hour
keys for the site's recovery kit too, goes on when the manager is away, and is sent away by one command.
"""
import json
import os
import shutil
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, Edge, Program, Site, check, kill, main, run, wait_for


def recorders(site):
    """By name; none while the manager is away."""
    try:
        status = json.loads(site.cli("status", "--json", ok=None).stdout)
    except json.JSONDecodeError:
        return {}
    return {r["name"]: r for r in status.get("recorders", [])}


def stream(site, recorder, path):
    """Its state as the manager hears it from that recorder; None where it hears nothing."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        try:
            s.connect(str(site.state / "control.sock"))
        except OSError:
            return None
        s.settimeout(10)
        s.send(struct.pack(">H", 100) + json.dumps({"v": 1, "id": 1, "type": "status", "body": {"recorder": recorder}}).encode())
        answer = json.loads(s.recv(1 << 18)[2:])["body"]
    return next((s for s in (answer["recorder"] or {"streams": []})["streams"] if s["stream"] == path), None)


def export_with_kit(site, state, folder):
    """By the recovery kit alone: the other host's own key is not asked."""
    out = folder / "far.mp4"
    run(CUSTOS, "export", "--vault", state / "vault", "--recovery-kit", site.state / "recovery-kit.txt", "--camera", "far", "--last", "60",
        "--output", out, timeout=60)
    return out


def test_a_recorder_joins_records_and_is_sent_away(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cameras"), "--stamp") as edge:
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        state = folder / "north"
        made = json.loads(site.cli("node", "add", "recorder", "north", "--json").stdout)
        run(CUSTOS, "enroll", f"127.0.0.1:{made['port']}", "-", "--state", state, stdin=made["code"] + "\n")
        far = Program(folder / "north.log", [CUSTOS, "recorder", "--state", state, *site.options])
        try:
            wait_for(lambda: recorders(site).get("north", {}).get("state") == "connected", 20, lambda: f"it is there: {site.status()} {far.log()}")
            site.add("far", edge.url("cars"), edge.user, edge.password_file, "--recorder", "north")
            wait_for(lambda: (stream(site, "north", "far-main") or {}).get("recording"), 25,
                     lambda: f"it records: {stream(site, 'north', 'far-main')} {far.log()[-3000:]} {site.log()[-2000:]}")
            check(not list((site.state / "vault").glob("far-main*")), "here nothing of it is")
            time.sleep(3)

            # The manager goes: recording goes on, and it is found again.
            before = stream(site, "north", "far-main")["fragments"]
            kill(site.pids()["manager"])
            wait_for(lambda: recorders(site).get("north", {}).get("state") == "connected", 30, lambda: f"it comes again: {far.log()[-3000:]}")
            wait_for(lambda: stream(site, "north", "far-main")["fragments"] > before, 10, "and had not stopped")

            # Sent away: no link from now on; what it was told it goes on recording.
            site.cli("camera", "remove", "far")
            site.cli("node", "revoke", "recorder", "north", "--reason", "sold", "--yes")
            wait_for(lambda: recorders(site)["north"]["state"] == "revoked", 10, lambda: f"it is out: {recorders(site)}")
        finally:
            far.stop()
        far.check_log()
        report = json.loads(run(CUSTOS, "verify", state / "vault", "--trust", site.fingerprint(), "--json", ok=None).stdout)
        kinds = {i["kind"] for i in report["items"]}
        check(report["verdict"] == "authentic" and kinds <= {"authentic", "gap", "note"}, f"authentic by the site's root: {report['verdict']} {kinds}")
        check("custos://site/recorder/north" in json.dumps(report), "sealed by it, not by another")
        for key in ("wrap.key", "seal.key"):
            os.unlink(state / "recorder" / key)
        out = export_with_kit(site, state, folder)
        check(out.stat().st_size > 100000, "the site's recovery kit opens it")
        shutil.rmtree(state)


if __name__ == "__main__":
    main(globals())
