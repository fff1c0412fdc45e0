#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""custos security: the matrix of a site with one camera behind TLS and one in the clear, and each one's way.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, Edge, Program, Site, check, free_port, main, password_file, wait_for

RECORDER, MANAGER = "custos://site/recorder/main", "custos://site/manager/main"


def links(site, status):
    p = site.cli("security", "links", "--json", ok=None)
    check(p.returncode == status, f"{p.returncode}, not {status}: {p.stdout}{p.stderr}")
    return json.loads(p.stdout)


def hops(site, camera, status):
    p = site.cli("security", "path", "--camera", camera, "--json", ok=None)
    check(p.returncode == status, f"{p.returncode}, not {status}: {p.stdout}{p.stderr}")
    return {h["hop"]: h for h in json.loads(p.stdout)["hops"]}


def test_every_connection(folder):
    with Site(folder) as site, Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as edge:
        site.add("cam", edge.url("cam"), edge.user, edge.password_file)
        site.wait_recording("cam-main")
        wait_for(lambda: site.log().count("link.open") > 1, 20, "the porters are linked")
        wait_for(lambda: [r for r in links(site, 0) if r["to"] == "camera cam-main" and r["bytes_in"] > 10000], 10, "footage is counted")
        rows = {(r["from"], r["to"], r["told_by"]): r for r in links(site, 0)}
        node, camera = rows[RECORDER, MANAGER, MANAGER], rows[RECORDER, "camera cam-main", RECORDER]
        check((node["tls"], node["peer"], node["plaintext_bytes"], node["handshakes"]) == ("TLS 1.3", RECORDER, 0, 1), f"{node}")
        check(13.9 < node["days_left"] < 14 and node["bytes_in"] > 0 and node["bytes_out"] > 0, f"{node}")
        same = rows[RECORDER, MANAGER, RECORDER]  # as the other end counts it
        check((same["tls"], same["peer"], same["plaintext_bytes"], same["cipher"]) == ("TLS 1.3", MANAGER, 0, node["cipher"]), f"{same}")
        check(0 < same["bytes_out"] <= 2 * node["bytes_in"] and 0 < same["bytes_in"] <= 2 * node["bytes_out"], f"one way is the other's: {same} {node}")
        check(camera["protection"] == "encrypted and verified" and camera["peer"] == site.stream("cam-main")["camera_key"], f"{camera}")
        check(1.9 < camera["days_left"] < 2 and camera["bytes_in"] > 10000 and camera["plaintext_bytes"] == 0, f"{camera}")
        shown = site.cli("security", "links").stdout
        check("0 of them NOT ENCRYPTED" in shown and shown.count("manager/main") == 2 and shown.count("gateway/main") == 2, f"recorder and gateway of this host: {shown}")
        way = hops(site, "cam", 0)
        check(sorted(way) == ["camera to recorder", "manager with gateway", "recorder to disk", "recorder with gateway", "recorder with manager"] and
              "key on this machine" in way["recorder to disk"]["text"], f"{way}")

        port = free_port()
        secret = password_file(folder)
        with Program(folder / "plain.log", [CUSTOS, "edge", "--listen", f"127.0.0.2:{port}", "--plain-loopback-test", "--user", "x",
                                            "--password-file", secret, "--stream", f"old={CARS}"]):
            site.add("old", f"rtsp://127.0.0.2:{port}/old", "x", secret, "--transport", "plain")
            site.wait_recording("old-main")
            wait_for(lambda: [r for r in links(site, 1) if r["to"] == "camera old-main" and r["bytes_in"] > 10000], 10, "it is counted")
            old = [r for r in links(site, 1) if r["to"] == "camera old-main"][0]
            check((old["protection"], old["tls"], old["peer"], old["days_left"]) == ("open", "", "", None), f"{old}")
            check(old["plaintext_bytes"] == old["bytes_in"] > 10000, f"every byte of it: {old}")
            p = site.cli("security", "links", ok=1)
            check("1 of them NOT ENCRYPTED" in p.stdout, p.stdout)
            way = hops(site, "old", 1)
            check(not way["camera to recorder"]["good"] and way["recorder with manager"]["good"], f"{way}")
            hops(site, "cam", 0)
            site.remove("old")
        wait_for(lambda: len(links(site, 0)) == len(rows), 10, "as before")
        p = site.cli("security", "path", "--camera", "old", ok=1)
        check("no recorder" in p.stderr, p.stderr)


main(globals())
