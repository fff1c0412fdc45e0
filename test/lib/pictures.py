# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures, by ffmpeg: their sizes, and how alike two are."""
import json
import re
import subprocess

from custos_site import check


def streams(path):
    """[{"codec_name": "h264", "width": 640, "nb_read_frames": "25", ...}] as they decode."""
    p = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)], capture_output=True, timeout=30)
    check(p.returncode == 0, f"ffprobe {path}: {p.stderr.decode()[-400:]}")
    return json.loads(p.stdout)["streams"]


def decodes(path):
    """How many pictures; that nothing of it is broken."""
    p = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-f", "null", "-"], capture_output=True, timeout=30)
    check(p.returncode == 0 and not p.stderr, f"it decodes: {p.stderr.decode()[-600:]}")
    return next(int(s["nb_read_frames"]) for s in streams(path) if s["codec_type"] == "video")


def likeness(path, other, scale=None):
    """PSNR in dB of the first picture of each, the second in the size of the first."""
    size = next(f"{s['width']}:{s['height']}" for s in streams(path) if s["codec_type"] == "video")
    p = subprocess.run(["ffmpeg", "-v", "info", "-nostdin", "-i", str(path), "-i", str(other), "-lavfi",
                        f"[0:v]format=gray,trim=end_frame=1[a];[1:v]scale={size}:flags=area,format=gray,trim=end_frame=1[b];[a][b]psnr",
                        "-frames:v", "1", "-f", "null", "-"], capture_output=True, timeout=30)
    found = re.search(r"PSNR .*average:([\d.]+|inf)", p.stderr.decode(errors="replace"))
    check(found, f"ffmpeg compares {path} and {other}: {p.stderr.decode(errors='replace')[-600:]}")
    return float(found.group(1))
