#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port scan of a site, from the kernel's tables and from another host: only the documented ports are open, each by the process that has
it, at the documented addresses (docs/design/links.md, "Ports").

In networks of its own, so that everything that listens there is ours: the site with its two demo cameras on one host, a recorder that
joined it on another, and between them the one that scans all 65535 ports.
"""
import errno
import json
import re
import select
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CUSTOS, Site, check, main, run, wait_for
from namespaces import CAMERA, RECORDER, the_network

MANAGER, RECORDER_PORT, PEOPLE = 8320, 8321, 8443
CLOSED_S = 5


def role_of(pid):
    argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return f"porter.{argv[argv.index('--role') + 1]}" if "--role" in argv else argv[1]


class Listener:
    def __init__(self, line):
        words = line.split()
        self.kind, self.address, port = words[0], *words[4].rsplit(":", 1)
        self.address, self.port = self.address.strip("[]").partition("%")[0], int(port)
        self.processes = {role_of(pid) for pid in re.findall(r"pid=(\d+)", line)}

    def __repr__(self):
        return f"{self.kind} {self.address}:{self.port} {sorted(self.processes)}"

    def loopback(self):
        return self.address in ("127.0.0.1", "::1")


def listeners(net, host):
    """TCP that listens, and UDP that is bound and connected to nobody."""
    lines = net.run(host, "ss", "-Hlntup").stdout.splitlines()
    return [Listener(line) for line in lines]


def judged(net, host, open_to_all, documented):
    """documented: {port: name of the process}; the rest may be a demo camera, or the people's port where there is a gateway."""
    all_of = listeners(net, host)
    for one in all_of:
        check(one.kind == "tcp", f"no datagrams are waited for: {one}")
        owner = documented.get(one.port, "gateway" if one.port == PEOPLE else "edge")
        check(one.processes == {owner}, f"{host}: {one} is {owner}'s")
        if one.port in documented:
            check(one.loopback() != (one.port in open_to_all), f"{host}: {one}: {sorted(open_to_all)} are open to others")
        elif owner == "edge":
            check(one.loopback(), f"{host}: a demo camera is on loopback: {one}")
    check(set(documented) <= {one.port for one in all_of}, f"{host}: what is documented is there: {all_of}")
    return all_of


def scan(net, host, address):
    """Ports that take a connection from `host`, of all there are."""
    def there():
        found, waiting, poller = set(), {}, select.epoll()
        for port in range(1, 65536):
            s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            s.setblocking(False)
            why = s.connect_ex((address, port))
            if why == 0:
                found.add(port)
            elif why == errno.EINPROGRESS:
                waiting[s.fileno()] = port, s
                poller.register(s, select.EPOLLOUT)
            while len(waiting) > 200 or (port == 65535 and waiting):
                for fd, _ in poller.poll(10):
                    known, one = waiting.pop(fd)
                    if one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                        found.add(known)
                    one.close()
        return found
    return net.call(host, there)


def without_people(ports):
    return ports - {PEOPLE}


def open_and_closed_again(net, folder, site, documented):
    """A gateway elsewhere opens the recorder's port of this host, and only as long as it belongs to the site; so with the manager's."""
    def is_open(port):
        return any(one.port == port and not one.loopback() for one in listeners(net, "recorder"))

    code, state = json.loads(site.cli("node", "add", "gateway", "door", "--json").stdout)["code"], folder / "door"
    net.run("camera", CUSTOS, "enroll", f"{RECORDER}:{MANAGER}", "-", "--state", state, stdin=code + "\n")
    with net.program("camera", folder / "door.log", CUSTOS, "gateway", "--state", state, *site.options[-2:]):
        wait_for(lambda: is_open(RECORDER_PORT), 20, lambda: f"open to it:\n{site.log()[-2000:]}")
        judged(net, "recorder", {MANAGER, RECORDER_PORT}, documented)
        site.cli("node", "revoke", "gateway", "door", "--reason", "sold", "--yes")
        wait_for(lambda: not is_open(RECORDER_PORT), CLOSED_S, "closed to the network again at once")
        judged(net, "recorder", {MANAGER}, documented)
        site.cli("node", "revoke", "recorder", "north", "--reason", "sold", "--yes")
        wait_for(lambda: not is_open(MANAGER), CLOSED_S, "and the manager's with the last node elsewhere")
        judged(net, "recorder", set(), documented)
        check(site.streams() and all(s["recording"] for s in site.streams().values()), "the recorder of this host never noticed")


def test_only_the_documented_ports(folder):
    net = the_network()
    site = Site(folder, "--demo", config=f"[link]\nmanager_port = {MANAGER}\nrecorder_port = {RECORDER_PORT}\n\n[gateway]\nhttps_port = {PEOPLE}\n")
    here = {MANAGER: "porter.manager", RECORDER_PORT: "porter.recorder"}
    with site:
        wait_for(lambda: len([s for s in site.streams().values() if s["recording"]]) >= 2, 30, lambda: f"the demo cameras: {site.streams()}")
        wait_for(lambda: {MANAGER, RECORDER_PORT} <= {one.port for one in listeners(net, "recorder")}, 10, "both role ports")
        before = judged(net, "recorder", set(), here)
        cameras = [one for one in before if one.processes == {"edge"}]
        check(len(cameras) == 2, f"two demo cameras: {before}")
        check(without_people(scan(net, "evil", RECORDER)) == set(), "from outside, a site of one host has no port but people's")
        # The other host comes: while the code is open and from then on the manager's port is open to the network, and no other.
        code = json.loads(site.cli("node", "add", "recorder", "north", "--json").stdout)["code"]
        wait_for(lambda: any(one.port == MANAGER and not one.loopback() for one in listeners(net, "recorder")), 10, "open while a code is")
        judged(net, "recorder", {MANAGER}, here)
        state, config = folder / "north", folder / "north.ini"
        config.write_text(f"[link]\nrecorder_port = {RECORDER_PORT}\n")
        net.run("camera", CUSTOS, "enroll", f"{RECORDER}:{MANAGER}", "-", "--state", state, stdin=code + "\n")
        with net.program("camera", folder / "north.log", CUSTOS, "recorder", "--state", state, "--config", config):
            wait_for(lambda: "role=recorder name=north address=10.66.2.2" in site.log(), 20, lambda: f"north is here:\n{site.log()[-2000:]}")
            wait_for(lambda: listeners(net, "camera"), 10, "its own port")
            judged(net, "recorder", {MANAGER}, here)
            wait_for(lambda: any(one.port == RECORDER_PORT and not one.loopback() for one in listeners(net, "camera")), 10, "the gateway of the other host reaches it")
            there = judged(net, "camera", {RECORDER_PORT}, {RECORDER_PORT: "porter.recorder"})
            check(len({one.port for one in there}) == 1, f"nothing else there: {there}")
            check(without_people(scan(net, "evil", RECORDER)) == {MANAGER}, "with another host: the manager's port and no other")
            check(scan(net, "evil", CAMERA) == {RECORDER_PORT}, "of a recorder that a gateway elsewhere reaches: that one")
            open_and_closed_again(net, folder, site, here)
        sockets = {line.split()[4] for line in run("ss", "-Hlxn").stdout.splitlines() if str(site.state) in line or line.split()[4].startswith("@")}
        check(sockets <= {str(site.state / "control.sock")}, f"Unix sockets, none without a file: {sockets}")
        print("  one host: " + ", ".join(sorted(map(repr, before))))


if __name__ == "__main__":
    main(globals())
