#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a porter lets nobody do: without a certificate, with a revoked or expired one, with another role's, with a foreign
CA's. And what it lets through: certificates for nodes (EST), by curl.
"""
import base64
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Authority, Site, check, main, run, wait_for  # noqa: E402
from porters import JSON, Node, Pair, Porter, certificates_of, node_dir, revocation_list, settings  # noqa: E402

EST = "/.well-known/est/"
SECRET = "0123456789abcdef0123456789abcdef"


class Answer:
    """What curl got. certificate: of a node's directory, or (certificate, key)."""

    def __init__(self, port, path, *options, certificate=None):
        who = ["--cert", certificate[0], "--key", certificate[1]] if certificate else []
        p = subprocess.run(["curl", "-sk", "--max-time", "10", "-i", *map(str, who), *options, f"https://127.0.0.1:{port}{path}"],
                           capture_output=True, check=False)
        head, _, self.body = p.stdout.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1]) if lines[0] else 0
        self.headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        self.exit = p.returncode


def csr(folder, form="DER"):
    key, out = Path(folder) / "csr.key", Path(folder) / f"csr.{form}"
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=whoever I like",
        "-keyout", key, "-outform", form, "-out", out)
    return out.read_bytes()


def own(site, role):
    return node_dir(site.state, role) / "node.pem", node_dir(site.state, role) / "node.key"


def test_certificates_for_nodes(folder):
    site = Site(folder)
    site.init()
    try:
        manager = Porter(folder, site.state, "manager", settings(folder))
        port, ca = manager.port(), site.state / "site"
        chain = {"certificates": (ca / "root.crt").read_text() + (ca / "nodes.crt").read_text()}
        manager.est = {"est.cacerts": lambda body: chain}
        request = base64.encodebytes(csr(folder))
        send = ["--data-binary", request.decode(), "-H", "Content-Type: application/pkcs10"]
        without_a_certificate(manager, port, send)
        with_a_code(manager, port, send, request)
        with_a_certificate(manager, port, send, own(site, "recorder"))
        manager.end()
    finally:
        site.clean()


def without_a_certificate(manager, port, send):
    roots = Answer(port, EST + "cacerts")
    check(roots.status == 200 and roots.headers["content-type"] == "application/pkcs7-mime" and
          roots.headers["content-transfer-encoding"] == "base64", f"cacerts: {roots.status} {roots.headers}")
    check("root" in certificates_of(roots.body) and max(map(len, roots.body.split())) <= 76, f"{roots.body}")
    for path in ("/", "/link/1", "/.well-known/est/", EST + "simplereenroll", EST + "seals/simpleenroll", EST + "fullcmc", "/link/1/x",
                 EST + "cacerts?x=1", "/%2e%2e/"):
        for options in ([], send):
            a = Answer(port, path, *options)
            check(a.status in (401, 405) and (a.status == 401 or path.startswith("/link/")), f"{path}: 401, not {a.status}")
            check(a.status != 401 or "www-authenticate" in a.headers, f"{path}: says what is needed: {a.headers}")
    check(Answer(port, EST + "simplereenroll", *send).headers["www-authenticate"].startswith("Basic "), "RFC 7030 section 3.2.3")
    check(Answer(port, EST + "simpleenroll", *send).status == 401, "no code, no certificate")
    check(not [m for m in manager.requests if m["type"] != "est.cacerts"], f"the role was asked nothing: {manager.requests}")


def with_a_code(manager, port, send, request):
    asked = []
    manager.est["est.enroll"] = lambda body: asked.append(body) or "auth"
    a = Answer(port, EST + "simpleenroll", *send, "-u", f"recorder/north:{SECRET}")
    check(a.status == 401 and b"auth" in a.body, f"a wrong code is 401 by the role's word: {a.status} {a.body}")
    check(asked == [{"role": "recorder", "name": "north", "secret": SECRET, "csr": base64.b64encode(base64.b64decode(request)).decode()}],
          f"the role is told who asks for what: {asked}")
    manager.est["est.enroll"] = manager.est["est.cacerts"]
    a = Answer(port, EST + "simpleenroll", *send, "-u", f"recorder/north:{SECRET}")
    check(a.status == 200 and "nodes" in certificates_of(a.body), f"what the role gives is the answer: {a.status}")
    n = len(manager.requests)
    for who in (f"recorder:{SECRET}", "recorder/north:short", "recorder/north:" + "Z" * 32, "x" * 3000 + f"/y:{SECRET}", ":"):
        check(Answer(port, EST + "simpleenroll", *send, "-u", who).status == 401, f"{who[:40]} is no code")
    bad = [(["--data-binary", "@/bin/true", *send[2:]], 400), (["--data-binary", "", *send[2:]], 400), (send[:2], 415), ([], 405)]
    for options, status in bad:
        a = Answer(port, EST + "simpleenroll", *options, "-u", f"recorder/north:{SECRET}")
        check(a.status in (status, 413), f"{status}, not {a.status}: {a.body}")
    check(len(manager.requests) == n, "the role was asked nothing of that")
    for code, status in (("denied", 403), ("exhausted", 429), ("unavailable", 503), ("internal", 503)):
        manager.est["est.enroll"] = lambda body, code=code: code
        check(Answer(port, EST + "simpleenroll", *send, "-u", f"a/b:{SECRET}").status == status, f"{code} is {status}")


def with_a_certificate(manager, port, send, certificate):
    asked = []
    manager.est["est.reenroll"] = lambda body: asked.append(body) or manager.est["est.cacerts"](body)
    for path, label in (("simplereenroll", ""), ("seals/simpleenroll", "seals")):
        a = Answer(port, EST + path, *send, certificate=certificate)
        check(a.status == 200 and "nodes" in certificates_of(a.body), f"{path}: {a.status} {a.body}")
        check(asked[-1]["uri"] == "custos://site/recorder/main" and asked[-1]["label"] == label and len(asked[-1]["key"]) == 64,
              f"{path}: by whose certificate: {asked[-1]}")
    for path in ("/", EST, EST + "csrattrs", EST + "simplereenrol", "/link/1x"):
        check(Answer(port, path, certificate=certificate).status == 404, f"{path} is nothing")
    check(Answer(port, EST + "simplereenroll", certificate=certificate).status == 405, "GET does not enroll")
    check(Answer(port, EST + "cacerts", "-X", "DELETE", certificate=certificate).status == 405, "DELETE deletes nothing")


def test_a_recorder_is_no_certification_authority(folder):
    with Pair(folder) as p:
        check(Answer(p.recorder.port(), EST + "cacerts").status == 401, "nobody learns anything there")
        a = Answer(p.recorder.port(), EST + "cacerts", certificate=own(p.site, "recorder"))
        check(a.status == 0 and a.exit != 0, "and a recorder is refused by a recorder")


def test_revoked(folder):
    with Pair(folder) as p:
        pem, _ = own(p.site, "recorder")
        check(p.manager.ask("porter.crls", crls=revocation_list(folder, p.site)) == {"cut": 0}, "an empty list cuts nothing")
        for wrong in ("", "nonsense"):
            answer = p.manager.call("porter.crls", crls=wrong)
            check((answer["type"] == "answer") == (wrong == ""), f"{wrong}: {answer}")
        other = Authority.new(folder, "other")
        foreign = revocation_list_of(folder, other)
        check(p.manager.call("porter.crls", crls=foreign)["type"] == "failure", "a list of another CA is none")
        crls = revocation_list(folder, p.site, pem)
        start = time.monotonic()
        check(p.manager.ask("porter.crls", crls=crls) == {"cut": 1}, "the link is cut")
        check(p.at_recorder.closed() and time.monotonic() - start < 1, f"within a second: {time.monotonic() - start:.2f} s")
        told = p.manager.event("porter.refused", lambda body: body["fault"] == "revoked")
        check("revoked" in told["text"] and told["address"].startswith("127.0.0.1"), f"the reason is said: {told}")
        mine = wait_for(lambda: (lambda s: s if s["state"] == "refused" else None)(p.recorder.links()["custos://site/manager/main"]), 5,
                        lambda: f"refused: {p.recorder.links()}")
        check(mine["fault"] and mine["text"], f"on the other side too: {mine}")
        check((node_dir(p.site.state, "manager") / "nodes.crl").read_text() == crls, "the list is stored")
        p.manager.kill()
        p.manager = Porter(folder, p.site.state, "manager", p.config)
        p.manager.event("porter.refused", lambda body: body["fault"] == "revoked", 35)
        check(not p.manager.peers, "and in force after the next start")


def revocation_list_of(folder, authority):
    base = Path(folder) / "foreign"
    base.mkdir()
    (base / "index.txt").write_text("")
    (base / "crlnumber").write_text("01\n")
    (base / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\ncrlnumber={base}/crlnumber\n"
                                 "default_md=sha256\ndefault_crl_days=30\n[e]\nauthorityKeyIdentifier=keyid\n")
    run("openssl", "ca", "-config", base / "ca.cnf", "-keyfile", authority.key, "-cert", authority.cert, "-gencrl", "-crlexts", "e",
        "-out", base / "crl.pem")
    return (base / "crl.pem").read_text()


def test_wrong_nodes(folder):
    """Nodes of the same site that may not be here, and one that was never of it."""
    site = Site(folder)
    site.init()
    porters = []
    try:
        config = settings(folder)
        manager = Porter(folder, site.state, "manager", config)
        recorder = Porter(folder, site.state, "recorder", config)
        porters += [manager, recorder]
        ends = [manager.peer(), recorder.peer()]
        late = Node(folder, site, "recorder", "late", manager.port(), expired=True)
        porters.append(Porter(folder, late.state, "recorder", config))
        told = manager.event("porter.refused", lambda body: body["fault"] == "expired")
        check("2024" in told["text"] or "expired" in told["text"], f"what is wrong with it: {told}")
        # A recorder that dials a recorder, as one that was taken over would: both are what they say, and still.
        good = Node(folder, site, "recorder", "good", manager.port())
        porters.append(Porter(folder, good.state, "recorder", config))
        ends += [manager.peer(), porters[-1].peer()]
        check(ends[2].who["name"] == "good", "it is good for the manager")
        porters[-1].ask("porter.dial", role="recorder", name="main", host="localhost", port=recorder.port())
        told = recorder.event("porter.refused", lambda body: body["fault"] == "wrong-role")
        check("recorder" in told["text"], f"a role that may not: {told}")
        mine = wait_for(lambda: (lambda s: s if s["state"] == "refused" else None)(porters[-1].links()["custos://site/recorder/main"]), 5,
                        lambda: f"{porters[-1].links()}")
        check(mine["fault"] in ("certificate-refused", "wrong-role"), f"{mine}")
        # It asks for another name than the one that is there.
        porters[-1].ask("porter.dial", role="manager", name="other", host="127.0.0.1", port=manager.port())
        mine = wait_for(lambda: (lambda s: s if s["state"] == "refused" else None)(porters[-1].links()["custos://site/manager/other"]), 5,
                        lambda: f"{porters[-1].links()}")
        check("main" in mine["text"], f"who is there instead: {mine}")
        check(porters[-1].ask("porter.hang_up", role="manager", name="other") == {} and
              "custos://site/manager/other" not in porters[-1].links(), "and gives up when told")
        a_foreign_authority(folder, site, manager)
        check(all(end.quiet(0.1) for end in ends), "the good link never noticed")
        for p in porters:
            p.end()
        porters.clear()
    finally:
        for p in porters:
            p.kill()
        site.clean()


def a_foreign_authority(folder, site, manager):
    foreign = Authority.new(folder, "foreign-ca")
    chain, key = foreign.issue("recorder", san="URI:custos://site/recorder/main")
    for certificate, faults in (((chain, key), ("unknown-issuer", "self-signed")),
                                (site.camera_certificate("cam", san="URI:custos://site/recorder/main"), ("wrong-purpose", "unknown-issuer"))):
        a = Answer(manager.port(), EST + "cacerts", certificate=certificate)
        check(a.status == 0 and a.exit != 0, f"not even what needs no certificate: {a.status} {a.body}")
        told_in_time(manager, certificate, faults)


def told_in_time(manager, certificate, faults):
    """One refusal a second is told: it is tried until it is this one."""
    def told():
        Answer(manager.port(), EST + "cacerts", certificate=certificate)
        return [m for m in manager.events if m["body"].get("fault") in faults]

    wait_for(told, 10, lambda: f"one of {faults}: {manager.events}", 0.5)


def test_ports_and_addresses(folder):
    """Loopback alone, until the role says otherwise; a port that is taken is tried again."""
    with Pair(folder) as p:
        port = p.manager.port()
        listening = run("ss", "-Hltn", f"sport = :{port}").stdout
        check("127.0.0.1" in listening and "0.0.0.0:" + str(port) not in listening, f"loopback alone: {listening}")
        check(p.manager.ask("porter.listen", network=True) == {"port": port}, "the same port")
        listening = run("ss", "-Hltn", f"sport = :{port}").stdout
        check(f"0.0.0.0:{port}" in listening, f"on all addresses now: {listening}")
        p.at_manager.send(JSON, b"{}")
        check(p.at_recorder.receive() == (JSON, b"{}"), "what is linked stays")
        check(p.manager.ask("porter.listen", network=False) == {"port": port}, "and back")
        check("0.0.0.0:" + str(port) not in run("ss", "-Hltn", f"sport = :{port}").stdout, "loopback alone again")
        for kind, body in (("porter.dial", {"role": "gateway", "name": "x", "host": "h", "port": 1}),
                           ("porter.dial", {"role": "manager", "name": "../x", "host": "h", "port": 1}),
                           ("porter.dial", {"role": "manager", "name": "x", "host": "a b", "port": 1}),
                           ("porter.dial", {"role": "manager", "name": "x", "host": "h", "port": 65536}),
                           ("porter.hang_up", {"role": "manager", "name": "nobody"}), ("porter.listen", {}), ("porter.crls", {}),
                           ("porter.rekey", {"role": "recorder"}), ("porter.what", {})):
            check(p.manager.call(kind, **body)["type"] == "failure", f"{kind} {body} is refused")


main(globals())
