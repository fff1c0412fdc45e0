#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of many cameras come whole: a page ends where a message is full, however long the texts of its entries are."""
import json
import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Site, check, main, wait_for

CAMERAS = 240
LINK_MESSAGE = 100  # src/net/link.h


class Control:
    """The manager's control socket (docs/spec/link.md)."""

    def __init__(self, state):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(str(state / "control.sock"))
        self.id = 0

    def ask(self, kind, **body):
        self.id += 1
        message = {"v": 1, "id": self.id, "type": kind, "body": body}
        self.socket.send(struct.pack(">H", LINK_MESSAGE) + json.dumps(message).encode())
        answer = json.loads(self.socket.recv(1 << 18)[2:])
        check(answer["type"] == "answer", f"{kind}: {answer}")
        return answer["body"]


def test_every_camera_is_listed(folder):
    with Site(folder) as site:
        control = Control(site.state)
        path = "stream/" + "x" * 600
        for i in range(CAMERAS):
            control.ask("camera.add", name=f"camera-{i:03}", url=f"rtsps://127.0.0.1:1/{path}", user="operator", password="secret",
                        pin=f"{i + 1:064x}")
        names = [f"camera-{i:03}" for i in range(CAMERAS)]
        listed = json.loads(site.cli("camera", "list", "--json").stdout)
        check([c["name"] for c in listed] == names, f"all are listed, in order: {len(listed)}")
        wait_for(lambda: sum(s["fault"] == "connection-refused" for s in site.streams().values()) == CAMERAS, 30,
                 lambda: f"all are told with their fault: {len(site.streams())}")
        check(sorted(site.streams()) == [n + "-main" for n in names], "each once")
        first = control.ask("status")["recorder"]
        check(first["more"] and first["streams_total"] == CAMERAS and len(first["streams"]) < 200, "in pages smaller than their limit")


main(globals())
