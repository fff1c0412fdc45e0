# SPDX-License-Identifier: GPL-3.0-or-later
"""A reader of docs/spec/vault.md and docs/spec/seal.md that shares no line with the program: what is stored, sample by
sample and seal by seal, and the way from the recorder's private key to a segment's key.

Written from the specification alone; where it and the program disagree, one of the two is wrong, or the specification.
"""
import hashlib
import hmac
import json
import struct
from collections import namedtuple
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

HEAD_TYPE = bytes.fromhex("c5bca1ec3ea442c0b394fe626b63c2cb")
SEAL_TYPE = bytes.fromhex("7ef736f25aea45a1b2d44f6f4638cd4d")
GAP_CAUSES = {1: "start", 2: "camera lost", 3: "frames dropped", 4: "unclean stop", 5: "clock step", 6: "disk", 7: "stopped",
              8: "overload", 9: "not asked for"}
LAST = 2

# size is of the whole box; body begins at data[at + 8].
Box = namedtuple("Box", "kind at size")
# ranges: (offset in the file, length) of what is encrypted, in order; iv: 8 bytes.
Sample = namedtuple("Sample", "track at size sync iv ranges")
Seal = namedtuple("Seal", "flags stream epoch sequence previous_epoch previous_sequence previous_hash kid commitment header_hash "
                  "fragment sealed_us monotonic_us first_us last_us sender_us moof_size moof_hash tracks gaps signer hash")


def boxes(data, at=0, end=None):
    end = len(data) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > end:
            return
        yield Box(kind, at, size)
        at += size


def child(data, box, *path, skip=0):
    """The box at the end of a path of types; skip: bytes in front of the last one's parent's children."""
    for kind in path:
        box = next((b for b in boxes(data, box.at + 8 + skip, box.at + box.size) if b.kind == kind), None)
        if box is None:
            return None
        skip = 0
    return box


def parse_seal(payload):
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from(">" + form, payload, at)
        at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    version, flags, n = take("BBH")
    if version not in (1, 2):
        raise ValueError(f"seal of version {version}")
    stream = take(f"{n}s").decode()
    fixed = take("16sQ16sQ32s16s32s32sIqqqqqI32s")
    tracks = [take("IQQIQ32s") for _ in range(take("B"))]
    gaps = [take("BqqI") for _ in range(take("B"))]
    signer, _signature = take("32s64s")
    if at != len(payload):
        raise ValueError("bytes behind the seal")
    return Seal(flags, stream, *fixed, tracks, gaps, signer, hashlib.sha256(payload).digest())


class Fragment:
    """begin: of the padding or moof; end: of the padding behind the seal."""

    def __init__(self, data, begin, moof, mdat, uuid, end):
        self.begin, self.end, self.moof, self.mdat, self.uuid = begin, end, moof, mdat, uuid
        self.seal = parse_seal(data[uuid.at + 24:uuid.at + uuid.size])
        self.samples = [s for b in boxes(data, moof.at + 8, moof.at + moof.size) if b.kind == b"traf"
                        for s in self._traf(data, moof, b)]

    @staticmethod
    def _traf(data, moof, traf):
        tfhd, trun, senc = (child(data, traf, kind) for kind in (b"tfhd", b"trun", b"senc"))
        track = struct.unpack_from(">I", data, tfhd.at + 12)[0]
        flags, count, offset = struct.unpack_from(">IIi", data, trun.at + 8)
        if flags & 0xffffff != 0xf01:
            raise ValueError(f"trun with flags {flags:x}")
        at, from_trun, from_senc = moof.at + offset, trun.at + 20, senc.at + 16
        subsampled = data[senc.at + 11] & 2
        if struct.unpack_from(">I", data, senc.at + 12)[0] != count:
            raise ValueError("senc and trun disagree")
        for _ in range(count):
            _duration, size, sample_flags, _composition = struct.unpack_from(">IIIi", data, from_trun)
            from_trun += 16
            iv, ranges = data[from_senc:from_senc + 8], [(at, size)]
            from_senc += 8
            if subsampled:
                n, ranges, here = struct.unpack_from(">H", data, from_senc)[0], [], at
                from_senc += 2
                for _ in range(n):
                    clear, protected = struct.unpack_from(">HI", data, from_senc)
                    from_senc += 6
                    ranges.append((here + clear, protected))
                    here += clear + protected
                if here != at + size:
                    raise ValueError("subsamples are not the sample")
            yield Sample(track, at, size, sample_flags == 0x02000000, iv, [r for r in ranges if r[1]])
            at += size


class Segment:
    def __init__(self, path):
        self.path, self.data = Path(path), Path(path).read_bytes()
        data, self.fragments, begin, moof, mdat = self.data, [], None, None, None
        self.closed = False
        for b in boxes(data):
            if b.kind == b"moov":
                self._moov(b)
            elif b.kind == b"moof":
                moof, begin = b, b.at if begin is None else begin
            elif b.kind == b"free" and self.fragments and moof is None and b.at % 4096:
                self.fragments[-1].end = b.at + b.size  # behind a seal
            elif b.kind == b"free":
                begin = b.at
            elif b.kind == b"mdat":
                mdat = b
            elif b.kind == b"uuid" and moof:
                self.fragments.append(Fragment(data, begin, moof, mdat, b, b.at + b.size))
                begin = moof = mdat = None
            elif b.kind == b"mfra":
                self.closed = True

    def _moov(self, moov):
        data, self.kid, self.tracks = self.data, None, {}
        for trak in (b for b in boxes(data, moov.at + 8, moov.at + moov.size) if b.kind == b"trak"):
            tkhd = child(data, trak, b"tkhd")
            track = struct.unpack_from(">I", data, tkhd.at + 12 + (16 if data[tkhd.at + 8] else 8))[0]
            stsd = child(data, trak, b"mdia", b"minf", b"stbl", b"stsd")
            entry = next(boxes(data, stsd.at + 16, stsd.at + stsd.size))
            self.tracks[track] = {b"encv": "video", b"enca": "audio"}.get(entry.kind, entry.kind.decode())
            tenc = child(data, entry, b"sinf", b"schi", b"tenc", skip=78 if entry.kind == b"encv" else 28)
            self.kid = data[tenc.at + 16:tenc.at + 32]
        head = next(b for b in boxes(data, moov.at + 8, moov.at + moov.size) if b.kind == b"uuid")
        if data[head.at + 8:head.at + 24] != HEAD_TYPE or data[head.at + 24] != 1:
            raise ValueError("no head box of version 1")
        self.head, at = {}, head.at + 25
        while at < head.at + head.size:
            tag, n = struct.unpack_from(">HH", data, at)
            self.head[tag] = data[at + 4:at + 4 + n]
            at += 4 + n
        self.stream, self.object_key = self.head[1].decode(), self.head[2].decode()

    def samples(self):
        return [s for f in self.fragments for s in f.samples]

    def stored(self, sample):
        return self.data[sample.at:sample.at + sample.size]

    def clear(self, sample, key):
        """The sample as the camera sent it (with lengths in front of its NAL units)."""
        cipher = Cipher(algorithms.AES(key), modes.CTR(sample.iv + bytes(8))).decryptor()
        out, here = b"", sample.at
        for at, n in sample.ranges:
            out += self.data[here:at] + cipher.update(self.data[at:at + n])
            here = at + n
        return out + self.data[here:sample.at + sample.size]


# ---- keys ----

def _labeled_extract(salt, suite, label, secret):
    return hmac.new(salt or bytes(32), b"HPKE-v1" + suite + label + secret, hashlib.sha256).digest()


def _labeled_expand(key, suite, label, info, n):
    return HKDFExpand(hashes.SHA256(), n, struct.pack(">H", n) + b"HPKE-v1" + suite + label + info).derive(key)


def hpke_open(private_key, enc, info, aad, sealed):
    """RFC 9180 base mode, single shot: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM."""
    kem, suite = b"KEM" + struct.pack(">H", 0x10), b"HPKE" + struct.pack(">HHH", 0x10, 1, 2)
    private = ec.derive_private_key(int.from_bytes(private_key, "big"), ec.SECP256R1())
    public = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    shared = private.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc))
    secret = _labeled_expand(_labeled_extract(b"", kem, b"eae_prk", shared), kem, b"shared_secret", enc + public, 32)
    context = b"\0" + _labeled_extract(b"", suite, b"psk_id_hash", b"") + _labeled_extract(b"", suite, b"info_hash", info)
    key = _labeled_extract(secret, suite, b"secret", b"")
    return AESGCM(_labeled_expand(key, suite, b"key", context, 32)).decrypt(
        _labeled_expand(key, suite, b"base_nonce", context, 12), sealed, aad)


def hour_key(vault, segment, private_key):
    """As docs/spec/vault.md section 5 says: the key file that the head names, its wrap for this key."""
    key_id = segment.head[4].hex()
    path = next((Path(vault) / "keys" / segment.stream).glob(f"*/*.{key_id}.json"))
    file = json.loads(path.read_text())
    private = ec.derive_private_key(int.from_bytes(private_key, "big"), ec.SECP256R1())
    point = private.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    wrap = next(w for w in file["wraps"] if w["recipient"] == hashlib.sha256(point).hexdigest())
    aad = "\n".join((file["stream"], file["hour"], file["key_id"])).encode()
    key = hpke_open(private_key, bytes.fromhex(wrap["enc"]), b"custos-hour-key-1", aad, bytes.fromhex(wrap["wrapped"]))
    if hmac.new(key, b"custos-hour-key-id-1" + segment.stream.encode(), hashlib.sha256).digest()[:16].hex() != key_id:
        raise ValueError("the hour key is not the one that the head names")
    return key


def segment_key(vault, segment, private_key):
    """HKDF of the hour key with the KID."""
    key = HKDF(hashes.SHA256(), 16, None, b"custos-segment-key-1" + segment.kid).derive(hour_key(vault, segment, private_key))
    for fragment in segment.fragments:
        if hmac.new(key, b"custos-kc1" + segment.kid + segment.stream.encode(), hashlib.sha256).digest() != fragment.seal.commitment:
            raise ValueError("a seal commits to another key")
    return key
