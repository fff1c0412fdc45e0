# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes between hosts, every byte of it: tcpdump on each hop, TCP put together again, and read as TLS records.

    wire = Wire(folder, {"north": command_prefix_and_device, ...})    # it listens when this returns
    ...
    seen = wire.stop()                                                # Seen
    seen.streams, seen.others, seen.count(forms)
"""
import collections
import ipaddress
import struct
import subprocess
import time

from custos_site import Failure, check, wait_for

ETHERTYPE = {0x0800: "ip", 0x86DD: "ip6", 0x0806: "arp"}
RECORDS = {20: "change cipher spec", 21: "alert", 22: "handshake", 23: "application data"}
RECORD_MAX = (1 << 14) + 256  # RFC 8446 section 5.2
SYN, ACK = 2, 16
Flow = collections.namedtuple("Flow", "host port to_host to_port")


class NotTls(Exception):
    """What stands there instead."""


class Stream:
    """One direction of a TCP connection."""

    def __init__(self, flow):
        self.flow, self.first, self.parts = flow, None, {}
        self.whole = self.opened = False  # seen from its first byte; opened by this side

    def take(self, sequence, flags, payload):
        if flags & SYN:
            self.first, self.whole, self.opened = sequence + 1 & 0xFFFFFFFF, True, not flags & ACK
        elif self.first is None:
            self.first = sequence  # it began before we listened
        if payload:
            at = (sequence - self.first) & 0xFFFFFFFF
            if at < 1 << 31 and len(self.parts.get(at, b"")) < len(payload):
                self.parts[at] = payload

    def bytes(self):
        out = bytearray()
        for at in sorted(self.parts):
            part = self.parts[at]
            if at > len(out):
                raise Failure(f"{self.flow}: {at - len(out)} bytes at {len(out)} were not captured")
            out += part[len(out) - at:]
        return bytes(out)


def tls_records(data):
    """How many of each type. NotTls where a byte is none of a record; the last one may be cut off."""
    counts, at = collections.Counter(), 0
    while at < len(data):
        head = data[at:at + 5]
        kind, version = head[0], head[1:3]
        if kind not in RECORDS or (len(version) == 2 and version not in (b"\x03\x01", b"\x03\x03")):
            raise NotTls(f"byte {at}: {data[at:at + 40]!r}")
        if len(head) < 5:
            break
        n = struct.unpack(">H", head[3:])[0]
        if not 0 < n <= RECORD_MAX:
            raise NotTls(f"byte {at}: a record of {n} bytes")
        counts[RECORDS[kind]] += at + 5 + n <= len(data)
        at += 5 + n
    return counts


class Seen:
    def __init__(self):
        self.streams, self.others, self.packets, self.raw = {}, collections.Counter(), 0, {}

    def read(self, hop, path):
        """Packets of one file, which is kept for count()."""
        data = path.read_bytes()
        order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[data[:4]]
        link = struct.unpack(order + "I", data[20:24])[0] & 0xFFFF
        check(link == 1, f"Ethernet, not link type {link}")
        self.raw[hop], at, head = data, 24, struct.Struct(order + "IIII")
        while at + 16 <= len(data):
            _, _, kept, whole = head.unpack_from(data, at)
            check(kept == whole, "packets are whole")
            self.packet(hop, data[at + 16:at + 16 + kept])
            at += 16 + kept

    def packet(self, hop, frame):
        self.packets += 1
        kind = ETHERTYPE.get(struct.unpack(">H", frame[12:14])[0])
        if kind == "ip":
            size = (frame[14] & 15) * 4
            total = struct.unpack(">H", frame[16:18])[0] or len(frame) - 14
            self.transport(hop, frame[23], frame[26:30], frame[30:34], frame[14 + size:14 + total])
        elif kind == "ip6":
            protocol, body = frame[20], frame[54:]
            if protocol == 0:  # hop by hop, before multicast reports
                protocol, body = body[0], body[8 + body[1] * 8:]
            self.transport(hop, protocol, frame[22:38], frame[38:54], body)
        else:
            self.others[kind or "unknown"] += 1

    def transport(self, hop, protocol, from_host, to_host, body):
        if protocol == 6:
            port, to_port, sequence = struct.unpack(">HHI", body[:8])
            flow = Flow(str(ipaddress.ip_address(from_host)), port, str(ipaddress.ip_address(to_host)), to_port)
            stream = self.streams.setdefault((hop, flow), Stream(flow))
            stream.take(sequence, body[13], body[(body[12] >> 4) * 4:])
        elif protocol == 17:
            self.others[f"udp {struct.unpack('>HH', body[:4])}"] += 1
        else:
            self.others[{1: "icmp", 2: "igmp", 58: "icmp6"}.get(protocol, f"protocol {protocol}")] += 1

    def count(self, forms):
        """How often any of these forms was seen: within packets, whatever they are, and across them in TCP."""
        packets = sum(data.count(form) for data in self.raw.values() for form in forms)
        return max(packets, sum(data.count(form) for data in self.joined().values() for form in forms))

    def joined(self):
        """{(hop, flow): bytes}"""
        if not hasattr(self, "together"):
            self.together = {key: stream.bytes() for key, stream in self.streams.items()}
        return self.together

    def ports(self):
        """Where connections were made to: {(hop, host, port)}."""
        return {(hop, flow.to_host, flow.to_port) for (hop, flow), stream in self.streams.items() if stream.opened}


class Wire:
    """Listeners at once. hops: {name: (command prefix, device, direction of tcpdump -Q)}."""

    def __init__(self, folder, hops):
        self.files, self.running = {}, []
        for name, (prefix, device, direction) in hops.items():
            path = folder / f"wire-{name}-{time.monotonic_ns()}.pcap"
            log = path.with_suffix(".log").open("w+")
            self.running.append((name, log, subprocess.Popen(
                [*prefix, "tcpdump", "-i", device, "-Q", direction, "-s", "0", "-B", "65536", "-U", "-n", "-Z", "root", "-w", str(path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)))
            self.files[name] = path
        wait_for(lambda: all("listening on" in self.said(log) for _, log, _ in self.running), 10,
                 lambda: f"tcpdump listens: {[self.said(log) for _, log, _ in self.running]}", 0.05)

    @staticmethod
    def said(log):
        log.seek(0)
        return log.read()

    def stop(self):
        time.sleep(1.2)  # what is on its way: the kernel hands packets over in blocks, once a second (tcpdump's to_ms)
        seen = Seen()
        for name, log, process in self.running:
            process.terminate()
            process.wait(timeout=10)
            said = self.said(log)
            check("\n0 packets dropped by kernel" in said, f"all of it on {name}: {said}")
            seen.read(name, self.files[name])
            log.close()
        return seen

    def kill(self):
        for _, _, process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
