# SPDX-License-Identifier: GPL-3.0-or-later
"""A recorder, a camera and somebody between them, each in a network of its own:

    recorder 10.66.1.2 -- 10.66.1.1 evil 10.66.2.1 -- 10.66.2.2 camera

    net = the_network()          # from now on this program, and what it starts, is the recorder
    net.rules('iifname "evil0" tcp dport 322 drop')
    camera = net.call("camera", lambda: ScriptedCamera(certificate, host=CAMERA, port=322))

Or any hosts on one switch: Switch({"manager": "10.67.0.1", "desk": "10.67.0.2"}); this program is on the first.
As root, or as a user where the kernel lets one make namespaces; else the test is skipped, with the reason. A namespace lives by a
descriptor of this process and by what runs in it: nothing is left behind, and nothing outside is touched.
"""
import ctypes
import os
import shutil
import threading
from functools import lru_cache

from custos_site import Edge, Program, run, skip

CAMERA, EVIL, RECORDER = "10.66.2.2", "10.66.1.1", "10.66.1.2"
TLS_PORT = 322
CLONE_NEWNET, CLONE_NEWUSER = 0x40000000, 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(LIBC, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _become_root():
    """An ordinary user is root in a user namespace."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


class Hosts:
    """This program is one of them from now on, `ours`; the others are namespaces beside it."""

    def __init__(self, ours, others, programs):
        for program in ("ip", "nsenter", *programs):
            if not shutil.which(program):
                skip(f"{program} is not installed")
        try:
            if os.geteuid() != 0:
                _become_root()
            _call("unshare", CLONE_NEWNET)
        except OSError as why:
            skip(f"network namespaces are not allowed here: {why}")
        self.ours, self.hosts = ours, {name: self._new() for name in others}

    def _new(self):
        """A descriptor of a new network namespace."""
        def make():
            _call("unshare", CLONE_NEWNET)
            return os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        return self._in_thread(make)

    def _up(self, host, device, address):
        self.run(host, "ip", "address", "add", f"{address}/24", "dev", device)
        self.run(host, "ip", "link", "set", device, "up")

    @staticmethod
    def _in_thread(work):
        """Namespaces belong to threads: what a thread of its own does leaves ours where it is."""
        result = {}

        def body():
            try:
                result["value"] = work()
            except BaseException as why:
                result["error"] = why
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in result:
            raise result["error"]
        return result["value"]

    def path(self, host):
        return f"/proc/{os.getpid()}/fd/{self.hosts[host]}"

    def command(self, host, *command):
        """The same command, on that host."""
        return list(command) if host == self.ours else ["nsenter", f"--net={self.path(host)}", *command]

    def run(self, host, *command, **options):
        return run(*self.command(host, *command), **options)

    def call(self, host, work):
        """work() in a thread on that host: sockets that it makes, and threads that it starts, are there."""
        def there():
            if host == self.ours:
                return work()
            _call("setns", self.hosts[host], CLONE_NEWNET)
            return work()
        return self._in_thread(there)

    def program(self, host, log, *command):
        return Program(log, self.command(host, *command))


class Switch(Hosts):
    """Hosts on one bridge, {name: address}; this program is on the first one's."""

    def __init__(self, addresses, programs=()):
        ours, *others = addresses
        super().__init__(ours, [*others, "switch"], programs)
        self.run("switch", "ip", "link", "add", "br0", "type", "bridge")
        self.run("switch", "ip", "link", "set", "br0", "up")
        for host, address in addresses.items():
            run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", f"p-{host}")
            run("ip", "link", "set", f"p-{host}", "netns", self.path("switch"))
            self.run("switch", "ip", "link", "set", f"p-{host}", "master", "br0")
            self.run("switch", "ip", "link", "set", f"p-{host}", "up")
            if host != ours:
                run("ip", "link", "set", "eth0", "netns", self.path(host))
            else:
                run("ip", "link", "set", "eth0", "name", "eth1")  # out of the way of the next ones
            self._up(host, "eth1" if host == ours else "eth0", address)
            self.run(host, "ip", "link", "set", "lo", "up")


class Network(Hosts):
    """Made by the_network()."""

    def __init__(self):
        super().__init__("recorder", ("evil", "camera"), ("nft",))
        for near, near_at, far, far_host, far_at in (("rec0", RECORDER, "evil0", "evil", EVIL),
                                                     ("cam0", CAMERA, "evil1", "evil", "10.66.2.1")):
            run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
            run("ip", "link", "set", far, "netns", self.path(far_host))
            self._up(far_host, far, far_at)
            host = "recorder" if near == "rec0" else "camera"
            if host == "camera":
                run("ip", "link", "set", near, "netns", self.path(host))
            self._up(host, near, near_at)
            self.run(host, "ip", "route", "add", "default", "via", far_at)
        for host in ("recorder", "evil", "camera"):
            self.run(host, "ip", "link", "set", "lo", "up")
        self.run("evil", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def edge(self, host, folder, streams, certificate, *options, port):
        """custos edge on that host, at the address and port given. (A child is where the thread is that starts it.)"""
        return self.call(host, lambda: Edge(folder, streams, certificate, *options, address=CAMERA, port=port))

    # the router

    def nft(self, *lines):
        self.run("evil", "nft", "-f", "-", stdin="\n".join(lines) + "\n")

    def rules(self, *lines):
        """What the router does to packets of the recorder, in place of what it did. Counts what is for the camera's TLS port, and the rest."""
        self.nft("flush ruleset", "table ip way {",
                 "chain before { type nat hook prerouting priority -100;", *[line for line in lines if "redirect" in line], "}",
                 "chain on { type filter hook prerouting priority -200;",
                 f'iifname "evil0" tcp dport {TLS_PORT} counter comment "tls"',
                 f'iifname "evil0" tcp dport != {TLS_PORT} counter comment "other"',
                 'iifname "evil0" meta l4proto udp counter comment "datagrams"',
                 *[line for line in lines if "redirect" not in line], "}", "}")

    def packets(self, name):
        """How many packets of the recorder's were counted under this name since rules()."""
        for line in self.run("evil", "nft", "list", "ruleset").stdout.splitlines():
            if f'comment "{name}"' in line:
                return int(line.split("packets ")[1].split()[0])
        raise AssertionError(f"no counter {name}")


@lru_cache
def the_network():
    """One for all tests of a program: it cannot go back to where it was."""
    return Network()
