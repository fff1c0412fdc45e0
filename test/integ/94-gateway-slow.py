#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A viewer that does not read skips to a key frame, is told so, and disturbs nobody; and the gateway's memory does not grow by it."""
import asyncio
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import websockets

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CUSTOS, RELEASE, Edge, Site, check, main
from page import Page, Watching

PAUSE_S = 6


def wide_film(path):
    """Noise, which nothing makes smaller: some 25 Mbit/s, a key frame a second."""
    noise = Path("/dev/urandom").open("rb").read(320 * 240 * 3 // 2 * 25)
    p = subprocess.run(["ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "320x240", "-r", "25", "-i", "-", "-c:v", "libx264",
                        "-preset", "ultrafast", "-qp", "4", "-g", "25", "-bf", "0", "-movflags", "+faststart", str(path)], input=noise * 3,
                       capture_output=True, timeout=60)
    check(p.returncode == 0, f"ffmpeg: {p.stderr.decode()[-500:]}")
    return path


def rss_mb(pid):
    return int(next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1]) >> 10


async def narrow(page):
    """A connection whose receiver has next to no room."""
    port = int(page.origin.rsplit(":", 1)[1])
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", port))
    s.setblocking(False)
    context = ssl.create_default_context(cafile=page.root)
    return await websockets.connect(page.origin.replace("https", "wss") + "/api/v1/streams/wide-main/live", ssl=context, sock=s, server_hostname="localhost",
                                    subprotocols=["custos.live.1"], origin=page.origin, extra_headers=[("Cookie", f"__Host-custos={page.cookie}")],
                                    max_size=None, compression=None, max_queue=None)


def test_a_slow_viewer(folder):
    film = wide_film(folder / "wide.mp4")
    program = RELEASE if os.access(RELEASE, os.X_OK) else CUSTOS  # a sanitizer keeps what was freed
    with Site(folder, program=program) as site, Edge(folder, {"wide": film}, site.camera_certificate("wide"), program=program) as edge:
        site.add("wide", edge.url("wide"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("wide-main")

        async def go():
            slow, other = Watching(), asyncio.create_task(page.watching("wide-main", PAUSE_S + 2))
            connection = await narrow(page)
            await slow.read(connection, 1.5)
            before = rss_mb(site.pids()["gateway"])
            connection.transport.pause_reading()
            await asyncio.sleep(PAUSE_S)
            grown = rss_mb(site.pids()["gateway"]) - before
            connection.transport.resume_reading()
            await slow.read(connection, 12, lambda w: w.told("skipped"))
            await connection.close()
            return slow, await other, grown

        slow, other, grown = asyncio.run(go())
        check(slow.told("skipped"), f"it is told that something was skipped: {slow.texts} {len(slow.bytes)}")
        check(len(other.bytes) > 8 << 20 and not other.told("skipped") and not other.told("ended"), f"another sees all: {other.texts} {len(other.bytes)}")
        check(grown < 60 or program == CUSTOS, f"the gateway has grown by {grown} MiB")
        print(f"  grown by {grown} MiB while {len(other.bytes) >> 20} MiB went by")


if __name__ == "__main__":
    main(globals())
