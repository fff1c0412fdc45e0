#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded footage over a WebSocket: all of the time that was asked for, no frame missing, and an end that says so."""
import asyncio
import datetime
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, custos, main
from page import Page, Watching


def stamps(path):
    return json.loads(custos("edge", "check-stamps", "--json", path, ok=None).stdout)["cameras"]


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def paced(page, folder, begin, end, stamp):
    """What the viewer does not want yet waits, the time of the next fragment is told before it, and then all of it comes."""
    async def go():
        watching = Watching()
        async with page.socket(f"/api/v1/streams/cars-main/playback?from={stamp(begin)}&until={stamp(end)}") as socket:
            await socket.send(json.dumps({"until": stamp(begin + 2)}))
            await watching.read(socket, 10, lambda w: w.told("at") and seconds_of(w.told("at")[-1]) > int(begin) + 2)
            held = (len(watching.bytes), len(watching.texts))
            await watching.read(socket, 1)
            check(held == (len(watching.bytes), len(watching.texts)), f"nothing more comes: {held} {watching.texts}")
            check(watching.bytes.count(b"moof") == len(watching.told("at")) - 1, f"the last one alone waits: {watching.texts}")
            await socket.send(json.dumps({"until": stamp(end + 60)}))
            await watching.read(socket, 10, lambda w: w.told("ended"))
        return watching

    watching = asyncio.run(go())
    times = [seconds_of(t) for t in watching.told("at")]
    check(watching.told("ended")[0]["code"] == "ok" and times == sorted(times) and len(times) >= 3, f"to its end, by time: {watching.texts}")
    check(abs(times[0] - begin) < 2, f"a fragment's time is of its footage: {times} {begin}")
    cameras = stamps(watching.write(folder / "paced.mp4"))
    check(cameras and not cameras[0]["gaps"] and len(times) == watching.bytes.count(b"moof"), f"no frame is missing: {cameras}")


def what_can_be_said(page, query):
    async def closes(kind, text):
        async with page.socket(f"/api/v1/streams/cars-main/{kind}") as socket:
            await socket.send(text)
            watching = Watching()
            await watching.read(socket, 10, lambda w: w.closed)
            return watching.closed and watching.closed[0]

    texts = ("{}", "x", "[]", '{"until": 5}', '{"until": "soon"}', '{"until": "2026-01-01T00:00:00Z", "x": 1}', b"x", "x" * 2000)

    async def all_of_them():
        live = closes("live", '{"until": "2026-01-01T00:00:00Z"}')
        return await asyncio.gather(live, *(closes(f"playback{query}", text) for text in texts))

    live, *codes = asyncio.run(all_of_them())
    check(all(code in (1002, 1003, 1008, 1009) for code in codes), f"each ends it: {list(zip(texts, codes))}")
    check(live == 1008, f"live, nothing can be said: {live}")


def test_recorded_footage(folder):
    with Site(folder) as site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars"), "--stamp") as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        site.wait_recording("cars-main")
        time.sleep(5)
        now = time.time()
        stamp = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(s))
        query = f"?from={stamp(now - 6)}&until={stamp(now - 2)}"
        watching = page.watch("cars-main", 12, lambda w: w.told("ended"), query, "playback")
        check(watching.told("ended") and watching.told("ended")[0]["code"] == "ok", f"it ends when all was sent: {watching.texts}")
        path = watching.write(folder / "recorded.mp4")
        cameras = stamps(path)
        check(cameras and cameras[0]["frames"] > 40 and not cameras[0]["gaps"], f"no frame is missing: {cameras}")
        paced(page, folder, now - 6, now - 1, stamp)
        what_can_be_said(page, query)
        check(page.refused("/api/v1/streams/cars-main/playback") == 400, "without times: 400")
        check(page.refused("/api/v1/streams/cars-main/playback?from=x&until=y") == 400, "with none: 400")


if __name__ == "__main__":
    main(globals())
