#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A camera that is not ours: GStreamer's rtsp-server, over TLS (--plain: without), with Digest (MD5, all it has).

It serves RTSP, and RTSP tunnelled in HTTP, on its one port; media interleaved or by UDP.

Plays an MP4 file's H.264 or H.265, and its AAC when asked for, or a pipeline of payloaders pay0, pay1, ..., to each client from
the start. Prints to stdout, line by
line: `port N` once it listens, `connected` for each client and `request METHOD authorization=SCHEME|none` for each request.
"""
import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def say(text):
    print(text, flush=True)


def authorization_of(request):
    result, value = request.get_header(GstRtsp.RTSPHeaderField.AUTHORIZATION, 0)
    return value.split(" ")[0] if result == GstRtsp.RTSPResult.OK and value else "none"


def watch(client):
    say("connected")

    def pre(name):
        def on_request(_client, ctx):
            say(f"request {name.upper()} authorization={authorization_of(ctx.request)}")
            return GstRtsp.RTSPStatusCode.OK
        return on_request

    for name in ("options", "describe", "setup", "play", "teardown", "get-parameter"):
        client.connect(f"pre-{name}-request", pre(name))


CIPHERS = ("aes-128-icm", "aes-128-gcm", "aes-256-gcm")


def choose_cipher(media, cipher):
    """The encoder is made by the server itself, when a client comes."""
    def on_element(_bin, _parent, element):
        made_by = element.get_factory()
        if not made_by or made_by.get_name() != "srtpenc":
            return
        for kind in ("rtp", "rtcp"):
            Gst.util_set_object_arg(element, f"{kind}-cipher", cipher)
            if cipher.endswith("gcm"):
                Gst.util_set_object_arg(element, f"{kind}-auth", "null")

    top = media.get_element()
    while top.get_parent():
        top = top.get_parent()
    top.connect("deep-element-added", on_element)


def factory_for(options):
    launch = (f"filesrc location={options.clip} ! qtdemux name=d "
              f"d.video_0 ! queue ! {options.codec}parse ! rtp{options.codec}pay name=pay0 pt=96")
    if options.audio:
        launch += " d.audio_0 ! queue ! aacparse ! rtpmp4gpay name=pay1 pt=97"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f"( {options.launch or launch} )")
    factory.set_shared(False)
    if options.srtp:
        factory.set_profiles(GstRtsp.RTSPProfile.SAVP)
        factory.connect("media-configure", lambda _factory, media: choose_cipher(media, options.srtp))
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)
    return factory


def main():
    parser = argparse.ArgumentParser()
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--clip")
    source.add_argument("--launch", help="elements of gst-launch instead of a clip")
    parser.add_argument("--codec", default="h264", choices=("h264", "h265"))
    parser.add_argument("--audio", action="store_true")
    parser.add_argument("--cert", help="PEM: certificate, then key")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--srtp", choices=CIPHERS, help="RTP/SAVP, the keys as MIKEY in the description")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", default="0")
    parser.add_argument("--user", default="viewer")
    parser.add_argument("--password-file", required=True)
    options = parser.parse_args()
    with open(options.password_file, encoding="ascii") as file:
        password = file.read().strip()

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(options.address)
    server.set_service(options.port)
    auth = GstRtspServer.RTSPAuth()
    if not options.plain:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.cert))
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(options.user, password, token)
    server.set_auth(auth)
    server.get_mount_points().add_factory("/main", factory_for(options))
    server.connect("client-connected", lambda _server, client: watch(client))
    if server.attach(None) == 0:
        sys.exit("cannot listen")
    say(f"port {server.get_bound_port()}")
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
