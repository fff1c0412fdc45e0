#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, end to end: what cameras sent is what comes back, frame by frame, and it is proved.

H.264 and H.265, with and without audio, from `custos edge` and from GStreamer's rtsp-server over RTSPS with Digest. Frames are compared
with the source by ffmpeg's hashes: of the stored segments, opened with the key that `custos keys show` prints, and of what
`custos export` writes. Then verify, vault check, vault rebuild, and the recovery kit.
"""
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, DESK, ROOT, Edge, Program, Site, check, main, password_file, run, skip, verify, wait_for
from frames import check_part_of_loop, decoded, packets, stream_kinds
from vault_bytes import Segment

CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 500\n"
SECONDS = 7
LEAST = {"h264": 12 * SECONDS * 2 // 3, "h265": 30 * SECONDS * 2 // 3, "aac": 47 * SECONDS * 2 // 3}
# name: (source, codecs expected in the recording, options of camera add)
FROM_EDGE = {"cars": (CARS, ["h264", "aac"], []), "mute": (CARS, ["h264"], ["--without-audio"]),
             "desk": (DESK, ["hevc"], []), "both": (None, ["hevc", "aac"], [])}
FROM_GSTREAMER = {"gst-cars": (CARS, ["h264", "aac"], []), "gst-desk": (DESK, ["hevc"], [])}


class GstCamera(Program):
    def __init__(self, folder, certificate, clip, codec, audio):
        chain, key = certificate
        self.pem = folder / f"{clip.stem}-gst.pem"
        self.pem.write_text(chain.read_text() + key.read_text())
        self.user, self.password_file = "viewer", password_file(folder)
        super().__init__(folder / f"{clip.stem}-gst.log",
                         ["/usr/bin/python3", ROOT / "test/lib/gst_camera.py", "--clip", clip, "--codec", codec, "--cert", self.pem,
                          "--user", self.user, "--password-file", self.password_file, *(["--audio"] if audio else [])])
        wait_for(lambda: "port " in self.log() or not self.alive(), 30, "GStreamer's rtsp-server listens")
        if "port " not in self.log():
            skip(f"GStreamer's rtsp-server does not start: {self.log()}")
        self.port = int(self.log().split("port ")[1].split()[0])

    def url(self):
        return f"rtsps://127.0.0.1:{self.port}/main"

    def __exit__(self, *_):
        self.process.terminate()  # it has no exit of its own
        self.process.wait(timeout=20)


def have_gstreamer():
    code = "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0')"
    return subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True).returncode == 0


def desk_with_sound(folder):
    path = folder / "desk-h265-aac.mp4"
    run("ffmpeg", "-v", "error", "-i", DESK, "-i", CARS, "-map", "0:v", "-map", "1:a", "-c", "copy", "-shortest", "-tag:v", "hvc1", path)
    return path


def test_main_job(folder):
    sources = {name: list(v) for name, v in {**FROM_EDGE, **FROM_GSTREAMER}.items()}
    sources["both"][0] = desk_with_sound(folder)
    if not have_gstreamer():
        print("  without GStreamer: its Python binding is not installed")
        for name in FROM_GSTREAMER:
            del sources[name]
    site = Site(folder, config=CONFIG)
    try:
        trust = record(folder, site, sources)
        check_recordings(site, sources)
        exports = check_exports(folder, site, sources, trust)
        check_verify(site, exports, trust)
        check_vault(site, trust)
        check_rebuild(site)
        check_recovery_kit(folder, site, sources, trust)
    finally:
        site.clean()


def record(folder, site, sources):
    site.start()
    certificate = site.camera_certificate("cameras")
    trust = site.fingerprint()
    streams = {name: sources[name][0] for name in FROM_EDGE}
    with Edge(folder, streams, certificate, "--burst") as edge:
        for name in FROM_EDGE:
            site.add(name, edge.url(name), edge.user, edge.password_file, *sources[name][2])
        if "gst-cars" in sources:
            with GstCamera(folder, certificate, CARS, "h264", True) as cars, GstCamera(folder, certificate, DESK, "h265", False) as desk:
                site.add("gst-cars", cars.url(), cars.user, cars.password_file)
                site.add("gst-desk", desk.url(), desk.user, desk.password_file)
                record_for(site, sources)
                site.stop()
                check("authorization=Digest" in cars.log() and "authorization=Basic" not in cars.log(), "GStreamer's camera was asked with Digest")
        else:
            record_for(site, sources)
            site.stop()
    return trust


def record_for(site, sources):
    site.wait_recording(*(f"{name}-main" for name in sources))
    time.sleep(SECONDS)
    for path, state in site.streams().items():
        check(state["protection"] == "encrypted and verified" and state["lost_packets"] == 0, f"{path}: {json.dumps(state)}")


def segments_in_order(site, stream):
    segments = [s for s in map(Segment, site.segments(stream)) if s.fragments]
    return sorted(segments, key=lambda s: s.fragments[0].seal.sequence)


def check_recordings(site, sources):
    """Each stored segment through ffmpeg with the key that the command prints."""
    for name, (source, codecs, _) in sources.items():
        stream, pictures, sound, stored = f"{name}-main", [], [], []
        for segment in segments_in_order(site, stream):
            key = site.keys_show(stream, segment.fragments[0].seal.first_us)[segment.path]
            check(stream_kinds(segment.path) == codecs, f"{stream}: {stream_kinds(segment.path)}")
            pictures += decoded(segment.path, key)
            stored += packets(segment.path, key)
            if "aac" in codecs:
                sound += packets(segment.path, key, "a")
        check_part_of_loop(pictures, decoded(source), f"{stream}, pictures", LEAST["h264" if codecs[0] == "h264" else "h265"])
        if name in FROM_EDGE:  # GStreamer's payloader leaves out what it may (SEI is kept, delimiters are not): pictures count there
            check_part_of_loop(stored, packets(source), f"{stream}, samples as they were sent", len(pictures))
        if sound:
            check_part_of_loop(sound, packets(source, stream="a"), f"{stream}, audio", LEAST["aac"])
        print(f"  {stream}: {len(pictures)} pictures, {len(sound)} audio frames as in the source")


def check_exports(folder, site, sources, trust):
    exports = []
    for name, (source, codecs, _) in sources.items():
        for silent in ([], ["--without-audio"]) if "aac" in codecs else ([],):
            path = folder / f"{name}{'-silent' if silent else ''}.mp4"
            site.cli("export", "--camera", name, "--last", "3600", "--output", path, *silent)
            check(stream_kinds(path) == codecs[:1] if silent else stream_kinds(path) == codecs, f"{path.name}: {stream_kinds(path)}")
            least = LEAST["h264" if codecs[0] == "h264" else "h265"]
            check_part_of_loop(decoded(path), decoded(source), f"{path.name}, pictures", least)
            if len(codecs) > 1 and not silent:
                check_part_of_loop(packets(path, stream="a"), packets(source, stream="a"), f"{path.name}, audio", LEAST["aac"])
            exports.append(path)
    print(f"  {len(exports)} exports play as the source")
    return exports


def check_verify(site, exports, trust):
    wrong = "0" * 63 + "1"
    for path in [*exports, site.state / "vault", site.state / "vault/cars-main", site.segments("cars-main")[0]]:
        for given, want, verdict in ((trust, 0, "authentic"), (None, 2, "cannot tell"), (wrong, 1, "not authentic")):
            code, report = verify(path, given)
            check(code == want and report["verdict"] == verdict, f"verify {path} --trust {given}: {code}, {json.dumps(report)[:1500]}")
            check(report["fingerprint"] == trust, f"the fingerprint is told: {report['fingerprint']}")
            if given == wrong:
                check("key not trusted" in {i["kind"] for i in report["items"]}, f"{path}: key not trusted is said")


def check_vault(site, trust):
    without = site.cli("vault", "check", "--json", ok=2)
    check(json.loads(without.stdout)["result"] == "cannot tell", without.stdout[:400])
    site.cli("vault", "check", "--trust", "f" * 64, ok=1)
    report = json.loads(site.cli("vault", "check", "--trust", trust, "--json").stdout)
    check(report["fragments"] > 0 and report["decrypted_fragments"] == 0 and not report["faults"], json.dumps(report)[:800])
    report = json.loads(site.cli("vault", "check", "--trust", trust, "--key", site.state / "recorder/wrap.key", "--json").stdout)
    check(report["decrypted_fragments"] == report["fragments"] > 0 and not report["faults"], json.dumps(report)[:800])


def check_rebuild(site):
    before = json.loads(site.cli("vault", "ls", "--json").stdout)
    check(len(before) == len(site.segments()), f"vault ls lists {len(before)} of {len(site.segments())} segments")
    for index in (site.state / "storage").glob("index.sqlite*"):
        index.unlink()
    site.cli("vault", "rebuild")
    after = json.loads(site.cli("vault", "ls", "--json").stdout)
    check(before == after, f"vault ls after rebuild:\n{json.dumps(before, indent=1)}\n{json.dumps(after, indent=1)}")


def check_recovery_kit(folder, site, sources, trust):
    kit = site.state / "recovery-kit.txt"
    check(kit.exists() and kit.stat().st_mode & 0o777 == 0o600, "the kit was written for its owner alone")
    kit = Path(shutil.move(kit, folder / "kit.txt"))
    site.cli("keys", "recovery-kit")
    site.cli("keys", "recovery-kit", "--check", kit)
    text = kit.read_text()
    digit = next(i for i, c in enumerate(text) if c.isdigit() and text[i - 1].isalnum() and i > len(text) // 3)
    (folder / "wrong-kit.txt").write_text(text[:digit] + ("7" if text[digit] != "7" else "8") + text[digit + 1:])
    os.chmod(folder / "wrong-kit.txt", 0o600)
    wrong = site.cli("keys", "recovery-kit", "--check", folder / "wrong-kit.txt", ok=None)
    check(wrong.returncode != 0, "a kit with another digit opens nothing")
    # The machine with its own key is gone: vault and kit are all there is.
    alone = folder / "alone"
    shutil.copytree(site.state / "vault", alone / "vault")
    path = folder / "by-kit.mp4"
    run(site.program, "export", "--camera", "cars", "--last", "3600", "--vault", alone / "vault", "--state", alone,
        "--recovery-kit", kit, "--output", path)
    check_part_of_loop(decoded(path), decoded(sources["cars"][0]), "export with the recovery kit", LEAST["h264"])
    check(verify(path, trust)[0] == 0, "and it is authentic")
    run(site.program, "vault", "check", "--vault", alone / "vault", "--state", alone, "--recovery-kit", kit, "--trust", trust)


if __name__ == "__main__":
    main(globals())
