#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that was taken over gains nothing from the sealer or the parent, a connector that was nothing from the parent, and
what the kernel keeps them from.

Drives the real `custos sealer` over its channels: this program is the recorder's parent on descriptor 3, and a worker on
the seal channels of two streams. A refusal counts only when nothing was signed: the next honest seal has to carry the
next sequence and name the seal before it. Then the real `custos parent`: this program is its supervisor, its manager, a
worker and the connector.
"""
import os
import re
import shutil
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import seals
from channels import Channel, Gone, Parent, Process, text
from custos_site import CARS, CUSTOS, RELEASE, Edge, Failure, Site, check, main

HELLO, KEY_STORE, KEY_STORED, STREAM_OPEN, DURABLE = 10, 11, 12, 13, 14
SEGMENT_OPEN, SEAL, SEGMENT_KEY, SEALED, REFUSED = 30, 31, 32, 33, 34
UNCLEAN, CLOCK_STEP = 4, 5
NOTHING = (bytes(16), 0, bytes(32))
SECOND = 1000000


def now_us():
    return time.time_ns() // 1000


class Sealer(Process):
    def __init__(self, folder, state, program=CUSTOS, user=None):
        super().__init__(folder, state, "sealer", program, user)
        self.parent = self.first
        try:
            kind, body = self.parent.receive()
        except Gone:
            raise Failure(f"the sealer ended at once: {self.log_path.read_text()}") from None
        check(kind == HELLO and body[:4] == struct.pack(">I", 1), f"the sealer's first message is its hello, not {kind}")
        self.epoch = body[4:20]

    def open(self, name, last=NOTHING, last_us=seals.UNKNOWN_US):
        """A seal channel for a stream, as the parent makes it; whether the sealer takes it shows on the channel."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        body = text(name) + last[0] + struct.pack(">Q", last[1]) + last[2] + struct.pack(">q", last_us)
        self.parent.send(STREAM_OPEN, body, [theirs.fileno()])
        theirs.close()
        return Channel(ours)

    def durable(self, name, epoch, sequence):
        self.parent.send(DURABLE, text(name) + epoch + struct.pack(">Q", sequence))

    def store_key(self):
        """What the parent does with a new hour key, without a disk."""
        kind, body = self.parent.receive()
        check(kind == KEY_STORE, f"a wrapped key to store, not message {kind}")
        n = struct.unpack(">H", body[:2])[0]
        m = struct.unpack(">H", body[2 + n:4 + n])[0]
        self.parent.send(KEY_STORED, body[:4 + n + m])
        return body[8 + n + m:]


class Writer:
    """An honest worker's view of one stream; honest() takes changes, which make it a captured one's."""

    def __init__(self, sealer, name, certificate, folder):
        self.sealer, self.name, self.certificate, self.folder = sealer, name, certificate, folder
        self.last, self.last_us, self.channel, self.owes_gap = NOTHING, seals.UNKNOWN_US, None, True
        self.issued = 0
        self.reopen(new_key=False)
        self.channel.send(SEGMENT_OPEN)
        wrapped = sealer.store_key()
        check(name.encode() in wrapped, "the wrapped key names its stream")
        self.take_key()

    def reopen(self, new_key=True):
        if self.channel:
            self.channel.end.close()
        self.channel, self.owes_gap = self.sealer.open(self.name, self.last, self.last_us), True
        if new_key:
            self.channel.send(SEGMENT_OPEN)
            self.take_key()

    def take_key(self):
        kind, body = self.channel.receive()
        check(kind == SEGMENT_KEY and len(body) == 48, f"{self.name}: a segment key, not message {kind}")
        self.kid, self.fragment, self.header = body[:16], 0, os.urandom(32)

    def request(self, **change):
        """An honest request; a change replaces one field."""
        now = now_us()
        f = dict(flags=0, kid=self.kid, header=self.header, fragment=self.fragment + 1, first_us=now - 900000, last_us=now - 1000,
                 sender_us=seals.UNKNOWN_US, moof_bytes=500, moof=os.urandom(32), tracks=[(1, 0, 90000, 25, 5000, os.urandom(32))],
                 gaps=[(UNCLEAN, self.last_us, now - 900000, 0)] if self.owes_gap else [])
        if self.last_us != seals.UNKNOWN_US:
            f["first_us"] = max(self.last_us, f["first_us"])
        f.update(change)
        f["gaps"] = [(c, a, max(b, f["first_us"]) if c == UNCLEAN else b, n) for c, a, b, n in f["gaps"]]
        out = struct.pack(">B", f["flags"]) + f["kid"] + f["header"]
        out += struct.pack(">IqqqI", f["fragment"], f["first_us"], f["last_us"], f["sender_us"], f["moof_bytes"]) + f["moof"]
        out += struct.pack(">B", len(f["tracks"])) + b"".join(struct.pack(">IQQIQ", *t[:5]) + t[5] for t in f["tracks"])
        return out + struct.pack(">B", len(f["gaps"])) + b"".join(struct.pack(">Bqqi", *g) for g in f["gaps"])

    def honest(self, **change):
        """Asks, and checks that what was signed is what this channel may have, next in the chain."""
        self.channel.send(SEAL, self.request(**change))
        kind, body = self.channel.receive()
        check(kind == SEALED, f"{self.name}: an honest request is signed, not answered {kind} {body!r}")
        s = seals.parse(body)
        check((s["stream"], s["epoch"], s["kid"]) == (self.name, self.sealer.epoch, self.kid), f"{self.name}: stream, epoch, KID")
        check(s["sequence"] == self.issued + 1, f"{self.name}: seal {s['sequence']} follows {self.issued}: something else was signed")
        check(s["previous"] == self.last, f"{self.name}: the chain goes on where it was")
        check(abs(s["sealed_us"] - now_us()) < 5 * SECOND, f"{self.name}: the time is the sealer's own")
        check(seals.signed_by(s, self.certificate, self.folder), f"{self.name}: openssl finds the signature good")
        self.issued, self.last, self.last_us = s["sequence"], seals.link(s), s["last_us"]
        self.fragment += 1
        self.owes_gap = False
        return s

    def refused(self, why, **change):
        self.channel.send(SEAL, self.request(**change))
        kind, body = self.channel.receive()
        check(kind == REFUSED, f"{self.name}: refused ({why}), not answered {kind}")
        reason = body[2:].decode()
        check(why in reason, f"the reason is '{why}', not '{reason}'")

    def cut(self, kind, body=b"", fds=()):
        """Not of the form that a worker may use: the sealer closes the channel. The parent makes another."""
        self.channel.send(kind, body, fds)
        check(self.channel.closed(), f"the channel is closed after message {kind}")
        self.reopen()
        self.honest()


def new_site(folder):
    site = Site(folder)
    site.init()
    return site


def test_a_captured_worker_gets_nothing_signed(folder):
    site = new_site(folder)
    try:
        certificate = site.state / "recorder/seal.pem"
        sealer = Sealer(folder, site.state)
        street, desk = (Writer(sealer, n, certificate, folder) for n in ("street-main", "desk-main"))
        for w in (street, desk, street, street):
            w.honest()
        judge_requests(street, desk)
        judge_order(sealer, street, desk)
        judge_forms(street)
        desk.honest()  # and the other stream never noticed
        check(desk.issued == 2, "the other stream has its two seals and no more")
        judge_reopening(sealer, street)
        street.honest()
        desk.honest()
        sealer.end()
        check("Sanitizer" not in sealer.log(), sealer.log()[-6000:])
    finally:
        site.clean()


def judge_requests(street, desk):
    now = now_us()
    street.refused("not given to this channel", kid=desk.kid)
    street.refused("not given to this channel", kid=os.urandom(16))
    street.refused("another header", header=os.urandom(32))
    street.refused("another header", header=desk.header)
    street.refused("is next", fragment=street.fragment)
    street.refused("is next", fragment=street.fragment + 2)
    street.refused("is next", fragment=0)
    street.refused("future", first_us=now + 3 * SECOND, last_us=now + 4 * SECOND)
    street.refused("old time", first_us=now - 121 * SECOND, last_us=now - 120 * SECOND)
    street.refused("old time", first_us=now - 121 * SECOND, last_us=now - 120 * SECOND, gaps=[(CLOCK_STEP, now, now, 0)])
    street.refused("older than", first_us=street.last_us - 1, last_us=street.last_us + 1000)
    street.refused("older than", first_us=street.last_us - SECOND, last_us=street.last_us + 1, gaps=[(UNCLEAN, now, now, 0)])
    street.refused("more media", first_us=now - 2 * SECOND, last_us=now - 3 * SECOND)
    street.refused("more media", first_us=now - 3 * SECOND, last_us=now)
    street.refused("no media", tracks=[])
    street.refused("cannot be", gaps=[(10, now, now, 0)])
    street.refused("cannot be", gaps=[(0, now, now, 0)])
    street.refused("cannot be", gaps=[(UNCLEAN, now + SECOND, street.last_us, 0)])
    street.honest()
    # Extremes of the arithmetic.
    smallest, largest = -(1 << 63), (1 << 63) - 1
    for first, last in ((smallest, largest), (largest, smallest), (largest, largest), (smallest, smallest), (0, 0)):
        street.channel.send(SEAL, street.request(first_us=first, last_us=last, gaps=[]))
        check(street.channel.receive()[0] == REFUSED, f"arrival from {first} to {last} is refused")
    street.honest()


def judge_order(sealer, street, desk):
    # A key that was drawn and replaced by another one is no longer good; the current segment goes on meanwhile.
    kid, fragment, header = street.kid, street.fragment, street.header
    street.channel.send(SEGMENT_OPEN)
    street.take_key()
    forgotten = street.kid
    street.channel.send(SEGMENT_OPEN)
    street.take_key()
    drawn = street.kid
    street.refused("not given to this channel", kid=forgotten)
    street.kid, street.fragment, street.header = kid, fragment, header
    street.honest()
    street.kid, street.fragment, street.header = drawn, 0, os.urandom(32)
    first = street.honest()
    check(first["flags"] == seals.FIRST, "FIRST is the sealer's own to set")
    street.refused("not given to this channel", kid=kid, fragment=fragment + 2, header=header)  # the old one is over
    last = street.honest(flags=seals.LAST)
    check(last["flags"] == seals.LAST, "LAST is set as asked")
    street.refused("not given to this channel")  # after LAST
    street.reopen()
    street.refused("without its gap", gaps=[])
    street.honest()


def judge_forms(street):
    good = street.request()
    for n in range(len(good)):  # every shorter message; a new channel for each would be slow: one in seven, and the ends
        if n % 7 == 0 or n > len(good) - 3:
            street.cut(SEAL, street.request()[:n])
    street.cut(SEAL, street.request() + b"\0")
    for flags in (1, 3, 4, 128, 255):  # FIRST is not the worker's to set
        street.cut(SEAL, street.request(flags=flags))
    street.cut(SEAL, street.request(tracks=[(i, 0, 1, 1, 1, os.urandom(32)) for i in range(9)]))
    street.cut(SEAL, street.request(gaps=[(UNCLEAN, 1, 1, 0)] * 10))
    street.cut(SEGMENT_OPEN, b"\0")
    # What might make it sign a digest, a checkpoint, or speak for its parent; every type that there is, and some that are not.
    digest = os.urandom(32)
    wide = set(range(64)) | {100, 255, 256, 0x1e00, 0x1f00, 65535}
    for kind in sorted(wide - {SEGMENT_OPEN, SEAL}):
        street.cut(kind, digest)
    name = text("street-main")
    street.cut(DURABLE, name + street.sealer.epoch + struct.pack(">Q", street.issued))
    street.cut(KEY_STORED, name + text("keys/street-main"))
    street.cut(STREAM_OPEN, name + bytes(16 + 8 + 32 + 8))
    # Descriptors: with an honest request, with a parent's message, several.
    with open("/dev/null") as null, socket.socket() as other:
        street.cut(SEAL, street.request(), [null.fileno()])
        street.cut(SEGMENT_OPEN, b"", [other.fileno()])
        street.cut(STREAM_OPEN, name + bytes(16 + 8 + 32 + 8), [null.fileno(), other.fileno()])
        street.cut(SEAL, street.request(), [null.fileno()] * 5)
    # Shorter than any message.
    for raw in (b"\0", b"\x1f"):
        street.channel.end.send(raw)
        check(street.channel.closed(), "a message without its type ends the channel")
        street.reopen()
        street.honest()
    # Longer than any message (128 KiB), if the socket takes it at all.
    street.channel.end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    street.cut(SEAL, bytes((1 << 17) + 64))


def judge_reopening(sealer, street):
    before, before_us = street.last, street.last_us
    street.honest()
    durable, durable_us = street.last, street.last_us
    sealer.durable(street.name, sealer.epoch, durable[1])
    for last, last_us, what in ((before, before_us, "the seal before a durable one"), (NOTHING, seals.UNKNOWN_US, "nothing"),
                                ((os.urandom(16), durable[1], durable[2]), durable_us, "another epoch"),
                                ((durable[0], durable[1], os.urandom(32)), durable_us, "a hash that was never issued"),
                                ((durable[0], durable[1] + 1, durable[2]), durable_us, "a sequence that was never issued"),
                                ((durable[0], 0, bytes(32)), durable_us, "sequence 0 of this epoch")):
        channel = sealer.open(street.name, last, last_us)
        check(channel.closed(), f"a stream is not continued behind {what}")
    # Words about durability that cannot be: of a seal not issued yet, of another epoch.
    sealer.durable(street.name, sealer.epoch, durable[1] + 1000)
    sealer.durable(street.name, os.urandom(16), 1)
    street.last, street.last_us = durable, durable_us
    street.channel = None
    street.reopen()
    street.honest()


def test_the_sealer_is_not_dumpable(folder):
    if os.getuid() != 0 or not os.access("/usr/bin/setpriv", os.X_OK):
        print("  needs root to start a process as another user: left out")
        return
    site = new_site(folder)
    try:
        program = folder / "custos"
        shutil.copy(CUSTOS, program)
        os.chmod(folder, 0o711)
        os.chmod(program, 0o755)
        for path in (site.state, *site.state.rglob("*")):
            os.chown(path, 65534, 65534)
        sealer = Sealer(folder, site.state, program, user=65534)
        status = Path(f"/proc/{sealer.pid}/status").read_text()
        check(re.search(r"^Uid:\s+65534\s", status, re.M), "it runs as another user")
        owner = os.stat(f"/proc/{sealer.pid}/mem").st_uid
        check(owner == 0, "its memory in /proc belongs to root, not to its user: it is not dumpable")
        sealer.end()
    finally:
        site.clean()


# ---- what the parent gives a worker, and takes from a connector ----

MAIN, FALLBACK, DATAGRAMS = 0, 1, 2


def refused_by_parent(parent, stream, *kinds):
    """Each of these kinds ends the channel of the worker that asks; nothing reaches the connector. A next worker gets the stream."""
    for kind in kinds:
        worker = parent.worker()
        check(worker.assigned() == stream, "the stream goes to the next worker")
        worker.connect(stream, kind)
        check(worker.channel.closed(), f"a worker that asks for kind {kind} is cut off")
        check(parent.connector.quiet(), f"and the connector hears nothing of kind {kind}")


def test_a_captured_worker_chooses_no_address(folder):
    site = new_site(folder)
    try:
        parent = Parent(folder, site)
        parent.set("tls-main", "rtsps://192.0.2.7:1322/main", "tls", "interleaved")
        refused_by_parent(parent, "tls-main", FALLBACK, DATAGRAMS, 3, 255)
        worker = parent.worker()
        check(worker.assigned() == "tls-main", "assigned")
        worker.connect("tls-main", MAIN)
        number, kind, host, port = parent.connector.wanted()
        check((kind, host, port) == (MAIN, "192.0.2.7", 1322), f"host and port are the inventory's: {host} {port}")
        worker.connect("tls-main", MAIN)
        worker.connect("other-main", MAIN)  # not its stream: nothing
        check(parent.connector.quiet(), "one attempt of a kind at a time, and none for another's stream")
        with socket.socket() as ours:
            ours.bind(("127.0.0.1", 0))
            parent.connector.made(number, [ours.fileno()])
            got = worker.socket("tls-main")
            check(got.getsockname() == ours.getsockname(), "the worker has the very socket that the connector made")
            got.close()
        worker.say(worker.CONNECT, text("tls-main") + bytes([MAIN]) + text("203.0.113.9") + struct.pack(">H", 80))
        check(worker.channel.closed(), "a worker that names an address is cut off")
        check(parent.connector.quiet(), "and no connection is made")
        parent.end()
        check("Sanitizer" not in parent.log(), parent.log()[-6000:])
    finally:
        site.clean()


def judge_lies(parent, worker, own, others):
    """What a worker says about files that it never had changes nothing: no file goes, no volume is left."""
    vault = parent.state / "vault"
    outside = parent.state / "site/root.crt"
    before = sorted(p for p in vault.rglob("*") if p.name != ".probe")
    for name in (others, "volume.json", "lock", "../site/root.crt", str(outside), own + "/../../../../../volume.json", "", own[:-1], own + "x",
                 own.replace("tls-main", "desk-main"), own.replace(".0.mp4", ".1.mp4")):
        for stream in ("tls-main", "desk-main", "no-such"):
            worker.unused(stream, name)
            worker.not_written(stream, name)
        worker.written("tls-main", name)
    worker.unused("desk-main", own)
    worker.not_written("desk-main", own)
    worker.say(worker.FILE_WANTED, text("desk-main"))
    check(worker.quiet(), "none of it is answered, and no volume is left")
    check(sorted(p for p in vault.rglob("*") if p.name != ".probe") == before, "nothing was made or removed")
    check(outside.exists() and "volume.fault" not in parent.log(), f"and nothing is wrong with the volume: {parent.log()[-2000:]}")


def test_a_captured_worker_reaches_no_file(folder):
    """It gets files of its own streams alone, and is believed about these alone."""
    site = new_site(folder)
    try:
        parent = Parent(folder, site)
        parent.set("tls-main", "rtsps://192.0.2.7/main", "tls", "interleaved")
        worker = parent.worker()
        check(worker.assigned() == "tls-main", "assigned")
        other = parent.worker()
        parent.set("desk-main", "rtsps://192.0.2.8/main", "tls", "interleaved")
        check(other.assigned() == "desk-main", "the other stream goes to the other worker")
        parent.store_key("tls-main")
        check("hour key" in other.no_file("desk-main"), "no file before there is a key for it")
        parent.store_key("desk-main")
        own, fd = worker.file("tls-main")
        check(own.startswith("tls-main/"), f"a file of its stream: {own}")
        others, other_fd = other.file("desk-main")
        judge_lies(parent, worker, own, others)
        # It does not fill the disk with files either.
        fds = [fd, other_fd] + [worker.file("tls-main")[1] for _ in range(3)]
        check("not written to" in worker.no_file("tls-main"), "no fifth file without a word about the others")
        worker.written("tls-main", own)
        worker.unused("tls-main", own)
        time.sleep(0.3)
        check((site.state / "vault" / own).exists(), "a file in which something was written is not deleted at its word")
        # About its own it is believed: the volume is left, by all.
        worker.not_written("tls-main", own)
        for w in (worker, other):
            kind, body = w.channel.receive()
            check((kind, body) == (w.LEAVE, bytes(4)), f"everybody leaves volume 0, not {kind} {body}")
        check("a lie" in parent.log(), "and it is said why")
        worker.written("desk-main", others)
        check(worker.channel.closed(), "a worker that writes for another's stream is cut off")
        for n in fds:
            os.close(n)
        parent.end()
        check("Sanitizer" not in parent.log(), parent.log()[-6000:])
    finally:
        site.clean()


def test_fallback_and_datagrams_where_they_are_due(folder):
    site = new_site(folder)
    try:
        parent = Parent(folder, site)
        parent.set("soft-main", "rtsps://192.0.2.8/main", "tls-if-available", "interleaved")
        worker = parent.worker()
        check(worker.assigned() == "soft-main", "assigned")
        worker.connect("soft-main", FALLBACK)
        number, kind, host, port = parent.connector.wanted()
        check((kind, host, port) == (FALLBACK, "192.0.2.8", 554), f"the port of the service without TLS: {host} {port}")
        parent.connector.failed(number, "not-there")
        check("not-there" in worker.no_socket("soft-main"), "the reason travels")
        # The camera turned out to speak TLS: nothing less from now on, and a question that was under way is nobody's fault.
        parent.set("soft-main", "rtsps://192.0.2.8/main", "tls", "interleaved")
        check(worker.reassigned() == "soft-main", "it is told")
        worker.connect("soft-main", FALLBACK)
        check(parent.connector.quiet(), "no fallback any more")
        worker.connect("soft-main", MAIN)
        check(parent.connector.wanted()[1:] == (MAIN, "192.0.2.8", 322), "only the port with TLS")
        parent.remove("soft-main")
        check(worker.unassigned() == "soft-main", "removed")
        worker.released("soft-main")

        parent.set("udp-main", "rtsp://192.0.2.9/main", "plain", "udp")
        check(worker.assigned() == "udp-main", "assigned")
        worker.connect("udp-main", DATAGRAMS)
        number, kind, host, port = parent.connector.wanted()
        check((kind, host, port) == (DATAGRAMS, "", 0), f"the connector is told no host for datagrams: {host} {port}")
        pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        parent.connector.made(number, [s.fileno() for s in pair], 50000)
        check(worker.datagrams("udp-main") == 50000, "the pair arrives with its port")
        for s in pair:
            s.close()
        worker.connect("udp-main", FALLBACK)
        check(worker.channel.closed(), "plain has nothing to fall back to")
        parent.end()
    finally:
        site.clean()


def test_the_first_tls_is_the_last_word(folder):
    """Without a manager to say so: a camera that was verified once is not fallen back from, and a manager that did not hear of it is
    told again."""
    site = new_site(folder)
    try:
        parent = Parent(folder, site)
        soft = ("soft-main", "rtsps://192.0.2.8/main", "tls-if-available", "interleaved")
        parent.set(*soft)
        worker = parent.worker()
        check(worker.assigned() == "soft-main", "assigned")
        worker.state("soft-main", streaming=True, protection=0, connected_us=1)
        worker.connect("soft-main", FALLBACK)
        number, kind, _, port = parent.connector.wanted()
        check((kind, port) == (FALLBACK, 554), "in the clear it was: it may be again")
        parent.connector.failed(number, "x")
        worker.no_socket("soft-main")
        check(parent.event()["protection"] == 0, "the manager hears of a connection in the clear")
        worker.state("soft-main", streaming=True, protection=3, connected_us=2)
        check(parent.event()["protection"] == 3, "and of a verified one")
        check(worker.quiet(), "which is not cut")
        worker.connect("soft-main", FALLBACK)
        check(worker.reassigned() == "soft-main" and worker.transport == 0, "the worker is told that it is tls now")
        worker.connect("soft-main", FALLBACK)
        check(parent.connector.quiet(), "no fallback")
        parent.set(*soft)
        check(parent.event()["protection"] == 3 and worker.quiet(), "a manager that did not hear it is told again")
        worker.connect("soft-main", FALLBACK)
        check(parent.connector.quiet(), "and gives no exception back")
        parent.set("soft-main", "rtsps://192.0.2.8/main", "tls", "interleaved")
        parent.set(*soft)  # now it is somebody's choice
        check(worker.reassigned() == "soft-main" and worker.transport == 2, "as asked for")
        parent.end()
    finally:
        site.clean()


def test_removed_while_connecting_and_set_again(folder):
    site = new_site(folder)
    try:
        parent = Parent(folder, site)
        parent.set("cam-main", "rtsps://192.0.2.7/main", "tls", "interleaved")
        worker = parent.worker()
        check(worker.assigned() == "cam-main", "assigned")
        worker.connect("cam-main", MAIN)
        number = parent.connector.wanted()[0]
        parent.remove("cam-main")
        check(worker.unassigned() == "cam-main", "removed")
        check(parent.connector.cancelled() == {number}, "nobody waits any more: the connector is told")
        worker.connect("cam-main", MAIN)  # on its way when it was removed
        check(parent.connector.quiet(), "nothing for a stream that ends")
        parent.set("cam-main", "rtsps://192.0.2.9/main", "tls", "interleaved")
        worker.released("cam-main")
        check(worker.assigned() == "cam-main", "what is set while it ends begins again")
        worker.connect("cam-main", MAIN)
        check(parent.connector.wanted()[2] == "192.0.2.9", "where it is now")
        parent.remove("cam-main")
        check(worker.unassigned() == "cam-main", "removed")
        worker.released("cam-main")
        check(len(parent.connector.cancelled()) == 1, "and given up")
        worker.released("cam-main")
        check(worker.quiet() and parent.ask("status.get", {})["streams_total"] == 0, "forgotten")
        parent.end()
    finally:
        site.clean()


def test_a_captured_connector(folder):
    site = new_site(folder)
    try:
        parent = Parent(folder, site)
        parent.set("cam-main", "rtsps://192.0.2.7/main", "tls", "interleaved")
        worker = parent.worker()
        check(worker.assigned() == "cam-main", "assigned")
        with socket.socket() as s:
            for attack in (lambda c, n: c.made(n, []), lambda c, n: c.made(n, [s.fileno()] * 2), lambda c, n: c.say(c.CONNECTED, b"\0"),
                           lambda c, n: c.say(c.NOT_CONNECTED, struct.pack(">IBB", n, 8, 255) + text("x")),
                           lambda c, n: c.say(53, text("cam-main")), lambda c, n: c.say(100, b"{}")):
                worker.connect("cam-main", MAIN)
                number = parent.connector.wanted()[0]
                attack(parent.connector, number)
                check(parent.connector.channel.closed(), "a connector that breaks its protocol is cut off")
                check("connections" in worker.no_socket("cam-main"), "and those who waited are told")
                parent.attach_connector()
            worker.connect("cam-main", MAIN)
            number = parent.connector.wanted()[0]
            for n in (0, number + 1, 0xffffffff):  # answers to what nobody asked are nobody's
                parent.connector.made(n, [s.fileno()])
                parent.connector.failed(n, "x")
            check(worker.quiet(), "no socket for nothing")
            parent.connector.made(number, [s.fileno()])
            worker.socket("cam-main").close()
            parent.connector.made(number, [s.fileno()])
            check(worker.quiet(), "and none twice")
        # What is asked while there is none waits for the next.
        parent.connector.channel.end.close()
        time.sleep(0.2)
        worker.connect("cam-main", MAIN)
        check(worker.quiet(), "no answer while there is no connector")
        parent.attach_connector()
        check(parent.connector.wanted()[1:] == (MAIN, "192.0.2.7", 322), "the next one gets it")
        parent.end()
    finally:
        site.clean()


# ---- what the kernel says of the processes of a running system ----

def status_of(pid):
    return dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def descriptors(pid):
    found = {}
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[int(link.name)] = os.readlink(link)
        except FileNotFoundError:
            pass
    return found


def confined(site, role, pid):
    for task in Path(f"/proc/{pid}/task").iterdir():
        status = status_of(f"{pid}/task/{task.name}")
        check(status["Seccomp"].strip() == "2", f"{role}: thread {task.name} is under a seccomp filter")
        check(status["NoNewPrivs"].strip() == "1", f"{role}: thread {task.name} has no new privileges")
        for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            check(int(status[name], 16) == 0, f"{role}: thread {task.name} holds no capability ({name} {status[name].strip()})")
    limits = Path(f"/proc/{pid}/limits").read_text()
    check(re.search(r"Max core file size\s+0\s+0", limits), f"{role}: leaves no core file")


def test_the_kernel_confines_the_processes(folder):
    program = RELEASE if os.access(RELEASE, os.X_OK) else CUSTOS
    with Site(folder, program=program) as site:
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam"), "--burst", program=program) as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")
            pids = site.pids()
            check({"supervisor", "manager", "parent", "sealer", "connector", "worker.0"} <= set(pids), f"every process is there: {pids}")
            for role, pid in pids.items():
                if role != "supervisor":
                    confined(site, role, pid)
            judge_descriptors(site, pids)


def judge_descriptors(site, pids):
    """Sockets, the loop's own, the lock; the sealer has its log of grants, a worker its streams' segments. No key, no directory, no
    database."""
    quiet = re.compile(r"(socket|pipe):\[\d+\]$|anon_inode:\[?(eventpoll|eventfd|pidfd|timerfd)\]?$|/dev/null$")
    lock, grants = str(site.state / "lock"), str(site.state / "recorder/grants.log")
    segment = re.compile(re.escape(str(site.state / "vault")) + r"/cam-main/[\d-]{10}/\d\d/[^/]+\.mp4$")
    segments = 0
    for role, pid in pids.items():
        if role not in ("sealer", "connector") and not role.startswith("worker"):
            continue
        try:
            open_now = descriptors(pid)
        except PermissionError:
            check(os.getuid() != 0, "root may look")
            print(f"  {role}: not even its own user may look at its descriptors: it is not dumpable")
            continue
        for fd, what in open_now.items():
            if fd <= 2 or quiet.match(what) or what == lock or (role == "sealer" and what == grants):
                continue
            check(role.startswith("worker"), f"the {role} has no file open, but descriptor {fd} is {what}")
            check(segment.match(what), f"{role}: descriptor {fd} is none that it was given: {what}")
            segments += 1
    if os.getuid() == 0:
        check(segments >= 1, "a worker has the segment that it writes open")


main(globals())
