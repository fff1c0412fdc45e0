# SPDX-License-Identifier: GPL-3.0-or-later
"""Real porters (src/porter) with a test in the place of their roles: their channel (docs/spec/link.md section 7), the peers
that they hand over, and nodes of a site made by the openssl program, right and wrong ones.
"""
import base64
import collections
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from channels import Channel, Gone, Process
from custos_site import CUSTOS, Failure, Site, check, run, wait_for

JSON, BINARY, PEER = 100, 101, 102


def node_dir(state, role):
    return Path(state) / "node" / role


class Node:
    """A node's directory in a state directory of its own, certified by the site's nodes issuer through openssl."""

    def __init__(self, folder, site, role, name, manager_port=1, days=2, expired=False, san=None):
        self.state, self.role, self.name = Path(folder) / f"{role}-{name}", role, name
        at = node_dir(self.state, role)
        at.mkdir(parents=True, mode=0o700)
        ca = site.state / "site"
        self.uri = f"custos://site/{role}/{name}"
        self.key, self.pem, self.leaf = at / "node.key", at / "node.pem", Path(folder) / f"{role}-{name}.crt"
        run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.key)
        os.chmod(self.key, 0o600)
        csr, ext = (Path(folder) / f"{role}-{name}.{s}" for s in ("csr", "ext"))
        run("openssl", "req", "-new", "-key", self.key, "-subj", f"/CN={role} {name}", "-out", csr)
        ext.write_text(f"subjectAltName={san or 'URI:' + self.uri}\nkeyUsage=critical,digitalSignature\n"
                       "extendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=critical,CA:FALSE\n"
                       "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        dates = ["-not_before", "20240101000000Z", "-not_after", "20240115000000Z"] if expired else ["-days", str(days)]
        self.sign(folder, ca, csr, ext, dates, expired)
        self.pem.write_text(self.leaf.read_text() + (ca / "nodes.crt").read_text())
        shutil.copy(ca / "root.crt", at / "root.crt")
        (at / "peers.json").write_text(json.dumps({
            "version": 1, "site": "site", "role": role, "name": name,
            "manager": {"name": "main", "host": "127.0.0.1", "port": manager_port}}))

    def sign(self, folder, ca, csr, ext, dates, expired):
        base = Path(folder) / f"ca-{self.role}-{self.name}"
        base.mkdir()
        (base / "index.txt").write_text("")
        (base / "serial").write_text(f"{0x10000000 + time.monotonic_ns() % 0xfffffff:X}\n")
        (base / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nserial={base}/serial\n"
                                     f"new_certs_dir={base}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        when = ["-startdate", dates[1], "-enddate", dates[3]] if expired else dates
        run("openssl", "ca", "-batch", "-config", base / "ca.cnf", "-keyfile", ca / "nodes.key", "-cert", ca / "nodes.crt",
            "-in", csr, "-out", self.leaf, *when, "-extfile", ext, "-notext")


def revocation_list(folder, site, *certificates):
    """PEM of a list of the site's nodes issuer that names these certificates."""
    base, ca = Path(folder) / f"crl-{time.monotonic_ns()}", site.state / "site"
    base.mkdir()
    (base / "index.txt").write_text("")
    (base / "crlnumber").write_text("01\n")
    config = base / "ca.cnf"
    config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\ncrlnumber={base}/crlnumber\ndefault_md=sha256\n"
                      "default_crl_days=30\n[e]\nauthorityKeyIdentifier=keyid\n")
    issuer = ("-keyfile", ca / "nodes.key", "-cert", ca / "nodes.crt")
    for c in certificates:
        run("openssl", "ca", "-config", config, *issuer, "-revoke", c)
    run("openssl", "ca", "-config", config, *issuer, "-gencrl", "-crlexts", "e", "-out", base / "crl.pem")
    return (base / "crl.pem").read_text()


class Link(Channel):
    """The channel of a peer, with what its porter said of it."""

    def __init__(self, body, fd):
        super().__init__(socket.socket(fileno=fd))
        self.who = body

    def say(self, **message):
        self.send(JSON, json.dumps(message).encode())


class Porter(Process):
    """A porter; this program is its role. est: {type: function of the body, which returns the answer's body, or raises Refusal}."""

    def __init__(self, folder, state, role, config=None, program=CUSTOS):
        arguments = ["--role", role, *(["--config", str(config)] if config else [])]
        self.peers, self.events, self.requests, self.answers = collections.deque(), [], [], {}
        self.est, self.asked, self.gone, self.lock = {}, 0, False, threading.Lock()
        super().__init__(folder, state, "porter", program, arguments=arguments)
        self.role_name = role
        self.first.end.settimeout(None)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            try:
                kind, body, fds = self.first.receive_all()
            except (Gone, OSError):
                self.gone = True
                return
            message = json.loads(body)
            if kind == PEER:
                self.peers.append(Link(message["body"], fds[0]))
            elif message["type"] in ("answer", "failure"):
                self.answers[message["id"]] = message
            elif "id" in message:
                self.requests.append(message)
                self.reply(message)
            else:
                self.events.append(message)

    def reply(self, message):
        answer = self.est.get(message["type"])
        if not answer:
            body = {"type": "failure", "code": "unavailable", "text": "nobody answers here", "remedy": ""}
        else:
            result = answer(message["body"])
            body = ({"type": "failure", "code": result, "text": f"it says {result}", "remedy": ""} if isinstance(result, str)
                    else {"type": "answer", "body": result})
        self.first.send(JSON, json.dumps({"v": 1, "id": message["id"], **body}).encode())

    def port(self):
        path = self.state / self.role_name / "port"
        return int(wait_for(lambda: path.exists() and path.read_text().strip(), 15,
                            lambda: f"the {self.role_name}'s porter listens\n{self.log()}", 0.05))

    def call(self, kind, **body):
        """The answer: a message with type answer or failure."""
        with self.lock:
            self.asked += 1
            number = self.asked
        self.first.send(JSON, json.dumps({"v": 1, "id": number, "type": kind, "body": body}).encode())
        return wait_for(lambda: self.answers.pop(number, None), 10, lambda: f"{kind} is answered\n{self.log()[-3000:]}", 0.01)

    def ask(self, kind, **body):
        answer = self.call(kind, **body)
        check(answer["type"] == "answer", f"{kind} is taken: {answer}")
        return answer["body"]

    def links(self):
        return {link["uri"]: link for link in self.ask("porter.links")["links"]}

    def peer(self, seconds=15):
        wait_for(lambda: self.peers, seconds, lambda: f"a peer of the {self.role_name}\n{self.log()[-4000:]}", 0.01)
        return self.peers.popleft()

    def event(self, kind, wanted=lambda body: True, seconds=10):
        def find():
            return next((m["body"] for m in list(self.events) if m["type"] == kind and wanted(m["body"])), None)
        return wait_for(find, seconds, lambda: f"{kind}: {self.events}\n{self.log()[-3000:]}", 0.02)

    def kill(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        self.first.end.close()

    def end(self):
        """Its channel closes, as when its role dies: it ends by itself, and no sanitizer spoke."""
        self.first.end.shutdown(socket.SHUT_RDWR)
        self.ended()
        self.first.end.close()
        check("Sanitizer" not in self.log() and "runtime error" not in self.log(), self.log()[-6000:])


class Pair:
    """A site with both porters, and the link between them."""

    def __init__(self, folder, text=""):
        self.folder, self.site = folder, Site(folder)
        self.site.init()
        self.config = settings(folder, text)
        try:
            self.manager = Porter(folder, self.site.state, "manager", self.config)
            self.recorder = Porter(folder, self.site.state, "recorder", self.config)
            self.meet()
        except BaseException:
            self.site.clean()
            raise

    def meet(self):
        self.at_manager, self.at_recorder = self.manager.peer(), self.recorder.peer()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.recorder.end()
            self.manager.end()
        self.site.clean()


def settings(folder, text="", name="link"):
    path = Path(folder) / f"{name}-{time.monotonic_ns()}.ini"
    path.write_text(f"[link]\nmanager_port = 0\nrecorder_port = 0\n{text}\n[gateway]\nhttps_port = 0\n")
    return path


def certificates_of(body):
    """Subjects of what an EST answer carries (openssl reads it)."""
    der = base64.b64decode(body)
    p = subprocess.run(["openssl", "pkcs7", "-inform", "DER", "-print_certs", "-noout"], input=der, capture_output=True, check=False)
    check(p.returncode == 0, f"openssl reads the answer: {p.stderr.decode()}")
    return p.stdout.decode()


__all__ = ["BINARY", "JSON", "Failure", "Link", "Node", "Pair", "Porter", "certificates_of", "node_dir", "revocation_list", "settings"]
