#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""`custos enroll` against an EST server that is not ours (Python's ssl and http.server, certificates by openssl): a host becomes
a recorder or a gateway; and each way in which what answers is not the manager of the code's site, or answers wrong, is refused
with its reason, with nothing written, and where the manager is in doubt without the code's secret being sent.
"""
import atexit
import base64
import functools
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CUSTOS, ENV, SANITIZER, check, free_port, main, run, wait_for  # noqa: E402
from est_server import DAY, HOUR, Authorities, EstServer, code, key_hash, new_secret, pkcs7  # noqa: E402

SECRET = new_secret()
ROLE, NAME = "recorder", "north-1"


def made():
    folder = Path(tempfile.mkdtemp(prefix="cst-ca-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Authorities(folder)


@functools.lru_cache(None)
def site():
    """Made once; certificates cost time. So is another of the same name."""
    return made()


@functools.lru_cache(None)
def other():
    return made()


@functools.lru_cache(None)
def remedies():
    return {r["fault"]: r["remedy"] for r in json.loads(run(CUSTOS, "errors", "--json").stdout)}


def the_code(role=ROLE, name=NAME, secret=SECRET):
    return code(key_hash(site().root.key), role, name, secret)


def enroll(at, typed, state, *options, env=None, by_word=False):
    """The finished process. Whatever it says, never the secret."""
    p = subprocess.run([CUSTOS, "enroll", at, typed if by_word else "-", "--state", str(state), *options], env=dict(ENV, **(env or {})),
                       input=None if by_word else typed + "\n", capture_output=True, text=True, timeout=60,
                       stdin=subprocess.DEVNULL if by_word else None)
    said = p.stdout + p.stderr
    check(not SANITIZER.search(said), f"sanitizer report:\n{said[-6000:]}")
    for secret in [SECRET.hex(), base64.b64encode(f"{ROLE}/{NAME}:{SECRET.hex()}".encode()).decode(), *[g for g in typed.split("-")[-6:] if len(g) == 4]]:
        check(secret.lower() not in said.lower(), f"the code's secret is in what was said: {said}")
    return p


def refused(server, state, fault, *words, typed=None, heard=False, **how):
    """Refused with this fault's remedy and these words; nothing was written, and heard says whether the secret was sent."""
    p = enroll(server.at if isinstance(server, EstServer) else server, typed or the_code(), state, "--json", **how)
    check(p.returncode == 1, f"refused: {p.returncode} {p.stdout}{p.stderr}")
    error = json.loads(p.stdout)["error"]
    for word in words:
        check(word in error["text"], f"the text says {word!r}: {error}")
    if fault:
        check(error["remedy"] == remedies()[fault], f"the remedy is that of {fault}: {error}")
    check(error["remedy"], f"there is a remedy: {error}")
    check(not Path(state).exists() or not list(Path(state).rglob("*.*")), f"nothing was written: {list(Path(state).rglob('*'))}")
    if isinstance(server, EstServer):
        check(bool(server.secrets_heard()) == heard, f"the secret was {'' if heard else 'not '}sent: {server.seen}")
    return error


def spki(path, what="pkey"):
    command = {"pkey": ["openssl", "pkey", "-in", path, "-pubout"], "x509": ["openssl", "x509", "-in", path, "-noout", "-pubkey"]}
    return run(*command[what]).stdout


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# ---- as it should be ----

def test_a_recorder(folder):
    state = folder / "state"
    with EstServer(folder, site(), SECRET) as server:
        p = enroll(server.at, the_code(), state, "--json")
        check(p.returncode == 0, f"enrolled: {p.stdout}{p.stderr}")
        host, _, port = server.at.partition(":")
        seen = server.seen
    said = json.loads(p.stdout)
    check((said["site"], said["role"], said["name"], said["manager"], said["host"], said["port"]) ==
          ("berlin", ROLE, NAME, "main", host, int(port)), f"said: {said}")
    check(said["fingerprint"] == key_hash(site().root.key).hex(), f"the site's fingerprint: {said}")
    # in this order: nobody's secret before the root was compared; the seals by the new certificate
    check([(m, path) for m, path, _, _ in seen] == [("GET", "/.well-known/est/cacerts"), ("POST", "/.well-known/est/simpleenroll"),
                                                    ("POST", "/.well-known/est/seals/simpleenroll")], f"asked: {seen}")
    secret = "Basic " + base64.b64encode(f"{ROLE}/{NAME}:{SECRET.hex()}".encode()).decode()
    check([a for _, _, a, _ in seen] == [None, secret, None], f"the secret once, where it belongs: {seen}")
    check([c for _, _, _, c in seen] == [None, None, site().uri(ROLE, NAME)], f"who asked: {seen}")

    node, own = state / "node" / ROLE, state / ROLE
    modes = {node / "node.key": 0o600, node / "node.pem": 0o644, node / "root.crt": 0o644, node / "peers.json": 0o644,
             own / "seal.key": 0o600, own / "seal.pem": 0o644, own / "wrap.key": 0o600, own / "wrap.pub": 0o644, own / "recovery.pub": 0o644}
    check({p for p in state.rglob("*") if p.is_file()} == set(modes), f"files: {sorted(state.rglob('*'))}")
    for path, wanted in modes.items():
        check(mode(path) == wanted, f"{path}: mode {mode(path):o}")
    for path in (state, node, own):
        check(mode(path) == 0o700, f"{path}: mode {mode(path):o}")
    check(json.loads((node / "peers.json").read_text()) ==
          {"version": 1, "site": "berlin", "role": ROLE, "name": NAME, "manager": {"name": "main", "host": host, "port": int(port)}},
          (node / "peers.json").read_text())
    # by another program: the chains are good, and the keys are these certificates'
    for cert, key, issuer, purpose in ((node / "node.pem", node / "node.key", site().nodes, "sslclient"),
                                       (own / "seal.pem", own / "seal.key", site().seals, "any")):
        run("openssl", "verify", "-CAfile", node / "root.crt", "-untrusted", issuer.cert, "-purpose", purpose, cert)
        check(spki(cert, "x509") == spki(key), f"{key} is the key of {cert}")
    check((node / "root.crt").read_text().strip() == Path(site().root.cert).read_text().strip(), "root.crt is the site's root")
    check(spki(node / "node.key") != spki(own / "seal.key"), "a key for each")
    check((own / "seal.pem").read_text().count("BEGIN CERTIFICATE") == 3, "seal.pem: leaf, issuer, root")
    for csr in server.csrs:
        text = run("openssl", "req", "-in", csr, "-noout", "-text").stdout
        check("Subject Alternative Name" not in text and "north" not in text, f"a request carries no names: {text}")


def test_a_gateway_by_words(folder):
    state = folder / "state"
    with EstServer(folder, site(), SECRET) as server:
        p = enroll(server.at, the_code("gateway", "g1"), state, by_word=True)
        check(p.returncode == 0, f"enrolled: {p.stdout}{p.stderr}")
        check([path for _, path, _, _ in server.seen] == ["/.well-known/est/cacerts", "/.well-known/est/simpleenroll"],
              f"no seals for a gateway: {server.seen}")
    check("This host is gateway g1 of site berlin" in p.stdout and key_hash(site().root.key).hex() in p.stdout, p.stdout)
    check(sorted(p.name for p in state.rglob("*") if p.is_file()) == ["node.key", "node.pem", "peers.json", "root.crt"],
          f"files: {sorted(state.rglob('*'))}")


def test_the_code_leaves_the_command_line(folder):
    """Behind its start nobody finds it in the list of processes."""
    with EstServer(folder, site(), SECRET) as server:
        server.gate = threading.Event()
        p = subprocess.Popen([CUSTOS, "enroll", server.at, the_code(), "--state", str(folder / "state")], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENV)
        try:
            wait_for(lambda: len(server.seen) == 2, 20, "the request has come")
            words = Path(f"/proc/{p.pid}/cmdline").read_bytes().decode().split("\0")
            check(words[1:3] == ["enroll", server.at] and set(words[3]) == {"*"}, f"its words: {words}")
        finally:
            server.gate.set()
            out, _ = p.communicate(timeout=30)
        check(p.returncode == 0, f"enrolled: {out}")


# ---- somebody else ----

def test_another_site(folder):
    """Somebody in between with a CA of his own, who shows it; of the same name."""
    with EstServer(folder, other(), SECRET) as server:
        refused(server, folder / "state", "other-site", "not the site of the enrolment code, or somebody is in between")
        check([path for _, path, _, _ in server.seen] == ["/.well-known/est/cacerts"], f"asked: {server.seen}")
    # both roots, his first; or the right key in a certificate that is no root
    with EstServer(folder, other(), SECRET, do={"cacerts": pkcs7(other().root.cert, other().nodes.cert, site().nodes.cert)}) as server:
        refused(server, folder / "state", "other-site")
    leaf = site().nodes.leaf(site().uri("recorder", "x"))
    state = folder / "state"
    with EstServer(folder, other(), SECRET, do={"cacerts": pkcs7(leaf[0], site().nodes.cert)}) as server:
        refused(server, state, "other-site", typed=code(key_hash(leaf[1]), ROLE, NAME, SECRET))


def test_the_right_root_shown_by_another(folder):
    """What cacerts says is public: whoever shows it has to be the manager besides."""
    right = {"cacerts": pkcs7(site().root.cert, site().nodes.cert)}
    self_signed = folder / "self.crt", folder / "self.key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self_signed[1], "-out",
        self_signed[0], "-subj", "/CN=x", "-addext", f"subjectAltName=URI:{site().uri('manager', 'main')}", "-addext",
        "extendedKeyUsage=serverAuth,clientAuth", "-days", "2")
    bad = {
        "another CA of the same names": (other().nodes.leaf(site().uri("manager", "main")), [other().nodes.cert], "issued by a CA"),
        "a captured recorder": (site().nodes.leaf(site().uri("recorder", "north-2")), None, "recorder/north-2"),
        "a captured camera": (site().cameras.leaf(site().uri("manager", "main")), [site().cameras.cert], "issued by a CA"),
        "a manager of another site": (site().nodes.leaf("custos://paris/manager/main"), None, "custos://paris/manager/main"),
        "a manager that has expired": (site().nodes.leaf(site().uri("manager", "main"), starts=-20 * DAY, ends=-HOUR), None, "expired"),
        "one that is not valid yet": (site().nodes.leaf(site().uri("manager", "main"), starts=2 * DAY), None, "not valid yet"),
        "for clients alone": (site().nodes.leaf(site().uri("manager", "main"), usage="clientAuth"), None, "purpose"),
        "self-signed": (self_signed, [], "self-signed"),
    }
    for name, (certificate, chain, word) in bad.items():
        with EstServer(folder, site(), SECRET, certificate=certificate, chain=chain, do=right) as server:
            error = refused(server, folder / "state", None, word)
            check([path for _, path, _, _ in server.seen] == ["/.well-known/est/cacerts"], f"{name}: asked {server.seen}")
            clock = "expired" in name or "valid yet" in name
            check(("clock" if clock else "somebody may be in between") in error["remedy"], f"{name}: {error}")


def test_a_clock_that_is_wrong(folder):
    for offset in (-60 * DAY, 30 * DAY):
        with EstServer(folder, site(), SECRET) as server:
            error = refused(server, folder / "state", None, env={"CUSTOS_CLOCK_OFFSET_S": str(offset)})
            check("Set this machine's clock" in error["remedy"], f"clock {offset}: {error}")
    # a manager's certificate that is old enough lets it pass: then it is said
    manager = site().nodes.leaf(site().uri("manager", "main"), starts=-5 * DAY, ends=9 * DAY)
    with EstServer(folder, site(), SECRET, certificate=manager) as server:
        p = enroll(server.at, the_code("gateway", "g1"), folder / "late", env={"CUSTOS_CLOCK_OFFSET_S": str(-2 * DAY)})
        check(p.returncode == 0 and "Set the clock" in p.stderr, f"said: {p.returncode} {p.stdout}{p.stderr}")


def test_no_manager(folder):
    state = folder / "state"
    error = refused(f"127.0.0.1:{free_port()}", state, None, "nothing listens at 127.0.0.1")
    check("custos node add" in error["remedy"], f"{error}")
    refused("no-such-host.invalid", state, None, "has no address")
    with EstServer(folder, site(), SECRET, tls=ssl.TLSVersion.TLSv1_2) as server:
        error = refused(server, state, None)
        check(not server.seen and "manager of Custos" in error["remedy"], f"TLS 1.2: {server.seen} {error}")
    with EstServer(folder, site(), SECRET, plain=True) as server:
        error = refused(server, state, None)
        check(not server.seen, f"plain HTTP: {server.seen}")
    with socket.create_server(("127.0.0.1", 0)) as hangs_up:
        def take():
            try:
                while True:
                    hangs_up.accept()[0].close()
            except OSError:
                return
        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        try:
            refused(f"127.0.0.1:{hangs_up.getsockname()[1]}", state, None, "closed the connection")
        finally:
            # Closing alone does not wake who waits in accept: a signal later the kernel begins that call anew, by the number of the
            # descriptor, which is another server's then.
            hangs_up.shutdown(socket.SHUT_RDWR)
            thread.join(10)
        check(not thread.is_alive(), "nobody goes on taking connections")


# ---- the manager, answering wrong ----

def test_a_code_that_does_not_count(folder):
    with EstServer(folder, site(), SECRET) as server:
        refused(server, folder / "state", "code-refused", "401", "no such code", typed=the_code(secret=new_secret()), heard=True)


def test_codes_that_are_none(folder):
    good = the_code()
    for typed in ("", "x", good[:-1], good.replace(ROLE, "camera"), good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1]):
        if typed.startswith(ROLE) and len(typed) == len(good) and typed != good:
            continue  # a checksum of 4 bits lets one of 16 pass
        with EstServer(folder, site(), SECRET) as server:
            p = enroll(server.at, typed, folder / "state")
            check(p.returncode == 64 and "enrolment code" in p.stderr and not server.seen, f"{typed!r}: {p.returncode} {p.stderr}")
    for at in ("", "http://x", "a b", "x:0", "x:99999", "x/y", "user@x"):
        p = enroll(at, good, folder / "state")
        check(p.returncode == 64, f"{at!r}: {p.returncode} {p.stderr}")


def test_answers_that_are_none(folder):
    kind = "application/pkcs7-mime"
    junk = base64.encodebytes(os.urandom(900))
    bad = {
        "not PKCS#7": lambda s, c: junk,
        "not base64": lambda s, c: b"<html>hello</html>!",
        "nothing": lambda s, c: b"",
        "another type": lambda s, c: (200, "text/html", pkcs7(site().root.cert)),
        "an error of the manager's": lambda s, c: (500, "text/plain", b"the disk is full\nmore"),
        "later": lambda s, c: (202, "text/plain", b"come back later"),
        "too much": lambda s, c: (0, "raw", f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 90000000\r\n\r\n".encode()),
        "endless": lambda s, c: (0, "raw", f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode() + b"A" * 2000000),
        "in chunks": lambda s, c: (0, "raw", f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()),
        "half of it": lambda s, c: (0, "raw", f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: 900\r\n\r\nMII".encode()),
        "no HTTP": lambda s, c: (0, "raw", b"220 mail.example ESMTP\r\n"),
    }
    for name, answer in bad.items():
        with EstServer(folder, site(), SECRET, do={"simpleenroll": answer}) as server:
            error = refused(server, folder / "state", None, heard=True)
            if name in ("too much", "endless"):
                check("an answer of more than" in error["text"], f"{name}: {error}")
            if name.startswith("an error"):
                check("500 the disk is full" in error["text"] and "more" not in error["text"], f"{error}")
    for name, text in {"not PKCS#7": junk, "nothing": b""}.items():
        with EstServer(folder, site(), SECRET, do={"cacerts": text}) as server:
            refused(server, folder / "state", None)


def test_certificates_that_are_not_this_nodes(folder):
    nodes, uri = site().nodes, site().uri

    def issued(issuer, whose, *more, **how):
        return lambda s, csr: pkcs7(issuer.leaf(whose, csr=csr, **how), *(more or [nodes.cert]))
    bad = {
        "for another key": lambda s, csr: pkcs7(nodes.leaf(uri(ROLE, NAME))[0], nodes.cert),
        "of another role": issued(nodes, uri("manager", NAME)),
        "of another name": issued(nodes, uri(ROLE, "north-2")),
        "of another site": issued(nodes, f"custos://paris/{ROLE}/{NAME}"),
        "by the issuer of cameras": issued(site().cameras, uri(ROLE, NAME), site().cameras.cert),
        "by another CA": issued(other().nodes, uri(ROLE, NAME), other().nodes.cert),
        "with a second URI": issued(nodes, f"{uri(ROLE, NAME)},URI:{uri('manager', 'main')}"),
        "for servers alone": issued(nodes, uri(ROLE, NAME), usage="serverAuth"),
        "without the leaf": lambda s, csr: pkcs7(nodes.cert, site().root.cert),
    }
    for name, answer in bad.items():
        with EstServer(folder, site(), SECRET, do={"simpleenroll": answer}) as server:
            refused(server, folder / "state", "bad-enrolment", "no certificate for this node", heard=True)
            check(len(server.seen) == 2, f"{name}: asked no more: {server.seen}")
    def seal(csr):
        return site().seals.leaf(uri(ROLE, NAME), csr=csr, usage="1.3.6.1.5.5.7.3.36", ends=3600 * 86400)
    seals = {
        "for another key": lambda s, csr: pkcs7(site().seals.leaf(uri(ROLE, NAME), usage="1.3.6.1.5.5.7.3.36")[0], site().seals.cert),
        "a node's": lambda s, csr: pkcs7(nodes.leaf(uri(ROLE, NAME), csr=csr), nodes.cert),
        "a node's by the seals' issuer": lambda s, csr: pkcs7(site().seals.leaf(uri(ROLE, NAME), csr=csr), site().seals.cert),
        "refused": lambda s, csr: (403, "text/plain", b"the node is revoked"),
        "without the recovery key": lambda s, csr: pkcs7(seal(csr), site().seals.cert),
        "with a recovery key of another's": lambda s, csr: pkcs7(seal(csr), site().seals.cert, nodes.recipient()),
        "with another certificate in its place": lambda s, csr: pkcs7(seal(csr), site().seals.cert, site().seals.leaf(uri(ROLE, "x"))[0]),
    }
    for name, answer in seals.items():
        with EstServer(folder, site(), SECRET, do={"seals": answer}) as server:
            p = enroll(server.at, the_code(), folder / "state")
            check(p.returncode == 1 and not (folder / "state").exists(), f"seal certificate {name}: {p.returncode} {p.stdout}{p.stderr}")


# ---- where it is written ----

def test_only_once(folder):
    state = folder / "state"
    with EstServer(folder, site(), SECRET) as server:
        p = enroll(server.at, the_code(), state)
        check(p.returncode == 0, f"enrolled: {p.stdout}{p.stderr}")
        before = {p: p.read_bytes() for p in state.rglob("*") if p.is_file()}
        server.seen.clear()
        for typed in (the_code(), the_code("gateway", "g1")):
            p = enroll(server.at, typed, state, "--json")
            error = json.loads(p.stdout)["error"]
            check(p.returncode == 1 and "is there" in error["text"] and error["remedy"] == remedies()["already-enrolled"], f"again: {error}")
        check(not server.seen, f"nothing was asked: {server.seen}")
    check({p: p.read_bytes() for p in state.rglob("*") if p.is_file()} == before, "nothing changed")
    whole = folder / "whole"
    run(CUSTOS, "run", "--init", "--state", whole)
    with EstServer(folder, site(), SECRET) as server:
        p = enroll(server.at, the_code("gateway", "g1"), whole, "--json")
        check(p.returncode == 1 and "/site is there" in p.stdout and not server.seen, f"where a site is: {p.stdout} {server.seen}")


def test_another_users_directory(folder):
    if os.geteuid() != 0:
        print("  skipped: only root can give a directory away")
        return
    state = folder / "state"
    state.mkdir()
    os.chown(state, 65534, -1)
    with EstServer(folder, site(), SECRET) as server:
        error = enroll(server.at, the_code(), state)
        check(error.returncode == 1 and "sudo -u '#65534'" in error.stderr and not server.seen, f"{error.stderr} {server.seen}")


main(globals())
