#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions and their ends (T-SESSION), on a running site with two gateways whose porters are real: each end is an event to both, and
the token is good for nothing from then on; nor is it ever through another gateway, nor in the database.
"""
import base64
import datetime
import json
import os
import sqlite3
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import grants
from clock_step import Clock
from custos_site import Site, check, custos, kill, main, run, wait_for
from people import HERE, PASSWORD, Front, add_person

MINUTE = 60
OTHER = "turm fluss kerze nebel"


def ended(fronts, session, reason):
    for front in fronts:
        check(front.ended(session) == reason, f"{reason}, not {front.ended(session)}")
    check(not fronts[0].lives(session), f"{reason}: its token is good for nothing")
    check(fronts[0].refused("camera.list", session).fault == "not-signed-in", "nor is its handle")


def ends_by_hand(site, fronts):
    front, back = fronts
    s = [front.sign_in("Erika") for _ in range(3)]
    check(not back.lives(s[0]) and back.refused("camera.list", s[0]).fault == "not-signed-in", "another gateway's is none")
    check(back.refused("session.close", session=s[0]["session"]).fault == "not-signed-in" and front.lives(s[0]), "nor can it be ended there")
    front.ask("session.close", session=s[0]["session"])
    ended(fronts, s[0], "signed out")
    site.cli("session", "revoke", s[1]["session"])
    ended(fronts, s[1], "revoked")
    check(front.lives(s[2]), "the third goes on")
    # Her own password, with the old one: where she does it she stays.
    check(front.refused("person.password", s[2], old="wrong", new=OTHER).fault == "wrong-sign-in", "not without the old one")
    check(front.refused("person.password", s[2], old=PASSWORD, new="short").fault == "weak-password", "nor for a weak one")
    elsewhere = back.sign_in("Erika")
    front.ask("person.password", s[2], old=PASSWORD, new=OTHER)
    ended((back, front), elsewhere, "password")
    check(front.lives(s[2]), "this one goes on")
    check(front.refused("session.open", name="Erika", password=PASSWORD, address=HERE, agent="").fault == "wrong-sign-in", "the old one is none")
    run(site.program, "person", "set", "Erika", "--password-file", "-", "--state", site.state, stdin=PASSWORD + "\n")
    ended(fronts, s[2], "password")
    for words, reason in ((("set", "Vera", "--disable"), "disabled"), (("remove", "Vera", "--yes"), "removed")):
        vera = front.sign_in("Vera")
        site.cli("person", *words)
        ended(fronts, vera, reason)
        check(front.refused("session.open", name="Vera", password=PASSWORD, address=HERE, agent="").fault == "wrong-sign-in", reason)
        if reason == "disabled":
            site.cli("person", "set", "Vera", "--enable")
    listed = json.loads(site.cli("session", "list", "--json").stdout)
    check(listed == [], f"nobody is left: {listed}")


def ends_by_time(site, fronts, clock):
    front = fronts[0]
    idle, busy = front.sign_in("Erika"), front.sign_in("Erika")
    clock.step(29 * MINUTE)
    front.ask("camera.list", busy)
    check(front.lives(busy), "29 minutes are not too long")
    clock.step(2 * MINUTE)
    ended(fronts, idle, "idle")
    clock.step(27 * MINUTE)
    front.ask("session.seen", session=busy["session"])
    clock.step(90)  # a grant ends with its session
    key = grants.new_session()[1]
    wish = {"use": ["live"], "streams": ["lobby-main"], "session": key, "seconds": 600}
    token = front.ask("grant.make", busy, **wish)["grant"].encode()
    payload = grants.read(token, (site.state / "site/root.crt").read_bytes())[1]
    end = site_seconds(busy["expires"])
    check(0 < payload["exp"] - payload["iat"] <= 30 and payload["exp"] <= end, f"not beyond {end}: {payload}")
    clock.step(60)
    ended(fronts, busy, "expired")
    clock.set(0)


def site_seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def outlives_the_manager(site, fronts):
    """Killed, it knows who is signed in; and a stolen database has no tokens."""
    front = fronts[0]
    s, gone = front.sign_in("Erika"), front.sign_in("Erika")
    front.ask("session.close", session=gone["session"])
    kill(site.pids()["manager"])
    for f in fronts:
        f.again()
    check(front.lives(s) and front.ask("camera.list", s) is not None, "it goes on")
    check(not front.lives(gone), "and what had ended does not")
    raw = base64.urlsafe_b64decode(s["token"] + "=")
    files = b"".join(p.read_bytes() for p in [*site.state.glob("site.sqlite*"), site.state / "audit.log", site.log_path])
    check(s["session"].encode() in files, "the handle is what it is looked for by")
    for secret in (raw, s["token"].encode(), raw.hex().encode(), PASSWORD.encode()):
        check(secret not in files, "no token and no password")
    check(b"$argon2id$v=19$m=65536,t=3,p=1$" in files, "what is kept of passwords is Argon2id")
    return s


def restored_without_sessions(folder, site, session):
    """People come along in a backup, which says nothing of them to others; who is signed in does not."""
    backup, state = folder / "site.backup", Path(tempfile.mkdtemp(prefix="cst-"))
    os.rmdir(state)
    site.cli("backup", backup)
    content = backup.read_bytes()
    check(b"argon2" not in content and b"Erika" not in content and session["session"].encode() not in content, "the backup is sealed")
    custos("restore", backup, "--recovery-kit", site.state / "recovery-kit.txt", "--state", state)
    db = sqlite3.connect(state / "site.sqlite")
    rows = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("person", "session", "setup_code")}
    db.close()
    check(rows == {"person": 1, "session": 0, "setup_code": 0}, f"{rows}")
    run("rm", "-r", state)


def ends_with_its_gateway(site, fronts, session):
    front, back = fronts
    mine = back.sign_in("Erika")
    site.cli("node", "revoke", "gateway", "front", "--reason", "stolen", "--yes")
    check(back.ended(session) == "revoked", "what was open through it ends")
    check(back.lives(mine), "and nothing else")
    lines = [x for x in json.loads(site.cli("audit", "show", "--json").stdout) if x["event"] in ("session.opened", "session.ended")]
    opened = {x["session"] for x in lines if x["event"] == "session.opened"}
    over = {x["session"]: x["reason"] for x in lines if x["event"] == "session.ended"}
    check(opened == {*over, mine["session"]}, f"each is in the audit log, with its end: {opened} {over}")
    check(set(over.values()) == {"signed out", "revoked", "password", "disabled", "removed", "idle", "expired"}, f"{over}")
    site.cli("audit", "verify")


def test_sessions(folder):
    clock = Clock(folder)
    site = Site(folder, config="[people]\nsession_hours = 1\n")
    try:
        site.start(env=clock.env())
        fronts = Front(folder, site), Front(folder, site, "back")
        add_person(site, "Erika")
        add_person(site, "Vera", "viewer")
        ends_by_hand(site, fronts)
        ends_by_time(site, fronts, clock)
        session = outlives_the_manager(site, fronts)
        restored_without_sessions(folder, site, session)
        ends_with_its_gateway(site, fronts, session)
        fronts[1].end()
        fronts[0].porter.kill()
        site.stop()
    finally:
        site.clean()


main(globals())
