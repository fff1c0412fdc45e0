# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads seals as docs/spec/seal.md says, without any of the program's own code: a second opinion for the tests."""
import hashlib
import struct
import subprocess
import uuid
from pathlib import Path

USER_TYPE = uuid.UUID("7ef736f2-5aea-45a1-b2d4-4f6f4638cd4d").bytes
UNKNOWN_US = -(1 << 63)
FIRST, LAST = 1, 2
CAUSES = {1: "start", 2: "camera lost", 3: "frames dropped", 4: "unclean stop", 5: "clock step", 6: "disk",
          7: "stopped by an operator", 8: "overload", 9: "not asked for"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError("the seal is too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]


def parse(payload):
    """A seal's fields by name; ValueError where the form is another."""
    r, s = Reader(payload), {}
    version = r.number("B")
    if version not in (1, 2):
        raise ValueError("not version 1 or 2")
    s["flags"] = r.number("B")
    s["stream"] = r.take(r.number("H")).decode()
    s["epoch"], s["sequence"] = r.take(16), r.number("Q")
    s["previous"] = (r.take(16), r.number("Q"), r.take(32))
    s["kid"], s["commitment"], s["header_hash"] = r.take(16), r.take(32), r.take(32)
    s["fragment"] = r.number("I")
    s["sealed_us"], s["monotonic_us"], s["first_us"], s["last_us"], s["sender_us"] = (r.number("q") for _ in range(5))
    s["moof_bytes"], s["moof_hash"] = r.number("I"), r.take(32)
    s["tracks"] = [dict(id=r.number("I"), decode_time=r.number("Q"), duration=r.number("Q"), samples=r.number("I"),
                        bytes=r.number("Q"), hash=r.take(32)) for _ in range(r.number("B"))]
    s["gaps"] = [dict(cause=CAUSES[r.number("B")], from_us=r.number("q"), to_us=r.number("q"), frames=r.number("I"))
                 for _ in range(r.number("B"))]
    if (version == 2) != any(g["cause"] == CAUSES[9] for g in s["gaps"]):
        raise ValueError("not the least version")
    s["signer"] = r.take(32)
    s["signed"], s["signature"] = payload[:r.at], r.take(64)
    if r.at != len(payload):
        raise ValueError("bytes behind the signature")
    s["hash"] = hashlib.sha256(payload).digest()
    return s


def link(s):
    """What the next seal names as its previous one."""
    return s["epoch"], s["sequence"], s["hash"]


def signed_by(s, certificate, folder):
    """Whether openssl finds the signature good by the first certificate of this PEM file."""
    folder = Path(folder)
    key = subprocess.run(["openssl", "x509", "-in", str(certificate), "-noout", "-pubkey"], check=True, capture_output=True).stdout
    (folder / "seal.pub").write_bytes(key)
    (folder / "seal.signed").write_bytes(b"custos-seal-1\0" + s["signed"])
    integers = b""
    for half in (s["signature"][:32], s["signature"][32:]):
        half = half.lstrip(b"\0") or b"\0"
        half = (b"\0" if half[0] & 0x80 else b"") + half
        integers += b"\x02" + bytes([len(half)]) + half
    (folder / "seal.der").write_bytes(b"\x30" + bytes([len(integers)]) + integers)
    p = subprocess.run(["openssl", "dgst", "-sha256", "-verify", str(folder / "seal.pub"), "-signature", str(folder / "seal.der"),
                        str(folder / "seal.signed")], capture_output=True, check=False)
    return p.returncode == 0


def of_segment(path):
    """The seals in a segment file, in its order, up to the first byte that is no whole box."""
    data, at, found = Path(path).read_bytes(), 0, []
    while at + 8 <= len(data):
        size, kind, head = struct.unpack(">I", data[at:at + 4])[0], data[at + 4:at + 8], 8
        if size == 1 and at + 16 <= len(data):
            size, head = struct.unpack(">Q", data[at + 8:at + 16])[0], 16
        if size < head or at + size > len(data):
            break
        if kind == b"uuid" and data[at + head:at + head + 16] == USER_TYPE:
            found.append(parse(data[at + head + 16:at + size]))
        at += size
    return found


def of_stream(vault, stream):
    """All seals of a stream in the order of its segments' names, which is that of time."""
    return [s for path in sorted(Path(vault).glob(f"{stream}/*/*/*.mp4")) for s in of_segment(path)]
