# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker and the real sealer, with this program in the parent's place between them: it makes the connections and the
files, on whatever volume a test wants, and hears what the parent would hear.

    driver = WorkerDriver(folder, site, edge, config)
    stream = driver.assign("cam", volume)         # a Volume
    driver.run(seconds, until=lambda: ...)        # answers what is asked meanwhile
    stream.volume = other                         # its next files
    driver.end()
    stream.stamps(...)                            # frames that are on the volumes, by the counters in them
"""
import os
import re
import select
import socket
import struct
import time
from pathlib import Path

import vault_bytes
from channels import Channel, Gone, Process, field16, text
from custos_site import ROOT, Failure, check

HELLO, KEY_STORE, KEY_STORED, STREAM_OPEN, DURABLE = 10, 11, 12, 13, 14
ASSIGN, RESEAL, UNASSIGN, SOCKET, FILE, NO_FILE, CONNECT, FILE_WANTED = 50, 51, 52, 53, 56, 57, 58, 59
WRITTEN, UNUSED, STATE, RELEASED, NOT_WRITTEN, LEAVE = 60, 61, 62, 63, 64, 66
START, UNCLEAN, DISK = 1, 4, 6
UNKNOWN_US = -(1 << 63)
NOTHING = (bytes(16), 0, bytes(32))
STAMP = re.compile(rb"([0-9a-f]{16}) [0-9a-f]{16} ([ -~]+?) *\x80?")


FAULTS = {name.lower().replace("_", "-"): i for i, name in
          enumerate(re.findall(r"^\s+FAULT_([A-Z0-9_]+),", (ROOT / "src/base/fault.h").read_text(), re.M))}


def take_text(body, at=0):
    n = struct.unpack_from(">H", body, at)[0]
    return body[at + 2:at + 2 + n].decode(), at + 2 + n


def field32(b):
    return struct.pack(">I", len(b)) + b


class Volume:
    """path: where the worker's files are; look: where they can be read though it hangs."""

    def __init__(self, number, path, look=None):
        self.number, self.path, self.look = number, Path(path), Path(look or path)


class Stream:
    def __init__(self, driver, name, volume):
        self.driver, self.name, self.path, self.volume = driver, name, f"{name}-main", volume
        self.last, self.last_us = NOTHING, UNKNOWN_US
        self.written, self.not_written, self.released, self.unused = [], [], [], []  # with the time when it was heard
        self.refused, self.files, self.state, self.reseal_as = 0, [], {}, DISK

    def reseal(self):
        ours = self.driver.open_seal(self)
        self.driver.worker.first.send(RESEAL, text(self.path) + struct.pack(">Bq", self.reseal_as, self.last_us), [ours])
        os.close(ours)

    def segments(self):
        found = []
        for volume, key in self.files:
            path = volume.look / key
            if path.exists() and path.stat().st_size:
                found.append(vault_bytes.Segment(path))
        return found

    def counters(self):
        """The camera's counter of each frame that is recorded, in order."""
        private = bytes.fromhex((self.driver.site.state / "recorder/wrap.key").read_text().strip())
        counters = []
        for segment in self.segments():
            if not segment.fragments:
                continue
            key = vault_bytes.segment_key(self.driver.vault, segment, private)
            for sample in segment.samples():
                if segment.tracks[sample.track] != "video":
                    continue
                stamp = STAMP.search(segment.clear(sample, key))
                check(stamp, f"{self.name}: a frame without its stamp")
                counters.append(int(stamp.group(1), 16))
        return counters

    def missing(self):
        """Frames between the first and the last recorded one that are not; none may be there twice."""
        counters = self.counters()
        check(counters and len(set(counters)) == len(counters), f"{self.name}: {len(counters)} frames, each once")
        check(counters == sorted(counters), f"{self.name}: in order")
        return counters[-1] - counters[0] + 1 - len(counters)

    def gaps(self):
        """(cause, from, to, frames) of all seals."""
        return [(vault_bytes.GAP_CAUSES[g[0]], *g[1:]) for s in self.segments() for f in s.fragments for g in f.seal.gaps]


class WorkerDriver:
    def __init__(self, folder, site, edge, config, patience_ms=1500):
        self.folder, self.site, self.edge, self.patience_ms = folder, site, edge, patience_ms
        self.streams, self.vault = {}, folder / "keys-vault"
        path = folder / "worker.ini"
        path.write_text(config)
        self.sealer = Process(folder, site.state, "sealer")
        kind, hello = self.sealer.first.receive()
        check(kind == HELLO, "the sealer's hello")
        self.certificates, at = [], 20
        for _ in range(3):
            n = struct.unpack_from(">H", hello, at)[0]
            self.certificates.append(hello[at + 2:at + 2 + n])
            at += 2 + n
        self.worker = Process(folder, site.state, "worker", arguments=["--index", "0", "--config", str(path)])

    def open_seal(self, stream):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        body = text(stream.path) + stream.last[0] + struct.pack(">Q", stream.last[1]) + stream.last[2]
        self.sealer.first.send(STREAM_OPEN, body + struct.pack(">q", stream.last_us), [theirs.fileno()])
        theirs.close()
        return ours.detach()

    def assign(self, name, volume):
        s = self.streams[f"{name}-main"] = Stream(self, name, volume)
        root = (self.site.state / "site/root.crt").read_bytes()
        ours = self.open_seal(s)
        body = text(s.path) + text(self.edge.url(name)) + text(self.edge.user)
        body += field16(self.edge.password_file.read_text().strip().encode())
        body += bytes([0, 0]) + bytes(32) + bytes([0]) + field32(root) + field32(b"") + field32(b"") + text("custos://test/recorder/test")
        body += b"".join(field16(c) for c in self.certificates)
        body += struct.pack(">IIIIIIIBIBq", 1000, 10, 100, 10000, 1000, 1000, self.patience_ms, 0, 0, START, UNKNOWN_US)
        self.worker.first.send(ASSIGN, body, [ours])
        os.close(ours)
        return s

    # what the parent does

    def on_sealer(self, kind, body):
        if kind != KEY_STORE:
            return
        _, at = take_text(body)
        path, end = take_text(body, at)
        target = self.vault / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body[end + 4:])
        self.sealer.first.send(KEY_STORED, body[:end])

    def make_file(self, s):
        if not s.volume:
            s.refused += 1
            self.worker.first.send(NO_FILE, text(s.path) + bytes([8, FAULTS["no-storage"]]) + text("no volume takes footage now"))
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%d/%H/%M-%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z.{len(s.files)}.mp4"
        key = f"{s.path}/{stamp}"
        path = s.volume.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        s.files.append((s.volume, key))
        self.worker.first.send(FILE, text(s.path) + struct.pack(">IB", s.volume.number, 0) + text(key), [fd])
        os.close(fd)

    def on_worker(self, kind, body):
        name, at = take_text(body)
        s, rest = self.streams[name], body[at:]
        now = time.monotonic()
        if kind == CONNECT:
            with socket.create_connection(("127.0.0.1", self.edge.port), 5) as c:
                self.worker.first.send(SOCKET, text(s.path), [c.fileno()])
        elif kind == FILE_WANTED:
            self.make_file(s)
        elif kind == WRITTEN:
            key, at = take_text(rest)
            _, _, _, last_us = struct.unpack_from(">QQqq", rest, at)
            epoch, at = rest[at + 32:at + 48], at + 48
            s.last = (epoch, struct.unpack_from(">Q", rest, at)[0], rest[at + 8:at + 40])
            s.last_us = last_us
            s.written.append((now, key))
        elif kind == NOT_WRITTEN:
            key, at = take_text(rest)
            s.not_written.append((now, key, rest[at], rest[at + 1], take_text(rest, at + 2)[0]))
        elif kind == UNUSED:
            s.unused.append(take_text(rest)[0])
        elif kind == STATE:
            s.state = dict(state=rest[0], fault=rest[2], alarm=rest[3])
        elif kind == RELEASED:
            s.released.append(now)
            if not s.ending:
                s.reseal()

    def run(self, seconds, until=None):
        """Answers for so long, or until the condition holds: whether it did."""
        end = time.monotonic() + seconds
        channels = {self.worker.first.end: (self.worker.first, self.on_worker), self.sealer.first.end: (self.sealer.first, self.on_sealer)}
        while True:
            if until and until():
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            for ready in select.select(list(channels), [], [], min(left, 0.1))[0]:
                channel, handler = channels[ready]
                try:
                    kind, body, fds = channel.receive_all()
                except Gone:
                    raise Failure(f"a process ended:\n{self.worker.log()[-6000:]}\n{self.sealer.log()[-3000:]}") from None
                for fd in fds:
                    os.close(fd)
                handler(kind, body)

    def end(self):
        """Every stream is taken away in order; then the processes end."""
        for s in self.streams.values():
            s.ending, before = True, len(s.released)
            s.awaited = before + 1
            self.worker.first.send(UNASSIGN, text(s.path))
        check(self.run(10, lambda: all(len(s.released) >= s.awaited for s in self.streams.values())),
              f"all are released: {[(s.name, len(s.released)) for s in self.streams.values()]}\n{self.worker.log()[-3000:]}")
        self.worker.end()
        self.sealer.end()
        for p in (self.worker, self.sealer):
            check("Sanitizer" not in p.log(), p.log()[-6000:])


Stream.ending = False
__all__ = ["Volume", "Stream", "WorkerDriver", "Channel", "Gone"]
