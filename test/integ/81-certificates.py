#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for devices of others: real requests, made by the openssl program, are signed for the names that the
administrator gives, or refused with the reason, by the command line and by the manager itself; the register has what was
made, and what is taken back is taken by nobody any more.
"""
import base64
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, CUSTOS, Edge, Site, check, custos, key_pin, main, make_key, run

LINK_MESSAGE = 100
EC = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def request(folder, name, kind=EC, *extensions, key=None, subject="/CN=factory default", der=False):
    """(request, key): a new key's, or key's."""
    path, made = folder / name, folder / f"{name}.key"
    new = ["-key", key] if key else ["-newkey", *kind, "-nodes", "-keyout", made]
    more = [word for e in extensions for word in ("-addext", e)]
    run("openssl", "req", "-new", *new, "-subj", subject, "-out", path, *more, *(["-outform", "DER"] if der else []))
    os.chmod(key or made, 0o600)
    return path, key or made


def sign(site, path, name, *options, ok=True):
    return custos("certificate", "sign", *options, "--name", name, "--state", site.state, "--", path, ok=ok)


def shown(pem, *what):
    return run("openssl", "x509", "-noout", *what, stdin=pem).stdout


def registered(site):
    return json.loads(site.cli("certificate", "list", "--json").stdout)


def test_what_is_signed(folder):
    with Site(folder) as site:
        root, issuer = site.state / "site/root.crt", site.state / "site/cameras.crt"
        wants = "subjectAltName=DNS:evil.test,IP:192.0.2.66,URI:custos://x/manager/main"
        kinds = {"p256": EC, "p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "rsa": ["rsa:2048"]}
        for name, kind in kinds.items():
            path, key = request(folder, name, kind, wants)
            p = sign(site, path, name, "--dns", f"{name}.test", "--ip", "127.0.0.1", "--ip", "::1", "--days", "90")
            chain = folder / f"{name}.pem"
            chain.write_text(p.stdout)
            text = shown(p.stdout, "-text")
            check(f"DNS:{name}.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1\n" in text, f"the names that were given, alone: {text}")
            check("evil" not in text and "factory" not in text and "192.0.2.66" not in text and "custos:" not in text, text)
            check("CA:FALSE" in text and "TLS Web Server Authentication" in text and "Client" not in text, "a server's")
            check("left out DNS evil.test, IP 192.0.2.66, URI custos://x/manager/main" in p.stderr, f"what was asked for and not given is said: {p.stderr}")
            check("factory default" in p.stderr and key_pin(key) in p.stderr, p.stderr)
            run("openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted", issuer, "-purpose", "sslserver", "-verify_hostname",
                f"{name}.test", chain)
            serves(chain, key, root, f"{name}.test")
        check([(c["issuer"], c["subject"]) for c in registered(site) if c["issuer"] == "cameras"] == [("cameras", n) for n in sorted(kinds)],
              f"all are in the register: {registered(site)}")
        check("cameras  rsa " in site.cli("certificate", "list").stdout and "89 days left" in site.cli("certificate", "list").stdout, "for people")
        check([c["subject"] for c in registered(site) if c["issuer"] == "seals"] == ["recorder/main", "recovery/main"], "the seals' too")
        # As people keep requests.
        good, key = request(folder, "plain", EC, "subjectAltName=DNS:Door.test,IP:10.0.0.9")
        pem = good.read_text()
        forms = {"- a new\tname.txt": pem.replace("\n", "\r\n").encode(), "ünïcode": b"\xef\xbb\xbf" + pem.encode(),
                 "--name": b"From: a camera\n\n" + pem.encode(), "der.pem": run_bytes("openssl", "req", "-in", good, "-outform", "DER"),
                 b"\xff.csr": pem.encode()}
        for name, content in forms.items():
            odd = os.fsencode(str(folder)) + b"/" + os.fsencode(name)
            with open(odd, "wb") as f:
                f.write(content)
            p = subprocess.run([CUSTOS, "certificate", "sign", "--state", str(site.state), "--name", "door", "--dns", "door.test", "--", odd],
                               capture_output=True, stdin=subprocess.DEVNULL)
            check(p.returncode == 0 and b"BEGIN CERTIFICATE" in p.stdout, f"{name}: {p.stderr}")
        p = subprocess.run([Path(CUSTOS).resolve(), "certificate", "sign", "--state", str(site.state), "--name", "door", "--dns", "door.test", "--", "--name"],
                           capture_output=True, stdin=subprocess.DEVNULL, cwd=folder)
        check(p.returncode == 0, f"a file that is called as an option is: {p.stderr}")
        # Names of the request: shown, asked back, and only then taken.
        p = sign(site, good, "door", "--names-from-request", ok=64)
        check("names    DNS Door.test, IP 10.0.0.9" in p.stderr and "--yes" in p.stderr and not p.stdout, f"asked back: {p.stderr}")
        p = sign(site, good, "door", "--names-from-request", "--yes")
        check("DNS:Door.test, IP Address:10.0.0.9\n" in shown(p.stdout, "-text"), p.stdout)
        answer = json.loads(sign(site, good, "door", "--names-from-request", "--yes", "--json").stdout)
        check(set(answer) == {"certificate", "serial", "key", "left_out"} and answer["key"] == key_pin(key) and not answer["left_out"], f"{answer}")
        sign(site, good, "door", "--names-from-request", "--dns", "x", ok=64)
        lines = json.loads(site.cli("audit", "show", "--json").stdout)
        check(any(line["event"] == "certificate.issued" and line.get("serial") == answer["serial"] and line["by"] for line in lines), "in the audit log")


def run_bytes(*command):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True).stdout


def serves(chain, key, root, name):
    """A device with it is taken by anybody who trusts the site's root, by its name alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    listener = socket.create_server(("127.0.0.1", 0))
    client = ssl.create_default_context(cafile=root)

    def serve():
        for _ in range(2):
            with listener.accept()[0] as c:
                try:
                    context.wrap_socket(c, server_side=True).close()
                except OSError:
                    pass

    server = threading.Thread(target=serve)
    server.start()
    with client.wrap_socket(socket.create_connection(listener.getsockname()), server_hostname=name) as c:
        check(c.version() == "TLSv1.3", c.version())
    try:
        client.wrap_socket(socket.create_connection(listener.getsockname()), server_hostname="other.test").close()
        check(False, f"{name} passes for other.test")
    except ssl.SSLCertVerificationError:
        pass
    server.join(10)
    listener.close()


def refusals(folder):
    """name: (file, options, what is said, exit code)."""
    given = ["--dns", "x.test"]
    good, key = request(folder, "good")
    forged = bytearray(run_bytes("openssl", "req", "-in", good, "-outform", "DER"))
    forged[-3] ^= 1
    for name, content in {"forged": bytes(forged), "empty": b"", "garbage": os.urandom(500), "large": good.read_bytes() + b"x" * 20000,
                          "both": good.read_bytes() + key.read_bytes(), "truncated": bytes(forged[:-20])}.items():
        (folder / name).write_bytes(content)
    run("openssl", "pkey", "-in", key, "-outform", "DER", "-out", folder / "key.der")
    run("openssl", "req", "-x509", "-key", key, "-subj", "/CN=x", "-out", folder / "self.crt")
    made = lambda name, *a, **k: request(folder, name, *a, **k)[0]
    return {
        "a key too small": (made("rsa1024", ["rsa:1024"]), given, "RSA of 1024 bits: too small", 64),
        "Ed25519": (made("ed25519", ["ed25519"]), given, "ED25519", 64),
        "another curve": (made("k1", ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]), given, "P-256, P-384", 64),
        "a CA": (made("ca", EC, "basicConstraints=critical,CA:TRUE"), given, "CA:TRUE", 64),
        "one that signs": (made("signs", EC, "keyUsage=keyCertSign"), given, "CA:TRUE", 64),
        "a wildcard asked for": (made("wild", EC, "subjectAltName=DNS:*.test"), given, "wildcard *.test", 64),
        "a wildcard given": (good, ["--dns", "*.test"], "wildcard", 64),
        "a wildcard of the request": (folder / "wild", ["--names-from-request", "--yes"], "wildcard", 64),
        "no name": (good, [], "no name at all", 64),
        "no name in the request": (good, ["--names-from-request", "--yes"], "asks for no DNS name", 64),
        "an address as name": (good, ["--dns", "192.0.2.1"], "is an address", 64),
        "a name as address": (good, ["--ip", "x.test"], "is no address", 64),
        "a broken signature": (folder / "forged", given, "not signed by its own key", 64),
        "a private key": (key, given, "private key", 64),
        "a private key in DER": (folder / "key.der", given, "private key", 64),
        "a request with a private key": (folder / "both", given, "private key", 64),
        "a certificate": (folder / "self.crt", given, "but a certificate", 64),
        "nothing": (folder / "empty", given, "", 64),
        "garbage": (folder / "garbage", given, "not a certificate signing request", 64),
        "half a request": (folder / "truncated", given, "not a certificate signing request", 64),
        "too much": (folder / "large", given, "16384", 1),
        "no file": (folder / "nowhere", given, "nowhere", 1),
    }


class Control:
    """The manager's control socket (docs/spec/link.md), without the command line in between."""

    def __init__(self, state):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(str(state / "control.sock"))
        self.id = 0

    def ask(self, kind, body):
        self.id += 1
        message = {"v": 1, "id": self.id, "type": kind, "body": body}
        self.socket.send(struct.pack(">H", LINK_MESSAGE) + json.dumps(message).encode())
        return json.loads(self.socket.recv(1 << 18)[2:])


def test_what_is_refused(folder):
    cases = refusals(folder)
    # Without a manager: a request that is none, above all a key, is refused before anything is sent anywhere.
    away = folder / "away"
    away.mkdir()
    for name, (path, options, says, code) in cases.items():
        p = custos("certificate", "sign", path, "--name", "gate", *options, "--state", away, ok=code)
        check(says in p.stderr and not p.stdout, f"{name}: {p.stderr}")
    with Site(folder) as site:
        before = registered(site)
        p = sign(site, folder / "good", "Gate", "--dns", "x.test", ok=64)
        control = Control(site.state)
        for name, (path, options, says, _) in cases.items():
            if "--names-from-request" in options or not path.exists() or name == "too much":
                continue
            names = {o[2:]: [v] for o, v in zip(options[::2], options[1::2])}
            answer = control.ask("certificate.sign", {"name": "gate", "csr": base64.b64encode(path.read_bytes()).decode(), **names})
            check(answer["type"] == "failure" and answer["code"] == "invalid" and says in answer["text"], f"{name}, by the manager: {answer}")
        csr = base64.b64encode((folder / "good").read_bytes()).decode()
        for body in ({"name": "../gate", "csr": csr, "dns": ["x"]}, {"name": "gate", "csr": "!", "dns": ["x"]}, {"name": "gate", "csr": csr, "dns": "x"},
                     {"name": "gate", "csr": csr, "dns": [1]}, {"name": "gate", "csr": csr, "dns": ["x"] * 33}, {"name": "gate", "csr": csr, "ip": ["x"]},
                     {"name": "gate", "csr": csr, "dns": ["x"], "days": 0}, {"name": "gate", "csr": csr, "dns": ["x"], "days": 3651},
                     {"name": "gate", "csr": csr, "dns": ["x"], "uri": "custos://x/manager/main"}, {"name": "gate", "csr": csr}):
            answer = control.ask("certificate.sign", body)
            check(answer["type"] == "failure" and answer["code"] == "invalid", f"{ {k: v for k, v in body.items() if k != 'csr'} }: {answer}")
        check(registered(site) == before, "nothing was made")
        # One key, one device: by the register, by a pin, and by what was seen on a connection.
        good, key = folder / "good", folder / "good.key"
        sign(site, good, "gate", "--dns", "gate.test")
        again = request(folder, "again", key=key)[0]
        p = sign(site, again, "yard", "--dns", "yard.test", ok=1)
        check("has the key of camera gate; each needs its own key" in p.stderr, p.stderr)
        sign(site, again, "gate", "--dns", "gate.test")
        other, other_key = request(folder, "other")
        site.add("lobby", "rtsps://127.0.0.1:1/x", None, None, "--pin", key_pin(other_key))
        p = sign(site, other, "yard", "--dns", "yard.test", ok=1)
        check("key of camera lobby, which is pinned" in p.stderr, p.stderr)
        sign(site, other, "lobby", "--dns", "lobby.test")
        node = make_key(folder / "seal.key")
        node.write_bytes((site.state / "recorder/seal.key").read_bytes())
        p = sign(site, request(folder, "seal", key=node)[0], "yard", "--dns", "yard.test", ok=1)
        check("key of the seals of recorder/main" in p.stderr, p.stderr)


def test_taken_back(folder):
    with Site(folder) as site:
        path, key = request(folder, "gate")
        chain = folder / "gate.pem"
        answer = json.loads(sign(site, path, "gate", "--ip", "127.0.0.1", "--json").stdout)
        chain.write_text(answer["certificate"])
        hand = site.camera_certificate("hand")  # one that the register has not
        with Edge(folder, {"cam": CARS}, (chain, key), "--burst") as edge, Edge(folder, {"cam": CARS}, hand, "--burst") as seen:
            site.add("gate", edge.url("cam"), edge.user, edge.password_file)
            site.add("hand", seen.url("cam"), seen.user, seen.password_file)
            site.wait_recording("gate-main", "hand-main")
            p = sign(site, request(folder, "theirs", key=hand[1])[0], "yard", "--dns", "yard.test", ok=1)
            check("key of camera hand, which was seen at 127.0.0.1" in p.stderr, p.stderr)
            for serial, code, says in (("00", 1, "no certificate with that serial"), ("xyz", 64, "no serial number")):
                p = site.cli("certificate", "revoke", serial, ok=code)
                check(says in p.stderr, p.stderr)
            seal = next(c for c in registered(site) if c["issuer"] == "seals")
            p = site.cli("certificate", "revoke", seal["serial"], ok=64)
            check("node recorder/main" in p.stderr, p.stderr)
            at = time.monotonic()
            p = site.cli("certificate", "revoke", answer["serial"])
            check("1 certificate(s) of gate are revoked" in p.stdout, p.stdout)
            state = site.wait_refused("gate-main", 10)
            check(state["fault"] == "revoked" and time.monotonic() - at < 10, f"cut within 10 s: {state}")
            print(f"  cut after {time.monotonic() - at:.1f} s")
        p = site.cli("certificate", "revoke", answer["serial"], ok=1)
        check("revoked before" in p.stderr, p.stderr)
        check([c["revoked"] is not None for c in registered(site) if c["subject"] == "gate"] == [True], f"{registered(site)}")
        check("revoked 20" in site.cli("certificate", "list").stdout, "for people")
        # Its key is nobody's any more, whoever asks; a request made anew with it makes no difference, nor does a restart.
        site.stop()
        site.start()
        again = request(folder, "again", key=key)[0]
        for name in ("gate", "yard"):
            p = sign(site, again, name, "--dns", "x.test", ok=1)
            check("this key was revoked, as that of camera gate" in p.stderr, p.stderr)
        compressed = folder / "compressed.key"
        run("openssl", "ec", "-in", key, "-conv_form", "compressed", "-out", compressed)
        p = sign(site, request(folder, "dressed", key=compressed)[0], "yard", "--dns", "x.test", ok=64)
        check("not compressed" in p.stderr, p.stderr)
        sign(site, request(folder, "fresh")[0], "gate", "--dns", "x.test")


main(globals())
