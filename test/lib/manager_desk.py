# SPDX-License-Identifier: GPL-3.0-or-later
"""The manager alone, with the test as its supervisor, its porter (docs/spec/link.md section 7), and the peers behind that; and what
openssl says of the certificates that it hands out.
"""
import base64
import json
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from channels import Channel, Gone, Process
from custos_site import Failure, Site, check, make_key, run, wait_for

JSON, PEER, NEW_PORTER = 100, 102, 120  # src/net/link.h, src/manager/porter_link.h


class Refused(Exception):
    """A failure message: code, text, remedy."""


class Link(threading.Thread):
    """Our end of a channel of link messages: answers what is asked by do(type, body), keeps it all, and asks."""

    def __init__(self, end, do):
        super().__init__(daemon=True)
        self.channel, self.do, self.lock = Channel(end), do, threading.Lock()
        self.asked, self.events, self.answers, self.last, self.gone = [], [], {}, 0, None
        end.settimeout(None)
        self.start()

    def send(self, message, kind=JSON, fds=()):
        with self.lock:
            self.channel.send(kind, json.dumps({"v": 1, **message}).encode(), fds)

    def run(self):
        try:
            while True:
                m = json.loads(self.channel.receive()[1])
                if "id" not in m:
                    self.events.append((m["type"], m["body"]))
                elif m["type"] in ("answer", "failure"):
                    self.answers[m["id"]] = m
                else:
                    self.asked.append((m["type"], m["body"]))
                    self.send({"id": m["id"], "type": "answer", "body": self.do(m["type"], m["body"])})
        except (Gone, OSError):
            self.gone = time.monotonic()

    def ask(self, kind, body):
        self.last += 1
        mine = self.last
        self.send({"id": mine, "type": kind, "body": body})
        answer = wait_for(lambda: self.answers.get(mine), 10, f"an answer to {kind}", 0.01)
        if answer["type"] == "failure":
            raise Refused(answer["code"], answer["text"], answer["remedy"])
        return answer["body"]

    def refused(self, kind, body, code, says=""):
        try:
            answer = self.ask(kind, body)
        except Refused as why:
            check(why.args[0] == code and says in why.args[1], f"{kind}: {code} with \"{says}\", not {why.args}")
            return why.args[1]
        raise Failure(f"{kind} was answered: {answer}")

    def of(self, kind):
        return [body for k, body in self.asked if k == kind]

    def told(self, kind):
        return [body for k, body in self.events if k == kind]

    def close(self):
        self.channel.end.shutdown(socket.SHUT_RDWR)
        self.join(10)
        self.channel.end.close()


class Recorder(Link):
    """A recorder's end: streams are what it records."""

    def __init__(self, end, streams=()):
        self.streams, self.page = {s: {} for s in streams}, 200
        super().__init__(end, self.answer)

    def answer(self, kind, body):
        if kind == "stream.set":
            self.streams[body["stream"]] = body
        elif kind == "stream.remove":
            self.streams.pop(body["stream"], None)
        elif kind == "status.get":
            names = [s for s in sorted(self.streams) if s > body.get("after", "")]
            return {"recorder": "custos://x/recorder/x", "sealer": True, "workers": 1, "streams_total": len(self.streams),
                    "more": len(names) > self.page, "streams": [
                        {"stream": s, "state": "streaming", "recording": True, "gate": "open", "protection": "encrypted and verified"}
                        for s in names[:self.page]]}
        elif kind == "lock.list":
            return {"locks": [], "more": False}
        elif kind == "storage.get":
            return {"volumes": [], "streams": [], "more": False, "forecast": {}, "clock": {}}
        return {}


class Porter(Link):
    def __init__(self, supervisor):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        super().__init__(ours, lambda kind, body: {"port": 8320} if kind == "porter.listen" else {"cut": 0})
        supervisor.send(NEW_PORTER, b"", [theirs.fileno()])
        theirs.close()

    def peer(self, site, role, name, key, make=Recorder, change=None):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        body = {"uri": f"custos://{site}/{role}/{name}", "role": role, "name": name, "key": key, "address": "192.0.2.9:40000",
                "not_after": "2099-01-01T00:00:00Z", "accepted": True, **(change or {})}
        self.send({"type": "peer", "body": body}, PEER, [theirs.fileno()])
        theirs.close()
        return make(ours)


class Desk:
    """A site whose manager runs alone, with this program on its descriptor 3."""

    def __init__(self, folder):
        self.folder, self.site = Path(folder), Site(folder)
        self.site.init()
        self.begin()

    def begin(self):
        self.manager = Process(self.folder, self.site.state, "manager", arguments=["--supervised"])
        wait_for(lambda: self.site.status(), 20, lambda: f"the manager answers: {self.manager.log()}")
        self.name = self.site.status()["site"]
        self.porter = Porter(self.manager.first)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.manager.end()
                check("Sanitizer" not in self.manager.log() and "runtime error" not in self.manager.log(), self.manager.log())
            else:
                print(self.manager.log()[-6000:], file=sys.stderr)
        finally:
            self.site.clean()

    def cli(self, *words, ok=True):
        return self.site.cli(*words, ok=ok)

    def json(self, *words):
        return json.loads(self.cli(*words, "--json").stdout)

    def audit(self, *events):
        return [line for line in self.json("audit", "show") if line["event"] in events]

    def nodes(self):
        return {(n["role"], n["name"]): n for n in self.json("node", "list")}

    def code(self, role, name, *options):
        return self.json("node", "add", role, name, *options)["code"]

    def peer(self, role, name, key, change=None):
        """A peer that the porter says it let in; change: what else it says of it."""
        return self.porter.peer(self.name, role, name, key_hash(key), change=change)

    def enroll(self, role, name, code, csr=None, key=None):
        """(key, PEM of leaf and issuer) by the code."""
        key = key or make_key(self.folder / f"{name}-{time.monotonic_ns()}.key")
        answer = self.porter.ask("est.enroll", {"role": role, "name": name, "secret": secret_of(code), "csr": csr or request(key)})
        return key, answer["certificates"]

    def renew(self, role, name, shown, key, label=""):
        return self.porter.ask("est.reenroll", {"uri": f"custos://{self.name}/{role}/{name}", "key": key_hash(shown), "label": label,
                                                "csr": request(key)})["certificates"]

    def new_key(self):
        return make_key(self.folder / f"{time.monotonic_ns()}.key")

    def serials_of_list(self, pem):
        """Serial numbers on a list that openssl takes as the nodes issuer's."""
        path = self.folder / "list.pem"
        path.write_text(pem)
        text = run("openssl", "crl", "-in", path, "-noout", "-text", "-CAfile", self.site.state / "site/nodes.crt")
        check("verify OK" in text.stderr, f"signed by the nodes issuer: {text.stderr}")
        return {s.lstrip("0") for s in re.findall(r"Serial Number: ([0-9A-F]+)", text.stdout)}


def request(key, subject="/CN=whatever/O=evil"):
    """base64 of a signing request in DER, by openssl, with names that nobody is to look at."""
    der = subprocess.run(["openssl", "req", "-new", "-key", str(key), "-subj", subject, "-outform", "DER", "-addext",
                          "subjectAltName=URI:custos://evil/manager/main,DNS:evil.test", "-addext", "basicConstraints=CA:TRUE"],
                         check=True, capture_output=True).stdout
    return base64.b64encode(der).decode()


def key_hash(key):
    der = subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=der, check=True, capture_output=True).stdout.decode()[:64]


def code_bytes(code):
    """The 32 bytes of a code: half of the root's hash, and the secret."""
    letters = "".join(code.split("-")[-13:])
    check(len(letters) == 52, f"52 letters: {code}")
    return base64.b32decode(letters + "====")[:32]


def secret_of(code):
    return code_bytes(code)[16:].hex()


def serial(pem, folder):
    path = folder / "leaf.pem"
    path.write_text(pem)
    return run("openssl", "x509", "-in", path, "-noout", "-serial").stdout.strip().split("=")[1].lstrip("0")


def check_leaf(desk, pem, key, uri, issuer="nodes", days=14):
    """What openssl says of a certificate that was handed out."""
    path, root = desk.folder / "leaf.pem", desk.site.state / "site/root.crt"
    path.write_text(pem)
    behind = 3 if issuer == "seals" else 2  # the recovery kit's too
    check(pem.count("BEGIN CERTIFICATE") == behind, f"leaf and issuer: {pem}")
    verified = run("openssl", "verify", "-CAfile", root, "-untrusted", desk.site.state / f"site/{issuer}.crt", path)
    check("OK" in verified.stdout, verified.stdout)
    text = run("openssl", "x509", "-in", path, "-noout", "-text").stdout
    check(re.findall(r"URI:(\S+)", text) == [uri] and "evil" not in text and "CA:FALSE" in text, f"names of the code alone: {text}")
    spki = run("openssl", "x509", "-in", path, "-noout", "-pubkey").stdout
    check(spki == run("openssl", "pkey", "-in", key, "-pubout").stdout, "for the key of the request")
    if issuer == "nodes":
        check(run("openssl", "x509", "-in", path, "-noout", "-checkend", (days - 1) * 86400, ok=None).returncode == 0 and
              run("openssl", "x509", "-in", path, "-noout", "-checkend", (days + 1) * 86400, ok=None).returncode == 1, f"{days} days")
        check("TLS Web Client Authentication" in text and "TLS Web Server Authentication" in text, "for both ends of a link")
