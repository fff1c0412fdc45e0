# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as ffmpeg sees them: hashes of decoded pictures and of packets, and whether one list is a part of another."""
from functools import lru_cache

from custos_site import check, run


def _hashes(path, *options, key=None, stream="v", copy=False):
    p = run("ffmpeg", "-v", "error", "-nostdin", *(["-decryption_key", key.hex()] if key else []), "-i", path, "-map", f"0:{stream}",
            *(["-c", "copy"] if copy else ["-fps_mode", "passthrough"]), *options, "-f", "framehash", "-hash", "sha256", "-")
    return [line.split(",")[5].strip() for line in p.stdout.splitlines() if line and not line.startswith("#")]


@lru_cache
def decoded(path, key=None, stream="v"):
    """SHA-256 of each decoded frame, in the order of presentation."""
    return _hashes(path, key=key, stream=stream)


@lru_cache
def packets(path, key=None, stream="v"):
    """SHA-256 of each packet as stored (decrypted with key)."""
    return _hashes(path, key=key, stream=stream, copy=True)


def stream_kinds(path):
    return run("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "default=nw=1:nk=1", path).stdout.split()


def check_part_of_loop(got, source, what, least):
    """got is a part of source played round and round: nothing lost, nothing added, in order."""
    check(len(got) >= least, f"{what}: {len(got)} frames, at least {least} expected")
    for start in (i for i, h in enumerate(source) if h == got[0]):
        if all(got[i] == source[(start + i) % len(source)] for i in range(len(got))):
            return
    same = sum(h in set(source) for h in got)
    check(False, f"{what}: the {len(got)} frames are not a run of the source ({same} of them occur in it)")
