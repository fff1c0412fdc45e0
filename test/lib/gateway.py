# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway (docs/spec/link.md section 8) by Python's cryptography package, and the recorder's processes with a test as their
supervisor and manager, so that it can hand a link to a gateway to the parent. Nothing of the program is in here.

    recorder = Roles(folder, site)
    recorder.stream_set("cars-main", edge, "cars")
    gateway = Gateway(recorder, "front")
    watching = gateway.open("cars-main", token)       # Subscription; Refused where it is refused
    gateway.read(5)                                   # reads for 5 seconds, giving credit back
    watching.write(path)                              # what was opened: MP4
"""
import json
import os
import select
import socket
import struct
import time

import grants
from channels import NUMBERS, ParentsPorter, Process, text
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from custos_site import CARS, DESK, Edge, Failure, Site, check, kill, wait_for

LINK, MEDIA = 100, 101
HEADER, FRAGMENT = 1, 2
KEY, MORE, SKIPPED = 1, 2, 4
HEAD = struct.Struct(">BBHIQq")


# ---- HPKE base mode, RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM ----

def _hmac(key, data):
    h = hmac.HMAC(key or bytes(32), hashes.SHA256())
    h.update(data)
    return h.finalize()


def _extract(suite, salt, label, ikm):
    return _hmac(salt, b"HPKE-v1" + suite + label + ikm)


def _expand(suite, prk, label, info, n):
    return _hmac(prk, struct.pack(">H", n) + b"HPKE-v1" + suite + label + info + b"\x01")[:n]


def hpke_open(private, enc, aad, sealed):
    public = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    dh = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc))
    kem, suite = b"KEM\x00\x10", b"HPKE\x00\x10\x00\x01\x00\x02"
    shared = _expand(kem, _extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + public, 32)
    context = b"\x00" + _extract(suite, b"", b"psk_id_hash", b"") + _extract(suite, b"", b"info_hash", b"")
    secret = _extract(suite, shared, b"secret", b"")
    return AESGCM(_expand(suite, secret, b"key", context, 32)).decrypt(_expand(suite, secret, b"base_nonce", context, 12), sealed, aad)


def media_key(private, stream, token, wrap):
    """Of an answer's wrap, for this grant of this session."""
    grant = json.loads(grants.decode(token.split(b".")[1]))["id"]
    return hpke_open(private, wrap[:65], text("custos-media-1") + text(stream) + text(grant), wrap[65:])


# ---- a gateway ----

class Refused(Exception):
    """code: text (remedy)"""


class Subscription:
    def __init__(self, number, stream, key, credit):
        self.number, self.stream, self.raw_key, self.key, self.credit = number, stream, key, AESGCM(key), credit
        self.last, self.part, self.things, self.owed, self.got, self.ended = -1, b"", [], 0, 0, None
        self.holes = []  # places of things that have a hole in the numbers before them

    def take(self, message):
        version, kind, flags, subscription, number, us = HEAD.unpack(message[:24])
        check((version, subscription) == (1, self.number) and number > self.last, f"a message of this subscription, behind {self.last}: {number}")
        check(not self.part or number == self.last + 1, "no hole within a thing")
        aad = HEAD.pack(version, kind, flags & ~SKIPPED, 0, number, us)
        plain = self.key.decrypt(bytes(4) + struct.pack(">Q", number), message[24:], aad)
        if not self.part and number != self.last + 1 and self.things:
            self.holes.append(len(self.things))
        self.last, self.part = number, self.part + plain
        self.owed += len(message)
        self.got += len(message)
        check(self.owed <= self.credit, f"more than its credit: {self.owed} of {self.credit}")
        if not flags & MORE:
            self.things.append((kind, flags, us, self.part))
            self.part = b""

    def of(self, kind):
        return [t for t in self.things if t[0] == kind]

    def write(self, path):
        path.write_bytes(b"".join(t[3] for t in self.things))
        return path


class Gateway:
    """Its end of a link; session: the key pair of this process."""

    def __init__(self, recorder, name):
        self.uri = f"custos://{grants.site_name(recorder.site)}/gateway/{name}"
        self.channel = recorder.porter.hand("gateway", name)
        self.requests, self.subscriptions, self.events, self.wire = 0, {}, [], []
        self.site, self.signer = recorder.site, recorder.signer
        self.private, self.session = grants.new_session()

    def token(self, *streams, **change):
        return self.signer.grant(self.site, streams, **{"session": self.session, "gateway": self.uri, **change})

    def one(self):
        """The next message: an answer is returned, the rest is kept."""
        kind, body = self.channel.receive()
        if kind == MEDIA:
            self.wire.append(body)
            subscription = self.subscriptions.get(struct.unpack(">I", body[4:8])[0])
            if subscription:
                subscription.take(body)
            return None
        check(kind == LINK, f"a message of a link, not {kind}")
        answer = json.loads(body)
        if "id" in answer:
            return answer
        self.events.append(answer)
        ended = self.subscriptions.get(answer["body"].get("subscription"))
        if answer["type"] == "media.ended" and ended:
            ended.ended = answer["body"]
        return None

    def say(self, kind, **body):
        self.requests += 1
        self.channel.send(LINK, json.dumps({"v": 1, "id": self.requests, "type": kind, "body": body}).encode())
        return self.requests

    def ask(self, kind, **body):
        wanted = self.say(kind, **body)
        while True:
            answer = self.one()
            if answer and answer["id"] == wanted:
                if answer["type"] == "failure":
                    raise Refused(f"{answer['code']}: {answer['text']} ({answer['remedy']})")
                return answer["body"]

    def open(self, stream, token, credit=8 << 20):
        number = len(self.subscriptions) + 1
        wrap = bytes.fromhex(self.ask("media.open", subscription=number, use="live", stream=stream, grant=token.decode(), credit=credit)["wrap"])
        self.subscriptions[number] = Subscription(number, stream, media_key(self.private, stream, token, wrap), credit)
        return self.subscriptions[number]

    def give(self, subscription):
        if subscription.owed and not subscription.ended:
            owed, subscription.owed = subscription.owed, 0
            self.ask("media.credit", subscription=subscription.number, bytes=owed)

    def read(self, seconds, until=lambda: False, slow=()):
        """Takes what comes, and gives credit back for all but the slow ones; whether until() came true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            if select.select([self.channel.end], [], [], 0.02)[0]:
                self.one()
            for s in list(self.subscriptions.values()):
                if s not in slow and s.owed > s.credit // 4:
                    self.give(s)
        return until()

    def refused(self, code, stream, token, **change):
        """Why it is refused."""
        number = 100000 + self.requests
        try:
            self.ask("media.open", **{"subscription": number, "use": "live", "stream": stream, "grant": token.decode(), "credit": 1 << 20, **change})
        except Refused as why:
            check(str(why).startswith(f"{code}:"), f"refused as {code}: {why}")
            return str(why)
        raise Failure(f"{stream} is shown, where {code} is right")

    def end(self):
        self.channel.end.close()


# ---- the recorder's processes ----

class Roles:
    """Parent, sealer, connector, workers and the volume main of an initialised site."""

    def __init__(self, folder, site, workers=1):
        self.folder, self.site, self.requests, self.processes = folder, site, 0, []
        self.signer = grants.Signer.new(site)
        self.root = (site.state / "site/root.crt").read_text()
        self.parent = self._process("parent")
        self.volume()
        self.sealer = self.attach("sealer", "SEALER")
        self.attach("connector", "CONNECTOR")
        self.workers = [self.attach("worker", "WORKER", i) for i in range(workers)]
        self.porter = ParentsPorter(self.parent, site.state)
        self.manager = self.porter.hand("manager", "main")

    def _process(self, role, *arguments, keys=None):
        self.processes.append(Process(self.folder, self.site.state, role, arguments=[*arguments, *self.site.options], keys=keys))
        return self.processes[-1]

    def _hand(self, process, kind, body=b""):
        self.parent.first.send(NUMBERS[kind], body, [process.first.end.fileno()])
        process.first.end.close()
        return process

    def attach(self, role, kind, index=None):
        number = b"" if index is None else struct.pack(">I", index)
        return self._hand(self._process(role, *(["--index", index] if index is not None else [])), kind, number)

    def volume(self):
        kind, body = self.parent.first.receive()
        check(kind == NUMBERS["VOLUME_WANTED"], f"it wants a process for its volume first, not {kind}")
        number, n = struct.unpack(">IH", body[:6])
        path, claim, name = body[6:6 + n].decode(), body[6 + n], body[9 + n:].decode()
        process = self._process("volume", "--index", number, "--path", path, "--name", name, *(["--claim"] if claim else []))
        self._hand(process, "VOLUME", struct.pack(">I", number))

    def player(self):
        """The next one that the parent asks for, with its key channel to the sealer."""
        kind, body = self.parent.first.receive()
        check(kind == NUMBERS["PLAYER_WANTED"], f"it wants a player, not {kind}")
        return self._hand(self._process("player", keys=self.key_channel()), "PLAYER", body)

    def key_channel(self):
        """The player's end."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sealer.supervisor.send(NUMBERS["KEY_CHANNEL"], b"", [theirs.fileno()])
        theirs.close()
        return ours

    def ask(self, kind, **body):
        self.requests += 1
        self.manager.send(LINK, json.dumps({"v": 1, "id": self.requests, "type": kind, "body": body}).encode())
        while True:
            answer = json.loads(self.manager.receive()[1])
            if answer.get("id") == self.requests:
                check(answer["type"] == "answer", f"{kind}: {answer}")
                return answer["body"]

    def stream_set(self, stream, edge, name, **terms):
        self.ask("stream.set", stream=stream, url=edge.url(name), transport="tls", carrier="interleaved", roots=self.root, user=edge.user,
                 password=edge.password_file.read_text().rstrip("\n"), **terms)

    def streams(self):
        return {s["stream"]: s for s in self.ask("status.get")["streams"]}

    def log(self):
        return "".join(p.log() for p in self.processes)

    def worker_died(self, index=0):
        """Kills it, and begins another."""
        kill(self.workers[index].pid)
        os.waitpid(self.workers[index].pid, 0)
        self.processes.remove(self.workers[index])
        deadline = time.monotonic() + 10
        while self.ask("status.get")["workers"] == len(self.workers):
            check(time.monotonic() < deadline, "the parent notices")
            time.sleep(0.05)
        self.workers[index] = self.attach("worker", "WORKER", index)

    def stop(self):
        """As an operator would."""
        self.parent.first.send(NUMBERS["STOP"])
        for process in self.processes:
            process.ended()
        self.processes = []

    def clean(self):
        for process in self.processes:
            kill(process.pid)
            os.waitpid(process.pid, 0)


class Live:
    """A site whose recorder has three cameras: the last is not recorded at the moment."""

    def __init__(self, folder):
        self.site = Site(folder, config="[recorder]\nsegment_s = 6\nfragment_ms = 1000\n")
        self.site.init()
        self.folder = folder
        self.roles = Roles(folder, self.site)
        self.edge = Edge(folder, {"cars": CARS, "desk": DESK, "yard": CARS}, self.site.camera_certificate("cams"), "--burst", "--stamp")
        for name in ("cars", "desk"):
            self.roles.stream_set(f"{name}-main", self.edge, name)
        self.roles.stream_set("yard-main", self.edge, "yard", record={"mode": "event", "pre_s": 0})
        wait_for(lambda: (lambda s: s["cars-main"]["recording"] and s["desk-main"]["recording"] and s["yard-main"]["state"] == "streaming")(
            self.roles.streams()), 25, lambda: f"all stream: {self.roles.streams()} {self.roles.log()[-3000:]}", 0.2)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.roles.clean()
            self.edge.stop()
        finally:
            self.site.clean()


def whole_groups(subscription):
    """What was left out is said, and it goes on with a key frame. How often."""
    things = subscription.things
    check(things[0][0] == HEADER and things[1][0] == FRAGMENT and things[1][1] & KEY, "it begins with a header and a key frame")
    said = [i for i, t in enumerate(things) if t[1] & SKIPPED]
    for i in said:
        check(things[i][1] & KEY, f"behind what was left out comes a key frame, not {things[i][:3]}")
    # A hole in the numbers, which nobody on the way can hide, is where it is said; a header may stand between.
    places = {i if things[i][0] == FRAGMENT else i + 1 for i in subscription.holes}
    check(places <= set(said), f"no hole that is not said: {subscription.holes} {said}")
    return len(said)
