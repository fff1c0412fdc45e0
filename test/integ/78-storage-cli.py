#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storage, locks, events and record terms on the command line: the real manager and the real commands, and in the place of the
recorder this program, which says what a recorder says and sees what it is asked.
"""
import json
import os
import pty
import pwd
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Gone
from custos_site import CUSTOS, ENV, SANITIZER, Program, Site, check, main, run, wait_for
from porters import Porter, settings

LINK = 100
ME = pwd.getpwuid(os.geteuid()).pw_name
TERMS = {"mode": "always", "between": "nothing", "schedule": "", "pre_s": 5, "post_s": 5, "min_days": 0, "max_days": 0, "quota_mb": 0}


# What a recorder is told whenever it comes.
ALWAYS = {"manager.history": lambda body: {}, "link.listen": lambda body: {"port": 1}}


class Refusal(Exception):
    """What the recorder does not do: code, text, remedy."""


def volume(number, name, path, state="healthy", **more):
    return {"number": number, "name": name, "path": str(path), "weight": 100, "retired": False, "state": state, "text": "", "remedy": "",
            "since": "2026-11-22T15:40:01.000Z", "total_bytes": 100 * 10**9, "free_bytes": 40 * 10**9, "reserve_bytes": 10**9,
            "footage_bytes": 59 * 10**9, "locked_bytes": 0, "segments": 12, "streams": 1, "oldest": "2026-11-01T00:00:00.000Z",
            "device": "8:17 ext4", "full_in_days": 3.5, "keeps_days": 20.0, "damaged": 0, "checked": None, **more}


class Recorder:
    """The recorder's end of the link; do[type](body) answers, or raises Refusal. asked: all that came, in order."""

    def __init__(self, folder, state, own=None):
        self.volumes = [volume(0, "main", state / "vault")]
        self.streams, self.locks, self.damaged, self.asked, self.set = [], [], [], [], {}
        self.page = 200
        self.clock = {"synchronized": True, "offset_us": 0, "steps": 0}
        self.forecast = {"minimum_in_days": None, "stops_in_days": None}
        self.status = []
        self.do = {"stream.set": self.on_set, "stream.remove": lambda b: {}, "connection.cut": lambda b: {"cut": 0},
                   "status.get": self.on_status, "storage.get": self.on_storage, "storage.add": self.on_add, "storage.set": lambda b: {},
                   "storage.retire": lambda b: {}, "storage.damage": self.on_damage, "lock.add": self.on_lock, "lock.list": self.on_locks,
                   "lock.remove": lambda b: {}, "event.start": lambda b: {}, "event.stop": lambda b: {}}
        self.porter = Porter(folder, own or state, "recorder", settings(folder))
        self.channel = self.porter.peer()
        self.channel.end.settimeout(None)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                kind, body = self.channel.receive()
                m = json.loads(body)
                if "id" not in m:
                    continue
                self.asked.append((m["type"], m["body"]))
                answer = {"v": 1, "id": m["id"], "type": "answer"}
                try:
                    answer["body"] = {**ALWAYS, **self.do}[m["type"]](m["body"])
                except Refusal as why:
                    answer.update(type="failure", code=why.args[0], text=why.args[1], remedy=why.args[2])
                self.channel.send(kind, json.dumps(answer).encode())
            except (Gone, OSError):
                return

    def close(self):
        self.channel.end.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.channel.end.close()
        self.porter.end()

    def requests(self, kind):
        return [body for k, body in self.asked if k == kind]

    def paged(self, key, all_, after, name):
        rest = [x for x in all_ if after is None or x[name] > after]
        return {key: rest[:self.page], "more": len(rest) > self.page}

    def on_set(self, body):
        self.set[body["stream"]] = body
        return {}

    def on_status(self, body):
        return {"recorder": "custos://x/recorder/main", "sealer": True, "workers": 1, "streams_total": len(self.status), "more": False,
                "streams": [s for s in self.status if s["stream"] > body.get("after", "")]}

    def on_storage(self, body):
        check(set(body) <= {"after"}, f"what storage.list forwards: {body}")
        return {"volumes": self.volumes, "clock": self.clock, "forecast": self.forecast, **self.paged("streams", self.streams, body.get("after"), "stream")}

    def on_add(self, body):
        self.volumes.append(volume(len(self.volumes), body["name"], body["path"], weight=body["weight"]))
        return {}

    def on_damage(self, body):
        return self.paged("segments", self.damaged, body.get("after"), "number")

    def on_lock(self, body):
        self.locks.append({k: body[k] for k in ("id", "stream", "from", "to", "by", "reason")} | {"made": "2026-11-22T16:00:00.000Z"})
        self.locks.sort(key=lambda x: x["id"])
        return {}

    def on_locks(self, body):
        return self.paged("locks", self.locks, body.get("after"), "id") if body.get("limit", 200) > 1 else \
            {"locks": [x for x in self.locks if x["id"] > body["after"]][:1], "more": True}


class Desk:
    """A site with its manager, and this recorder."""

    def __init__(self, folder, prepare=None, before=()):
        """prepare(state directory) before the manager runs; before: what stands before its command line."""
        self.folder, self.site = folder, Site(folder)
        self.site.init()
        config = shutil.copy(self.site.options[-1], self.site.state / "custos.ini")
        if prepare:
            prepare(self.site.state)
        self.manager = Program(folder / "manager.log", [*before, CUSTOS, "manager", "--state", self.site.state, "--config", config])
        wait_for(lambda: self.site.status(), 20, lambda: f"the manager answers: {self.manager.log()}")
        self.recorder = None

    def attach(self, state=None):
        """state: of the recorder's porter, where that is another directory."""
        self.recorder = Recorder(self.folder, self.site.state, state)
        wait_for(lambda: (self.site.status() or {}).get("recorder"), 10, "the recorder is heard of")
        self.recorder.asked.clear()
        return self.recorder

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.recorder:
                self.recorder.close()
            self.manager.__exit__(kind)
        finally:
            self.site.clean()

    def cli(self, *words, ok=True):
        return self.site.cli(*words, ok=ok)

    def json(self, *words, ok=True):
        return json.loads(self.cli(*words, "--json", ok=ok).stdout)

    def audit(self, event):
        return [line for line in self.json("audit", "show") if line["event"] == event]

    def typed(self, text, *words):
        """The command with a terminal as its input, at which text is typed: (exit status, what it says)."""
        ours, theirs = pty.openpty()
        p = subprocess.Popen([CUSTOS, *words, "--state", str(self.site.state)], stdin=theirs, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=ENV)
        os.close(theirs)
        os.write(ours, text.encode())
        said = p.communicate(timeout=30)[0].decode()
        os.close(ours)
        check(not SANITIZER.search(said), said)
        return p.returncode, said


def test_volumes(folder):
    with Desk(folder) as desk:
        check("recorder main is not connected" in desk.cli("storage", "list", ok=1).stderr, "without a recorder it says so")
        recorder = desk.attach()
        disk2, disk3 = folder / "disk2", folder / "disk3"
        disk2.mkdir()
        disk3.mkdir()
        listed = desk.json("storage", "list")
        check(listed == recorder.volumes, f"keys as on the link: {listed}")
        check(re.search(r"^main +healthy +100 +40\.0 GB +100\.0 GB +59\.0 GB ", desk.cli("storage", "list").stdout, re.M), "a short table")

        # On another disk than this test's one volume: no warning.
        recorder.volumes[0]["device"] = "8:1 ext4"
        said = desk.cli("storage", "add", "disk2", disk2, "--weight", "30").stdout
        check("disk2 takes new segments" in said and "WARNING" not in said, said)
        check(recorder.requests("storage.add") == [{"name": "disk2", "path": str(disk2), "weight": 30, "stale": False}],
              f"what the recorder is asked: {recorder.asked}")
        # On the same one: said, not refused.
        answer = desk.json("storage", "add", "disk3", disk3, "--stale")
        check(recorder.requests("storage.add")[1]["stale"] is True, "known to be stale")
        check(answer["volume"]["name"] == "disk3" and len(answer["warnings"]) == 1 and
              "disk3 lies on the same file system as disk2 (8:17 ext4)" in answer["warnings"][0], f"a warning: {answer}")
        recorder.volumes[0]["retired"] = True
        recorder.volumes[0]["device"] = "8:17 ext4"
        said = desk.cli("storage", "add", "disk4", disk2).stdout
        check(said.count("WARNING: ") == 2 and "as main" not in said, f"one that is retired is not counted: {said}")
        lines = desk.audit("storage.added")
        check([(x["volume"], x["path"], x["weight"], x["stale"], x["by"]) for x in lines] ==
              [("disk2", str(disk2), 30, False, ME), ("disk3", str(disk3), 100, True, ME), ("disk4", str(disk2), 100, False, ME)],
              f"who added what: {lines}")

        def refuse(_):
            raise Refusal("state", "the directory is not empty", "Choose an empty one.")
        recorder.do["storage.add"] = refuse
        said = desk.cli("storage", "add", "disk5", disk2, ok=1).stderr
        check("the directory is not empty\n  Choose an empty one." in said, f"the recorder's words and remedy: {said}")
        check(len(desk.audit("storage.added")) == 3, "what was not done is in no log")

        desk.cli("storage", "set", "disk2", "--weight", "7")
        check(recorder.requests("storage.set") == [{"name": "disk2", "weight": 7}], "the weight")


def test_retiring_asks_back(folder):
    with Desk(folder) as desk:
        recorder = desk.attach()
        said = desk.cli("storage", "retire", "main", ok=64).stderr
        check("say --yes" in said, f"without a terminal: {said}")
        code, said = desk.typed("mian\n", "storage", "retire", "main")
        check(code == 1 and "nothing was done" in said, f"a word that is wrong: {code} {said}")
        code, said = desk.typed("\x04", "storage", "retire", "main")
        check(code == 1, f"no word: {code} {said}")
        check(not recorder.requests("storage.retire") and not desk.audit("storage.retired"), "nothing was asked for so far")
        code, said = desk.typed("main\n", "storage", "retire", "main")
        check(code == 0 and "no new segments" in said, f"the right word: {code} {said}")
        desk.cli("storage", "retire", "disk2", "--yes")
        check(recorder.requests("storage.retire") == [{"name": "main"}, {"name": "disk2"}], f"{recorder.asked}")
        check([(x["volume"], x["by"]) for x in desk.audit("storage.retired")] == [("main", ME), ("disk2", ME)], "who retired what")
        check("0 broken" in desk.cli("audit", "verify").stdout, "the chain holds")


def test_status(folder):
    with Desk(folder) as desk:
        recorder = desk.attach()
        check("STORAGE" not in desk.cli("status", ok=None).stdout and "CLOCK" not in desk.cli("status", ok=None).stdout, "all is well")
        recorder.page = 2
        recorder.streams = [{"stream": f"cam{i}-main", "bytes": 10**9, "oldest": "2026-11-20T00:00:00.000Z", "days_kept": 2.5,
                             "bytes_a_day": 4 * 10**8, "below_minimum": i == 4} for i in range(5)]
        shown = desk.json("storage", "status", ok=1)
        check(set(shown) == {"volumes", "streams", "clock", "forecast"} and shown["streams"] == recorder.streams, f"all pages in one: {shown}")
        said = desk.cli("storage", "status", ok=1).stdout
        for text in ("main: healthy since 2026-11-22T15:40:01.000Z", "room      40.0 GB free of 100.0 GB; 1.0 GB of it is kept free",
                     "full in 3.5 days; at this rate it keeps 20.0 days", "cam4-main", "BELOW ITS MINIMUM", "clock  synchronized"):
            check(text in said, f"{text}: {said}")
        check(said.count("BELOW") == 1, "one alone")
        recorder.streams[4]["below_minimum"] = False
        desk.cli("storage", "status")
        recorder.volumes[0].update(state="volume-slow", text="no answer for 12 s", remedy="Look for other load on it.")
        recorder.clock = {"synchronized": False, "offset_us": 1500000, "steps": 2}
        said = desk.cli("storage", "status", ok=1).stdout
        check("main: volume-slow since" in said and "cause     no answer for 12 s\n  to do     Look for other load on it." in said and
              "NOT SYNCHRONIZED, off by +1.500 s, 2 steps" in said, said)
        said = desk.cli("status", ok=None).stdout
        check("volume main: volume-slow since 2026-11-22T15:40:01.000Z. Look for other load" in said, said)
        check("CLOCK        not synchronized, 2 steps. Run an NTP client" in said, said)

        recorder.forecast["minimum_in_days"] = 3.25
        check("in 3.2 days there is no room left for the minimum days" in desk.cli("status", ok=None).stdout, "said days before")

        # A stream that nobody asks for is no fault; one that could not be recorded if asked for is.
        idle = {"stream": "a-main", "state": "streaming", "recording": False, "protection": "encrypted and verified", "transport": "tls"}
        for gate, state, ok, word in (("waiting", "streaming", 0, "standby"), ("key-frames", "streaming", 0, "key frames"),
                                      ("off", "stopped", 0, "off"), ("waiting", "connecting", 1, "connecting"),
                                      ("open", "streaming", 1, "streaming")):
            recorder.status = [{**idle, "gate": gate, "state": state}]
            said = desk.cli("status", ok=ok or True).stdout
            check(re.search(rf"^  a-main +{word} ", said, re.M), f"{gate}, {state}: {said}")
            check(("1 more is not to be" in said) == (ok == 0), said)
            desk.json("status", ok=ok or True)


def test_damage(folder):
    with Desk(folder) as desk:
        recorder = desk.attach()
        check("no damaged segment is known" in desk.cli("storage", "damage").stdout, "none")
        recorder.page = 2
        recorder.damaged = [{"number": i, "volume": "main", "object_key": f"cam-main/{i}.mp4", "stream": "cam-main",
                             "from": "2026-11-20T00:00:00.000Z", "to": "2026-11-20T00:05:00.000Z", "text": "fragment 3 \x1b[31m",
                             "checked": "2026-11-22T00:00:00.000Z"} for i in range(1, 6)]
        check(desk.json("storage", "damage") == recorder.damaged, "all pages")
        said = desk.cli("storage", "damage").stdout
        check("5 segments are no longer" in said and "cam-main/5.mp4" in said and "\x1b" not in said, said)


def lock(desk, camera="lobby", *more):
    return desk.json("lock", "add", "--camera", camera, "--from", "2026-11-20T08:00:00Z", "--to", "2026-11-20T09:00:00Z",
                     "--reason", "case 12: door", *more)


def test_locks(folder):
    with Desk(folder) as desk:
        desk.site.add("lobby", "rtsps://127.0.0.1:1/x")
        recorder = desk.attach()
        recorder.page = 2
        answer = lock(desk)
        check(re.fullmatch("[0-9a-f]{32}", answer["id"]) and answer["warnings"] == [], f"{answer}")
        ids = [answer["id"]] + [lock(desk)["id"] for _ in range(4)]
        check(len(set(ids)) == 5, "each its own")
        asked = recorder.requests("lock.add")[0]
        check(asked == {"id": ids[0], "stream": "lobby-main", "from": "2026-11-20T08:00:00Z", "to": "2026-11-20T09:00:00Z", "by": ME,
                        "reason": "case 12: door"}, f"{asked}")
        answer = lock(desk, "loby", "--stream", "sub")
        check(len(answer["warnings"]) == 1 and "no stream sub of a camera loby" in answer["warnings"][0], f"a name that is not there: {answer}")
        check(desk.json("lock", "list") == [x | {"recorder": "main"} for x in recorder.locks] and len(recorder.locks) == 6, "all pages")
        check("6 locks" in desk.cli("lock", "list").stdout, "for people")
        lines = desk.audit("lock.added")
        check([x["lock"] for x in lines][:5] == ids and lines[0]["camera"] == "lobby" and lines[0]["stream"] == "main" and
              lines[0]["by"] == ME and lines[0]["reason"] == "case 12: door", f"who locked what and why: {lines}")
        for words, text in ((("--reason", ""), "--reason takes something"), (("--reason", "a\nb"), "one line"),
                            (("--reason", "x" * 400), "at most 399 bytes")):
            said = desk.cli("lock", "add", "--camera", "a", "--from", "2026-11-20T08:00:00Z", "--to", "2026-11-20T09:00:00Z", *words, ok=64)
            check(text in said.stderr, said.stderr)


def test_who_asks_is_who_the_socket_says(folder):
    """The manager runs as another user; root and that user may ask, and each has a name of his own."""
    if os.geteuid() != 0:
        print("left out test_who_asks_is_who_the_socket_says: one user alone is there without root")
        return
    nobody = pwd.getpwnam("nobody")
    become = ["/usr/bin/setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    if subprocess.run([*become, CUSTOS, "version"], capture_output=True).returncode:
        print("left out test_who_asks_is_who_the_socket_says: another user cannot run the program here")
        return

    def give(state):
        for path in (state, *state.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)

    with Desk(folder, prepare=give, before=become) as desk:
        mine = folder / "mine"  # of this recorder's porter, which runs as we do
        shutil.copytree(desk.site.state / "node/recorder", mine / "node/recorder")
        peers = mine / "node/recorder/peers.json"
        at = json.loads(peers.read_text())
        at["manager"].update(host="127.0.0.1", port=int((desk.site.state / "manager/port").read_text()))
        peers.write_text(json.dumps(at))
        recorder = desk.attach(mine)
        lock(desk)
        run(*become, CUSTOS, "lock", "add", "--camera", "lobby", "--from", "2026-11-20T08:00:00Z", "--to", "2026-11-20T09:00:00Z",
            "--reason", "case 12", "--state", desk.site.state)
        check([x["by"] for x in recorder.requests("lock.add")] == ["root", "nobody"], f"{recorder.requests('lock.add')}")
        check([x["by"] for x in desk.audit("lock.added")] == ["root", "nobody"], "in the log too")


def test_a_lock_is_removed_in_the_log_first(folder):
    with Desk(folder) as desk:
        recorder = desk.attach()
        one, two, three = sorted(lock(desk)["id"] for _ in range(3))
        seen = []

        def on_remove(body):
            last = json.loads((desk.site.state / "audit.log").read_text().splitlines()[-1])
            seen.append((body, last["event"], last.get("lock")))
            recorder.locks = [x for x in recorder.locks if x["id"] != body["id"]]
            return {}
        recorder.do["lock.remove"] = on_remove
        check("say --yes" in desk.cli("lock", "remove", two, "--reason", "over", ok=64).stderr, "without a terminal")
        code, said = desk.typed("yes\n", "lock", "remove", two, "--reason", "over")
        check(code == 1 and "case 12: door" in said and "Type lobby-main" in said, f"which lock it is: {said}")
        check(not seen and not desk.audit("lock.removed"), "nothing so far")
        code, said = desk.typed("lobby-main\n", "lock", "remove", two, "--reason", "over")
        check(code == 0, said)
        check(seen == [({"id": two}, "lock.removed", two)], f"the line stands before the recorder is asked: {seen}")
        line = desk.audit("lock.removed")[0]
        check({k: line[k] for k in ("camera", "stream", "by", "reason", "from", "to", "made_by", "made_for")} ==
              {"camera": "lobby", "stream": "main", "by": ME, "reason": "over", "from": "2026-11-20T08:00:00Z", "to": "2026-11-20T09:00:00Z",
               "made_by": ME, "made_for": "case 12: door"}, f"what is lost by it: {line}")
        desk.cli("lock", "remove", one, "--reason", "over", "--yes")
        said = desk.cli("lock", "remove", one, "--reason", "over", "--yes", ok=1).stderr
        check("there is no lock of that id" in said and len(seen) == 2, f"not there: {said}")
        desk.cli("lock", "remove", "0" * 32, "--reason", "over", "--yes", ok=64)
        check(len(desk.audit("lock.removed")) == 2, "and in no log")

        def refuse(_):
            raise Refusal("io", "volume disk2 does not answer", "")
        recorder.do["lock.remove"] = refuse
        said = desk.cli("lock", "remove", three, "--reason", "over", "--yes", ok=1).stderr
        check("volume disk2 does not answer" in said, said)
        check([x["lock"] for x in desk.audit("lock.not_removed")] == [three], "the log does not say that it is gone")
        check("0 broken" in desk.cli("audit", "verify").stdout, "the chain holds")


def test_no_log_no_removal(folder):
    """A device that is always full in the place of the log."""
    always_full = os.makedev(1, 7)
    try:
        os.mknod(folder / "full", stat.S_IFCHR | 0o600, always_full)
        os.close(os.open(folder / "full", os.O_RDWR))
    except OSError:
        print("left out test_no_log_no_removal: no device can be made here")
        return

    def full(state):
        os.mknod(state / "audit.log", stat.S_IFCHR | 0o600, always_full)

    with Desk(folder, prepare=full) as desk:
        recorder = desk.attach()
        recorder.locks = [{"id": "ab" * 16, "stream": "lobby-main", "from": "2026-11-20T08:00:00Z", "to": "2026-11-20T09:00:00Z",
                           "made": "2026-11-22T16:00:00.000Z", "by": "x", "reason": "y"}]
        said = desk.cli("lock", "remove", "ab" * 16, "--reason", "over", "--yes", ok=1).stderr
        check("lock.removed is not done, because the audit log cannot take it" in said, said)
        check(recorder.requests("lock.list") and not recorder.requests("lock.remove"), f"the recorder was not asked: {recorder.asked}")
        said = desk.cli("storage", "retire", "main", "--yes", ok=1).stderr
        check("storage.retired is done, but it is not in the audit log" in said, said)


def test_events(folder):
    with Desk(folder) as desk:
        for name in ("main", "sub", "third"):
            desk.site.add("door", "rtsps://127.0.0.1:1/x", None, None, "--stream", name, "--record", "off" if name == "third" else "event")
        recorder = desk.attach()
        desk.cli("event", "start", "--camera", "door", "--seconds", "20")
        check(recorder.requests("event.start") == [{"stream": f"door-{s}", "source": "operator", "seconds": 20} for s in ("main", "sub")],
              f"all that are recorded: {recorder.asked}")
        recorder.asked.clear()
        desk.cli("event", "start", "--camera", "door", "--stream", "sub", "--source", "gate-4")
        check(recorder.requests("event.start") == [{"stream": "door-sub", "source": "gate-4", "seconds": 0}], f"{recorder.asked}")
        said = desk.cli("event", "start", "--camera", "door", "--stream", "third", ok=1).stderr
        check("its mode is off" in said, said)
        check("there is no camera" in desk.cli("event", "start", "--camera", "window", ok=1).stderr, "no camera")

        def refuse_main(code):
            def answer(body):
                if body["stream"] == "door-main":
                    raise Refusal(code, "no", "Do it later.")
                return {}
            return answer
        recorder.asked.clear()
        recorder.do["event.stop"] = refuse_main("not_found")
        desk.cli("event", "stop", "--camera", "door")
        check([b["stream"] for b in recorder.requests("event.stop")] == ["door-main", "door-sub"], "one of them had no event")
        check("Do it later." in desk.cli("event", "stop", "--camera", "door", "--stream", "main", ok=1).stderr, "the one had none")
        recorder.do["event.start"] = refuse_main("exhausted")
        recorder.asked.clear()
        said = desk.cli("event", "start", "--camera", "door", ok=1).stderr
        check(said.startswith("custos event: no\n  Do it later.") and len(recorder.requests("event.start")) == 2,
              f"the other is recorded all the same: {said}")


def test_record_terms(folder):
    with Desk(folder) as desk:
        recorder = desk.attach()

        def told(path="lobby-main"):
            return recorder.set[path]["record"]

        def shown():
            return desk.json("camera", "show", "lobby")["camera"]["streams"][0]["record"]
        desk.site.add("lobby", "rtsps://127.0.0.1:1/x")
        check(told() == TERMS and shown() == TERMS, f"always, without a bound: {told()}")
        answer = desk.json("camera", "set", "lobby", "--record", "event", "--pre", "10", "--schedule", "mon-fri 08:00-18:00")
        want = {**TERMS, "mode": "event", "pre_s": 10, "schedule": "mon-fri 08:00-18:00"}
        check(told() == want and answer["camera"]["streams"][0]["record"] == want, f"what was given is changed: {told()}")
        desk.cli("camera", "set", "lobby", "--min-days", "10", "--max-days", "30", "--quota", "5000", "--between", "key-frames")
        want.update(min_days=10, max_days=30, quota_mb=5000, between="key-frames")
        check(told() == want and shown() == want, f"and nothing else: {told()}")
        said = desk.cli("camera", "show", "lobby").stdout
        check("recorded: event (mon-fri 08:00-18:00), 10 s before and 5 s behind an event, key frames between; kept 10 to 30 days; "
              "5000 MB at most" in said, said)
        before = len(recorder.requests("stream.set"))
        for words, text in ((("--min-days", "31"), "31"), (("--record", "sometimes"), "always, schedule, event or off"),
                            (("--schedule", "noon"), "schedule")):
            said = desk.cli("camera", "set", "lobby", *words, ok=64).stderr
            check(text in said, f"{words}: {said}")
        check("0 to 60" in desk.cli("camera", "set", "lobby", "--pre", "61", ok=64).stderr, "bounds")
        check(shown() == want and len(recorder.requests("stream.set")) == before, "what is refused changes nothing")
        desk.cli("camera", "set", "lobby", "--record", "off")
        want["mode"] = "off"
        check(told() == want, f"the recorder is told that it is off: {told()}")
        desk.cli("camera", "set", "lobby", "--record", "always", "--max-days", "0")
        desk.cli("camera", "set", "lobby", "--without-audio")
        lines = desk.audit("camera.record")
        check([(x["before"]["mode"], x["record"]["mode"], x["record"]["max_days"]) for x in lines] ==
              [("always", "event", 0), ("event", "event", 30), ("event", "off", 30)] and {x["by"] for x in lines} == {ME},
              f"what is recorded or kept less, and no more: {lines}")
        said = desk.cli("audit", "show").stdout
        check('camera.record' in said and '"mode":"off"' in said.replace("\\x22", '"'), f"the terms can be read: {said}")
        desk.site.add("other", "rtsps://127.0.0.1:1/x", None, None, "--record", "schedule", "--schedule", "daily 22:00-06:00")
        check(told("other-main") == {**TERMS, "mode": "schedule", "schedule": "daily 22:00-06:00"}, "of a new camera")
        # A recorder that begins anew hears all of it again.
        recorder.close()
        recorder = desk.attach()
        check(recorder.set["other-main"]["record"]["mode"] == "schedule" and recorder.set["lobby-main"]["record"]["pre_s"] == 10,
              "it stands in the inventory")


main(globals())
