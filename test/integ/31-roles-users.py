#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Started by root with the users of packaging/custos.sysusers, each process is its own user and nobody else: recording, live pictures, restarts
and the page's next certificate go on so, and what belongs to another role is refused to a process of that user with no sandbox around it.
"""
import json
import ssl
import stat
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, check, kill, main, wait_for
from own_users import ROLES, Users, attempt, check_all, enter, site_of, status_of
from page import Page

STAMP = "%Y-%m-%dT%H:%M:%S.000Z"
# What each must not reach, and who may.
SECRETS = {"site/nodes.key": "manager", "site/cameras.key": "manager", "site.sqlite": "manager", "manager/grant.key": "manager", "audit.log": "manager",
           "control.sock": "manager", "recorder/seal.key": "sealer", "recorder/wrap.key": "sealer", "recorder/grants.log": "sealer",
           "storage/index.sqlite": "parent", "vault/volume.json": "volume.0", "node/manager/node.key": "porter.manager",
           "node/recorder/node.key": "porter.recorder", "node/gateway/node.key": "porter.gateway", "gateway/web.key": "porter.gateway"}
ALSO = {"gateway/web.key": "gateway"}


def check_apart(site):
    """What is refused is refused by the users alone."""
    for role in ROLES:
        secrets = [path for path, owner in SECRETS.items() if path != "control.sock" or owner != role]
        got = attempt(role, *((site.state / path, "socket" if path == "control.sock" else "read") for path in secrets))
        for path, reached in zip(secrets, got):
            may = role in (SECRETS[path], ALSO.get(path))
            check(reached == may, f"{role} {'reads' if may else 'is refused'} {path}")
        moves = [(site.state / name, "move") for name in ("recorder", "gateway", "node", "vault", "storage")]
        *moved, made = attempt(role, *moves, (site.state, "make"))
        check(not any(moved), f"{role} may not move a directory away: {moved}")
        check(made == (role == "manager"), f"only the manager makes files beside the roles' directories: {role} {made}")
    (site.state / "made").unlink()
    for path in site.segments():
        check(stat.S_IMODE(path.stat().st_mode) == 0o600 and path.owner() == "custos-volume", f"{path}: {path.owner()}")


def grows(site, stream):
    before = site.stream(stream).get("last_durable") or ""
    wait_for(lambda: (site.stream(stream).get("last_durable") or "") > before, 20, lambda: f"{stream} is recorded on: {site.stream(stream)}")


def check_page(site, page):
    """What crosses users: the gateway's own certificate, which its porter writes, and pictures from the worker and the volumes."""
    for kind, query in (("live", ""), ("playback", f"?from={time.strftime(STAMP, time.gmtime(time.time() - 6))}&until={time.strftime(STAMP, time.gmtime())}")):
        got = page.watch("cam-main", 15, lambda w: w.messages > 8 if kind == "live" else w.told("ended"), query=query, kind=kind)
        check(got.messages > 8 if kind == "live" else got.bytes and got.told("ended")[0]["code"] == "ok", f"{kind}: {got.texts}\n{site.log()[-3000:]}")
    before = (site.state / "gateway/web.pem").read_text()
    site.cli("node", "names", "gateway", "main", "cctv.lan", "localhost", "127.0.0.1")
    wait_for(lambda: (site.state / "gateway/web.pem").read_text() != before, 20, "the porter has another certificate for the page")
    leaf = (site.state / "gateway/web.pem").read_text().split("-----END")[0]
    host, port = "127.0.0.1", int((site.state / "gateway/port").read_text())
    wait_for(lambda: ssl.get_server_certificate((host, port)).startswith(leaf), 20, "which the gateway shows")
    key = (site.state / "gateway/web.key", "read")
    check(attempt("gateway", key) == [True] and attempt("worker.0", key) == [False], "its key too")


def test_each_role_is_its_own_user(folder):
    site = site_of(folder)
    with site, Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as edge:
        site.add("cam", edge.url("cam"), edge.user, edge.password_file)
        site.wait_recording("cam-main")
        pids = check_all(site)
        check(status_of(pids["supervisor"])["Uid"][0] == "0" and "users.shared" not in site.log(), "root stays with the supervisor")
        wait_for(lambda: len(site.segments()) > 1, 20, "a segment has ended")
        check_apart(site)
        (site.state / "recovery-kit.txt").unlink()
        page = Page(site)
        page.set_up()
        check_page(site, page)
        for role in ("gateway", "manager", "sealer", "volume.0", "parent"):
            kill(site.pids()[role])
            wait_for(lambda: site.pids().get(role, pids[role]) != pids[role], 20, lambda: f"{role} begins again: {site.log()[-2000:]}")
        site.wait_recording("cam-main")
        grows(site, "cam-main")
        check_all(site)
        site.cli("backup", folder / "site.backup")
        rows = {c["check"]: c for c in json.loads(site.cli("doctor", "--json", ok=None).stdout)["checks"]}
        wrong = {n: c for n, c in rows.items() if c["verdict"] in ("fail", "unknown") and n not in ("clock", "landlock")}
        check(not wrong and rows["users"]["verdict"] == "pass", f"custos doctor: {wrong} {rows['users']}")


enter()
with Users():
    main(globals())
