#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole recorder against a bad camera: one `custos edge` with a stream for each of its faults, one site that records
them all at once. Each fault is survived, with pictures going on, or refused with its name in `custos status`; a good
camera beside them loses nothing.
"""
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, ROOT, Edge, Site, check, custos, main, wait_for

# Survived in one connection, with pictures going on.
SURVIVED = {
    "good": [],
    "one-byte-writes": ["one-byte-writes"],
    "slow-answer": ["slow-answer:700"],
    "bad-content-base": ["bad-content-base"],
    "other-channels": ["other-channels"],
    "sha256-only": ["sha256-only"],
    "md5-only": ["md5-only"],
    "basic": ["basic"],  # inside verified TLS
    "garbage": ["garbage:37"],
    "jump": ["jump:3600@1s"],
    "jump-back": ["jump:-3600@1s"],
    "sequence-jump": ["sequence-jump@1s"],
    "wrap": ["wrap"],
    "ssrc-change": ["ssrc-change@1s"],
    "duplicate": ["duplicate:30"],
    "reorder": ["reorder"],
    "late": ["late:300"],
    "lost": ["lost:5"],
    "truncated-fu": ["truncated-fu"],
    "no-marker": ["no-marker"],
    "extra-marker": ["extra-marker"],
    "changed": ["changed-parameters:small@1s"],
    "wrong-clock": ["wrong-clock:-86400"],
    "no-rtcp": ["no-rtcp"],
    "thousand-tracks": ["thousand-tracks:500"],
    "bit-rate-bomb": ["bit-rate-bomb:20"],
}
# The connection ends, for the reason that the log names, and the next one is made.
ENDS = {
    "close": (["close@1s"], "connection-closed"),
    "stall": (["stall@1s"], "no-picture"),
    "half-open": (["half-open@1s"], "no-picture"),
    "bye": (["bye@1s"], "track-ended"),
}
# Nothing is recorded, and the status says why.
REFUSED = {
    "half-open-early": (["half-open"], "no-answer"),
    "no-answer": (["no-answer"], "no-answer"),
    "no-session": (["no-session"], "bad-answer"),
    "status": (["status:PLAY:453"], "camera-busy"),
    "redirect": (["redirect:rtsps://192.0.2.1/cam"], "redirect"),
    "other-host": (["other-host"], "other-place"),
    "plain-sdp": (["plain-sdp"], "setup-refused"),
    "plain-setup": (["plain-setup"], "media-outside-tls"),
    "huge-sdp": (["huge-sdp"], "bad-answer"),
    "thousand-more": (["thousand-tracks:2000"], "bad-answer"),
    "basic-after-digest": (["basic-after-digest"], "weaker-authentication"),
    "stale-loop": (["stale-loop"], "wrong-password"),
}
# Pictures that may be old ones: recorded or refused, but never without a word where they are not recorded.
EITHER = {"replay": ["replay@1s"], "old-clock": ["old-clock"], "wrong-cseq": ["wrong-cseq"]}
# Packets are missing, so the counter must say so; elsewhere it must not.
LOSES = {"lost", "late", "reorder", "sequence-jump"}
UNITS = 60  # beyond what had come when the fault struck


def small_clip(folder):
    """The same scene with another size, so other parameter sets; H.264 and AAC as the original."""
    path = folder / "small.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", str(CARS), "-vf", "scale=320:192", "-c:v", "libx264", "-preset", "ultrafast",
                    "-g", "25", "-bf", "0", "-c:a", "copy", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def listed_faults():
    return {re.match(r"[a-z0-9-]+", line)[0] for line in custos("edge", "--faults").stdout.splitlines()}


def test_the_list_and_the_command_line(folder):
    tried = {re.match(r"[a-z0-9-]+", f)[0] for group in (SURVIVED, EITHER) for list_ in group.values() for f in list_}
    tried |= {re.match(r"[a-z0-9-]+", f)[0] for group in (ENDS, REFUSED) for list_, _ in group.values() for f in list_}
    check(tried == listed_faults(), f"every fault is tried below: {tried ^ listed_faults()}")
    page = (ROOT / "docs/edge.md").read_text()
    check(set(re.findall(r"^\| `([a-z0-9-]+)` \|", page, re.M)) == tried, "docs/edge.md says what becomes of each")
    for wrong, words in (("nonsense", "no fault of that name"), ("lost", "needs its parameter"), ("lost:0", "1 to 100"),
                         ("lost:x", "no number"), ("close:3", "takes no parameter"), ("close@x", "seconds"), ("wrap@2s", "takes no time"),
                         ("status:play:500", "capitals"), ("no such=close", "name of a stream")):
        p = custos("edge", "--listen", "127.0.0.1:0", "--fault", wrong, ok=64)
        check(words in p.stderr and wrong in p.stderr, f"--fault {wrong}: {p.stderr}")
    p = custos("edge", "--listen", "127.0.0.1:0", "--plain-loopback-test", "--stream", f"cam={CARS}", "--fault", "other=close", ok=1)
    check("there is no stream other" in p.stderr, p.stderr)
    p = custos("edge", "--listen", "127.0.0.1:0", "--plain-loopback-test", "--stream", f"cam={CARS}", "--stream", f"desk={DESK}",
               "--fault", "cam=changed-parameters:desk", ok=1)
    check("not the same codec" in p.stderr, p.stderr)


def fields(site):
    return {s["stream"].removesuffix("-main"): s for s in site.streams().values()}


def test_a_bad_camera(folder):
    plans = {**SURVIVED, **EITHER, **{n: list_ for n, (list_, _) in (ENDS | REFUSED).items()}}
    faults = [word for name, list_ in plans.items() for f in list_ for word in ("--fault", f"{name}={f}")]
    files = {name: CARS for name in plans} | {"small": small_clip(folder)}
    with Site(folder) as site, Edge(folder, files, site.camera_certificate("edge"), *faults) as edge:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda n: site.add(n, edge.url(n), edge.user, edge.password_file), plans))
        wait_for(lambda: all(fields(site)[n]["state"] == "streaming" for n in SURVIVED), 20,
                 lambda: f"all stream: {[n for n in SURVIVED if fields(site)[n]['state'] != 'streaming']}")
        time.sleep(1.5)  # every fault has struck
        begun = fields(site)
        wait_for(lambda: (lambda now: all(now[n]["units"] > begun[n]["units"] + UNITS for n in SURVIVED))(fields(site)), 20,
                 lambda: f"pictures go on: {[(n, s['units']) for n, s in fields(site).items() if n in SURVIVED]}")
        wait_for(lambda: all(fields(site)[n]["fault"] == fault for n, (_, fault) in REFUSED.items()), 25,
                 lambda: f"refused: {[(n, fields(site)[n]['fault'], fields(site)[n]['error']) for n in REFUSED]}")
        wait_for(lambda: all(fields(site)[n]["connects"] >= 2 for n in ENDS), 25,
                 lambda: f"connected again: {[(n, fields(site)[n]['connects']) for n in ENDS]}")
        now = fields(site)
        for n in SURVIVED:
            check(now[n]["connects"] == 1 and now[n]["recording"] and not now[n]["fault"], f"{n}: one connection, recorded: {now[n]}")
            check((now[n]["lost_packets"] > 0) == (n in LOSES), f"{n}: {now[n]['lost_packets']} packets missing")
        for n in REFUSED:
            check(not now[n]["recording"] and now[n]["fragments"] == 0 and now[n]["remedy"], f"{n}: nothing, and what to do: {now[n]}")
        for n in EITHER:
            check(now[n]["state"] == "streaming" or now[n]["fault"], f"{n}: streams or says why not: {now[n]}")
        for n, (_, fault) in ENDS.items():
            lost = re.findall(rf"cam={n}-main.*camera\.lost .*fault=([a-z-]+)", site.log())
            check(lost and set(lost) == {fault}, f"{n}: lost by {fault}, not {lost}")
            check(now[n]["units"] > 0, f"{n}: what came before is there")
        check(now["changed"]["segments"] > now["good"]["segments"], f"new parameter sets begin a segment: {now['changed']}")
        check(now["bit-rate-bomb"]["bytes"] > 10 * now["good"]["bytes"], "the bomb was one")
        check(now["good"]["connects"] == 1 and not now["good"]["fault"], "the good camera's connection was never lost")


main(globals())
