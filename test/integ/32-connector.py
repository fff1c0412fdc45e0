#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connector: what it refuses to connect to, what it sees, and what its death costs.

Names are resolved in a mount namespace with an /etc/hosts of the test's own, so that what a name server might answer is
known; tests that need it are left out, saying so, where none can be made.
"""
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, Edge, Site, check, free_port, kill, main, password_file, verify, wait_for


class Counter:
    """Listens on 127.0.0.1 and counts connections."""

    def __init__(self):
        self.connections, self.socket = 0, socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def wait_fault(site, path, seconds=20):
    """The stream's state once it names any fault, passing ones too."""
    return wait_for(lambda: (lambda s: s if s.get("fault") else None)(site.stream(path)), seconds,
                    lambda: f"{path} has a fault: {site.stream(path)}")


def refused(site, name, url, fault, *words):
    site.add(name, url)
    state = wait_fault(site, f"{name}-main")
    check(state["fault"] == fault, f"{name}: {fault}, not {state['fault']}: {state['error']}")
    for word in words:
        check(word in state["error"], f"{name}: the text says '{word}': {state['error']}")
    check(len(state["remedy"]) > 20, f"{name}: a remedy: {state}")
    site.remove(name)


def test_addresses_that_are_never_a_cameras(folder):
    with Site(folder) as site, Counter() as here:
        for i, (host, word) in enumerate((("0.0.0.0", "no machine's"), ("224.0.0.9", "multicast"), ("255.255.255.255", "broadcast"),
                                          ("169.254.169.254", "credentials"), ("[::]", "no machine's"), ("[ff02::1]", "multicast"),
                                          ("[::ffff:0.0.0.0]", "no machine's"))):
            refused(site, f"never-{i}", f"rtsps://{host}:{here.port}/x", "address-not-allowed", word)
        check(here.connections == 0, "0.0.0.0 would have come here: nothing did")
        # A port where nobody listens has another reason, and an address that is right is reached.
        refused(site, "closed", f"rtsps://127.0.0.1:{free_port()}/x", "connection-refused", "no TCP connection")
        site.add("reached", f"rtsps://127.0.0.1:{here.port}/x")
        wait_for(lambda: here.connections > 0, 10, "the loopback address itself is connected to")


def test_named_networks_alone(folder):
    with Counter() as here:
        with Site(folder, config="[recorder]\ncamera_networks = 10.0.0.0/8, 2001:db8::/32\n") as site:
            refused(site, "elsewhere", f"rtsps://127.0.0.1:{here.port}/x", "address-not-allowed", "camera_networks", "127.0.0.1")
            refused(site, "named", f"rtsps://localhost:{here.port}/x", "address-not-allowed", "camera_networks")
            check(here.connections == 0, "nothing was connected to")
        with Site(folder, config="[recorder]\ncamera_networks = 127.0.0.0/8 ::1\n") as site:
            site.add("inside", f"rtsps://127.0.0.1:{here.port}/x")
            wait_for(lambda: here.connections > 0, 10, "an address inside is connected to")


def with_hosts(folder, hosts):
    """The program in a mount namespace where names are these and no server is asked; None where there can be no namespace."""
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + hosts)
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\nservices: files\n")
    program = folder / "custos-with-hosts"
    program.write_text(f"#!/bin/sh\nexec unshare -m sh -c 'mount --bind {folder}/hosts /etc/hosts && "
                       f"mount --bind {folder}/nsswitch.conf /etc/nsswitch.conf && exec {CUSTOS} \"$@\"' custos \"$@\"\n")
    os.chmod(program, 0o755)
    return program if subprocess.run([program, "version"], capture_output=True).returncode == 0 else None


def test_names_that_resolve_to_this_machine(folder):
    program = with_hosts(folder, "127.0.0.1 rebound.test\n127.0.0.1 two.test\n198.51.100.1 two.test\n224.0.0.1 group.test\n")
    if not program:
        print("  no mount namespace can be made here: left out")
        return
    with Site(folder, program=program) as site, Counter() as here:
        refused(site, "rebound", f"rtsps://rebound.test:{here.port}/x", "address-not-allowed", "this machine itself")
        refused(site, "group", f"rtsps://group.test:{here.port}/x", "address-not-allowed", "multicast")
        refused(site, "nobody", f"rtsps://nobody.test:{here.port}/x", "name-not-found", "nobody.test")
        site.add("two", f"rtsps://two.test:{here.port}/x")  # one address that is refused, and one that is tried
        time.sleep(1.5)
        check(here.connections == 0, "no name led to a service of this machine")
        site.add("literal", f"rtsps://localhost:{here.port}/x")
        wait_for(lambda: here.connections > 0, 10, "localhost by its name is what the administrator wrote")


def test_its_death_costs_nothing(folder):
    with Site(folder) as site:
        certificate = site.camera_certificate("cam")
        with Edge(folder, {"cam": CARS, "late": CARS}, certificate, "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")
            before = site.pids()
            kill(before["connector"])
            wait_for(lambda: site.pids().get("connector") not in (None, before["connector"]), 10, "another connector is started")
            # Until the next one is there, and after, nothing of the connection that it made changes.
            time.sleep(2)
            state = site.stream("cam-main")
            check(state["recording"] and state["connects"] == 1 and state["lost_packets"] == 0, f"recording goes on: {state}")
            after = site.pids()
            check({k: v for k, v in after.items() if k != "connector"} == {k: v for k, v in before.items() if k != "connector"},
                  f"no other process ended: {before} {after}")
            # One that dies while it is needed: the camera is told, tries again, and gets there.
            kill(after["connector"])
            site.add("late", edge.url("late"), edge.user, edge.password_file)
            site.wait_recording("late-main")
            fingerprint = site.fingerprint()
        site.stop()
        _, verdict = verify(site.state / "vault", trust=fingerprint, ok=0)
        gaps = [i for i in verdict["items"] if i["kind"] == "gap" and "cam-main" in str(i)]
        check(len(gaps) <= 1, f"no gap but the start: {gaps}")
        check("process.ended" in site.log() and "connector.gone" in site.log(), "both deaths are in the log")


def test_requests_in_flight_are_answered(folder):
    """A listener whose queue is full lets further attempts wait: one is under way when the connector dies."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for client in (first, second):
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        with Site(folder) as site:
            site.add("far", f"rtsps://127.0.0.1:{full.getsockname()[1]}/x")
            wait_for(lambda: site.stream("far-main").get("state") == "connecting", 10, "an attempt is under way")
            time.sleep(0.5)
            check(not site.stream("far-main")["fault"], f"and nothing is known yet: {site.stream('far-main')}")
            kill(site.pids()["connector"])
            state = wait_fault(site, "far-main", 5)
            check(state["fault"] == "connector-gone" and len(state["remedy"]) > 20, f"those who wait are told at once: {state}")
            wait_for(lambda: site.stream("far-main").get("state") == "connecting", 10, "and the camera tries again")


def test_what_it_sees(folder):
    with Site(folder) as site:
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam"), "--burst") as edge:
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")
            pid = site.pids()["connector"]
            status = Path(f"/proc/{pid}/status").read_text()
            check(re.search(r"^Seccomp:\s+2$", status, re.M) and re.search(r"^NoNewPrivs:\s+1$", status, re.M), "under its filter")
            if os.getuid() == 0:
                files = [os.readlink(f) for f in Path(f"/proc/{pid}/fd").iterdir()]
                named = [f for f in files if f.startswith("/") and f not in ("/dev/null", str(site.state / "lock"))]
                check(not [f for f in named if not f.endswith(".log")], f"no file of the state directory is open: {named}")
                # What was in its memory: neither the camera's password nor the path of its URL, nor a key.
                memory = read_memory(pid)
                password = edge.password_file.read_text().strip().encode()
                check(b"127.0.0.1" in memory, "its memory can be read at all")
                check(password not in memory and b"/cam" + b"\0" not in memory and b"PRIVATE KEY" not in memory,
                      "no password, path or key ever came to it")


def read_memory(pid):
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "rw" not in line or end - start > 1 << 25 or "[v" in line:
                continue
            try:
                mem.seek(start)
                found.append(mem.read(end - start))
            except (OSError, ValueError, OverflowError):
                pass
    return b"".join(found)


main(globals())
