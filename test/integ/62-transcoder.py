#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""An H.265 camera watched as H.264: one transcoder for all who watch, frames that decode and miss none, no more at once than the setting
says, one that is killed costs its own picture alone, and the kernel holds each of them.
"""
import asyncio
import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from confinement import confined
from custos_site import CARS, DESK, Edge, Site, check, custos, kill, main, wait_for
from page import Page, Watching
from pictures import decodes, streams

CONFIG = "[gateway]\nhttps_port = 0\ntranscoders = 1\n"


def confined_transcoder(pid):
    limits = Path(f"/proc/{pid}/limits").read_text()
    check(re.search(r"Max open files\s+32\s+32", limits), f"its limits: {limits}")
    check(os.getpriority(os.PRIO_PROCESS, pid) >= 10, "others' work goes before")
    confined(pid, channels=1)


def figures(watching, path):
    """Its pictures decode, as many as came, one behind the other."""
    n = decodes(watching.write(path))
    video = next(s for s in streams(path) if s["codec_type"] == "video")
    check((video["codec_name"], video["profile"], video["width"], video["height"]) == ("h264", "Constrained Baseline", 640, 480), f"{video}")
    check(watching.bytes.count(b"moof") == n, f"each is there: {n} of {watching.bytes.count(b'moof')}")
    return n


def two_watch(folder, site, page):
    async def go():
        first = asyncio.create_task(page.watching("desk-main", 4, query="?as=h264"))
        await asyncio.sleep(1.5)
        second = asyncio.create_task(page.watching("desk-main", 2.5, query="?as=h264"))
        as_it_is = asyncio.create_task(page.watching("desk-main", 2.5))
        await asyncio.sleep(1)
        return site.transcoders(), await first, await second, await as_it_is

    pids, first, second, as_it_is = asyncio.run(go())
    check(len(pids) == 1, f"one for both: {pids}")
    for i, watching in enumerate((first, second)):
        check(watching.told("codec")[0].startswith("avc1.42"), f"the codec is said: {watching.texts}")
        told = watching.told("transcoded")
        check(len(told) == 1 and told[0]["from"].startswith("hvc1.") and told[0]["to"] == watching.told("codec")[0], f"and from what: {watching.texts}")
        check(not watching.told("skipped") and not watching.told("ended"), f"{watching.texts}")
        check(figures(watching, folder / f"live-{i}.mp4") > 20, "frames")
    check(as_it_is.told("codec")[0].startswith("hvc1.") and not as_it_is.told("transcoded"), f"who wants it as it is has that: {as_it_is.texts}")
    wait_for(lambda: not site.transcoders(), 5, "it ends with those who watch")


def playable_needs_none(site, page):
    async def go():
        watching = Watching()
        async with page.socket("/api/v1/streams/cars-main/live?as=h264") as socket:
            await watching.read(socket, 8, lambda w: w.messages > 10)
            return watching, site.transcoders()

    watching, pids = asyncio.run(go())
    check(watching.messages > 10 and watching.told("codec")[0].startswith("avc1.") and not watching.told("transcoded"), f"{watching.texts}")
    check(not pids, f"H.264 with AAC is shown as it is: {pids}")
    check(page.refused("/api/v1/streams/cars-main/live?as=vp9") == 400, "nothing else can be asked for")


def the_limit_and_a_death(folder, site, page):
    async def go():
        first, third = Watching(), Watching()
        async with page.socket("/api/v1/streams/desk-main/live?as=h264") as socket:
            await first.read(socket, 8, lambda w: w.messages > 5)
            pids = site.transcoders()
            check(len(pids) == 1, f"one: {pids}")
            confined_transcoder(pids[0])
            async with page.socket("/api/v1/streams/yard-main/live?as=h264") as more:
                await third.read(more, 8, lambda w: w.closed)
            check(third.told("ended"), f"it is refused: {third.texts}")
            ended = third.told("ended")[0]
            check(third.closed and ended["code"] == "exhausted" and ended["fault"] == "transcoders" and "transcoders in" in ended["remedy"],
                  f"no more than one, and why: {third.texts}")
            # As the kernel would, for want of memory.
            kill(pids[0])
            await first.read(socket, 5, lambda w: w.closed)
        ended = first.told("ended")[0]
        check(first.closed and first.closed[0] == 1013 and ended["code"] == "unavailable" and ended["fault"] == "transcoder-failed",
              f"who watched is told: {first.texts} {first.closed}")

    asyncio.run(go())
    again = page.watch("yard-main", 8, lambda w: w.messages > 30, "?as=h264")
    check(again.told("transcoded") and figures(again, folder / "again.mp4") > 20, f"and the next one works: {again.texts}")


def test_transcoder(folder):
    site = Site(folder, config=CONFIG + "[link]\nmanager_port = 0\nrecorder_port = 0\n")
    site.init()
    with site, Edge(folder, {"desk": DESK, "cars": CARS}, site.camera_certificate("cams"), "--stamp") as edge:
        for name, what in (("desk", "desk"), ("yard", "desk"), ("cars", "cars")):
            site.add(name, edge.url(what), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("desk-main", "yard-main", "cars-main")
        two_watch(folder, site, page)
        playable_needs_none(site, page)
        the_limit_and_a_death(folder, site, page)
        site.cli("export", "--camera", "desk", "--last", "10", "--output", folder / "clip.mp4")
        cameras = json.loads(custos("edge", "check-stamps", "--json", folder / "clip.mp4", ok=None).stdout)["cameras"]
        check(cameras and not cameras[0]["gaps"], f"the recording lost nothing meanwhile: {cameras}")
        check("transcoder.over" in site.log(), "the log says which ended")


if __name__ == "__main__":
    main(globals())
