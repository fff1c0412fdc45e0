#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-DISK: whoever has the disk and no key finds no picture, no sound and no metadata of the footage on it.

A sentinel is put into the video (SEI) and into the audio (an AAC data stream element), and both are recorded. Then every file of the
state directory is searched, byte by byte, for the sentinels and for pieces of every NAL unit and audio frame of the source.
The same search finds all of it in an export of that footage, so this test can fail. (test/check/51-disk-insecure.py does the same
with a build that does not encrypt.)
"""
import json
import subprocess
import sys
import time
from operator import mul
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, DESK, Edge, Failure, Site, check, main, run
from frames import check_part_of_loop, decoded
from sentinels import make_clip
from vault_bytes import Segment

CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 500\n"
SECONDS = 5
VIDEO_SENTINEL = b"custos-disk-sentinel-video-3e0f7c51"
AUDIO_SENTINEL = b"custos-disk-sentinel-audio-b81d2a96"
PIECE = 32
CLEAR = 2 + 15  # of a NAL unit, at most: header and remainder (docs/spec/vault.md section 5)
LIKENESS_MAX = 0.3  # 1 is the picture itself; noise stays below 0.1


def pieces_of(clip):
    """{first 8 bytes: pieces of PIECE bytes}: two of each NAL unit and audio frame, from where nothing may be clear."""
    found = {}
    for track, nal in (("v", True), ("a", False)):
        sizes = run("ffprobe", "-v", "error", "-select_streams", track, "-show_entries", "packet=size", "-of", "default=nw=1:nk=1",
                    clip).stdout.split() if has_track(clip, track) else []
        data = subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), "-map", f"0:{track}", "-c", "copy", "-f", "data", "-"],
                              capture_output=True, check=True).stdout if sizes else b""
        check(sum(map(int, sizes)) == len(data), f"{clip.name}: the samples of track {track}")
        at = 0
        for size in map(int, sizes):
            for unit in units_of(data[at:at + size]) if nal else [data[at:at + size]]:
                body = unit[CLEAR if nal else 0:]
                for piece in (body[:PIECE], body[-PIECE:]):
                    if len(piece) == PIECE and len(set(piece)) > 8:  # runs of one byte say nothing
                        found.setdefault(piece[:8], set()).add(piece)
            at += size
    return found


def has_track(clip, track):
    return bool(run("ffprobe", "-v", "error", "-select_streams", track, "-show_entries", "stream=index", "-of", "csv=p=0", clip).stdout.strip())


def units_of(sample):
    """Picture slices and SEI; parameter sets are clear by design (they are in the sample entry)."""
    while sample:
        n = int.from_bytes(sample[:4], "big")
        if n >= CLEAR + PIECE:
            yield sample[4:4 + n]
        sample = sample[4 + n:]


# ---- the disk ----

def scan(state, pieces):
    """How often the sentinels and pieces of the source lie in any file of the state directory."""
    found = {"video sentinel": 0, "audio sentinel": 0, "pieces": 0, "bytes": 0}
    for path in (p for p in state.rglob("*") if p.is_file() and not p.is_symlink()):
        data = path.read_bytes()
        found["bytes"] += len(data)
        found["video sentinel"] += data.count(VIDEO_SENTINEL)
        found["audio sentinel"] += data.count(AUDIO_SENTINEL)
        for at in range(len(data) - PIECE + 1):
            candidates = pieces.get(data[at:at + 8])
            if candidates and data[at:at + PIECE] in candidates:
                found["pieces"] += 1
    return found


def frames_without_key(path):
    """Hashes of what a player makes of the file when it has no key. It may make noise of noise: never a picture of the source."""
    hashes = {}
    for track in "va":
        p = subprocess.run(["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path), "-map", f"0:{track}?", "-fps_mode", "passthrough", "-f",
                            "framehash", "-hash", "sha256", "-"], capture_output=True, text=True)
        hashes[track] = {line.split(",")[5].strip() for line in p.stdout.splitlines() if line and line[0] != "#"}
    return hashes


def record(folder, clips, program):
    site = Site(folder, config=CONFIG, program=program)
    try:
        site.start()
        with Edge(folder, clips, site.camera_certificate("cameras"), "--burst", "--stamp", program=CUSTOS) as edge:
            for name in clips:
                site.add(name, edge.url(name), edge.user, edge.password_file)
            site.wait_recording(*(f"{name}-main" for name in clips))
            time.sleep(SECONDS)
            site.stop()
    except BaseException:
        site.clean()
        raise
    return site


def thumbnails(path):
    """The edges of each frame that ffmpeg makes of the video without a key, as 96x72 values of mean 0 and length 1; flat ones left out.
    Edges, not brightness: smooth areas of noise can be like the smooth areas of any scene (seen: 0.51)."""
    size = 96 * 72
    laplace = ":".join(["0 -1 0 -1 4 -1 0 -1 0"] + ["0 0 0 0 1 0 0 0 0"] * 3) + ":1:1:1:1:128"
    p = subprocess.run(["ffmpeg", "-v", "quiet", "-nostdin", "-i", str(path), "-map", "0:v", "-vf",
                        f"scale=96:72:flags=area,format=gray,convolution={laplace}",
                        "-fps_mode", "passthrough", "-f", "rawvideo", "-"], capture_output=True)
    result = []
    for at in range(0, len(p.stdout) - size + 1, size):
        frame = p.stdout[at:at + size]
        mean = sum(frame) / size
        values = [v - mean for v in frame]
        norm = sum(v * v for v in values) ** 0.5
        if norm > size ** 0.5:
            result.append([v / norm for v in values])
    return result


def likeness(path, source):
    """The highest correlation of any frame of path with the source's (a few of them: they hardly move)."""
    known = thumbnails(source)[::15]
    return max((sum(map(mul, a, b)) for a in thumbnails(path) for b in known), default=0)


def check_silent(state, segments, clips):
    for path in segments:
        source = clips[path.relative_to(state / "vault").parts[0].rsplit("-", 1)[0]]
        got = frames_without_key(path)
        check(not got["v"] & set(decoded(source)), f"{path.name}: a picture of the source decodes without the key")
        like = likeness(path, source)
        check(like < LIKENESS_MAX, f"{path}: a picture that decodes without the key is like the source: {like:.2f}")
        print(f"  {path.parts[-4]}/{path.name}: likeness {like:.2f} without the key")
        if has_track(source, "a"):
            check(not got["a"] & set(decoded(source, stream="a")), f"{path.name}: sound of the source decodes without the key")


def check_search(folder, site, clips, pieces):
    """It finds the same footage in the clear: exported."""
    shown = folder / "shown/vault/cars-main/export.mp4"
    shown.parent.mkdir(parents=True)
    site.cli("export", "--camera", "cars", "--last", "3600", "--output", shown)
    found = scan(folder / "shown", pieces)
    check(found["video sentinel"] and found["audio sentinel"] and found["pieces"] > 100, f"in clear they are found: {found}")
    try:
        check_silent(folder / "shown", [shown], clips)
    except Failure:
        pass
    else:
        raise Failure("pictures in clear are noticed")
    check(likeness(shown, clips["cars"]) > 0.9, "and are like the source")
    print(f"  exported, the same search finds {json.dumps(found)}")


def test_nothing_on_the_disk(folder):
    clips = {"cars": make_clip(folder, VIDEO_SENTINEL, AUDIO_SENTINEL), "desk": DESK}
    pieces = {}
    for clip in clips.values():
        for prefix, found in pieces_of(clip).items():
            pieces.setdefault(prefix, set()).update(found)
    site = record(folder, clips, CUSTOS)
    try:
        segments = site.segments()
        check(len(segments) >= 4, f"segments were recorded: {len(segments)}")
        found = scan(site.state, pieces)
        total = sum(map(len, pieces.values()))
        check(found["bytes"] > 400000, f"there was something to search: {found}")
        check(found["video sentinel"] == found["audio sentinel"] == found["pieces"] == 0, f"on the disk: {found}")
        check_silent(site.state, segments, clips)
        # It is there all the same, for whoever has the key.
        path = next(p for p in segments if "cars-main" in p.parts)
        segment = Segment(path)
        key = site.keys_show("cars-main", segment.fragments[0].seal.first_us)[path]
        clear = b"".join(segment.clear(s, key) for s in segment.samples())
        check(VIDEO_SENTINEL in clear and AUDIO_SENTINEL in clear, "with the key both sentinels are found")
        print(f"  {found['bytes']} bytes searched for 2 sentinels and {total} pieces of the source: none")
        check_search(folder, site, clips, pieces)
    finally:
        site.clean()


if __name__ == "__main__":
    main(globals())
