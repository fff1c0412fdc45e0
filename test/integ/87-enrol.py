#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host joins a running site over the network: Python's TLS client and openssl's requests at the manager's real port, from the code to
a certificate, a renewal with that, and the end of both by one command.
"""
import base64
import http.client
import json
import ssl
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Site, check, main, make_key, run, wait_for
from manager_desk import key_hash, request, secret_of


class Host:
    """What a new host has: a key, and later a certificate."""

    def __init__(self, folder, site, port):
        self.folder, self.root, self.port = folder, site.state / "site/root.crt", port
        self.chain = None

    def ask(self, method, path, body=None, code=None, chain=None):
        """(status, body) over TLS that checks the manager's chain."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # a node is its URI
        context.load_verify_locations(self.root)
        if chain:
            context.load_cert_chain(*chain)
        link = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=10)
        headers = {"Content-Type": "application/pkcs10"} if body else {}
        if code:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{code[0]}/{code[1]}:{secret_of(code[2])}".encode()).decode()
        try:
            link.request(method, "/.well-known/est/" + path, body, headers)
            answer = link.getresponse()
            return answer.status, answer.read()
        except (ssl.SSLError, ConnectionError, http.client.HTTPException) as why:
            return None, str(why).encode()
        finally:
            link.close()

    def pem(self, body):
        """Certificates of a certs-only answer, by openssl."""
        return subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-print_certs"], input=base64.b64decode(body), check=True,
                              capture_output=True).stdout.decode()

    def keep(self, key, body):
        path = self.folder / f"{time.monotonic_ns()}.pem"
        path.write_text(self.pem(body))
        return path, key


def test_a_host_joins_and_is_sent_away(folder):
    with Site(folder, config="[link]\nmanager_port = 0\nrecorder_port = 0\n") as site:
        wait_for(lambda: "porter.connected" in site.log(), 20, lambda: f"the manager has its porter: {site.log()}")
        made = json.loads(site.cli("node", "add", "recorder", "lab", "--json").stdout)
        check(isinstance(made["port"], int) and made["port"] > 0, f"the real port is told: {made}")
        host, code = Host(folder, site, made["port"]), ("recorder", "lab", made["code"])
        status, body = host.ask("GET", "cacerts")
        check(status == 200 and host.pem(body).count("BEGIN CERTIFICATE") == 2, f"root and issuer for anybody: {status} {body}")
        key = make_key(folder / "one.key")
        status, body = host.ask("POST", "simpleenroll", request(key), ("recorder", "other", made["code"]))
        check(status == 401, f"the code of another name: {status} {body}")
        status, body = host.ask("POST", "simplereenroll", request(key))
        check(status in (None, 401), f"no certificate, no renewal: {status}")
        status, body = host.ask("POST", "simpleenroll", request(key), code)
        check(status == 200, f"it joins: {status} {body} {site.log()[-2000:]}")
        one = host.keep(key, body)
        run("openssl", "verify", "-CAfile", host.root, "-untrusted", site.state / "site/nodes.crt", one[0])
        check(host.ask("POST", "simpleenroll", request(key), code)[0] == 401, "once")
        # By the certificate: another one, and one to seal by; then the first is an older copy.
        key2 = make_key(folder / "two.key")
        status, body = host.ask("POST", "simplereenroll", request(key2), chain=one)
        check(status == 200, f"renewed: {status} {body}")
        two = host.keep(key2, body)
        status, body = host.ask("POST", "seals/simpleenroll", request(make_key(folder / "seal.key")), chain=two)
        check(status == 200 and "site seals" in host.pem(body), f"certified to seal: {status} {body}")
        status, body = host.ask("POST", "simplereenroll", request(make_key(folder / "three.key")), chain=one)
        check(status == 403 and b"older copy" in body, f"the older key: {status} {body}")
        lines = [x for x in json.loads(site.cli("audit", "show", "--json").stdout) if x["event"].startswith(("node.", "seal."))]
        check([x["event"] for x in lines] == ["node.added", "node.enrol_refused", "node.enrolled", "node.enrol_refused", "node.renewed",
                                              "seal.certified", "node.renewal_refused"], f"{lines}")
        check(lines[4]["key"] == key_hash(key2), "which key")
        # Revoked: neither is good for a connection from now on.
        at = time.monotonic()
        site.cli("node", "revoke", "recorder", "lab", "--reason", "stolen", "--yes")
        for chain in (one, two):
            wait_for(lambda: host.ask("POST", "simplereenroll", request(key2), chain=chain)[0] is None, 10, "the handshake is refused")
        check(time.monotonic() - at < 10, "within 10 s of the command")
        check(host.ask("GET", "cacerts")[0] == 200, "anybody else may ask as before")
        check(site.status()["recorder"], "and the recorder of this host goes on")


main(globals())
