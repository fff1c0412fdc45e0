# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole site on five hosts with a switch between them, and what passes there while it is enrolled, configured, records, is watched,
played, exported, re-keyed, and while a gateway is sent away:

    manager 10.67.0.1, recorders north .2 and south .3, gateway .4, cameras .5: a network namespace each

The gateway's role is this program behind a real porter (far_gateway.py). Sentinels: 32 bytes each in H.264 (SEI), AAC (a data stream
element) and ONVIF metadata of the cameras; in the cameras' passwords, names and addresses; in the name of the person, the reason of a
revocation, and the codes of enrolment. Cameras: custos edge, and GStreamer's rtsp-server (no metadata: it has no payloader for it).
"""
import json
import shutil
import time

from custos_site import CUSTOS, ROOT, Edge, Program, Site, check, password_file, run, skip, wait_for
from far_gateway import FarGateway, ended
from gateway import FRAGMENT
from namespaces import Hosts
from playback import recorded_in
from sentinels import forms, make_clip
from wire import NotTls, Wire, tls_records

ADDRESS = {"manager": "10.67.0.1", "north": "10.67.0.2", "south": "10.67.0.3", "gateway": "10.67.0.4", "cameras": "10.67.0.5"}
PLAIN_ADDRESS = "10.67.0.6"  # of the cameras' host too: where TLS was spoken, nothing else is taken any more
MANAGER_PORT, RECORDER_PORT, EDGE_PORT, GST_PORT, PLAIN_PORT = 8320, 8321, 322, 8322, 554
REKEY_S = 60
CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 1000\nworkers = 1\n[storage]\nscrub_mb_s = 0\n" + f"[link]\nrekey_seconds = {REKEY_S}\n"
# Beside TLS: who is where, and that nobody is there.
DOCUMENTED = {"arp", "icmp", "icmp6", "igmp"}
VIDEO = b"video-sentinel-5d20c8f1e9b74a63b0"[:32]
AUDIO = b"audio-sentinel-a81f3c7702de49b5c4"[:32]
DATA = b"onvif-sentinel-3b9e6d1184fa4c07d2"[:32]
PASSWORD, GST_PASSWORD = "pw-sentinel-91c7d05be2f3486ab4ce", "pw-sentinel-60ba11f7d94e4c2f8e35"
PATH, PERSON, REASON = "path-sentinel-c2f18d7e", "Person Sentinel 7f3e9ab1", "reason sentinel 40d2ce58"
CAMERA, GST_CAMERA, PLAIN_CAMERA = "cam-sentinel-7e41b9d2", "cam-sentinel-0c8f35aa", "cam-plain"
METADATA = f"""<?xml version="1.0" encoding="UTF-8"?>
<tt:MetadataStream xmlns:tt="http://www.onvif.org/ver10/schema"><tt:VideoAnalytics><tt:Frame UtcTime="">
<tt:Object ObjectId="{DATA.decode()}"/></tt:Frame></tt:VideoAnalytics></tt:MetadataStream>
"""


class Switch(Hosts):
    """Hosts on one bridge; this program is on the manager's."""

    def __init__(self):
        super().__init__("manager", [h for h in ADDRESS if h != "manager"] + ["switch"], ("tcpdump",))
        self.run("switch", "ip", "link", "add", "br0", "type", "bridge")
        self.run("switch", "ip", "link", "set", "br0", "up")
        for host, address in ADDRESS.items():
            run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", f"p-{host}")
            run("ip", "link", "set", f"p-{host}", "netns", self.path("switch"))
            self.run("switch", "ip", "link", "set", f"p-{host}", "master", "br0")
            self.run("switch", "ip", "link", "set", f"p-{host}", "up")
            if host != self.ours:
                run("ip", "link", "set", "eth0", "netns", self.path(host))
            else:
                run("ip", "link", "set", "eth0", "name", "eth1")  # out of the way of the next ones
            self._up(host, "eth1" if host == self.ours else "eth0", address)
            self.run(host, "ip", "link", "set", "lo", "up")
        self.run("cameras", "ip", "address", "add", f"{PLAIN_ADDRESS}/24", "dev", "eth0")

    def hops(self):
        """Each byte once: as it leaves its host, and on each host's loopback."""
        leaving = {host: (self.command("switch"), f"p-{host}", "in") for host in ADDRESS}
        return {**leaving, **{f"lo of {host}": (self.command(host), "lo", "in") for host in ADDRESS}}


class Far:
    """A recorder on another host, enrolled there."""

    def __init__(self, net, folder, site, name):
        self.net, self.name, self.state = net, name, folder / name
        made = json.loads(site.cli("node", "add", "recorder", name, "--json").stdout)
        self.code = made["code"]
        net.call(name, lambda: run(CUSTOS, "enroll", ADDRESS["manager"], "-", "--state", self.state, stdin=self.code + "\n"))
        self.program = net.call(name, lambda: Program(folder / f"{name}.log", [CUSTOS, "recorder", "--state", self.state, *site.options]))

    def stop(self):
        self.program.stop()
        self.program.check_log()


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
        self.known = {"video": VIDEO, "sound": AUDIO, "metadata": DATA}
        for text in (PASSWORD, GST_PASSWORD, PATH, PERSON, REASON, CAMERA, GST_CAMERA):
            self.known[text] = text.encode()
        self.net = Switch()
        self.ending = []

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
            self.site.stop()
        except BaseException:
            print(self.site.log()[-3000:], *(f.program.log()[-2000:] for f in getattr(self, "far", {}).values()), sep="\n----\n")
            raise
        finally:
            for end in reversed(self.ending):
                end()
            self.site.clean()
        return seen

    def configure(self):
        """Enrolment, and cameras with their passwords."""
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
        self.far = {name: Far(net, folder, site, name) for name in ("north", "south")}
        for far in self.far.values():
            self.ending.append(far.program.kill)
            self.known[f"the code of {far.name}"] = far.code.encode()
        self.front = FarGateway(folder, site, "front", ADDRESS["manager"], lambda work: net.call("gateway", work), person=PERSON)
        self.ending.append(self.front.end)
        self.known["the code of front"] = self.front.code.encode()
        wait_for(lambda: all(is_connected(site, name) for name in self.far), 20, lambda: f"both are there: {site.status()}")
        site.add(CAMERA, f"rtsps://{ADDRESS['cameras']}:{EDGE_PORT}/{PATH}", self.edge.user, self.edge.password_file, "--recorder", "north")
        site.add(GST_CAMERA, f"rtsps://{ADDRESS['cameras']}:{GST_PORT}/main", "viewer", password_file(folder, GST_PASSWORD), "--recorder", "south")

    def watch(self):
        """Recording, live, playback, export, new keys."""
        of = {"north": CAMERA, "south": GST_CAMERA}
        recorders = {}
        for name, camera in of.items():
            vault = self.far[name].state / "vault"
            wait_for(lambda v=vault, c=camera: recorded_in(v, f"{c}-main"), 25,
                     lambda n=name: f"{n} records: {self.far[n].program.log()[-3000:]}", 0.2)
            recorders[name] = self.front.recorder(self.far[name].state, name, ADDRESS[name])
        live = {name: recorders[name].live(f"{camera}-main") for name, camera in of.items()}
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            for name in of:
                recorders[name].read(0.5)
        self.before = list(self.front.porter.links().values())
        check(self.front.porter.ask("porter.rekey", handshake=True)["links"] == 3, "each link of the gateway has a new handshake")
        for name in of:  # which the stream does not notice
            recorders[name].read(0.7)
            check(not live[name].ended and not live[name].holes, f"{name}: {live[name].ended} {live[name].holes}")
        self.links = wait_for(self.moved, 10, lambda: f"each link has new keys: {self.front.porter.links()}", 0.2)
        for name, camera in of.items():
            recorders[name].ask("media.close", subscription=live[name].number)
            shown = b"".join(t[3] for t in live[name].things)
            check(VIDEO in shown and AUDIO in shown, f"{name}: what is seen live has both sentinels")
            parts = recorded_in(self.far[name].state / "vault", f"{camera}-main")
            film = recorders[name].watch(f"{camera}-main", parts[0]["first_us"], parts[-1]["last_us"])
            check(recorders[name].read(30 + self.seconds, lambda f=film: f.ended) and film.ended["code"] == "ok", f"played: {film.ended}")
            shown = b"".join(t[3] for t in film.of(FRAGMENT))
            check(VIDEO in shown and AUDIO in shown, f"{name}: and what is played")
            out = self.folder / f"{name}.mp4"
            self.net.call(name, lambda n=name, c=camera, o=out: run(CUSTOS, "export", "--state", self.far[n].state, "--camera", c, "--last", "60",
                                                                    "--output", o, timeout=60))
            check(VIDEO in out.read_bytes() and AUDIO in out.read_bytes(), "and what is exported")
            check(name != "north" or DATA in out.read_bytes(), "its metadata too")
        self.recorders = recorders
        # Changed while it runs, with the password again.
        self.site.cli("camera", "set", CAMERA, "--user", self.edge.user, "--password-file", self.edge.password_file)

    def moved(self):
        """The gateway's links, once each was made anew."""
        links = list(self.front.porter.links().values())
        return len(links) == 3 and all(link["state"] == "open" and link["handshakes"] > 1 for link in links) and links

    def send_away(self):
        self.site.cli("node", "revoke", "gateway", "front", "--reason", REASON, "--yes")
        for name, recorder in self.recorders.items():
            check(ended(recorder, 10), f"its link to {name} ends")

    def control(self):
        """The same with a camera in the clear, which an exception allows: what is looked for is found."""
        plain = gst_camera(self.net, self.folder, self.clip, PLAIN_PORT, "in-the-clear")
        self.ending.append(plain.kill)
        wire = Wire(self.folder, {host: hop for host, hop in self.net.hops().items() if host in ("cameras", "south")})
        self.ending.append(wire.kill)
        self.site.add(PLAIN_CAMERA, f"rtsp://{PLAIN_ADDRESS}:{PLAIN_PORT}/main", "viewer", password_file(self.folder, "in-the-clear"),
                      "--recorder", "south", "--transport", "plain")
        vault = self.far["south"].state / "vault"
        wait_for(lambda: recorded_in(vault, f"{PLAIN_CAMERA}-main"), 25, lambda: f"recorded: {self.far['south'].program.log()[-3000:]}", 0.2)
        self.plain = wire.stop()
        plain.kill()
        for far in self.far.values():
            far.stop()
        shutil.rmtree(vault)


def judge(story, seen):
    """No sentinel on any hop; nothing but TLS, on the documented ports alone."""
    for what, sentinel in story.known.items():
        found = seen.count(forms(sentinel))
        check(found == 0, f"{what}: seen {found} times")
    check(not set(seen.others) - DOCUMENTED, f"beside TCP nothing but what is documented: {dict(seen.others)}")
    documented = {(ADDRESS["manager"], MANAGER_PORT), (ADDRESS["north"], RECORDER_PORT), (ADDRESS["south"], RECORDER_PORT),
                  (ADDRESS["cameras"], EDGE_PORT), (ADDRESS["cameras"], GST_PORT)}
    local = {("127.0.0.1", MANAGER_PORT), ("127.0.0.1", RECORDER_PORT)}  # roles of one host, and its gateway
    found = {(host, port) for hop, host, port in seen.ports() if not hop.startswith("lo ")}
    check(found == documented, f"connections go to the documented ports: {sorted(found)} {sorted(documented)}")
    found = {(hop, host, port) for hop, host, port in seen.ports() if hop.startswith("lo ")}
    check(all(hop == "lo of manager" and (host, port) in local for hop, host, port in found), f"on loopback too: {sorted(found)}")
    links = {}
    for (hop, flow), data in seen.joined().items():
        check(seen.streams[hop, flow].whole, f"{flow}: from its first byte")
        try:
            records = tls_records(data)
        except NotTls as why:
            check(False, f"{hop}: {flow} is not TLS: {why}")
        ends = frozenset((flow.host, flow.to_host))
        links[ends] = links.get(ends, 0) + records["application data"]
    name = {address: host for host, address in ADDRESS.items()}
    wanted = [("manager", "north"), ("manager", "south"), ("manager", "gateway"), ("north", "gateway"), ("south", "gateway"), ("north", "cameras"),
              ("south", "cameras")]
    got = {tuple(sorted(name.get(a, a) for a in ends)): n for ends, n in links.items()}
    for pair in wanted:
        check(got.get(tuple(sorted(pair)), 0) > 2, f"{pair}: TLS records: {got}")
    check(all(link["tls"] == "TLS 1.3" for link in story.links), f"TLS 1.3 between roles: {story.links}")
    return got


def judge_control(story):
    for what in ("video", "sound"):
        found = story.plain.count(forms(story.known[what]))
        check(found > 0, f"the same capture sees {what} of a camera in the clear: {found}")
    bad = 0
    for (hop, flow), data in story.plain.joined().items():
        try:
            tls_records(data if story.plain.streams[hop, flow].whole else b"")
        except NotTls:
            bad += 1
            check(PLAIN_PORT in (flow.port, flow.to_port), f"that camera alone: {flow}")
    check(bad >= 2, f"and that it is no TLS: {bad}")
