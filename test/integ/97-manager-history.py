#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which manager a recorder follows: what the real manager says of itself at each start, and what the real parent takes of managers that
this program plays. (Whole sites, a day apart and with two managers: check/97-split-brain.)
"""
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Parent
from custos_site import Failure, Site, check, main, wait_for
from manager_desk import Desk, Recorder, key_hash


def said(desk):
    """What a recorder of this host is told first."""

    recorder = desk.peer("recorder", "main", desk.site.state / "node/recorder/node.key")
    wait_for(lambda: recorder.of("manager.history"), 5, lambda: f"it says who it is: {recorder.asked}")
    check(recorder.asked[0][0] == "manager.history", f"first of all: {recorder.asked}")
    return recorder.of("manager.history")[0], recorder


def test_what_a_manager_says(folder):
    with Desk(folder) as desk:
        first, recorder = said(desk)
        check(len(first["id"]) == 32 and first["restores"] == [], f"no restore: {first}")
        starts = [first]
        for restored in (False, True, False):
            recorder.close()
            desk.manager.end()
            if restored:
                desk.cli("restore", "--here")
            desk.begin()
            now, recorder = said(desk)
            check(now["before"] == [s["id"] for s in reversed(starts)] + first["before"], f"it knows those before it: {now} {starts}")
            check(len(now["restores"]) == (1 if restored or len(starts) > 2 else 0), f"a restore is said from then on: {now}")
            check(not (desk.site.state / "restored").exists(), "which was ordered once")
            starts.append(now)
        check(len({s["id"] for s in starts}) == 4 and starts[2]["restores"] == starts[3]["restores"], f"each start is another: {starts}")
        recorder.close()
        # A recorder that follows another says so; the manager says that, and what to do.
        class Refuses(Recorder):
            def answer(self, kind, body):
                self.last_kind = kind
                return super().answer(kind, body)

            def send(self, message, kind=100, fds=()):
                if message.get("type") == "answer" and self.last_kind == "manager.history":
                    message = {"id": message["id"], "type": "failure", "code": "denied", "text": "it followed another", "remedy": "this"}
                super().send(message, kind, fds)

        other = desk.porter.peer(desk.name, "recorder", "main", key_hash(desk.site.state / "node/recorder/node.key"), make=Refuses)
        wait_for(lambda: desk.nodes()["recorder", "main"]["state"] == "refuses", 5, lambda: f"{desk.nodes()}")
        line = desk.audit("recorder.refuses")[0]
        check(line["recorder"] == "main" and "another" in line["text"], f"in the audit log: {line}")
        p = desk.cli("doctor", ok=None)
        check("follows another copy" in p.stdout and "restore --here" in p.stdout, f"with the remedy: {p.stdout}")
        other.close()
        _, again = said(desk)
        check(desk.nodes()["recorder", "main"]["state"] == "connected", "until it comes again")
        again.close()


def fresh():
    return os.urandom(16).hex()


class Refused(Exception):
    pass


def ask(parent, kind, body):
    parent.requests += 1
    parent.manager.send(100, json.dumps({"v": 1, "id": parent.requests, "type": kind, "body": body}).encode())
    while True:
        answer = json.loads(parent.manager.receive()[1])
        if answer.get("id") == parent.requests:
            if answer["type"] == "failure":
                raise Refused(answer["code"], answer["text"], answer["remedy"])
            return answer["body"]


def refused(parent, kind, body):
    try:
        ask(parent, kind, body)
    except Refused as why:
        check(why.args[0] == "denied" and "restore --here" in why.args[2], f"{kind}: other-manager, with what to do: {why.args}")
        return
    raise Failure(f"{kind} is not refused")


def another_link(parent):
    parent.manager = parent.porter.hand("manager", "main")


def test_what_a_recorder_takes(folder):
    site = Site(folder)
    site.init()
    a, b, c, x = fresh(), fresh(), fresh(), fresh()
    r = fresh()
    stream = {"stream": "door-main", "url": "rtsps://127.0.0.1:1/x", "transport": "tls", "carrier": "interleaved",
              "roots": (site.state / "site/root.crt").read_text()}
    try:
        parent = Parent(folder, site)
        ask(parent, "manager.history", {"id": a, "before": [], "restores": []})
        ask(parent, "stream.set", stream)
        another_link(parent)
        refused(parent, "stream.remove", {"stream": "door-main"})  # who says nothing
        refused(parent, "manager.history", {"id": x, "before": [b], "restores": []})  # who does not know of the first
        for kind, body in (("stream.set", stream), ("stream.remove", {"stream": "door-main"}), ("lock.remove", {"id": "00" * 16}),
                           ("connection.cut", {"keys": []}), ("storage.retire", {"name": "main"})):
            refused(parent, kind, body)
        status = ask(parent, "status.get", {})
        check([s["stream"] for s in status["streams"]] == ["door-main"], f"it may look, and nothing was changed: {status}")
        another_link(parent)
        ask(parent, "manager.history", {"id": c, "before": [b, a], "restores": []})
        ask(parent, "stream.remove", {"stream": "door-main"})
        ask(parent, "stream.set", stream)
        # A restore counts; then the one before does not, and that restore does not a second time.
        ask(parent, "manager.history", {"id": x, "before": [a], "restores": [r]})
        refused(parent, "manager.history", {"id": c, "before": [b, a], "restores": []})
        refused(parent, "manager.history", {"id": fresh(), "before": [a], "restores": [r]})
        refused(parent, "stream.remove", {"stream": "door-main"})
        parent.end()
        # It remembers.
        parent = Parent(folder, site)
        refused(parent, "stream.set", stream)
        refused(parent, "manager.history", {"id": c, "before": [b, a], "restores": []})
        ask(parent, "manager.history", {"id": x, "before": [a], "restores": [r]})
        ask(parent, "stream.set", stream)
        parent.end()
        check((site.state / "storage/manager").stat().st_mode & 0o777 == 0o600, "what it remembers is its own")
    finally:
        site.clean()


if __name__ == "__main__":
    main(globals())
