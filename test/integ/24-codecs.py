#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every codec and kind of track beside H.264, H.265 and AAC, from the wire to the verified export.

GStreamer's rtsp-server sends JPEG, G.711, G.726 in both packings and Opus at once, from files whose bytes are known: what
`custos export` writes holds these bytes, and shows and sounds the same. A scripted camera sends sound and ONVIF metadata without
a picture, and tracks that Custos does not know: those are named and left out. No document can be read on the disk.
"""
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import ROOT, Program, Site, check, main, password_file, run, skip, verify, wait_for
from frames import check_part_of_loop, decoded

CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 500\n"
SECONDS = 5
SINE = ["-f", "lavfi", "-i", "sine=frequency={}:duration=30"]


# ---- sources ----

def ffmpeg(*arguments):
    p = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], capture_output=True, timeout=60)
    check(p.returncode == 0, f"ffmpeg {' '.join(map(str, arguments))}: {p.stderr.decode(errors='replace')}")
    return p.stdout


def make_sources(folder):
    """{name: bytes} of what each track holds, beside files for GStreamer."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=10:duration=30", "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-huffman",
           "default", folder / "pictures.mkv")
    raw = {}
    for name, rate, codec, form in (("alaw", 8000, ["pcm_alaw"], "alaw"), ("ulaw", 8000, ["pcm_mulaw"], "mulaw")):
        sine = [w.format(440) for w in SINE]
        ffmpeg(*sine, "-ar", rate, "-c:a", *codec, folder / f"{name}.wav")
        raw[name] = ffmpeg(*sine, "-ar", rate, "-c:a", *codec, "-f", form, "-")
    ffmpeg(*[w.format(600) for w in SINE], "-ar", 8000, folder / "pcm.wav")
    run("gst-launch-1.0", "-q", "filesrc", f"location={folder}/pcm.wav", *"! wavparse ! avenc_g726 bitrate=32000 ! filesink".split(),
        f"location={folder}/g726.raw")
    raw["aal2"] = (folder / "g726.raw").read_bytes()
    # RFC 3551 has the first code word in the low bits, ITU-T I.366.2 in the high ones.
    raw["g726"] = bytes(b >> 4 | (b & 15) << 4 for b in raw["aal2"])
    ffmpeg(*[w.format(700) for w in SINE], "-c:a", "libopus", "-b:a", "48k", folder / "opus.ogg")
    raw["opus"] = ffmpeg("-i", folder / "opus.ogg", "-map", "0:a", "-c", "copy", "-f", "data", "-")
    return raw


def launch(folder):
    wav = "filesrc location={}/{}.wav ! wavparse ! "
    return " ".join([
        f"filesrc location={folder}/pictures.mkv ! matroskademux ! jpegparse ! rtpjpegpay name=pay0 pt=26",
        wav.format(folder, "alaw") + "rtppcmapay name=pay1 pt=8",
        wav.format(folder, "ulaw") + "rtppcmupay name=pay2 pt=97",
        wav.format(folder, "pcm") + "avenc_g726 bitrate=32000 ! rtpg726pay pt=98 ! capsfilter name=pay3 caps=application/x-rtp,encoding-name=AAL2-G726-32",
        wav.format(folder, "pcm") + "avenc_g726 bitrate=32000 ! rtpg726pay name=pay4 pt=99 force-aal2=false",
        f"filesrc location={folder}/opus.ogg ! oggdemux ! opusparse ! rtpopuspay name=pay5 pt=100"])


class GstCamera(Program):
    def __init__(self, folder, certificate):
        pem = folder / "gst.pem"
        pem.write_text(certificate[0].read_text() + certificate[1].read_text())
        self.user, self.password_file = "viewer", password_file(folder)
        super().__init__(folder / "gst.log", ["/usr/bin/python3", ROOT / "test/lib/gst_camera.py", "--launch", launch(folder), "--cert", pem,
                                              "--user", self.user, "--password-file", self.password_file])
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
    for element in ("matroskademux", "jpegparse", "rtpjpegpay", "wavparse", "avenc_g726", "rtpg726pay", "opusparse", "rtpopuspay"):
        if subprocess.run(["gst-inspect-1.0", "--exists", element], capture_output=True).returncode != 0:
            return False
    code = "import gi; gi.require_version('GstRtspServer', '1.0'); gi.require_version('Gst', '1.0')"
    return subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True).returncode == 0


# ---- what comes out ----

def export(site, camera, path, *options):
    site.cli("export", "--camera", camera, "--last", "3600", "--output", path, *options)
    status, report = verify(path, trust=site.fingerprint())
    check(status == 0 and report["verdict"] == "authentic", f"{path.name} is authentic: {report}")
    return path


def stream(path, number):
    """The bytes of a track, one packet behind the other."""
    return ffmpeg("-i", path, "-map", f"0:{number}", "-c", "copy", "-copy_unknown", "-f", "data", "-")


def check_bytes(got, source, least, what):
    check(len(got) >= least, f"{what}: {len(got)} bytes, at least {least} expected")
    check(got in source, f"{what}: the {len(got)} bytes are not a part of the source's {len(source)}")


def check_vault(site):
    status, report = verify(site.state / "vault", trust=site.fingerprint())
    check(status == 0 and report["verdict"] == "authentic", f"the vault is authentic: {report}")
    p = site.cli("vault", "check", "--trust", site.fingerprint(), ok=None)
    check(p.returncode == 0, f"vault check: {p.stdout}{p.stderr}")
    site.stop()
    site.cli("vault", "rebuild")


def sounds_the_same(folder, path, number, raw, form):
    """What ffmpeg decodes of the track is what it decodes of its bytes alone."""
    (folder / "raw").write_bytes(raw)
    want = ffmpeg(*form, "-i", folder / "raw", "-f", "s16le", "-")
    got = ffmpeg("-i", path, "-map", f"0:{number}", "-f", "s16le", "-")
    size = min(len(want), len(got))
    check(size > 16000 * 3 and abs(len(want) - len(got)) < 8192 and got[:size] == want[:size],
          f"track {number} sounds as its bytes: {len(got)} bytes of sound, {len(want)} expected")


def test_gstreamer(folder):
    if not have_gstreamer():
        skip("GStreamer's rtsp-server or one of its payloaders is not installed")
    raw = make_sources(folder)
    with Site(folder, config=CONFIG) as site, GstCamera(folder, site.camera_certificate("gst")) as camera:
        site.add("codecs", camera.url(), camera.user, camera.password_file)
        site.wait_recording("codecs-main")
        time.sleep(SECONDS)
        site.remove("codecs")
        path = export(site, "codecs", folder / "all.mp4")
        kinds = [line.split(",") for line in run("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,codec_tag_string", "-of",
                                                 "csv=p=0", path).stdout.split()]
        check([k[0] for k in kinds] == ["mjpeg", "pcm_alaw", "pcm_mulaw", "adpcm_g726", "unknown", "opus"] and kinds[4][1] == "g726",
              f"tracks: {kinds}")
        check_part_of_loop(decoded(path, stream=0), decoded(folder / "pictures.mkv"), "pictures", 10 * SECONDS * 2 // 3)
        for number, name, rate in ((1, "alaw", 8000), (2, "ulaw", 8000), (3, "aal2", 4000), (4, "g726", 4000), (5, "opus", 4000)):
            check_bytes(stream(path, number), raw[name], rate * SECONDS // 2, name)
        sounds_the_same(folder, path, 1, stream(path, 1), ["-f", "alaw", "-ar", "8000"])
        sounds_the_same(folder, path, 2, stream(path, 2), ["-f", "mulaw", "-ar", "8000"])
        sounds_the_same(folder, path, 3, stream(path, 3), ["-f", "g726", "-code_size", "4", "-ar", "8000"])
        mute = export(site, "codecs", folder / "mute.mp4", "--without-audio")
        check(run("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", mute).stdout.split() == ["mjpeg"],
              "--without-audio leaves every sound out")
        check_vault(site)


# ---- a camera of our own ----

DOCUMENT = ('<?xml version="1.0" encoding="UTF-8"?>\n<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema">'
            '<tt:Event><secret-of-the-door number="{}"/>{}</tt:Event></tt:MetadataStream>')
SDP = "\r\n".join(["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=Scripted", "t=0 0",
                   "m=video 0 RTP/AVP 95", "a=rtpmap:95 MP4V-ES/90000", "a=control:0",
                   "m=audio 0 RTP/AVP 0", "a=control:1",
                   "m=application 0 RTP/AVP 98", "a=rtpmap:98 vnd.onvif.metadata+gzip/90000", "a=control:2",
                   "m=application 0 RTP/AVP 107", "a=rtpmap:107 vnd.onvif.metadata/90000", "a=control:3",
                   "m=text 0 RTP/AVP 108", "a=control:4", ""])


class ScriptedCamera:
    """RTSP over TLS without a password; sends u-law and metadata, interleaved, as long as somebody listens."""

    def __init__(self, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*map(str, certificate))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.sound, self.documents, self.done = b"", [], False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def url(self):
        return f"rtsps://127.0.0.1:{self.port}/main"

    def serve(self):
        while not self.done:
            try:
                client, _ = self.socket.accept()
                with self.context.wrap_socket(client, server_side=True) as client:
                    self.talk(client)
            except OSError:
                pass

    def talk(self, client):
        data, channels = b"", {}
        while True:
            part = client.recv(65536)
            if not part:
                return
            data += part
            while b"\r\n\r\n" in data:
                request, data = data.split(b"\r\n\r\n", 1)
                words = request.decode()
                method, url = words.split(" ")[:2]
                answer = f"RTSP/1.0 200 OK\r\nCSeq: {re.search('CSeq: ([0-9]+)', words)[1]}\r\nSession: 1\r\n"
                body = SDP if method == "DESCRIBE" else ""
                if body:
                    answer += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
                if method == "SETUP":
                    transport = re.search("Transport: (.*)", words)[1].strip()
                    channels[url.rsplit("/", 1)[1]] = int(re.search("interleaved=([0-9]+)", transport)[1])
                    answer += f"Transport: {transport}\r\n"
                client.sendall(f"{answer}\r\n{body}".encode())
                if method == "PLAY":
                    check(sorted(channels) == ["1", "3"], f"the tracks that are known are asked for: {channels}")
                    self.play(client, channels["1"], channels["3"])
                    return

    def play(self, client, sound_channel, metadata_channel):
        begin, packets = time.monotonic(), 0

        def send(channel, payload_type, marker, sequence, timestamp, payload):
            packet = struct.pack(">BBHII", 0x80, payload_type | (0x80 if marker else 0), sequence & 0xffff, timestamp & 0xffffffff,
                                 channel + 1) + payload
            client.sendall(struct.pack(">cBH", b"$", channel, len(packet)) + packet)

        documents = 0
        while not self.done:
            payload = bytes((packets * 7 + i * packets) & 0xff for i in range(160))
            send(sound_channel, 0, False, packets, 160 * packets, payload)
            self.sound += payload
            if packets % 25 == 0:  # a document each half second, in three packets with times of their own
                text = DOCUMENT.format(documents // 3, "x" * 900).encode()
                for at in range(0, len(text), 400):
                    send(metadata_channel, 107, at + 400 >= len(text), documents, 1800 * packets + at, text[at:at + 400])
                    documents += 1
                self.documents.append(text)
            packets += 1
            time.sleep(max(0, begin + packets * 0.02 - time.monotonic()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done = True
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(timeout=10)


def test_sound_and_metadata_alone(folder):
    with Site(folder, config=CONFIG) as site, ScriptedCamera(site.camera_certificate("door")) as camera:
        site.add("door", camera.url())
        site.wait_recording("door-main")
        time.sleep(SECONDS)
        site.remove("door")
        path = export(site, "door", folder / "door.mp4")
        check_bytes(stream(path, 0), camera.sound, 8000 * SECONDS * 2 // 3, "sound")
        check_bytes(stream(path, 1), b"".join(camera.documents), SECONDS * 1000, "metadata")
        for left_out in ("video MP4V-ES", "vnd.onvif.metadata+gzip", "text"):
            check(re.search(rf'camera\.track left_out=".*{re.escape(left_out)}: ', site.log()),
                  f"{left_out} is named in the log:\n{site.log()}")
        p = site.cli("export", "--camera", "door", "--last", "3600", "--output", folder / "none.mp4", "--without-audio")
        check(run("ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0", folder / "none.mp4").stdout.split()
              == ["data"], f"the metadata remain: {p.stdout}")
        # Nothing of a document is on the disk; that the search finds one where there is one, the export shows.
        word = b"secret-of-the-door"
        check(word in path.read_bytes(), "the clear export holds the documents")
        found = [f for f in site.state.rglob("*") if f.is_file() and word in f.read_bytes()]
        check(site.segments("door-main") and not found, f"no document in the clear on the disk: {found}")
        check_vault(site)


main(globals())
