#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Live pictures over WebSockets: frames arrive and decode, one copy from the recorder however many watch, and the end of a session ends
what it watches.
"""
import asyncio
import json
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, Edge, Site, check, custos, main, wait_for
from frames import stream_kinds
from page import Page, Watching

CUT_S = 10


def stamps(path):
    return json.loads(custos("edge", "check-stamps", "--json", path, ok=None).stdout)["cameras"]


def figure(page, token, name):
    text = page.get("/metrics", headers=[f"Authorization: Bearer {token}"]).body.decode()
    return int(re.search(rf"^custos_gateway_{name} (\d+)$", text, re.M).group(1))


def several_watch(folder, page, token):
    """Three viewers, two people, one copy."""
    other = page.other("Viktor")

    async def go():
        began = figure(page, token, "media_in_bytes_total")
        first = asyncio.create_task(page.watching("cars-main", 5.5))
        await asyncio.sleep(1)
        more = [asyncio.create_task(p.watching("cars-main", 4.5)) for p in (page, other)]
        await asyncio.sleep(3)
        check(figure(page, token, "viewers") == 3 and figure(page, token, "streams") == 1, "three viewers, one stream")
        got = [await t for t in (first, *more)]
        return got, figure(page, token, "media_in_bytes_total") - began

    got, came = asyncio.run(go())
    for i, watching in enumerate(got):
        check(watching.told("codec") and watching.told("codec")[0].startswith("avc1."), f"the codec is said: {watching.texts}")
        check(",mp4a.40.2" in watching.told("codec")[0] and not watching.told("skipped") and not watching.told("ended"), f"{watching.texts}")
        path = watching.write(folder / f"live-{i}.mp4")
        check(stream_kinds(path) == ["h264", "aac"], f"tracks: {stream_kinds(path)}")
        cameras = stamps(path)
        check(len(cameras) == 1 and not cameras[0]["gaps"] and cameras[0]["frames"] > 30, f"no frame is missing: {cameras}")
    out = sum(len(w.bytes) for w in got)
    check(came < 0.7 * out, f"one copy for three: {came} bytes came, {out} went out")


def what_is_not_there(page):
    check(page.refused("/api/v1/streams/nothing/live") == 400, "not a stream's name")
    watching = page.watch("nothing-main", 5, lambda w: w.closed)
    check(watching.told("ended")[0]["code"] == "not_found", f"no such camera: {watching.texts}")
    watching = page.watch("cars-sub", 5, lambda w: w.closed)
    check(watching.told("ended"), f"no such stream: {watching.texts}")
    page.get("/api/v1/streams/cars-main/live", origin=page.origin).problem(426)
    check(page.refused("/api/v1/streams/cars-main/live", protocol="another") in (400, 426), "another sub-protocol")


def the_end_of_a_session(page):
    other = page.other("Viktor")
    session = other.get("/api/v1/session").json["session"]

    async def go():
        cut, kept = Watching(), asyncio.create_task(page.watching("cars-main", 5))
        async with other.socket("/api/v1/streams/cars-main/live") as socket:
            await cut.read(socket, 5, lambda w: w.messages > 5)
            check(cut.messages > 5, "it watches")
            at = time.monotonic()
            await asyncio.to_thread(lambda: page.delete(f"/api/v1/sessions/{session}").ok())
            await cut.read(socket, CUT_S + 5, lambda w: w.closed)
        return cut, at, await kept

    cut, at, kept = asyncio.run(go())
    check(cut.closed and cut.closed[1] - at < CUT_S, f"cut within {CUT_S} s: {cut.closed} {cut.texts}")
    check(cut.told("ended")[0]["code"] == "auth" and "revoked" in cut.told("ended")[0]["text"], f"and told why: {cut.texts}")
    check(not kept.told("ended") and not kept.closed, f"who is still signed in goes on: {kept.texts}")
    check(other.refused("/api/v1/streams/cars-main/live") == 401, "and does not come back")
    print(f"  cut after {cut.closed[1] - at:.1f} s")


def test_live(folder):
    site = Site(folder)
    site.init()
    token = "t" * 40
    (site.state / "gateway/metrics_token").write_text(token + "\n")
    (site.state / "gateway/metrics_token").chmod(0o600)
    with site, Edge(folder, {"cars": CARS}, site.camera_certificate("cars"), "--stamp") as edge:
        site.add("cars", edge.url("cars"), edge.user, edge.password_file)
        page = Page(site)
        page.set_up()
        page.add("Viktor", "viewer")
        page.get("/metrics").problem(401)
        site.wait_recording("cars-main")
        several_watch(folder, page, token)
        the_end_of_a_session(page)
        what_is_not_there(page)
        wait_for(lambda: figure(page, token, "viewers") == 0 and figure(page, token, "streams") == 0, 5, "nothing is kept of those who left")


if __name__ == "__main__":
    main(globals())
