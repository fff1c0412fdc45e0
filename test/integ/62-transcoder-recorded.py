#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded H.265 as H.264 to its last frame; thumbnails of a moment and the picture of now as JPEG, of the width that was asked for, and the
right ones; where nothing was recorded, why.
"""
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, Edge, Site, check, main, run, wait_for
from page import Page
from pictures import decodes, likeness, streams

STREAM = "/api/v1/streams/{}/{}"


def stamp(us):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(us // 1000000)) + f".{us % 1000000:06}Z"


def picture(answer, path, width, height):
    check(answer.status == 200 and answer.headers["content-type"] == "image/jpeg", f"a JPEG: {answer.status} {answer.headers} {answer.body[:300]}")
    check(answer.headers["cache-control"] == "private, no-store" and answer.headers["x-content-type-options"] == "nosniff", f"{answer.headers}")
    path.write_bytes(answer.body)
    made = streams(path)[0]
    check((made["codec_name"], made["width"], made["height"]) == ("mjpeg", width, height), f"of that size: {made}")
    return path


def recorded(folder, page, query):
    made = page.watch("desk-main", 12, lambda w: w.closed, query + "&as=h264", "playback")
    check(made.told("ended") and made.told("ended")[0]["code"] == "ok" and len(made.told("transcoded")) == 1, f"to its end: {made.texts}")
    was = page.watch("desk-main", 12, lambda w: w.closed, query, "playback")
    made, was = made.write(folder / "made.mp4"), was.write(folder / "was.mp4")
    check(decodes(made) == decodes(was), f"every picture: {decodes(made)} of {decodes(was)}")
    check(streams(made)[0]["codec_name"] == "h264" and likeness(made, was) > 32, f"the same ones: {likeness(made, was)}")


def thumbnails(folder, site, page, begin, end):
    """Each is the key frame before its moment: the first picture of what is played from there."""
    grants = lambda: site.cli("audit", "show").stdout.count("grant.made")
    before = grants()
    moments = [begin + (end - begin) * i // 4 for i in range(1, 4)]
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(page.get, STREAM.format("desk-main", f"thumbnail?at={stamp(at)}&width={w}")) for at, w in zip(moments, (64, 320, 640))]
    shots = list(zip([a.result() for a in asked], ((64, 48), (320, 240), (640, 480))))
    made = [picture(answer, folder / f"thumbnail-{i}.jpg", *size) for i, (answer, size) in enumerate(shots)]
    film = page.watch("desk-main", 8, lambda w: w.closed, f"?from={stamp(moments[1] - 1000000)}&until={stamp(moments[1])}&keys_only=true", "playback")
    keys, last = film.write(folder / "keys.mp4"), folder / "key.png"
    run("ffmpeg", "-v", "error", "-y", "-i", keys, "-vf", f"select=eq(n\\,{decodes(keys) - 1})", "-frames:v", "1", last)
    check(likeness(made[1], last) > 30, f"the right one: {likeness(made[1], last)} dB")
    default = page.get(STREAM.format("desk-main", f"thumbnail?at={stamp(moments[0])}"))
    picture(default, folder / "default.jpg", 320, 240)
    for i in range(2):
        picture(page.get(STREAM.format("desk-main", f"thumbnail?at={stamp(begin + i * 300000)}&width=100")), folder / "more.jpg", 100, 74)
    # The film has one; the pictures one for their hour, or two where that ended.
    check(grants() - before <= 1 + 2, f"one grant for all the pictures: {grants() - before}")


def what_is_refused(page, begin, end):
    thumbnail = STREAM.format("desk-main", "thumbnail")
    for query in ("", "?at=x", f"?at={stamp(end)}&width=63", f"?at={stamp(end)}&width=641", f"?at={stamp(end)}&width=a"):
        page.get(thumbnail + query).problem(400, "invalid")
    page.get(STREAM.format("desk-main", "snapshot?width=5000")).problem(400, "invalid")
    page.get(STREAM.format("desk", f"thumbnail?at={stamp(end)}")).problem(400)
    page.get(STREAM.format("none-main", f"thumbnail?at={stamp(end)}")).problem(404)
    page.get(thumbnail + f"?at={stamp(end)}", cookie=False).problem(401)
    for at in (begin - 3600 * 1000000, end + 3600 * 1000000):
        why = page.get(thumbnail + f"?at={stamp(at)}").problem(404, "not_found")
        check(why["fault"] == "nothing-recorded" and why["remedy"], f"nothing was recorded: {why}")


def a_gap_says_its_cause(site, page, gap):
    at = (us(gap["from"]) + us(gap["to"])) // 2
    why = page.get(STREAM.format("desk-main", f"thumbnail?at={stamp(at)}")).problem(404, "not_found")
    check(why["detail"].endswith(": " + gap["cause"]), f"why: {why} {gap}")


def us(text):
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000000)


def timeline(site):
    return json.loads(site.cli("timeline", "--camera", "desk", "--json").stdout)


def test_recorded(folder):
    site = Site(folder, config="[recorder]\nbackoff_max_ms = 1000\nidle_timeout_ms = 1000\n[gateway]\nhttps_port = 0\n[link]\nmanager_port = 0\nrecorder_port = 0\n")
    site.init()
    certificate = site.camera_certificate("cams")
    streams_of = {"desk": DESK, "cars": CARS}
    with site:
        with Edge(folder, streams_of, certificate) as edge:
            for name in streams_of:
                site.add(name, edge.url(name), edge.user, edge.password_file)
            page = Page(site)
            page.set_up()
            site.wait_recording("desk-main", "cars-main")
            time.sleep(2.5)
        away = time.monotonic()
        first = us(timeline(site)["ranges"][0]["from"])
        recorded(folder, page, f"?from={stamp(first)}&until={stamp(first + 2500000)}")
        thumbnails(folder, site, page, first + 200000, first + 2500000)
        what_is_refused(page, first, first + 2000000)
        time.sleep(max(0, away + 3 - time.monotonic()))
        with Edge(folder, streams_of, certificate, port=edge.port):
            gap = wait_for(lambda: [g for g in timeline(site)["gaps"] if us(g["from"]) > first], 15, lambda: f"the gap is sealed: {timeline(site)}", 0.3)[-1]
            a_gap_says_its_cause(site, page, gap)
            now = picture(page.get(STREAM.format("desk-main", "snapshot?width=200")), folder / "now.jpg", 200, 150)
            own = picture(page.get(STREAM.format("cars-main", "snapshot")), folder / "own.jpg", 768, 432)
        check(now.stat().st_size > 500 and own.stat().st_size > 5000, f"and something is on them: {now.stat().st_size} {own.stat().st_size}")
        wait_for(lambda: not site.transcoders(), 5, "no process is left")
        left = [p for p in site.state.rglob("*") if p.is_file() and p.suffix in (".jpg", ".jpeg")]
        check(not left, f"and no file: {left}")


if __name__ == "__main__":
    main(globals())
