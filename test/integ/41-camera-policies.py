#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a camera and what is remembered of it: transports and carriers in the inventory, changes while it is recorded,
two streams of one camera, exceptions in the audit log, no way back from TLS.

Cameras that are never to be taken without TLS stand at 127.0.0.2 and further: what is remembered, is of an address too.
"""
import json
import os
import socket
import sqlite3
import struct
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Site, check, custos, key_pin, main, self_signed, verify, wait_for


class Open:
    """A camera without TLS that keeps what it hears and refuses it."""

    def __init__(self, host="127.0.0.1", port=0):
        self.heard, self.connections = b"", 0
        self.socket = socket.create_server((host, port))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.listen, args=(client,), daemon=True).start()

    def listen(self, client):
        client.settimeout(5)
        try:
            while data := client.recv(4096):
                self.heard += data
                client.sendall(b"RTSP/1.0 400 Bad Request\r\nCSeq: 0\r\n\r\n")
        except OSError:
            pass
        client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def shown(site, name):
    return {s["stream"]: s for s in json.loads(site.cli("camera", "show", name, "--json").stdout)["camera"]["streams"]}


def audit(site):
    return json.loads(site.cli("audit", "show", "--json").stdout)


def events(site):
    return [(line["event"], line["camera"]) for line in audit(site)]


def test_what_goes_with_what(folder):
    with Site(folder) as site:
        for words, code, text in (
                (["rtsp://127.0.0.1/x"], 1, "--transport plain"), (["http://127.0.0.1/x"], 1, "https://"),
                (["rtsps://127.0.0.1/x", "--transport", "plain"], 64, "rtsp://"),
                (["https://127.0.0.1/x", "--transport", "plain"], 64, "http://"),
                (["rtsp://127.0.0.1/x", "--transport", "tls-if-available"], 1, "rtsps://"),
                (["rtsps://127.0.0.1/x", "--transport", "ssl"], 64, "tls-pinned"),
                (["rtsps://127.0.0.1/x", "--transport", "tls-pinned"], 64, "--pin"),
                (["rtsps://127.0.0.1/x", "--transport", "tls", "--pin", "ab" * 32], 64, "tls-pinned"),
                (["rtsps://127.0.0.1/x", "--carrier", "tunnel"], 64, "https://"),
                (["https://127.0.0.1/x", "--carrier", "udp"], 64, "rtsps://"),
                (["rtsps://127.0.0.1/x", "--carrier", "mjpeg"], 64, "https://"),
                (["rtsps://127.0.0.1/x", "--carrier", "pigeon"], 64, "interleaved")):
            p = site.add("odd", words[0], None, None, *words[1:], ok=code)
            check(text in p.stderr, f"{words}: the text names what would go: {p.stderr}")
        check(json.loads(site.cli("camera", "list", "--json").stdout) == [], "none of them is in the inventory")
        for i, (url, transport, carrier, more) in enumerate((
                ("rtsps://127.0.0.1:1/x", "tls", "interleaved", []), ("https://127.0.0.1:1/x", "tls", "tunnel", []),
                ("rtsps://127.0.0.1:1/x", "tls", "udp", ["--carrier", "udp"]),
                ("https://127.0.0.1:1/x", "tls", "mjpeg", ["--carrier", "mjpeg"]),
                ("https://127.0.0.1:1/x", "tls", "snapshot", ["--carrier", "snapshot"]),
                ("rtsps://127.0.0.1:1/x", "tls-pinned", "interleaved", ["--pin", "ab" * 32]),
                ("https://127.0.0.1:1/x", "tls-if-available", "tunnel", ["--transport", "tls-if-available"]),
                ("rtsp://127.0.0.1:1/x", "plain", "interleaved", ["--transport", "plain"]),
                ("http://127.0.0.1:1/x", "plain", "tunnel", ["--transport", "plain"]))):
            site.add(f"cam-{i}", url, None, None, *more)
            s = shown(site, f"cam-{i}")["main"]
            check(("NOT ENCRYPTED" in site.cli("camera", "set", f"cam-{i}", "--without-audio").stdout) == (transport == "plain"), f"said: {s}")
            check((s["transport"], s["carrier"]) == (transport, carrier), f"{url} {more}: {s}")
        wait_for(lambda: site.stream("cam-8-main").get("transport") == "plain", 5, "the recorder has them")
        states = site.streams()
        check(states["cam-6-main"]["transport"] == "tls-if-available" and states["cam-6-main"]["carrier"] == "tunnel", f"{states['cam-6-main']}")
        # Whoever asked for less is in the log, with what it was.
        chosen = [(line["camera"], line["transport"]) for line in audit(site) if line["event"] == "exception.chosen"]
        check(chosen == [("cam-6", "tls-if-available"), ("cam-7", "plain"), ("cam-8", "plain")], f"exceptions: {chosen}")
        text = site.cli("status", ok=1).stdout
        check("3 more may connect without encryption" in text, f"status counts them: {text[-600:]}")
        listed = site.cli("camera", "list").stdout
        check("plain" in listed and "tls-if-available" in listed and "not connected" in listed, f"the list shows both: {listed}")


def test_what_is_open_is_said_loudly(folder):
    """A manager of the test's own answers: what the command line makes of streams in the clear, whatever was asked for."""
    (folder / "s").mkdir()
    stream = {"state": "streaming", "recording": True, "protection": "open", "transport": "plain", "carrier": "interleaved"}
    streams = [dict(stream, stream="a-main"), dict(stream, stream="b-main", transport="tls-if-available"),
               dict(stream, stream="c-main", transport="tls", protection="encrypted and verified"),
               dict(stream, stream="d-main", state="connecting", recording=False)]
    answers = {"status": {"site": "s", "fingerprint": "f", "manager": "running", "recorder": {"streams": streams, "more": False}},
               "camera.list": {"more": False, "cameras": [{"name": n, "streams": [{"stream": "main", "url": "rtsp://x/", "transport": "plain",
                                                                                   "carrier": "interleaved"}]} for n in "abcd"]}}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(folder / "s/control.sock"))
        listener.listen()

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                asked = json.loads(client.recv(1 << 17)[2:])
                body = answers.get(asked["type"])
                said = {"type": "answer", "body": body} if body else {"type": "failure", "code": "unavailable", "text": "away", "remedy": ""}
                client.sendall(struct.pack(">H", 100) + json.dumps({"v": 1, "id": asked["id"], **said}).encode())
                client.close()

        threading.Thread(target=serve, daemon=True).start()
        state = ["--state", folder / "s"]
        text = custos("status", *state, ok=1).stdout
        check(text.count("NOT ENCRYPTED") == 3 and "2 of them NOT ENCRYPTED on the way here" in text, f"each and the sum: {text}")
        check("1 more may connect without encryption" in text and "encrypted and verified" in text, text)
        check(json.loads(custos("status", *state, "--json", ok=1).stdout)["not_encrypted"] == 2, "for programs too")
        listed = custos("camera", "list", *state).stdout.splitlines()
        check([("NOT ENCRYPTED" in line) for line in listed[:4]] == [True, True, False, False], f"the list: {listed}")
        listener.shutdown(socket.SHUT_RDWR)


def test_an_older_inventory(folder):
    """The database of the first release: no carrier in it, which is what that release spoke."""
    site = Site(folder)
    try:
        site.init()
        db = sqlite3.connect(site.state / "site.sqlite")
        db.executescript("""
            CREATE TABLE camera (name TEXT PRIMARY KEY NOT NULL, added_us INTEGER NOT NULL, note TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;
            CREATE TABLE stream (camera TEXT NOT NULL REFERENCES camera(name) ON DELETE CASCADE, name TEXT NOT NULL, url TEXT NOT NULL,
              user TEXT NOT NULL, password BLOB NOT NULL,
              transport TEXT NOT NULL CHECK (transport IN ('tls', 'tls-pinned', 'tls-if-available', 'plain')),
              pin BLOB NOT NULL CHECK (length(pin) IN (0, 32)),
              mode TEXT NOT NULL DEFAULT 'record' CHECK (mode IN ('record', 'live', 'off')),
              audio INTEGER NOT NULL DEFAULT 1 CHECK (audio IN (0, 1)), added_us INTEGER NOT NULL,
              PRIMARY KEY (camera, name)) STRICT, WITHOUT ROWID;
            INSERT INTO camera (name, added_us) VALUES ('old', 1700000000000000);
            INSERT INTO stream (camera, name, url, user, password, transport, pin, added_us)
              VALUES ('old', 'main', 'rtsps://127.0.0.1:1/x', '', x'', 'tls', x'', 1700000000000000);
            PRAGMA user_version = 1;""")
        db.close()
        os.chmod(site.state / "site.sqlite", 0o600)
        site.start()
        s = shown(site, "old")["main"]
        check((s["transport"], s["carrier"]) == ("tls", "interleaved"), f"carried over: {s}")
        site.cli("camera", "set", "old", "--carrier", "udp")
        site.stop()
        site.start()
        check(shown(site, "old")["main"]["carrier"] == "udp", "what was set stays")
        site.stop()
    finally:
        site.clean()


def test_main_and_sub_side_by_side(folder):
    with Site(folder) as site:
        with Edge(folder, {"cam": CARS, "small": DESK}, site.camera_certificate("cam"), "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.add("cam", edge.url("small"), edge.user, edge.password_file, "--stream", "sub", "--without-audio")
            site.wait_recording("cam-main", "cam-sub")
            check(set(shown(site, "cam")) == {"main", "sub"}, "both are shown")
            p = site.add("cam", edge.url("small"), edge.user, edge.password_file, "--stream", "sub", ok=1)
            check("has a stream sub already" in p.stderr, p.stderr)
            before = site.stream("cam-main")
            # A change of one leaves the other alone.
            site.cli("camera", "set", "cam", "--stream", "sub", "--url", edge.url("cam"), "--with-audio")
            wait_for(lambda: site.stream("cam-sub")["connects"] == 2 and site.stream("cam-sub")["recording"] and edge.plays("cam") == 2, 15,
                     lambda: f"sub comes from elsewhere now: {site.stream('cam-sub')}")
            time.sleep(1.5)
            after = site.stream("cam-main")
            check(after["connects"] == before["connects"] == 1 and after["lost_packets"] == 0, f"main never noticed: {after}")
            fingerprint = site.fingerprint()
            for name, n in (("cam-main", 1), ("cam-sub", 2)):
                check(len(site.segments(name)) >= n, f"{name} has segments of its own")
        site.stop()
        verify(site.state / "vault", trust=fingerprint, ok=0)
        check([e for e, _ in events_of(site)] == ["camera.added", "camera.added", "camera.changed"], f"{events_of(site)}")


def events_of(site):
    """Without a running system: the file itself."""
    return [(line["event"], line["camera"]) for line in map(json.loads, (site.state / "audit.log").read_text().splitlines())]


def test_settings_change_while_recorded(folder):
    with Site(folder) as site:
        first, other = site.camera_certificate("cam"), self_signed(folder, "other")
        with Edge(folder, {"cam": CARS}, first, "--burst") as a, Edge(folder, {"cam": CARS}, other, "--burst", password="another one") as b:
            site.add("cam", a.url("cam"), a.user, a.password_file)
            site.wait_recording("cam-main")
            # Nothing that changes nothing cuts the connection.
            site.cli("camera", "set", "cam", "--url", a.url("cam"))
            p = site.cli("camera", "set", "cam", ok=64)
            check("say what to change" in p.stderr, p.stderr)
            time.sleep(1)
            check(site.stream("cam-main")["connects"] == 1 and a.plays("cam") == 1, "the same settings: the same connection")
            # To another camera with another key and password, in the same chain.
            site.cli("camera", "set", "cam", "--url", b.url("cam"), "--pin", key_pin(other[1]), "--password-file", b.password_file)
            wait_for(lambda: site.stream("cam-main").get("protection") == "encrypted, pinned" and site.stream("cam-main")["recording"], 15,
                     lambda: f"it is recorded by its pin: {site.stream('cam-main')}")
            check(shown(site, "cam")["main"]["transport"] == "tls-pinned", "and shown so")
            # A wrong setting is taken back by another change.
            site.cli("camera", "set", "cam", "--pin", "ab" * 32)
            check(site.wait_refused("cam-main")["fault"] == "pin-mismatch", "a pin that is wrong")
            site.cli("camera", "set", "cam", "--url", a.url("cam"), "--transport", "tls", "--password-file", a.password_file)
            wait_for(lambda: site.stream("cam-main").get("protection") == "encrypted and verified" and site.stream("cam-main")["recording"],
                     15, lambda: f"back: {site.stream('cam-main')}")
            check(shown(site, "cam")["main"]["pin"] == "", "without a pin")
            for words in (["set", "nobody", "--carrier", "udp"], ["set", "cam", "--stream", "sub", "--carrier", "udp"]):
                site.cli("camera", *words, ok=1)
            fingerprint = site.fingerprint()
            time.sleep(1.5)
        site.stop()
        verify(site.state / "vault", trust=fingerprint, ok=0)  # one chain over all of it


def test_exceptions_end_with_tls(folder):
    """tls-if-available becomes tls at the first success: in the inventory, in the recorder, in the log; without a second connection."""
    with Site(folder) as site:
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam"), "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file, "--transport", "tls-if-available")
            site.wait_recording("cam-main")
            wait_for(lambda: shown(site, "cam")["main"]["transport"] == "tls", 5, "the inventory says tls")
            wait_for(lambda: site.stream("cam-main")["transport"] == "tls", 5, "the recorder says tls")
            check(("transport.became_tls", "cam") in events(site), f"and the log: {events(site)}")
            time.sleep(1)
            check(edge.plays("cam") == 1 and site.stream("cam-main")["connects"] == 1, "the connection that it has is good")
            port = edge.port
        # Now the port with TLS is closed, and the one without answers: nothing goes there.
        with Open(port=port) as trap:
            state = site.wait_refused("cam-main", 30)
            check(state["fault"] == "not-tls", f"nothing less is taken: {state}")
            for word in (b"RTSP", b"Authorization", b"DESCRIBE", b"OPTIONS"):
                check(word not in trap.heard, f"nothing is said without TLS: {trap.heard[:80]}")
            # Nor by hand, nor under another name, nor as a second stream, nor after a restart.
            for again in range(2):
                for name, more in (("cam", ["--stream", "sub"]), ("newcomer", [])):
                    p = site.add(name, f"rtsp://127.0.0.1:{trap.port}/cam", None, None, "--transport", "plain", *more, ok=1)
                    check("possible downgrade" in p.stderr and "clear-tls-memory" in p.stderr, f"{name}: {p.stderr}")
                p = site.cli("camera", "set", "cam", "--url", f"rtsp://127.0.0.1:{trap.port}/cam", "--transport", "plain", ok=1)
                check("possible downgrade" in p.stderr, p.stderr)
                site.cli("camera", "set", "cam", "--transport", "tls-if-available")
                check(shown(site, "cam")["main"]["transport"] == "tls", "asking for less gets tls")
                if again == 0:
                    site.stop()
                    site.start()
            check(trap.heard.count(b"RTSP/1.0") == 0, "and nothing was said meanwhile")
            # An administrator's act, and only that.
            site.cli("camera", "clear-tls-memory", "cam")
            p = site.cli("camera", "clear-tls-memory", "cam", ok=1)
            check("nothing is remembered" in p.stderr, p.stderr)
            site.cli("camera", "set", "cam", "--url", f"rtsp://127.0.0.1:{trap.port}/cam", "--transport", "plain")
            check(shown(site, "cam")["main"]["transport"] == "plain", "now it may be")
            want = ["camera.added", "exception.chosen", "transport.became_tls", "tls_memory.cleared", "exception.chosen"]
            seen = [e for e, _ in events(site) if e != "camera.changed"]
            check(seen == want, f"every step is in the log: {seen}")


def test_a_plain_stream_ends_when_its_camera_speaks_tls(folder):
    """The main stream shows that the camera speaks TLS: the sub stream without it is given up, and says why."""
    with Site(folder) as site:
        certificate = site.camera_certificate("cam", "IP:127.0.0.1,DNS:localhost")
        with Edge(folder, {"cam": CARS}, certificate, "--burst") as edge, \
                Open("127.0.0.2") as trap:
            site.add("cam", f"rtsp://127.0.0.2:{trap.port}/x", None, None, "--stream", "sub", "--transport", "plain")
            wait_for(lambda: site.stream("cam-sub").get("transport") == "plain", 5, "it is tried")
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")
            state = site.wait_refused("cam-sub")
            wait_for(lambda: site.stream("cam-sub")["fault"] == "downgrade", 5, lambda: f"refused: {site.stream('cam-sub')}")
            state = site.stream("cam-sub")
            check(state["state"] == "stopped" and "possible downgrade" in state["error"] and "clear-tls-memory" in state["remedy"], f"{state}")
            check(("camera.refused", "cam") in events(site), "in the log")
            time.sleep(0.5)
            connections = trap.connections
            time.sleep(2.5)
            check(trap.connections == connections, "nothing more is tried")
            # What is forgotten of one camera says nothing of the reasons of others.
            site.add("copy", edge.url("cam", "localhost"), edge.user, edge.password_file)
            wait_for(lambda: site.stream("copy-main").get("fault") == "duplicate-key", 20, lambda: f"a copied key: {site.stream('copy-main')}")
            site.cli("camera", "clear-tls-memory", "cam")
            wait_for(lambda: site.stream("cam-sub").get("fault") != "downgrade", 5, lambda: f"it may be tried again: {site.stream('cam-sub')}")
            check(site.stream("copy-main")["fault"] == "duplicate-key", f"the copy is still refused: {site.stream('copy-main')}")


main(globals())
