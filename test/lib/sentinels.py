# SPDX-License-Identifier: GPL-3.0-or-later
"""A film whose pictures and sound carry bytes that are known: in an SEI message of each key frame, and in a data stream element of each AAC
frame. And the forms in which known bytes may turn up elsewhere.
"""
import base64

from custos_site import CARS, check, run
from frames import decoded

SEI_UUID = "7a1c5a44-6b3c-4f0e-9d2b-0123456789ab"


def adts_with_sentinel(data, sentinel):
    """Each frame gets a data stream element in front: id 4, tag 0, aligned, count, bytes (ISO/IEC 14496-3 section 4.4.2.1)."""
    element = bytes([0x81, len(sentinel)]) + sentinel
    out, at = b"", 0
    while at < len(data):
        size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        new = size + len(element)
        header = bytearray(data[at:at + 7])
        header[3] = header[3] & 0xfc | new >> 11
        header[4] = new >> 3 & 0xff
        header[5] = header[5] & 0x1f | (new & 7) << 5
        out += bytes(header) + element + data[at + 7:at + size]
        at += size
    return out


def make_clip(folder, video, audio):
    adts, marked, clip = folder / "plain.aac", folder / "marked.aac", folder / "marked.mp4"
    run("ffmpeg", "-v", "error", "-i", CARS, "-map", "0:a", "-c", "copy", "-f", "adts", adts)
    check(adts.read_bytes()[1] & 1 == 1, "ADTS without CRC")
    marked.write_bytes(adts_with_sentinel(adts.read_bytes(), audio))
    run("ffmpeg", "-v", "error", "-i", CARS, "-i", marked, "-map", "0:v", "-map", "1:a", "-c", "copy", "-bsf:v",
        f"h264_mp4toannexb,h264_metadata=sei_user_data={SEI_UUID}+{video.decode()}", "-bsf:a", "aac_adtstoasc", clip)
    data = clip.read_bytes()
    check(data.count(video) >= 20 and data.count(audio) > 1000, "the sentinels are in the clip")
    check(len(decoded(clip)) == len(decoded(CARS)), "which still plays")
    return clip


def forms(sentinel):
    """As it is, in hex, and in base64 at each of the three places in which it may begin (the ends, which depend on what is beside, left out)."""
    found = {sentinel, sentinel.hex().encode(), sentinel.hex().upper().encode()}
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + sentinel)
        core = encoded[-(-before * 8 // 6):(before + len(sentinel)) * 8 // 6]
        found |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return found
