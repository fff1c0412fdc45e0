# SPDX-License-Identifier: GPL-3.0-or-later
"""net/http_server in its probe (test/integ/http_server_probe.c), and how to speak to it."""
import os
import re
import socket
import ssl
import time
from pathlib import Path

from bad_certificates import issue
from custos_site import CUSTOS, Authority, Program, check, skip, wait_for
from http_wire import Wire

PROBE = Path(CUSTOS).resolve().parents[1] / "test/integ/http_server_probe"


class Port(Program):
    def __init__(self, folder, *limits):
        if not PROBE.exists():
            skip(f"{PROBE} is not built")
        self.root = folder / "web-root.crt"
        if not self.root.exists():
            authority = Authority.new(folder, "web-root")
            self.root.write_bytes(Path(authority.cert).read_bytes())
            for n in (1, 2):
                chain, key = issue(authority, f"web{n}", san="IP:127.0.0.1,DNS:localhost")
                (folder / f"web{n}.pem").write_bytes(Path(chain).read_bytes())
                (folder / f"web{n}.key").write_bytes(Path(key).read_bytes())
        self.folder = folder
        self.present(1)
        super().__init__(folder / f"probe-{time.monotonic_ns()}.log", [PROBE, folder / "web.pem", folder / "web.key", *limits],
                         # what was freed is not to count as memory in use
                         {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:malloc_context_size=5"})
        wait_for(lambda: "port " in self.log() or not self.alive(), 10, "the probe listens", 0.02)
        self.port = int(re.search(r"port (\d+)", self.log())[1])

    def present(self, n):
        """The files of the certificate are those of number n from now on."""
        for kind in ("pem", "key"):
            (self.folder / f"web.{kind}").write_bytes((self.folder / f"web{n}.{kind}").read_bytes())

    def context(self, *protocols):
        c = ssl.create_default_context(cafile=str(self.root))
        c.set_alpn_protocols(list(protocols or ("http/1.1",)))
        return c

    def connect(self, *protocols, source=None, timeout=15, receive=None):
        s = socket.socket()
        s.settimeout(timeout)
        if receive:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        if source:
            s.bind((source, 0))
        s.connect(("127.0.0.1", self.port))
        return self.context(*protocols).wrap_socket(s, server_hostname="127.0.0.1")

    def wire(self, **options):
        return Wire(self.connect(**options))

    def requests(self, path):
        return len(re.findall(rf"^request \S+ {re.escape(path)} ", self.log(), re.M))

    def memory(self):
        """Resident, in MiB."""
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[1]) / 1024

    def cpu(self):
        """Seconds, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def serves(self):
        with self.wire() as c:
            c.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            check(c.answer()[0] == 200, "it serves")
