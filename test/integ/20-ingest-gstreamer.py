#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera ingest against GStreamer's rtsp-server over TLS with Digest: every NAL unit as in the source, and each way of
not being the right camera gives its reason before a credential goes out.

The expected hashes come from ffmpeg (the clip's samples as stored), the certificates from the openssl program.
"""
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from ingest_peers import (CARS, DESK, SENTINEL, START_CARS, START_DESK, STEP_CARS, STEP_DESK, UNITS, Camera, check,  # noqa: E402
                          compare_audio, compare_clocks, compare_video, make_ca, make_leaf, make_self_signed, need_gstreamer,
                          probe)


def main():
    need_gstreamer()
    with tempfile.TemporaryDirectory() as temporary:
        test(Path(temporary))
    print("all well")


def test(folder):
    (folder / "password").write_bytes(SENTINEL + b"\n")
    (folder / "wrong").write_text("wrong-horse\n")
    ca, other_ca = make_ca(folder, "site"), make_ca(folder, "other")
    good = make_leaf(folder, "good", ca, "IP:127.0.0.1")

    with Camera(folder, good, CARS, audio=True) as camera:
        for paced in (False, True):
            code, lines, _ = probe(folder, camera.url, ca[1], *(["paced"] if paced else []), units=3 * UNITS)
            what = "H.264, paced" if paced else "H.264, event-driven"
            check(code == 0, f"{what}: it streams")
            check(lines[0] == START_CARS, f"{what}: encrypted and verified, both tracks known ({lines[0]})")
            video = compare_video(lines, CARS, what, STEP_CARS)
            compare_audio(lines, CARS, what)
            compare_clocks(video, what)
        code, lines, _ = probe(folder, camera.url, ca[1], password="wrong")
        check(code == 2 and lines[-1].startswith("lost wrong-password DESCRIBE: 401"), f"a wrong password: {lines[-1]}")
        log = camera.log()
        check(any(line == "request DESCRIBE authorization=Digest" for line in log), "Digest was used")
        check(log.count("request TEARDOWN authorization=Digest") == 2, "each session that played was torn down")
        check(not any("authorization=Basic" in line for line in log), "Basic was never used")
        seen = sum(line.startswith("request") for line in log)
        code, lines, _ = probe(folder, camera.url, other_ca[1])
        check(code == 2 and lines[-1].startswith("lost unknown-issuer "), f"the wrong CA: {lines[-1]}")
        check(sum(line.startswith("request") for line in camera.log()) == seen, "the wrong CA: no request was sent")

    with Camera(folder, good, DESK, codec="h265") as camera:
        code, lines, _ = probe(folder, camera.url, ca[1], units=UNITS)
        check(code == 0, "H.265: it streams")
        check(lines[0] == START_DESK, f"H.265: encrypted and verified ({lines[0]})")
        compare_video(lines, DESK, "H.265", STEP_DESK)

    for name, cert, refusal in (
            ("another CA", make_leaf(folder, "foreign", other_ca, "IP:127.0.0.1"), "unknown-issuer"),
            ("another name", make_leaf(folder, "misnamed", ca, "IP:127.0.0.2,DNS:localhost"), "wrong-name"),
            ("expired", make_leaf(folder, "expired", ca, "IP:127.0.0.1", expired=True), "expired"),
            ("self-signed", make_self_signed(folder, "selfmade"), "self-signed")):
        with Camera(folder, cert, CARS) as camera:
            code, lines, _ = probe(folder, camera.url, ca[1])
            check(code == 2 and lines[-1].startswith(f"lost {refusal} "), f"{name}: {lines[-1]}")
            check(not any(line.startswith("request") for line in camera.log()),
                  f"{name}: the camera received no request, so no Authorization")


if __name__ == "__main__":
    main()
