#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""custos doctor on a running site: what is broken on it, one thing after another, is the row that changes, and no other.

Roles are confined, so a process that is not is one of the test's own, which has the command line of a role: it lacks one thing at a time.
"""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, Edge, Program, Site, check, free_port, main, password_file, self_signed, wait_for
from page import Page

CONFIG = "[recorder]\nsegment_s = 2\nfragment_ms = 500\n[storage]\nscrub_mb_s = {}\n[link]\nmanager_port = 0\nrecorder_port = 0\n"
DECOY = '''
import ctypes, resource, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
without = sys.argv[-1]
def done(r):
    if r: raise OSError(ctypes.get_errno(), "prctl")
def cap():
    done(libc.capset(ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0)), ctypes.create_string_buffer(24)))
def core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
def seccomp():
    one = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
    done(libc.prctl(22, 2, ctypes.create_string_buffer(struct.pack("HxxxxxxP", 1, ctypes.addressof(one)))))
steps = {"core-dumps": core, "no-new": lambda: done(libc.prctl(38, 1, 0, 0, 0)), "privileges": cap, "seccomp": seccomp,
         "memory": lambda: done(libc.prctl(4, 0))}
for name, step in steps.items():
    if name != without: step()
if without == "ports":
    s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print("ready", flush=True)
time.sleep(100)
'''


def doctor(site, state=None):
    p = site.cli("doctor", "--json", ok=None)
    answer = json.loads(p.stdout)
    rows = {c["check"]: c for c in answer["checks"]}
    worst = "fail" if any(c["verdict"] == "fail" for c in rows.values()) else (
        "unknown" if any(c["verdict"] == "unknown" for c in rows.values()) else "pass")
    check(answer["verdict"] == worst and p.returncode == {"pass": 0, "fail": 1, "unknown": 2}[worst], f"{p.returncode}: {answer}")
    check(all(c["remedy"] for c in rows.values() if c["verdict"] == "fail"), f"what to do: {rows}")
    return rows


def changed(before, now):
    return {n: now[n]["text"] for n in now if now[n]["verdict"] != before[n]["verdict"]}


def only(site, before, name, words):
    """That row fails, and no other is different from before."""
    rows = wait_for(lambda: (lambda r: r if changed(before, r) else None)(doctor(site)), 20, lambda: f"{name} fails: {doctor(site)}", 0.5)
    check(set(changed(before, rows)) == {name} and rows[name]["verdict"] == "fail", f"{name} alone: {changed(before, rows)}")
    check(words in rows[name]["text"], f"{name}: {rows[name]}")
    return rows


def well(site, before):
    check(not changed(before, doctor(site)), f"all is as before: {changed(before, doctor(site))}")


def files(site, before):
    for name, path in (("site-ca", "site/nodes.key"), ("node-keys", "node/recorder/node.key"), ("seal-key", "recorder/seal.key"),
                       ("wrap-key", "recorder/wrap.key"), ("grant-key", "manager/grant.key"), ("state-directory", "control.sock")):
        os.chmod(site.state / path, 0o640)
        only(site, before, name, "0640")
        os.chmod(site.state / path, 0o600)
    (site.state / "recovery-kit.txt").write_text("kit")
    only(site, before, "recovery-kit", "beside the footage")
    (site.state / "recovery-kit.txt").unlink()
    log = site.state / "audit.log"
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b"camera.added", b"camera.adde_", 1))
    only(site, before, "audit-log", "line 1")
    log.write_bytes(whole)
    well(site, before)


def processes(folder, site, before):
    (folder / "volume").write_text(DECOY)
    names = ["nothing", "seccomp", "core-dumps", "memory", "ports"]
    if os.geteuid() == 0:
        names.append("privileges")  # anybody else has none to keep
    for name in names:
        decoy = subprocess.Popen(["custos", "volume", "--state", str(site.state), name], executable=sys.executable, cwd=folder,
                                 stdout=subprocess.PIPE, text=True)
        try:
            check(decoy.stdout.readline() == "ready\n", f"the process without {name} is ready")
            if name == "nothing":
                well(site, before)
            else:
                only(site, before, name, f"(process {decoy.pid})")
        finally:
            decoy.kill()
            decoy.communicate()


def page(folder, site, before):
    """The gateway, as somebody outside meets it, and what lies in its directory."""
    os.kill(site.pids()["gateway"], signal.SIGSTOP)
    try:
        only(site, before, "page", "does not answer within")
    finally:
        os.kill(site.pids()["gateway"], signal.SIGCONT)
    root = site.state / "gateway/root.crt"
    good = root.read_bytes()
    root.write_bytes(self_signed(folder, "root")[0].read_bytes())
    only(site, before, "page-root", "what people install")
    root.write_bytes(good)
    token = site.state / "gateway/metrics_token"
    token.write_text("secret")
    token.chmod(0o644)
    only(site, before, "metrics-token", "0644")
    token.unlink()
    well(site, before)


def people(site):
    """Until there is one, that nobody can sign in is the row that fails; by the page an administrator sees the site's rows, as here."""
    before = doctor(site)
    check(before["administrator"]["verdict"] == "fail" and before["setup-code"]["verdict"] == "note", f"nobody is there: {before}")
    browser = Page(site)
    browser.set_up()
    rows = doctor(site)
    check({n: v for n, v in ((n, rows[n]["verdict"]) for n in changed(before, rows))} in (
        {"administrator": "pass"}, {"administrator": "pass", "setup-code": "pass"}), f"one is enough: {changed(before, rows)}")
    answer = browser.get("/api/v1/doctor").ok(200)
    mine = {c["check"]: c for c in answer["checks"]}
    check(len(mine) > 7 and all(rows[n]["verdict"] == c["verdict"] and set(c) == set(rows[n]) for n, c in mine.items()), f"the same rows: {mine}")
    check(answer["verdict"] in ("pass", "unknown", "fail") and "users" not in mine, "those that the manager sees")
    browser.add("Vera", "viewer")
    browser.other("Vera").get("/api/v1/doctor").problem(403)
    return browser


def cameras(folder, site, before):
    """Neither encryption nor the want of it: first allowed, then real. 127.0.0.2, where nobody was seen on TLS."""
    port = free_port()
    site.add("old", f"rtsp://127.0.0.2:{port}/old", None, None, "--transport", "plain")
    rows = only(site, before, "exceptions", "old-main has the transport plain")
    with Program(folder / "plain.log", [CUSTOS, "edge", "--listen", f"127.0.0.2:{port}", "--plain-loopback-test", "--user", "x",
                                        "--password-file", password_file(folder), "--stream", f"old={CARS}"]):
        site.cli("camera", "set", "old", "--user", "x", "--password-file", password_file(folder))
        site.wait_recording("old-main")
        only(site, rows, "encryption", "old-main comes in the clear")
        site.remove("old")
        wait_for(lambda: not changed(before, doctor(site)), 10, lambda: f"gone: {changed(before, doctor(site))}", 0.5)


def disks(folder, site, before):
    (folder / "second").mkdir()
    site.cli("storage", "add", "second", folder / "second")
    (folder / "second").rename(folder / "unplugged")
    # Its process ends and begins again, unconfined for a moment; then it is missing, and nothing else is wrong.
    wait_for(lambda: "volume-missing" in doctor(site)["volumes"]["text"], 20, "the volume is missing", 0.5)
    return only(site, before, "volumes", "volume second")


def test_each_alone(folder):
    site = Site(folder, config=CONFIG.format(0))  # nothing is looked at before it is damaged
    check(site.init().returncode == 0, "made")
    (site.state / "recovery-kit.txt").unlink()
    with site, Edge(folder, {"cam": CARS}, site.camera_certificate("cam"), "--burst") as edge:
        site.add("cam", edge.url("cam"), edge.user, edge.password_file)
        site.wait_recording("cam-main")
        wait_for(lambda: site.log().count("link.open") > 1, 20, "the porters are linked")
        people(site)
        before = doctor(site)
        # root's own site, without users for the roles: that row is 31-roles-users.py's
        wrong = {n for n, c in before.items() if c["verdict"] in ("fail", "unknown")} - {"clock", "landlock", "users"}
        check(not wrong and before["footage-key"]["verdict"] == "note", f"all is well but what this machine is: {before}")
        files(site, before)
        processes(folder, site, before)
        page(folder, site, before)
        cameras(folder, site, before)
        wait_for(lambda: len(site.segments()) > 2, 20, "a segment has ended")
        site.stop()
        rows = doctor(site)
        unseen = {n for n, c in rows.items() if c["verdict"] == "unknown"} - {"clock"}
        check(unseen >= {"seccomp", "privileges", "core-dumps", "ports", "memory", "users", "administrator", "setup-code", "page-certificate", "recorders", "encryption", "exceptions", "volumes",
                         "damage"}, f"what does not run is not well: {unseen}")
        path = site.segments("cam-main")[0]
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        Path(site.options[-1]).write_text(CONFIG.format(1000))
        site.start()
        site.wait_recording("cam-main")
        only(site, disks(folder, site, before), "damage", "segments are damaged")


def test_a_code_for_other_hosts(folder):
    with Site(folder, "--remote") as site:
        row = wait_for(lambda: (lambda r: r if r["verdict"] != "pass" else None)(doctor(site)["setup-code"]), 20, "a code is open")
        check(row["verdict"] == "fail" and "other hosts" in row["text"], f"{row}")


main(globals())
