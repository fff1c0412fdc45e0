# SPDX-License-Identifier: GPL-3.0-or-later
"""Links between roles: nodes' certificates right and wrong, one end of ours (test/integ/role_tls_probe.c), and openssl s_client for the other."""
import json
import os
import subprocess
import threading
import time
from pathlib import Path

from bad_certificates import issue, rsa_key
from custos_site import CUSTOS, ENV, ROOT, SANITIZER, Authority, Failure, Program, check, custos, run, self_signed, wait_for

BUILD = Path(os.environ.get("CUSTOS_BUILD", ROOT / "build/test"))
PROBE = BUILD / "test/integ/role_tls_probe"
BOTH = "serverAuth,clientAuth"
# As lines for openssl s_client -crlf.
UPGRADE = ("GET /link/1 HTTP/1.1\nHost: x\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n"
           "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Protocol: custos.link.1\n\n")


def joined(folder, site, role, name):
    """The state directory of a host that came to a running site by a code."""
    port = site.state / "manager/port"
    wait_for(lambda: port.exists() and port.read_text().strip(), 20, lambda: f"the manager's porter listens:\n{site.log()[-2000:]}")
    made = json.loads(site.cli("node", "add", role, name, "--json").stdout)
    state = Path(folder) / name
    run(CUSTOS, "enroll", f"127.0.0.1:{made['port']}", "-", "--state", state, stdin=made["code"] + "\n")
    return state


def own(state, role):
    """(chain, key) that a node has."""
    at = Path(state) / "node" / role
    return at / "node.pem", at / "node.key"


class Nodes:
    """A site's CA, and certificates below it: (chain file, key file) each. state: of a site that is there; else one is made."""

    def __init__(self, folder, site="site", state=None):
        self.folder, self.site = Path(folder), site
        if not state:
            state = self.folder / "state"
            custos("run", "--init", "--state", state)
        self.ca = Path(state) / "site"
        self.root = self.ca / "root.crt"
        self.issuer = self.authority("nodes")

    def authority(self, name):
        return Authority(self.folder, self.ca / f"{name}.key", self.ca / f"{name}.crt", (self.ca / f"{name}.crt",))

    def uri(self, role, name):
        return f"custos://{self.site}/{role}/{name}"

    def issue(self, role, name, issuer=None, usage=BOTH, **options):
        return issue(issuer or self.issuer, name, san=f"URI:{self.uri(role, name)}", usage=usage, **options)

    def revoked(self, certificate):
        """The nodes issuer's list, PEM, that names this one."""
        base = self.folder / f"list-{time.monotonic_ns()}"
        base.mkdir()
        (base / "index.txt").write_text("")
        (base / "number").write_text("01\n")
        (base / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\ncrlnumber={base}/number\ndefault_md=sha256\n"
                                     "default_crl_days=2\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n")
        command = ("openssl", "ca", "-config", base / "ca.cnf", "-keyfile", self.issuer.key, "-cert", self.issuer.cert)
        run(*command, "-revoke", Path(certificate[0]).parent / "leaf.crt", "-crl_reason", "keyCompromise")
        run(*command, "-gencrl", "-out", base / "nodes.crl")
        return base / "nodes.crl"

    def eight(self, role, name, wrong_name, wrong_role="edge", revoked=None):
        """{what is wrong: (certificate, the fault's name)}; wrong_name: an alternative name. revoked: one that the site took back;
        else one is made, and self.list names it."""
        folder = self.folder
        other = Authority.new(folder, f"other-site-{time.monotonic_ns()}")
        if not revoked:
            revoked = self.issue(role, name)
            self.list = self.revoked(revoked)
        return {
            "self-signed": (self_signed(folder, f"node-{time.monotonic_ns()}", san=f"URI:{self.uri(role, name)}"), "self-signed"),
            "other-ca": (self.issue(role, name, issuer=other), "unknown-issuer"),
            "wrong-name": (issue(self.issuer, name, san=wrong_name, usage=BOTH), "wrong-name"),
            "wrong-role": (self.issue(wrong_role, name), "wrong-role"),
            "expired": (self.issue(role, name, days=(-30, -2)), "expired"),
            "not-yet-valid": (self.issue(role, name, days=(2, 30)), "not-yet-valid"),
            "revoked": (revoked, "revoked"),
            "weak-key": (self.issue(role, name, key=rsa_key(folder / f"weak-{time.monotonic_ns()}.key", 1024)), "weak-key"),
        }


class Probe:
    """role_tls_probe: what it says as a list of events; tell() gives it a line."""

    def __init__(self, nodes, certificate, *words):
        self.events, self.read = [], 0
        command = [PROBE, words[0], nodes.site, certificate[1], certificate[0], nodes.root, *words[1:]]
        self.errors = open(nodes.folder / f"probe-{time.monotonic_ns()}.err", "w+")
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, env=ENV)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    @classmethod
    def accept(cls, nodes, certificate, roles):
        probe = cls(nodes, certificate, "accept", roles)
        probe.port = probe.next("listening")["port"]
        return probe

    @classmethod
    def connect(cls, nodes, certificate, role, name, port, *crls):
        return cls(nodes, certificate, "connect", role, name or "-", port, *crls)

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def next(self, event, seconds=10):
        """The next event of this kind; others before it are passed over."""
        def found():
            while self.read < len(self.events):
                self.read += 1
                if self.events[self.read - 1]["event"] == event:
                    return self.events[self.read - 1]
            check(self.process.poll() is None, f"the probe ended with {self.process.returncode}: {self.said()}")
            return None
        return wait_for(found, seconds, lambda: f"the probe says {event}: {self.events} {self.said()}", 0.02)

    def all(self, event):
        return [e for e in self.events if e["event"] == event]

    def state(self):
        self.tell("state")
        return self.next("state")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.process.stdin.close()
            status = self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"the probe did not end: {self.events}") from None
        finally:
            self.reader.join(5)
        text = self.said()
        self.errors.close()
        check(not SANITIZER.search(text), f"sanitizer report:\n{text[-6000:]}")
        check(kind or status == 0, f"the probe ended with {status}: {text}")


class Client(Program):
    """openssl s_client on loopback; certificate None: without one. say(): types, "K" and "k" are its commands for KeyUpdate."""

    def __init__(self, nodes, port, certificate, *options):
        self.log_path = nodes.folder / f"s_client-{time.monotonic_ns()}.log"
        own = ("-cert", certificate[0], "-cert_chain", certificate[0], "-key", certificate[1]) if certificate else ()
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", nodes.root, "-cipher", "DEFAULT@SECLEVEL=0",
                   *own, *options]
        with open(self.log_path, "a") as out:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=out, stderr=out)

    def say(self, text):
        try:
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # it was refused already

    def wait_log(self, *words, seconds=10):
        wait_for(lambda: all(w in self.log() for w in words), seconds, lambda: f"s_client says {words}:\n{self.log()[-3000:]}", 0.05)

    def __exit__(self, *_):
        self.kill()
        self.process.stdin.close()
