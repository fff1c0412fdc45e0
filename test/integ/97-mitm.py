#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""T-MITM: on each link of a running site, somebody with a certificate that is wrong in one way. All are refused, each for its own reason,
and none of them hears a word of what the link is for. The same impostor with the right certificate is spoken to.

Which end refuses whom:

    recorder to camera     the recorder (its worker) connects, and refuses who answers in the camera's place
    gateway to recorder    the gateway (its porter) connects, and refuses who answers in the recorder's place
    recorder to manager    the recorder (its porter) connects, and refuses who answers in the manager's place
    manager to recorder    the manager (its porter) is connected to, and refuses who says that it is a recorder
    recorder to gateway    the same at the recorder's own port, of who says that it is a gateway

The impostor is the openssl program. Ours are the processes of one running site, and the porters of two nodes that joined it with codes.
"""
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
import bad_certificates
from bad_certificates import Server, issue
from custos_site import Site, check, free_port, main, make_key, run, wait_for
from porters import Porter
from refusal import add, heard_nothing, refused
from role_peers import UPGRADE, Client, Nodes, joined, own

WRONG = ("self-signed", "other-ca", "wrong-name", "wrong-role", "expired", "not-yet-valid", "revoked", "weak-key")


def taken_back(folder, site, role):
    """(chain, key) of a node that joined, and was sent away: a host that somebody stole."""
    state = joined(folder, site, role, f"stolen-{role}")
    site.cli("node", "revoke", role, f"stolen-{role}", "--reason", "stolen", "--yes")
    return own(state, role)


def complete(link, faults):
    check(set(faults) == set(WRONG), f"{link}: eight cases, not {sorted(faults)}")
    check(len(set(faults.values())) == 8, f"{link}: each has a reason of its own: {faults}")
    return {name: faults[name] for name in WRONG}


# ---- who answers in another's place ----

def cameras(folder, site):
    """All eight at once: each is a camera of the site."""
    cases = bad_certificates.eight(folder, site)
    cases["wrong-role"] = cases.pop("wrong-purpose")
    key, request, chain, port = make_key(folder / "cam.key"), folder / "cam.csr", folder / "cam.pem", free_port()
    run("openssl", "req", "-new", "-key", key, "-subj", "/CN=cam", "-out", request)
    add(site, "revoked", f"rtsps://127.0.0.1:{port}/main")
    chain.write_text(site.cli("camera", "certificate", "revoked", "--csr", request).stdout)
    site.cli("camera", "revoke", "revoked")
    cases["revoked"] = ((chain, key), "revoked")
    servers, faults = {}, {}
    try:
        for name, (certificate, _) in cases.items():
            servers[name] = Server(folder, certificate, port=port if name == "revoked" else 0)
            if name != "revoked":
                add(site, name, servers[name].url())
        for name, server in servers.items():
            faults[name] = refused(site, name, cases[name][1])["fault"]
            check(server.met(), f"{name}: the impostor was reached: {server.log()}")
            heard_nothing(server.log(), name)
    finally:
        for server in servers.values():
            server.kill()
    with Server(folder, issue(site.issuer(), "cam")) as server:
        add(site, "right", server.url())
        wait_for(lambda: "OPTIONS rtsps://" in server.log(), 20, lambda: f"the right one is spoken to:\n{server.log()}")
    for name in (*cases, "right"):
        site.remove(name)
    return faults


def silent(log, what):
    for word in ("HTTP/1.1", "GET /", "Authorization", "websocket", '"type"'):
        check(word not in log, f"{what}: the impostor heard {word!r}:\n{log[-1500:]}")


def answering(folder, nodes, porter, role, name, wrong_role, revoked=None):
    """The porter connects to role and name, where another answers."""
    cases = nodes.eight(role, name, f"URI:{nodes.uri(role, 'elsewhere')},IP:127.0.0.1", wrong_role, revoked)
    if not revoked:
        porter.ask("porter.crls", crls=Path(nodes.list).read_text())
    uri, faults = nodes.uri(role, name), {}
    if uri in porter.links():
        porter.ask("porter.hang_up", role=role, name=name)
    for wrong, (certificate, fault) in cases.items():
        with Server(folder, certificate) as server:
            porter.ask("porter.dial", role=role, name=name, host="127.0.0.1", port=server.port)
            state = wait_for(lambda: (lambda s: s if s["state"] == "refused" else None)(porter.links()[uri]), 15,
                             lambda wrong=wrong: f"{wrong} is refused: {porter.links()}\n{porter.log()[-2000:]}", 0.02)
            check(state["fault"] == fault, f"{wrong} is refused as {fault}: {state}")
            check(server.met(), f"{wrong}: the impostor was reached: {server.log()}")
            silent(server.log(), wrong)
            faults[wrong] = state["fault"]
            porter.ask("porter.hang_up", role=role, name=name)
    with Server(folder, nodes.issue(role, name)) as server:
        porter.ask("porter.dial", role=role, name=name, host="127.0.0.1", port=server.port)
        wait_for(lambda: "GET /link/1 HTTP/1.1" in server.log(), 10, lambda: f"the right one is spoken to:\n{server.log()}")
    return faults


# ---- who comes as another ----

class Door:
    """A port of the site's own, to which somebody comes that says it is role and name. Its porter's log has the reason."""

    def __init__(self, site, nodes, of, role, name, wrong_role, revoked):
        self.site, self.nodes, self.right, self.faults = site, nodes, nodes.issue(role, name), {}
        self.cases = nodes.eight(role, name, "DNS:lobby.test,IP:127.0.0.1", wrong_role, revoked)
        self.port = int((site.state / of / "port").read_text())

    def refusal(self, wrong):
        """What is said of one attempt, by the address that it came from; None where the log only counts it (a repeat within a second)."""
        source = free_port()
        with Client(self.nodes, self.port, self.cases[wrong][0], "-bind", f"127.0.0.1:{source}", "-crlf", "-ign_eof") as client:
            client.say(UPGRADE + "GET /.well-known/est/cacerts HTTP/1.1\nHost: x\n\n")
            client.process.wait(timeout=10)
            check("alert" in client.log(), f"{wrong}: it learns that it is refused:\n{client.log()[-1500:]}")
            silent(client.log(), wrong)
        said = re.search(rf"link\.refused address=127\.0\.0\.1:{source} fault=(\S+)", self.site.log())
        return said and said[1]

    def refuses(self, wrong):
        self.faults[wrong] = wait_for(lambda: self.refusal(wrong), 15, lambda: f"{wrong} is refused:\n{self.site.log()[-3000:]}", 0.25)
        check(self.faults[wrong] == self.cases[wrong][1], f"{wrong} is refused as {self.cases[wrong][1]}, not {self.faults[wrong]}")

    def opens(self):
        with Client(self.nodes, self.port, self.right, "-crlf", "-ign_eof") as client:
            client.say(UPGRADE)
            client.wait_log("HTTP/1.1 101 ")


def test_forty_impostors(folder):
    with Site(folder, config="[recorder]\nbackoff_max_ms = 1000\n\n[link]\nmanager_port = 0\nrecorder_port = 0\n") as site:
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        nodes = Nodes(folder, state=site.state)
        config = site.options[site.options.index("--config") + 1]
        stolen = {role: taken_back(folder, site, role) for role in ("recorder", "gateway")}
        table = {"recorder to camera": cameras(folder, site)}
        porters = [Porter(folder, joined(folder, site, role, name), role, config) for role, name in (("gateway", "front"), ("recorder", "north"))]
        front, north = porters
        try:
            told = json.loads(front.peer().receive()[1])
            check(told["type"] == "link.revoked", f"what the site took back is told first: {told}")
            front.ask("porter.crls", crls=told["body"]["crls"])
            table["gateway to recorder"] = answering(folder, nodes, front, "recorder", "stolen-recorder", "gateway", stolen["recorder"])
            north.peer()
            table["recorder to manager"] = answering(folder, nodes, north, "manager", "main", "recorder")
            for porter in porters:
                porter.end()
            porters = []
        finally:
            for porter in porters:
                porter.kill()
        doors = {"manager to recorder": Door(site, nodes, "manager", "recorder", "lobby", "manager", stolen["recorder"]),
                 "recorder to gateway": Door(site, nodes, "recorder", "gateway", "lobby", "recorder", stolen["gateway"])}
        for wrong in WRONG:
            for door in doors.values():
                door.refuses(wrong)
        for link, door in doors.items():
            door.opens()
            table[link] = door.faults
        table = {link: complete(link, faults) for link, faults in table.items()}
    check(sum(map(len, table.values())) == 40, "the four links of the threat model and the recorder's own port, eight each")
    print("  " + " " * 21 + "".join(f"{name:<20}" for name in WRONG))
    for link, faults in table.items():
        print(f"  {link:<21}" + "".join(f"{fault:<20}" for fault in faults.values()))


if __name__ == "__main__":
    main(globals())
