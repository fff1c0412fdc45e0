#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sees a camera live needs a grant, and a captured parent gets nothing without one.

The manager's grants are read, and others are made, by an independent implementation (test/lib/grants.py). Then this program is
the parent: towards the real sealer, and towards the real worker, where it plays the sealer too, since it is the parent that
makes the channel between the two. What is refused is refused for its reason, and the sealer's log has a line for each grant
that was taken, before it was.
"""
import json
import os
import re
import resource
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import grants
from channels import NUMBERS, Channel, Gone, Parent, Process, field16, text
from custos_site import CUSTOS, Failure, Program, Site, check, custos, main, run, wait_for
from disks import FaultFs, own_mounts
from worker_driver import FAULTS, START, UNKNOWN_US, field32, take_text

STREAM_OPEN, KEY_STORE, KEY_STORED, SEGMENT_OPEN, SEGMENT_KEY = (
    NUMBERS[n] for n in ("STREAM_OPEN", "KEY_STORE", "KEY_STORED", "SEGMENT_OPEN", "SEGMENT_KEY"))
GRANT, GRANTED, NOT_GRANTED, CRLS, WATCHED, NOT_WATCHED, UNWATCH = (
    NUMBERS[n] for n in ("GRANT", "GRANTED", "NOT_GRANTED", "CRLS", "WATCHED", "NOT_WATCHED", "UNWATCH"))
NAMES = {number: name for name, number in FAULTS.items()}
SKEW = 30
DAY = 86400


def new_site(folder):
    site = Site(folder)
    site.init()
    return site


# ---- the manager ----

def ask(site, kind, body):
    """A request on the control socket: its answer's body, or the failure as a text; None where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        try:
            s.connect(str(site.state / "control.sock"))
        except OSError:
            return None
        s.settimeout(10)
        s.send(struct.pack(">H", 100) + json.dumps({"v": 1, "id": 1, "type": kind, "body": body}).encode())
        answer = json.loads(s.recv(1 << 18)[2:])
    return answer["body"] if answer["type"] == "answer" else f"{answer['code']}: {answer['text']}"


def asked(site, **change):
    return {"person": "Erika M\u00fcller", "gateway": f"custos://{grants.site_name(site)}/gateway/front", "use": ["live"],
            "streams": ["lobby-main", "yard-sub"], "session": grants.new_session()[1], "seconds": 60, **change}


def audit(site, event):
    lines = [json.loads(line) for line in (site.state / "audit.log").read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def openssl_agrees(site, token, folder):
    """The signature and the chain by the openssl program, which knows nothing of JSON."""
    head, body, signature = token.split(b".")
    header, raw = json.loads(grants.decode(head)), grants.decode(signature)
    for name, cert in zip(("leaf", "issuer"), header["x5c"]):
        (folder / f"{name}.der").write_bytes(grants.base64.b64decode(cert))
        run("openssl", "x509", "-inform", "DER", "-in", folder / f"{name}.der", "-out", folder / f"{name}.pem")
    run("openssl", "verify", "-x509_strict", "-purpose", "any", "-CAfile", site.state / "site/root.crt", "-untrusted", folder / "issuer.pem",
        folder / "leaf.pem")
    text = run("openssl", "x509", "-in", folder / "leaf.pem", "-noout", "-ext", "extendedKeyUsage,subjectAltName,keyUsage").stdout
    check("1.3.6.1.5.5.7.3.36" in text and f"custos://{grants.site_name(site)}/manager/main" in text and "TLS Web" not in text,
          f"a certificate for grants and for nothing else: {text}")
    key = subprocess.run(["openssl", "x509", "-in", str(folder / "leaf.pem"), "-noout", "-pubkey"], check=True, capture_output=True).stdout
    (folder / "key.pem").write_bytes(key)
    (folder / "signed").write_bytes(head + b"." + body)
    (folder / "signature").write_bytes(grants.utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")))
    run("openssl", "dgst", "-sha256", "-verify", folder / "key.pem", "-signature", folder / "signature", folder / "signed")


class Manager(Program):
    """custos manager alone; offset_s: by a clock that is so far ahead."""

    def __init__(self, site, offset_s=0):
        super().__init__(site.log_path, [CUSTOS, "manager", "--state", site.state, *site.options], {"CUSTOS_CLOCK_OFFSET_S": str(offset_s)})
        self.site = site
        wait_for(lambda: not self.alive() or ask(site, "camera.list", {}) is not None, 20, "the manager answers", 0.05)
        check(self.alive(), f"the manager ended at once: {self.log()}")

    def grant(self, wish):
        """(token, payload, leaf) of what it makes."""
        answer = ask(self.site, "grant.make", wish)
        check(isinstance(answer, dict), f"a grant is made: {answer}")
        token = answer["grant"].encode()
        return token, *grants.read(token, (self.site.state / "site/root.crt").read_bytes())[1:]


def test_the_manager_makes_them(folder):
    site = Site(folder)
    site.init()
    try:
        with Manager(site) as manager:
            leaf = judge_what_is_made(site, manager, folder)
            judge_what_is_not_made(site)
            judge_without_a_log(site, manager)
        judge_the_key(site, leaf)
    finally:
        site.clean()


def judge_what_is_made(site, manager, folder):
    check(os.stat(site.state / "manager/grant.key").st_mode & 0o777 == 0o600, "the key is for the manager alone")
    wish = asked(site)
    token, payload, leaf = manager.grant(wish)
    for name in ("person", "gateway", "use", "streams", "session"):
        check(payload[name] == wish[name], f"as asked: {name} {payload[name]}")
    check(payload["from"] is None and payload["until"] is None and payload["site"] == grants.site_name(site), f"live, of this site: {payload}")
    check(payload["exp"] - payload["iat"] == 60 and abs(payload["iat"] - time.time()) < 10, f"for a minute from now on: {payload}")
    openssl_agrees(site, token, folder)
    line = audit(site, "grant.made")[-1]
    check((line["grant"], line["person"], line["streams"]) == (payload["id"], wish["person"], wish["streams"]) and line["by"],
          f"it is in the audit log: {line}")
    check(wish["session"] not in json.dumps(line) and "grant.made" in site.cli("audit", "show").stdout, "and is shown")
    footage = {"use": ["playback", "export"], "receiver": "Police", "purpose": "case 7", "from": "2026-11-22T15:40:01.000001Z", "until": "2026-11-22T16:00:00.000000Z"}
    _, payload, _ = manager.grant(asked(site, **footage))
    check({k: payload[k] for k in footage} == footage, f"of footage, with its span: {payload}")
    return leaf


def judge_what_is_not_made(site):
    name = grants.site_name(site)
    for change, why in (({"seconds": 601}, "1 to 600"), ({"seconds": 0}, "1 to 600"), ({"streams": []}, "streams"), ({"streams": ["*"]}, "streams"),
                        ({"streams": [f"a{i}-main" for i in range(65)]}, "64"), ({"use": []}, "use"), ({"use": ["all"]}, "use"),
                        ({"person": ""}, "person"), ({"person": "x" * 200}, "person"), ({"session": "00" * 65}, "session"),
                        ({"session": "04"}, "session"), ({"gateway": "custos://other/gateway/front"}, "gateway"),
                        ({"gateway": f"custos://{name}/recorder/main"}, "gateway"), ({"use": ["playback"]}, "span"),
                        ({"from": "2026-11-22T15:40:01Z", "until": "2026-11-22T15:40:02Z"}, "span"), ({"more": 1}, "more")):
        answer = ask(site, "grant.make", asked(site, **change))
        check(isinstance(answer, str) and answer.startswith("invalid") and why in answer, f"{change} is refused: {answer}")
    check(len(audit(site, "grant.made")) == 2, "and what is refused is not in the log")


def judge_without_a_log(site, manager):
    size = (site.state / "audit.log").stat().st_size
    pid = site.pids()["manager"]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
    answer = ask(site, "grant.make", asked(site))
    check(isinstance(answer, str) and "not done" in answer and "audit log" in answer, f"no grant that is not in the log: {answer}")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    manager.grant(asked(site))


def judge_the_key(site, leaf):
    """Two thirds of the certificate's life on there is another key with another certificate; before that the same."""
    key, chain = site.state / "manager/grant.key", site.state / "manager/grant.pem"
    before = key.read_bytes(), chain.read_bytes()
    with Manager(site) as manager:
        again = manager.grant(asked(site))[2]
        check(again == leaf and (key.read_bytes(), chain.read_bytes()) == before, "a start makes no new one")
    with Manager(site, 10 * DAY) as manager:
        _, payload, renewed = manager.grant(asked(site))
        check(renewed.public_key().public_numbers() != leaf.public_key().public_numbers() and renewed.not_valid_after > leaf.not_valid_after,
              "renewed, with a new key")
        check(abs(payload["iat"] - time.time() - 10 * DAY) < 10, "by the manager's clock")
    chain.write_bytes(before[1])
    with Manager(site) as manager:
        third = manager.grant(asked(site))[2]
        check(third not in (leaf, renewed), "a pair that does not match is made anew")
    key.chmod(0o644)
    said = len(site.log())
    with Program(site.log_path, [CUSTOS, "manager", "--state", site.state, *site.options]):
        wait_for(lambda: re.search(r"grant\.key.*chmod", site.log()[said:]), 10, "owner, mode and what mends it are named")
    key.chmod(0o600)


# ---- a captured parent towards the sealer ----

class Sealer(Process):
    def __init__(self, folder, site):
        super().__init__(folder, site.state, "sealer")
        try:
            self.first.receive()  # its hello
        except Gone:
            raise Failure(f"the sealer ended at once: {self.log()}") from None
        self.site, self.log_file, self.watches, self.hours = site, site.state / "recorder/grants.log", 0, set()

    def open(self, stream):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.first.send(STREAM_OPEN, text(stream) + bytes(16 + 8 + 32) + struct.pack(">q", UNKNOWN_US), [theirs.fileno()])
        theirs.close()
        return Channel(ours)

    def ask(self, stream, token, watch=None):
        self.watches = watch or self.watches + 1
        self.first.send(GRANT, struct.pack(">I", self.watches) + text(stream) + field16(token))

    def takes(self, channel, stream, token):
        """On the stream's own channel, and by then it is in the log."""
        self.ask(stream, token)
        kind, body = channel.receive()
        check(kind == GRANTED and body == struct.pack(">I", self.watches) + field16(token), f"the token as it was asked: {kind} {body[:40]}")
        check(grants.json.loads(grants.decode(token.split(b".")[1]))["id"] in self.lines()[-1]["grant"], "its line is the last one")

    def refuses(self, stream, token, fault):
        lines = len(self.lines())
        self.ask(stream, token)
        kind, body = self.first.receive()
        check(kind == NOT_GRANTED and body[:4] == struct.pack(">I", self.watches), f"refused ({fault}), not answered {kind}")
        check(NAMES.get(body[5], "") == fault, f"for {fault}, not {NAMES.get(body[5])}: {take_text(body, 6)[0]}")
        check(len(self.lines()) == lines, f"{fault}: nothing in the log of what was not taken")

    def lines(self):
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]

    def sealing(self, channel, stream):
        """A segment key is given: sealing goes on."""
        channel.send(SEGMENT_OPEN)
        if stream not in self.hours:
            self.hours.add(stream)
            kind, body = self.first.receive()
            check(kind == KEY_STORE, f"{stream}: its hour key is to be kept first, not {kind}")
            n = struct.unpack(">H", body[:2])[0]
            m = struct.unpack(">H", body[2 + n:4 + n])[0]
            self.first.send(KEY_STORED, body[:4 + n + m])
        kind, body = channel.receive()
        check(kind == SEGMENT_KEY and len(body) == 48, f"{stream}: a segment key, not {kind}")


def bad_grants(site, good, stream):
    """(fault, token): each would be good but for one thing."""
    one = good.grant(site, [stream])
    head, body, signature = one.split(b".")
    flipped = bytearray(body)
    flipped[len(body) // 2] ^= 1
    node = grants.Signer.new(site, "custos://{site}/manager/main", grants.TLS)
    recorder = grants.Signer.new(site, "custos://{site}/recorder/main")
    seals = grants.Signer.of(site.state / "recorder/seal.key", site.state / "recorder/seal.pem")
    by_seals = grants.Signer.new(site, issuer="seals")
    over, to_come = grants.Signer.new(site, days=(-20, -1)), grants.Signer.new(site, days=(1, 20))
    stranger = grants.Signer(grants.new_session()[0], good.leaf, good.issuer)
    yield "grant-refused", b""
    yield "grant-refused", b"none"
    yield "grant-refused", b"."
    yield "grant-refused", head + b"." + bytes(flipped) + b"." + signature
    yield "grant-refused", head + b"." + body + b"."
    yield "grant-refused", good.sign(good.header(alg="none"), json.loads(grants.decode(body)))
    yield "grant-refused", good.sign(good.header(alg="HS256"), json.loads(grants.decode(body)))
    yield "grant-refused", good.sign(good.header(typ="JWT"), json.loads(grants.decode(body)))
    yield "grant-refused", good.sign(good.header(), grants.decode(body)[:-1] + b',"v":1}')
    yield "grant-refused", good.grant(site, [stream], more=1)
    yield "grant-refused", good.grant(site, [stream], site="other", gateway="custos://other/gateway/front")
    yield "grant-refused", good.grant(site, [stream], gateway=f"custos://{grants.site_name(site)}/recorder/main")
    yield "grant-refused", good.grant(site, [stream], seconds=601)
    yield "grant-refused", stranger.grant(site, [stream])
    yield "grant-expired", good.grant(site, [stream], ago=300 + SKEW)
    yield "grant-expired", good.grant(site, [stream], ago=-SKEW - 20)
    yield "not-granted", good.grant(site, ["other-main", f"{stream}2", stream.split("-")[0] + "-sub"])
    yield "not-granted", good.grant(site, [stream], use=["playback"], **{"from": "2026-11-22T15:40:01.000000Z", "until": "2036-11-22T15:40:01.000000Z"})
    yield "wrong-purpose", node.grant(site, [stream])
    yield "wrong-purpose", recorder.grant(site, [stream])
    yield "wrong-purpose", seals.grant(site, [stream])
    yield "wrong-purpose", by_seals.grant(site, [stream])
    yield "expired", over.grant(site, [stream])
    yield "not-yet-valid", to_come.grant(site, [stream])


def test_a_captured_parent_and_the_sealer(folder):
    site = new_site(folder)
    try:
        sealer = Sealer(folder, site)
        lobby, yard = sealer.open("lobby-main"), sealer.open("yard-main")
        good = grants.Signer.new(site)
        token = good.grant(site, ["lobby-main"])
        sealer.takes(lobby, "lobby-main", token)
        judged = 0
        for fault, bad in bad_grants(site, good, "lobby-main"):
            sealer.refuses("lobby-main", bad, fault)
            judged += 1
        sealer.refuses("yard-main", token, "not-granted")  # and for a stream that the grant does not name
        check(lobby.quiet() and yard.quiet(), "no worker heard of any of it")
        # The same again is no second line; another stream, another grant is.
        sealer.ask("lobby-main", token)
        check(lobby.receive()[0] == GRANTED and len(sealer.lines()) == 1, "once in the log")
        sealer.takes(yard, "yard-main", good.grant(site, ["lobby-main", "yard-main"]))
        # Replayed behind its end.
        late = good.grant(site, ["lobby-main"], ago=60 + SKEW - 2, seconds=60)
        sealer.takes(lobby, "lobby-main", late)
        end = grants.json.loads(grants.decode(late.split(b".")[1]))["exp"] + SKEW
        wait_for(lambda: time.time() >= end, 5, "the grant runs out")
        sealer.refuses("lobby-main", late, "grant-expired")
        # Without a worker there is nobody to say it to, and the parent is told.
        yard.end.close()
        time.sleep(0.2)
        sealer.ask("yard-main", good.grant(site, ["yard-main"]))
        kind, body = sealer.first.receive()
        check(kind == NOT_GRANTED and "no worker" in take_text(body, 6)[0], f"no worker has it: {body}")
        # A revoked signer; a list that another issuer signed or that is older changes nothing.
        other = grants.Signer.new(site)
        sealer.first.send(CRLS, grants.revocation_list(site, 9, [good.leaf], issuer="cameras"))
        sealer.first.send(CRLS, b"no list")
        sealer.takes(lobby, "lobby-main", good.grant(site, ["lobby-main"]))
        sealer.first.send(CRLS, grants.revocation_list(site, 5, [good.leaf]))
        sealer.refuses("lobby-main", good.grant(site, ["lobby-main"]), "revoked")
        sealer.refuses("lobby-main", token, "revoked")
        sealer.first.send(CRLS, grants.revocation_list(site, 4))
        sealer.refuses("lobby-main", good.grant(site, ["lobby-main"]), "revoked")
        sealer.takes(lobby, "lobby-main", other.grant(site, ["lobby-main"]))
        sealer.sealing(lobby, "lobby-main")
        lines = sealer.lines()
        check([line["stream"] for line in lines] == ["lobby-main", "yard-main", "lobby-main", "yard-main", "lobby-main", "lobby-main"],
              f"a line for each that was taken: {lines}")
        check(all(line["event"] == "grant.taken" and line["person"] == "Erika M\u00fcller" and line["use"] == "live" for line in lines), f"{lines[0]}")
        check(os.stat(sealer.log_file).st_mode & 0o777 == 0o600, "for its owner alone")
        report = custos("audit", "verify", sealer.log_file)
        check("6 lines, 0 broken" in report.stdout, report.stdout)
        # Not of the form that a parent may use: it is cut off.
        sealer.first.send(GRANT, struct.pack(">I", 0) + text("lobby-main") + field16(token))
        check(sealer.first.closed(), "nobody's number")
        lobby.end.close()
        sealer.ended()
        # A sealer that begins again goes on behind its last line, and remembers no revocation but what lies there.
        sealer = Sealer(folder, site)
        lobby = sealer.open("lobby-main")
        sealer.takes(lobby, "lobby-main", other.grant(site, ["lobby-main"]))
        check("7 lines, 0 broken" in custos("audit", "verify", sealer.log_file).stdout, "one chain")
        sealer.end()
        tampered = sealer.log_file.read_bytes().replace(b"front", b"tnorf", 1)
        sealer.log_file.write_bytes(tampered)
        check("line 1 is broken" in custos("audit", "verify", sealer.log_file, ok=1).stdout, "and a line that was changed shows")
        print(f"  {judged} bad grants, each refused for its reason")
    finally:
        site.clean()


def test_a_log_that_takes_nothing(folder):
    """Full, or no file at all: nothing is released, sealing goes on."""
    site = new_site(folder)
    try:
        good = grants.Signer.new(site)
        sealer = Sealer(folder, site)
        lobby = sealer.open("lobby-main")
        sealer.takes(lobby, "lobby-main", good.grant(site, ["lobby-main"]))
        # Python ignores SIGXFSZ, and so do those that it starts: what does not fit is EFBIG.
        size = sealer.log_file.stat().st_size
        resource.prlimit(sealer.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        for _ in range(2):
            sealer.refuses("lobby-main", good.grant(site, ["lobby-main"]), "grant-not-logged")
            check(lobby.quiet() and sealer.log_file.stat().st_size == size, "no half line, and nobody was told")
        sealer.sealing(lobby, "lobby-main")
        resource.prlimit(sealer.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sealer.takes(lobby, "lobby-main", good.grant(site, ["lobby-main"]))
        check("2 lines, 0 broken" in custos("audit", "verify", sealer.log_file).stdout, "the chain goes on")
        check("grants.not_logged" in sealer.log(), "it is said in the log")
        sealer.end()
        sealer.log_file.unlink()
        sealer.log_file.mkdir()
        sealer = Sealer(folder, site)
        lobby = sealer.open("lobby-main")
        sealer.ask("lobby-main", good.grant(site, ["lobby-main"]))
        kind, body = sealer.first.receive()
        check(kind == NOT_GRANTED and NAMES[body[5]] == "grant-not-logged", f"without a log nothing: {kind} {body}")
        sealer.sealing(lobby, "lobby-main")
        sealer.end()
    finally:
        site.clean()


def test_the_parent_hands_lists_on(folder):
    site = new_site(folder)
    try:
        parent = Parent(folder, site)
        workers = [parent.worker(), parent.worker()]
        crls = grants.revocation_list(site, 5).decode()
        parent.manager.send(parent.LINK, json.dumps({"v": 1, "type": "link.revoked", "body": {"crls": crls}}).encode())
        for peer in (parent.sealer, *workers):
            check(peer.channel.receive() == (CRLS, crls.encode()), "to the sealer and to each worker, as it came")
        for bad in ({}, {"crls": 1}, {"crls": "x" * (65 << 10)}):
            parent.manager.send(parent.LINK, json.dumps({"v": 1, "type": "link.revoked", "body": bad}).encode())
        check(parent.ask("status.get", {})["workers"] == 2 and parent.sealer.quiet(), "and nothing that is no list")
        parent.end()
    finally:
        site.clean()


# ---- a captured parent towards the worker: it plays the sealer too ----

class Watched(Process):
    """A worker with one stream, whose camera never answers; this program holds both of its channels."""

    def __init__(self, folder, site, stream="lobby-main"):
        super().__init__(folder, site.state, "worker", arguments=["--index", "0"])
        self.stream = stream
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        chain = grants.Signer.of(site.state / "recorder/seal.key", site.state / "recorder/seal.pem")
        der = [c.public_bytes(grants.serialization.Encoding.DER) for c in (chain.leaf, chain.issuer, chain.issuer)]
        body = text(stream) + text("rtsps://127.0.0.1:1/x") + text("") + field16(b"") + bytes([0, 0]) + bytes(32) + bytes([0])
        body += field32((site.state / "site/root.crt").read_bytes()) + field32(b"") + field32(b"") + text("custos://test/recorder/test")
        body += b"".join(field16(c) for c in der)
        body += struct.pack(">IIIIIIIBIBq", 1000, 10, 100, 10000, 1000, 1000, 1500, 0, 0, START, UNKNOWN_US)
        self.first.send(NUMBERS["ASSIGN"], body, [theirs.fileno()])
        theirs.close()
        self.seal = Channel(ours)

    def hear(self, *kinds):
        """(type, the rest) of the next message of these types: what it says of its camera is passed over."""
        while True:
            kind, body = self.first.receive()
            if kind in kinds:
                stream, at = take_text(body)
                check(stream == self.stream, f"of {self.stream}, not {stream}")
                return kind, body[at:]

    def grant(self, watch, token):
        self.seal.send(GRANTED, struct.pack(">I", watch) + field16(token))
        return self.hear(WATCHED, NOT_WATCHED)

    def takes(self, watch, token):
        kind, body = self.grant(watch, token)
        check(kind == WATCHED and body[:4] == struct.pack(">I", watch), f"taken: {kind} {body}")
        return struct.unpack(">q", body[4:12])[0] // 1000000

    def refuses(self, watch, token, fault):
        kind, body = self.grant(watch, token)
        check(kind == NOT_WATCHED and body[:4] == struct.pack(">I", watch), f"refused ({fault}): {kind} {body}")
        check(NAMES.get(body[5], "") == fault, f"for {fault}, not {NAMES.get(body[5])}: {take_text(body, 6)[0]}")

    def over(self, fault, seconds):
        """A watch ends by itself: its number."""
        self.first.end.settimeout(seconds)
        kind, body = self.hear(WATCHED, NOT_WATCHED)
        self.first.end.settimeout(10)
        check(kind == NOT_WATCHED and NAMES.get(body[5], "") == fault, f"over ({fault}): {kind} {body}")
        return struct.unpack(">I", body[:4])[0]


def test_a_captured_parent_and_the_worker(folder):
    site = new_site(folder)
    try:
        worker, good = Watched(folder, site), grants.Signer.new(site)
        _, session = grants.new_session()
        first = good.grant(site, ["lobby-main"], session=session, seconds=60)
        judged = 0
        for fault, bad in bad_grants(site, good, "lobby-main"):
            worker.refuses(1, bad, fault)
            judged += 1
        until = worker.takes(1, first)
        check(abs(until - time.time() - 60 - SKEW) < 10, f"until its end: {until}")
        # A later grant for the same session prolongs it; one of another session or gateway does not.
        worker.refuses(1, good.grant(site, ["lobby-main"]), "not-granted")
        worker.refuses(1, good.grant(site, ["lobby-main"], session=session, gateway=f"custos://{grants.site_name(site)}/gateway/back"), "not-granted")
        check(worker.takes(1, good.grant(site, ["lobby-main"], session=session)) > until + 200, "later")
        # It runs out by itself, and is not taken again.
        short = good.grant(site, ["lobby-main"], ago=60 + SKEW - 2, seconds=60)
        worker.takes(2, short)
        check(worker.over("grant-expired", 5) == 2, "the one that ran out, and no other")
        worker.refuses(2, short, "grant-expired")
        # Sixteen at a time; a place that is given back is free.
        for watch in range(10, 25):
            worker.takes(watch, good.grant(site, ["lobby-main"]))
        worker.refuses(99, good.grant(site, ["lobby-main"]), "none")
        worker.first.send(UNWATCH, text("lobby-main") + struct.pack(">I", 10))
        wait_for(lambda: worker.grant(99, good.grant(site, ["lobby-main"]))[0] == WATCHED, 5, "a place is free")
        # The signer is revoked: all end at once, and no forged or older list brings them back.
        other = grants.Signer.new(site)
        worker.first.send(CRLS, grants.revocation_list(site, 9, [good.leaf], issuer="seals"))
        worker.first.send(CRLS, grants.revocation_list(site, 3))
        time.sleep(0.2)  # two channels: nothing else says that it was read
        worker.takes(1, good.grant(site, ["lobby-main"], session=session))
        worker.first.send(CRLS, grants.revocation_list(site, 5, [good.leaf]))
        ended = {worker.over("revoked", 2) for _ in range(16)}
        check(ended == {1, 99, *range(11, 25)}, f"all of them: {ended}")
        worker.first.send(CRLS, grants.revocation_list(site, 4))
        time.sleep(0.2)
        worker.refuses(1, good.grant(site, ["lobby-main"]), "revoked")
        worker.takes(1, other.grant(site, ["lobby-main"]))
        # Not a sealer's form: the channel ends.
        worker.seal.send(GRANTED, struct.pack(">I", 0) + field16(first))
        check(worker.seal.closed(), "nobody's number")
        worker.end()
        print(f"  {judged} bad grants by a sealer that is none, each refused for its reason")
    finally:
        site.clean()


def test_a_disk_that_hangs(folder):
    """A sync that does not come back keeps grants waiting, and not one seal."""
    own_mounts()
    site = new_site(folder)
    disk = None
    try:
        keys, good = folder / "keys", grants.Signer.new(site)
        shutil.move(site.state / "recorder", keys)
        disk = FaultFs(site.state, "recorder")
        for path in keys.iterdir():
            shutil.copy2(path, disk.path)
        sealer = Sealer(folder, site)
        sealer.log_file = disk.backing / "grants.log"  # as it lies there, whatever calls do
        lobby = sealer.open("lobby-main")
        sealer.takes(lobby, "lobby-main", good.grant(site, ["lobby-main"]))
        for fault in ("write errno ENOSPC", "sync errno EIO", "write errno EROFS"):
            disk.say(fault)
            sealer.refuses("lobby-main", good.grant(site, ["lobby-main"]), "grant-not-logged")
            disk.say("well")
        disk.say("sync hang")
        waiting = [good.grant(site, ["lobby-main"]) for _ in range(3)]
        for token in waiting:
            sealer.ask("lobby-main", token)
        check(lobby.quiet(), "nothing before its line is durable")
        for _ in range(20):
            sealer.sealing(lobby, "lobby-main")
        disk.say("well")
        for token in waiting:
            kind, body = lobby.receive()
            check(kind == GRANTED and body[4:] == field16(token), "each in its turn once the disk answers")
        check("4 lines, 0 broken" in custos("audit", "verify", sealer.log_file).stdout, "in one chain")
        sealer.end()
    finally:
        if disk:
            disk.close()
        site.clean()


if __name__ == "__main__":
    main(globals())
