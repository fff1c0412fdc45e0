# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of HTTP/1.1 and WebSocket made by hand, for what a decent one does not say."""
import os
import ssl
import struct

from custos_site import check


class Wire:
    """On a connected socket, with TLS or without; WebSocket by RFC 6455 section 5."""

    def __init__(self, socket):
        self.socket = socket
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return data

    def take(self, n):
        while len(self.buffer) < n:
            check(self.more(), f"the connection ended where {n} bytes were expected: {self.buffer[:200]!r}")
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def answer(self):
        """(status, headers in lower case, body) of the next HTTP answer."""
        while b"\r\n\r\n" not in self.buffer:
            check(self.more(), f"no whole answer: {self.buffer[:200]!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        return int(lines[0].split()[1]), headers, self.take(int(headers.get("content-length", "0")))

    def frame(self, opcode, payload=b"", fin=True, masked=True):
        n = len(payload)
        length = bytes([n]) if n < 126 else b"\x7e" + struct.pack(">H", n) if n < 65536 else b"\x7f" + struct.pack(">Q", n)
        head = bytes([opcode | (0x80 if fin else 0), length[0] | (0x80 if masked else 0)]) + length[1:]
        if masked:
            mask = os.urandom(4)
            stream = (mask * (n // 4 + 1))[:n]
            payload = mask + (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(n, "big")
        self.send(head + payload)

    def receive(self):
        """(opcode, payload) of the next frame, which must be whole and not masked."""
        first, second = self.take(2)
        check(first & 0x70 == 0 and first & 0x80 and not second & 0x80, f"a plain whole frame: {first:02x} {second:02x}")
        n = second
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
        return first & 15, self.take(n)

    def ended(self):
        """All that still comes until the other side closes."""
        try:
            while self.more():
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        return self.buffer
