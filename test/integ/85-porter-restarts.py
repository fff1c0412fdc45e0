#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ends a link between two porters, and how it comes back: a role that lies, a porter that is killed, a second node of
the same name; and a certificate that is renewed, which ends none.
"""
import base64
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from channels import Gone  # noqa: E402
from custos_site import Failure, Site, check, main, run, wait_for  # noqa: E402
from porters import JSON, Pair, Porter, node_dir, settings  # noqa: E402


def test_a_role_does_not_speak_for_its_porter(folder):
    with Pair(folder) as p:
        for kind in ("moving", "moved"):
            p.at_recorder.send(JSON, b'{"v":1,"type":"link.%s","body":{}}' % kind.encode())
            check(p.at_manager.closed(), "the link ends")
            check(p.at_recorder.closed(), "on both sides")
            check("a message of the porters' own from the role" in p.recorder.log(), f"by its own porter: {p.recorder.log()[-1000:]}")
            p.meet()


def test_one_is_killed(folder):
    with Pair(folder) as p:
        p.recorder.kill()
        check(p.at_manager.closed(), "the manager's end of the link ends")
        try:
            p.at_recorder.receive()
            raise Failure("the channel outlives its porter")
        except Gone:
            pass
        p.recorder = Porter(folder, p.site.state, "recorder", p.config)
        p.meet()
        p.at_recorder.send(JSON, b"{}")
        check(p.at_manager.receive() == (JSON, b"{}"), "a new one is linked again")
        port = p.manager.port()
        p.manager.kill()
        check(p.at_recorder.closed(), "the recorder's end ends too")
        p.manager = Porter(folder, p.site.state, "manager", p.config)
        p.meet()
        check(p.manager.port() == port, "a port that was free to choose is kept")


def test_two_of_one_name(folder):
    """A second link of the same node ends the first: of two that have one key, one is cut all the time."""
    with Pair(folder) as p:
        twin = Porter(folder, p.site.state, "recorder", p.config)
        second = p.manager.peer()
        check(second.who["uri"] == p.at_manager.who["uri"], f"the same name: {second.who}")
        check(p.at_manager.closed() and p.at_recorder.closed(), "and the first link has ended")
        twin.end()
        p.meet()


def test_a_certificate_is_renewed(folder):
    """Ten of fourteen days later the recorder has a new key and certificate at once, by the manager's porter and its role."""
    site = Site(folder)
    site.init()
    try:
        key = node_dir(site.state, "recorder") / "node.key"
        before, config = key.read_text(), settings(folder)
        os.environ["CUSTOS_CLOCK_OFFSET_S"] = str(11 * 86400)
        try:
            manager = Porter(folder, site.state, "manager", config)
            manager.est["est.reenroll"] = lambda body: renew(folder, site, body)
            recorder = Porter(folder, site.state, "recorder", config)
        finally:
            del os.environ["CUSTOS_CLOCK_OFFSET_S"]
        for porter, role in ((recorder, "recorder"), (manager, "manager")):
            told = porter.event("porter.certificate", lambda body: body["error"] == "", 15)
            check(told["uri"] == f"custos://site/{role}/main", f"{told}")
        check(key.read_text() != before, "the key is a new one")
        check(os.stat(key).st_mode & 0o777 == 0o600, "and nobody else's")
        asked = [m["body"] for m in manager.requests if m["body"].get("uri", "").endswith("/recorder/main")]
        check(asked[0]["label"] == "" and len(asked[0]["key"]) == 64, f"the manager knows whose key asks: {asked}")
        ends = [recorder.peer(), manager.peer()]
        check(asked[0]["key"] == ends[1].who["key"], f"the one that it had: {asked} {ends[1].who}")
        # What is made from now on shows the new one.
        check(recorder.ask("porter.rekey", handshake=True) == {"links": 1}, "the link moves")
        wait_for(lambda: recorder.links()["custos://site/manager/main"]["handshakes"] == 2, 10, lambda: f"{recorder.links()}")
        check(all(end.quiet() for end in ends), "and the roles notice nothing")
        recorder.end()
        manager.end()
    finally:
        site.clean()


def renew(folder, site, body):
    """What the manager's role does, by openssl."""
    name = body["uri"].rsplit("/", 2)[1]
    csr, leaf, ext = (Path(folder) / f"renew-{name}-{time.monotonic_ns()}.{s}" for s in ("der", "crt", "ext"))
    csr.write_bytes(base64.b64decode(body["csr"]))
    ext.write_text(f"subjectAltName=critical,URI:{body['uri']}\nkeyUsage=critical,digitalSignature\n"
                   "extendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=critical,CA:FALSE\n"
                   "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    ca = site.state / "site"
    run("openssl", "x509", "-req", "-inform", "DER", "-in", csr, "-CA", ca / "nodes.crt", "-CAkey", ca / "nodes.key",
        "-set_serial", time.monotonic_ns(), "-days", "30", "-extfile", ext, "-out", leaf)
    return {"certificates": leaf.read_text() + (ca / "nodes.crt").read_text()}


main(globals())
