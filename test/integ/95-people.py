#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first administrator (T-FIRSTRUN), guessing passwords (T-BRUTE), and what each role may, on a running site; this program is a
gateway whose porter is real.
"""
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import grants
from clock_step import Clock
from custos_site import CUSTOS, ENV, Failure, Site, check, main, run, wait_for
from people import HERE, PASSWORD, Front, Refused, add_person

AWAY = "192.0.2.77"


def finish(front, code, **change):
    return {"code": code, "name": "Erika", "password": PASSWORD, "address": HERE, "loopback": True, "agent": "a test", **change}


def code_of(site, *options):
    return json.loads(site.cli("person", "setup", "--json", *options).stdout)["code"]


def first_run(site, front, clock):
    """No account that anybody knows; the code is where nobody else reads, once, for 20 minutes and five tries."""
    check(front.ask("setup.state") == {"needed": True}, "nobody is there")
    for name, password in (("admin", "admin"), ("root", ""), ("Erika", PASSWORD), ("", "")):
        check(front.refused("session.open", name=name, password=password, address=HERE, agent="").fault == "wrong-sign-in", f"no {name}")
    file = site.state / "setup-code"
    code = wait_for(lambda: file.exists() and file.read_text().strip(), 10, "the code lies in a file, without a terminal")
    check(re.fullmatch(r"[A-Z2-7]{5}-[A-Z2-7]{5}", code) and file.stat().st_mode & 0o777 == 0o600, f"for its owner alone: {code}")
    check(str(file) in site.log() and code not in site.log(), "the log says where it is, and not what")
    kept = b"".join(p.read_bytes() for p in site.state.glob("site.sqlite*"))
    check(code.encode() not in kept and code.replace("-", "").encode() not in kept, "nor does the database")

    def refused(fault, code, **change):
        why = front.refused("setup.finish", **finish(front, code, **change))
        check(why.fault == fault, f"{fault}, not {why}")
        return why.text
    for _ in range(7):
        refused("setup-not-here", code, address=AWAY, loopback=False)  # and that closes nothing
    refused("weak-password", code, password="passwordpassword")
    texts = {refused("setup-code", "AAAAA-AAAAA") for _ in range(4)}
    clock.step(20 * 60)
    texts.add(refused("setup-code", code))  # late, and the fifth
    clock.step(-20 * 60)
    texts.add(refused("setup-code", code))  # closed
    again = code_of(site)
    check(again != code, "another one")
    texts.add(refused("setup-code", code))
    check(len(texts) == 1, f"all in one text: {texts}")
    remote = code_of(site, "--remote")
    texts.add(refused("setup-code", again))
    session = front.ask("setup.finish", **finish(front, remote.lower().replace("-", " "), address=AWAY, loopback=False))
    check((session["person"], session["role"]) == ("Erika", "administrator") and front.lives(session), f"signed in: {session}")
    refused("setup-done", remote, name="Mallory")
    check(front.ask("setup.state") == {"needed": False}, "it is set up")
    check("people already" in site.cli("person", "setup", ok=1).stderr, "and there is no other code")
    wait_for(lambda: not file.exists(), 10, "the file is gone")
    return session


def at_once(front, tries):
    """What Erika's sign-in from these addresses with these passwords is refused with."""
    numbers = [front.say("session.open", name="Erika", password=p, address=a, agent="hydra") for a, p in tries]
    refused = []
    for number in numbers:
        try:
            raise Failure(f"it is not refused: {front.answer(number)}")
        except Refused as why:
            refused.append(why)
    return refused


def guessing(site, front):
    """T-BRUTE: slower and slower, where it comes from alone; whoever guesses learns nothing of who there is."""
    front.sign_in("Erika", address="198.51.100.1")  # where she works

    def wrong(name, address, password="not the password"):
        at = time.monotonic()
        why = front.refused("session.open", name=name, password=password, address=address, agent="hydra")
        return why, time.monotonic() - at
    known = [wrong("Erika", f"10.0.0.{i}") for i in range(3)]
    nobody = [wrong(f"Otto{i}", f"10.0.1.{i}") for i in range(3)]
    check(len({(w.code, w.fault, w.text) for w, _ in known + nobody}) == 1, f"in one text: {known} {nobody}")
    # The least of each: what else runs here only adds. One that is not hashed takes a hundredth.
    ratio = min(t for _, t in nobody) / min(t for _, t in known)
    check(0.3 < ratio < 3, f"and in a like time: {known} {nobody}")
    # At once, so that none has been found wrong when the next comes: the sixth waits, right or wrong.
    answers = at_once(front, [("10.0.2.1", "guess")] * 5 + [("10.0.2.1", PASSWORD)])
    check([w.fault for w in answers] == ["wrong-sign-in"] * 5 + ["too-many-tries"], f"{answers}")
    check(answers[-1].code == "exhausted" and answers[-1].retry_after_s == 1, f"{answers}")
    answers = [w.fault for w in at_once(front, [*((f"10.0.3.{i}", "guess") for i in range(20)), ("203.0.113.5", PASSWORD)])]
    check(answers[-1] == "too-many-tries", f"from everywhere at once it is slowed down too, in a new place: {answers}")
    front.sign_in("Erika", address="198.51.100.1")  # where she works she is not locked out
    add_person(site, "Vera", "viewer")
    front.sign_in("Vera", address="203.0.113.5")  # nor is anybody else
    lines = [x for x in json.loads(site.cli("audit", "show", "--json").stdout) if x["event"] == "session.refused"]
    check({x["person"] for x in lines} <= {"Erika", ""} and all(x["gateway"] == "front" for x in lines), f"in the audit log: {lines[-3:]}")


def roles(site, front, erika):
    vera = front.sign_in("Vera")
    changes = {"camera.add": {"name": "x", "url": "rtsps://192.0.2.1/x"}, "camera.remove": {"name": "x"}, "person.list": {},
               "person.add": {"name": "y", "password": PASSWORD, "role": "administrator"}, "session.list": {},
               "person.set": {"name": "Vera", "role": "administrator"}, "session.revoke": {"person": "Erika"},
               "node.revoke": {"role": "gateway", "name": "front", "reason": "x"}, "lock.add": {}, "event.start": {},
               "storage.retire": {"name": "main"}, "trust.add": {}, "certificate.sign": {}}
    for kind, body in changes.items():
        check(front.refused(kind, vera, **body).fault == "not-allowed", f"a viewer may not {kind}")
        check(front.refused(kind, **body).fault == "not-signed-in", f"nor nobody: {kind}")
    for kind in ("camera.list", "status", "storage.list", "lock.list", "node.list", "security.links"):
        front.ask(kind, vera)
    for kind in ("site.backup", "setup.code"):
        check(front.refused(kind, erika).fault == "not-allowed", f"{kind} is of the host alone")
    for kind in ("session.open", "session.check", "setup.state"):
        check(front.refused(kind, erika).code == "invalid", f"{kind} is asked in nobody's name")
    key = grants.new_session()[1]
    wish = {"use": ["live"], "streams": ["lobby-main"], "session": key}
    token = front.ask("grant.make", vera, **wish)["grant"].encode()
    payload = grants.read(token, (site.state / "site/root.crt").read_bytes())[1]
    check((payload["person"], payload["gateway"]) == ("Vera", front.uri), f"for whom the session is: {payload}")
    span = {"from": "2026-11-22T15:40:01.000000Z", "until": "2026-11-22T16:00:00.000000Z"}
    check(front.refused("grant.make", vera, **{**wish, "use": ["playback", "export"]}, **span).fault == "not-allowed", "a viewer does not export")
    check(front.refused("grant.make", vera, person="Erika", **wish).code == "invalid", "nobody else is named")
    check(front.refused("grant.make", erika, gateway="custos://site/gateway/back", **wish).code == "denied", "nor another gateway")
    check(front.refused("grant.make", **wish).fault == "not-signed-in", "and never without a session")
    front.ask("camera.add", erika, name="door", url="rtsps://192.0.2.1/x")
    line = [x for x in json.loads(site.cli("audit", "show", "--json").stdout) if x["event"] == "camera.added"][-1]
    check(line["by"] == "Erika (gateway front)", f"who did it through what: {line}")
    # What she may is what she is at the moment.
    site.cli("person", "set", "Vera", "--role", "administrator")
    front.ask("camera.remove", vera, name="door")


def last_administrator(site):
    site.cli("person", "set", "Vera", "--disable")
    for words in (("remove", "Erika", "--yes"), ("set", "erika", "--disable"), ("set", "Erika", "--role", "viewer")):
        check("last administrator" in site.cli("person", *words, ok=1).stderr, f"{words}")
    site.cli("person", "set", "Vera", "--enable")
    site.cli("person", "remove", "Erika", "--yes")
    people = json.loads(site.cli("person", "list", "--json").stdout)
    check([(p["name"], p["role"], p["disabled"]) for p in people] == [("Vera", "administrator", False)], f"{people}")


def test_people(folder):
    clock = Clock(folder)
    site = Site(folder)
    try:
        site.start(env=clock.env())
        front = Front(folder, site)
        erika = first_run(site, front, clock)
        guessing(site, front)
        roles(site, front, erika)
        last_administrator(site)
        check(PASSWORD not in site.log(), "no password in the log")
        check(PASSWORD not in (site.state / "audit.log").read_text(), "nor in the audit log")
        site.cli("audit", "verify")
        front.end()
        site.stop()
    finally:
        site.clean()


def test_a_terminal_shows_the_code(folder):
    """On a terminal the code is shown there, once, and lies in no file."""
    site = Site(folder)
    near, far = pty.openpty()
    program = subprocess.Popen([str(CUSTOS), "run", "--state", str(site.state), *site.options], stdin=far, stdout=far, stderr=far, env=ENV)
    os.close(far)
    shown, end = b"", time.monotonic() + 30
    try:
        while b"Setup code:" not in shown or b"person setup" not in shown:
            check(time.monotonic() < end, f"the code is shown: {shown[-3000:]}")
            if select.select([near], [], [], 0.2)[0]:
                shown += os.read(near, 4096)
        check(re.search(rb"[A-Z2-7]{5}-[A-Z2-7]{5}\r?\n", shown), f"{shown[-2000:]}")
        check(not (site.state / "setup-code").exists(), "and in no file")
    finally:
        program.terminate()
        while program.poll() is None:
            if select.select([near], [], [], 0.1)[0]:
                try:
                    os.read(near, 4096)
                except OSError:
                    pass
        os.close(near)
        site.clean()


def test_passwords_are_never_arguments(folder):
    p = run(CUSTOS, "person", "add", "Erika", "--state", folder, ok=64)
    check("no terminal" in p.stderr, p.stderr)
    p = run(CUSTOS, "person", "add", "Erika", "--password", PASSWORD, "--state", folder, ok=64)
    check("no option" in p.stderr and PASSWORD not in p.stderr, p.stderr)


main(globals())
