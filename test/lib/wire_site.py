# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole site on six hosts with a switch between them, and what passes there while it is enrolled, configured, records, is watched,
played, exported, and while its gateway begins anew and is sent away:

    manager 10.67.0.1, recorders north .2 and south .3, gateway .4, cameras .5, a person's desk .9: a network namespace each

The person does over https what a browser does (page.py). Sentinels: 32 bytes each in H.264 (SEI), AAC (a data stream
element) and ONVIF metadata of the cameras; in the cameras' passwords, names and addresses; in the name of the person, who signs in with a
password and has a session, the reason of a revocation, and the codes of enrolment. Cameras: custos edge, and GStreamer's rtsp-server (no metadata: it has no payloader for it).
"""
import json
import shutil
import subprocess
import time

from custos_site import CUSTOS, ROOT, Edge, Program, Site, check, kill, password_file, processes, run, skip, wait_for
from far_hosts import At, Far, Watcher
from namespaces import Switch
from page import PASSWORD as PERSONS_PASSWORD
from page import Page
from playback import recorded_in, span
from sentinels import forms, make_clip
from wire import NotTls, Wire, tls_records

ADDRESS = {"manager": "10.67.0.1", "north": "10.67.0.2", "south": "10.67.0.3", "gateway": "10.67.0.4", "cameras": "10.67.0.5",
           "desk": "10.67.0.9"}
PLAIN_ADDRESS = "10.67.0.6"  # of the cameras' host too: where TLS was spoken, nothing else is taken any more
MANAGER_PORT, RECORDER_PORT, PEOPLE_PORT, EDGE_PORT, GST_PORT, PLAIN_PORT = 8320, 8321, 8443, 322, 8322, 554
REKEY_S = 60
CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 1000\nworkers = 1\n[storage]\nscrub_mb_s = 0\n" \
    + f"[link]\nrekey_seconds = {REKEY_S}\n[gateway]\nhttps_port = {PEOPLE_PORT}\n"
# Beside TLS: who is where, and that nobody is there.
DOCUMENTED = {"arp", "icmp", "icmp6", "igmp"}
VIDEO = b"video-sentinel-5d20c8f1e9b74a63b0"[:32]
AUDIO = b"audio-sentinel-a81f3c7702de49b5c4"[:32]
DATA = b"onvif-sentinel-3b9e6d1184fa4c07d2"[:32]
PASSWORD, GST_PASSWORD = "pw-sentinel-91c7d05be2f3486ab4ce", "pw-sentinel-60ba11f7d94e4c2f8e35"
PATH, PERSON, REASON = "path-sentinel-c2f18d7e", "Person Sentinel 7f3e9ab1", "reason sentinel 40d2ce58"
CAMERA, GST_CAMERA, PLAIN_CAMERA = "cam-sentinel-7e41b9d2", "cam-sentinel-0c8f35aa", "cam-plain"
OF = {"north": CAMERA, "south": GST_CAMERA}
METADATA = f"""<?xml version="1.0" encoding="UTF-8"?>
<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><tt:VideoAnalytics><tt:Frame UtcTime="">
<tt:Object ObjectId="{DATA.decode()}"/></tt:Frame></tt:VideoAnalytics></tt:MetadataStream>
"""


class Wires(Switch):
    def __init__(self):
        super().__init__(ADDRESS, ("tcpdump",))
        self.run("cameras", "ip", "address", "add", f"{PLAIN_ADDRESS}/24", "dev", "eth0")

    def hops(self):
        """Each byte once: as it leaves its host, and on each host's loopback."""
        leaving = {host: (self.command("switch"), f"p-{host}", "in") for host in ADDRESS}
        return {**leaving, **{f"lo of {host}": (self.command(host), "lo", "in") for host in ADDRESS}}


def gst_camera(net, folder, clip, port, password, certificate=None):
    command = ["/usr/bin/python3", ROOT / "test/lib/gst_camera.py", "--clip", clip, "--audio", "--port", port, "--address",
               ADDRESS["cameras"] if certificate else PLAIN_ADDRESS, "--password-file", password_file(folder, password)]
    if certificate:
        both = folder / "gst.pem"
        both.write_text(certificate[0].read_text() + certificate[1].read_text())
        command += ["--cert", both]
    else:
        command += ["--plain"]
    program = net.call("cameras", lambda: Program(folder / f"gst-{port}.log", command))
    wait_for(lambda: "port " in program.log() or not program.alive(), 20, "GStreamer's rtsp-server is ready", 0.1)
    if not program.alive():
        skip(f"GStreamer's rtsp-server does not start: {program.log()}")
    return program


def is_connected(site, name):
    status = json.loads(site.cli("status", "--json", ok=None).stdout or "{}")
    return any(r["name"] == name and r["state"] == "connected" for r in status.get("recorders", []))


class Story:
    """What happens, in the order of its methods; `known` grows by what must not be seen."""

    def __init__(self, folder, seconds):
        self.folder, self.seconds = folder, seconds
        self.known = {"video": VIDEO, "sound": AUDIO, "metadata": DATA, "the person's password": PERSONS_PASSWORD.encode()}
        for text in (PASSWORD, GST_PASSWORD, PATH, PERSON, REASON, CAMERA, GST_CAMERA):
            self.known[text] = text.encode()
        self.net = Wires()
        self.far, self.ending = {}, []

    def run(self):
        self.clip = make_clip(self.folder, VIDEO, AUDIO)
        wire = Wire(self.folder, self.net.hops())
        self.ending.append(wire.kill)
        self.site = Site(self.folder, config=CONFIG)
        try:
            self.site.start()
            self.configure()
            self.watch()
            self.send_away()
            seen = wire.stop()
            self.control()
            for far in self.far.values():
                far.stop()
            self.site.stop()
        except BaseException:
            print(self.site.log()[-3000:], *(f.log()[-2000:] for f in self.far.values()), sep="\n----\n")
            raise
        finally:
            for end in reversed(self.ending):
                end()
            for far in self.far.values():
                far.kill()
                for pid in processes(str(far.state)):
                    kill(pid)
            self.site.clean()
        return seen

    def configure(self):
        """Enrolment, who may sign in, and cameras with their passwords: one by the manager's host, one by the page."""
        site, folder, net = self.site, self.folder, self.net
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        (folder / "metadata.xml").write_text(METADATA)
        edge_pair = site.camera_certificate("edge", f"IP:{ADDRESS['cameras']}")
        gst_pair = site.camera_certificate("gst", f"IP:{ADDRESS['cameras']}")
        self.edge = net.call("cameras", lambda: Edge(folder, {PATH: self.clip}, edge_pair, "--metadata", folder / "metadata.xml", port=EDGE_PORT,
                                                     address=ADDRESS["cameras"], password=PASSWORD))
        self.ending.append(self.edge.kill)
        gst = gst_camera(net, folder, self.clip, GST_PORT, GST_PASSWORD, gst_pair)
        self.ending.append(gst.kill)
        for name, role in (("north", "recorder"), ("south", "recorder"), ("gateway", "gateway")):
            self.far[name] = Far(net, folder, site, role, name, ADDRESS["manager"]).start()
            self.known[f"the code of {name}"] = self.far[name].code.encode()
        wait_for(lambda: all(is_connected(site, name) for name in ("north", "south")), 20, lambda: f"both are there: {site.status()}")
        site.add(CAMERA, f"rtsps://{ADDRESS['cameras']}:{EDGE_PORT}/{PATH}", self.edge.user, self.edge.password_file, "--recorder", "north")
        self.page = Page(site, self.far["gateway"], ADDRESS["gateway"])
        self.page.add(PERSON)
        self.browser = At(net, "desk", self.page)
        self.browser.sign_in(PERSON)
        self.known["the person's session"] = self.page.cookie.encode()
        check(b"<script" in self.browser.get("/").body, "the page is there")
        self.browser.post("/api/v1/cameras", {"name": GST_CAMERA, "url": f"rtsps://{ADDRESS['cameras']}:{GST_PORT}/main", "user": "viewer",
                                              "password": GST_PASSWORD, "recorder": "south"}).ok()

    def recorded(self, name):
        return recorded_in(self.far[name].state / "vault", f"{OF[name]}-main")

    def watch(self):
        """Recording, live, playback, export."""
        for name in OF:
            wait_for(lambda n=name: self.recorded(n), 25, lambda n=name: f"{n} records: {self.far[n].log()[-3000:]}", 0.2)
        live = {name: Watcher(self.net, self.page, f"{camera}-main", seconds=self.seconds + 30) for name, camera in OF.items()}
        for name, one in live.items():
            wait_for(lambda w=one.seen: w.messages > 50 and time.monotonic() - w.began > self.seconds, 20 + self.seconds,
                     lambda n=name: f"{n} live: {live[n].seen.texts}")
            self.shown(one.stop().bytes, f"{name} live")
            check(not one.seen.told("ended") and not one.seen.told("skipped"), f"{name}: {one.seen.texts}")
        self.links = json.loads(self.site.cli("security", "links", "--json").stdout)
        for name, camera in OF.items():
            parts = self.recorded(name)
            times = span(parts[0]["first_us"], parts[-1]["last_us"])
            film = self.browser.watch(f"{camera}-main", 30 + self.seconds, lambda w: w.closed, f"?from={times['from']}&until={times['until']}", "playback")
            check(film.told("ended") and film.told("ended")[0]["code"] == "ok", f"played: {film.texts}")
            self.shown(film.bytes, f"{name} played")
            out = self.folder / f"{name}.mp4"
            self.net.call(name, lambda n=name, c=camera, o=out: run(CUSTOS, "export", "--state", self.far[n].state, "--camera", c, "--last", "60",
                                                                    "--output", o, timeout=60))
            self.shown(out.read_bytes(), f"{name} exported there")
            check(name != "north" or DATA in out.read_bytes(), "its metadata too")
            self.export(camera, times)
        # Changed while it runs, with the password again.
        self.site.cli("camera", "set", CAMERA, "--user", self.edge.user, "--password-file", self.edge.password_file)

    def export(self, camera, times):
        """By the page, where the gateway has it."""
        if "/api/v1/exports" not in self.browser.get("/api/v1/openapi.json").ok()["paths"]:
            print("  the gateway has no exports: only those of `custos export`")
            return
        job = self.browser.post("/api/v1/exports", {"stream": f"{camera}-main", **times, "receiver": PERSON, "purpose": REASON}).ok()
        self.shown(self.browser.get(f"/api/v1/exports/{job['id']}/file").body, f"{camera} exported by the page")

    @staticmethod
    def shown(data, what):
        check(VIDEO in data and AUDIO in data, f"{what}: both sentinels are in it")

    def send_away(self):
        """The gateway begins anew while somebody watches, and again; then it is revoked."""
        def porter():
            return next((pid for pid, argv in processes(str(self.far["gateway"].state)).items() if argv[1] == "porter"), None)

        before = porter()
        kill(before)
        wait_for(lambda: porter() not in (None, before) and self.browser.get("/api/health").status == 200, 20,
                 lambda: f"its links are made anew: {self.far['gateway'].log()[-2000:]}")
        watchers = [Watcher(self.net, self.page, f"{camera}-main") for camera in OF.values()]
        for watcher in watchers:
            watcher.goes_on("it is watched again", 10)
        self.site.cli("node", "revoke", "gateway", "gateway", "--reason", REASON, "--yes")
        for watcher in watchers:
            wait_for(lambda w=watcher: w.seen.closed, 10, "what it watched ends")
            watcher.stop()

    def control(self):
        """The same with a camera in the clear, which an exception allows: what is looked for is found."""
        plain = gst_camera(self.net, self.folder, self.clip, PLAIN_PORT, "in-the-clear")
        self.ending.append(plain.kill)
        wire = Wire(self.folder, {host: hop for host, hop in self.net.hops().items() if host in ("cameras", "south", "desk")})
        self.ending.append(wire.kill)
        self.site.add(PLAIN_CAMERA, f"rtsp://{PLAIN_ADDRESS}:{PLAIN_PORT}/main", "viewer", password_file(self.folder, "in-the-clear"),
                      "--recorder", "south", "--transport", "plain")
        vault = self.far["south"].state / "vault"
        wait_for(lambda: recorded_in(vault, f"{PLAIN_CAMERA}-main"), 25, lambda: f"recorded: {self.far['south'].log()[-3000:]}", 0.2)
        # And a person who does not know that the page is https.
        self.net.call("desk", lambda: subprocess.run(["curl", "-s", "--noproxy", "*", "-d", PERSON, f"http://{ADDRESS['gateway']}:{PEOPLE_PORT}/api/v1/session"],
                                                     timeout=20))
        self.plain = wire.stop()
        plain.kill()
        self.far["south"].stop()
        shutil.rmtree(vault)
        self.far["south"].start()


def judge(story, seen):
    """No sentinel on any hop; nothing but TLS, on the documented ports alone."""
    for what, sentinel in story.known.items():
        found = seen.count(forms(sentinel))
        check(found == 0, f"{what}: seen {found} times")
    check(not set(seen.others) - DOCUMENTED, f"beside TCP nothing but what is documented: {dict(seen.others)}")
    documented = {(ADDRESS["manager"], MANAGER_PORT), (ADDRESS["manager"], RECORDER_PORT), (ADDRESS["north"], RECORDER_PORT), (ADDRESS["south"], RECORDER_PORT),
                  (ADDRESS["gateway"], PEOPLE_PORT), (ADDRESS["cameras"], EDGE_PORT), (ADDRESS["cameras"], GST_PORT)}
    local = {("127.0.0.1", MANAGER_PORT), ("127.0.0.1", RECORDER_PORT)}  # roles of one host, and its gateway
    found = {(host, port) for hop, host, port in seen.ports() if not hop.startswith("lo ")}
    check(found == documented, f"connections go to the documented ports: {sorted(found)} {sorted(documented)}")
    found = {(hop, host, port) for hop, host, port in seen.ports() if hop.startswith("lo ")}
    check(all(hop == "lo of manager" and (host, port) in local for hop, host, port in found), f"on loopback too: {sorted(found)}")
    links = {}
    for (hop, flow), data in seen.joined().items():
        check(seen.streams[hop, flow].whole or not data, f"{flow}: from its first byte")  # without any: it was refused
        try:
            records = tls_records(data)
        except NotTls as why:
            check(False, f"{hop}: {flow} is not TLS: {why}")
        ends = frozenset((flow.host, flow.to_host))
        links[ends] = links.get(ends, 0) + records["application data"]
    name = {address: host for host, address in ADDRESS.items()}
    wanted = [("manager", "north"), ("manager", "south"), ("manager", "gateway"), ("north", "gateway"), ("south", "gateway"), ("north", "cameras"),
              ("south", "cameras"), ("desk", "gateway")]
    got = {tuple(sorted(name.get(a, a) for a in ends)): n for ends, n in links.items()}
    for pair in wanted:
        check(got.get(tuple(sorted(pair)), 0) > 2, f"{pair}: TLS records: {got}")
    with_it = [link for link in story.links if "/gateway/gateway" in link["from"]]
    check({link["to"].split("/", 3)[3] for link in with_it} == {"manager/main", "recorder/main", "recorder/north", "recorder/south"}, f"the gateway's links: {with_it}")
    check(all(link["tls"] == "TLS 1.3" and link["plaintext_bytes"] == 0 for link in story.links), f"TLS 1.3 between roles: {story.links}")
    return got


def judge_control(story):
    for what in ("video", "sound", PERSON):
        found = story.plain.count(forms(story.known[what]))
        check(found > 0, f"the same capture sees {what} in the clear: {found}")
    bad = 0
    for (hop, flow), data in story.plain.joined().items():
        try:
            tls_records(data if story.plain.streams[hop, flow].whole else b"")
        except NotTls:
            bad += 1
            check({PLAIN_PORT, PEOPLE_PORT} & {flow.port, flow.to_port}, f"that camera and that person alone: {flow}")
    check(bad >= 3, f"and that it is no TLS: {bad}")
