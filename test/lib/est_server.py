# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's certificates by the openssl program, and an EST server (RFC 7030) by Python's ssl and http.server: what a new node
meets, right and wrong on demand. Nothing in here is Custos'.
"""
import base64
import datetime
import hashlib
import http.server
import os
import ssl
import subprocess
import threading
import time
from pathlib import Path

from custos_site import make_key, run

HOUR, DAY = 3600, 86400
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def stamp(offset_s):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=offset_s)).strftime("%Y%m%d%H%M%SZ")


class Issuer:
    """A certificate with its key that signs others, by `openssl ca`, which knows dates."""

    def __init__(self, folder, subject, below=None, age=30 * DAY):
        self.folder, self.subject = Path(folder) / subject.replace(" ", "-"), subject
        self.folder.mkdir()
        self.key, self.cert, self.below, self.serial = make_key(self.folder / "key"), self.folder / "crt", below, 0
        (self.folder / "index").write_text("")
        (self.folder / "index.attr").write_text("unique_subject = no\n")
        (self.folder / "cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\n"
                                         "default_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=optional\n")
        lines = ["keyUsage=critical,keyCertSign,cRLSign", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid",
                 f"basicConstraints=critical,CA:TRUE,pathlen:{0 if below else 1}"]
        (below or self).issue(self.csr(self.key, subject), lines, self.cert, -age, 3650 * DAY, selfsigned=below is None, subject=subject)

    @staticmethod
    def csr(key, subject):
        out = Path(str(key) + ".csr")
        run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={subject}", "-out", out)
        return out

    def issue(self, csr, lines, out, starts=-HOUR, ends=14 * DAY, selfsigned=False, subject=None):
        ext = Path(str(out) + ".ext")
        ext.write_text("\n".join(lines) + "\n")
        who = ["-selfsign"] if selfsigned else ["-cert", self.cert]
        run("openssl", "ca", "-batch", "-config", self.folder / "cnf", "-keyfile", self.key, *who, "-in", csr, "-out", out, "-notext",
            "-startdate", stamp(starts), "-enddate", stamp(ends), "-extfile", ext, "-subj", f"/CN={subject or out.stem}")
        return out

    def leaf(self, uri, csr=None, name=None, usage="serverAuth,clientAuth", **when):
        """(certificate, key) for a URI; of a CSR the certificate alone."""
        base = self.folder / f"leaf-{time.monotonic_ns()}"
        key = None if csr else make_key(base.with_suffix(".key"))
        lines = [f"subjectAltName=URI:{uri}", "keyUsage=critical,digitalSignature", f"extendedKeyUsage={usage}",
                 "basicConstraints=critical,CA:FALSE", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
        cert = self.issue(csr or self.csr(key, name or "node"), lines, base.with_suffix(".crt"), **when)
        return cert if csr else (cert, key)


    def recipient(self, key=None):
        """A certificate for key agreement, as of a recovery kit."""
        base = self.folder / f"recipient-{time.monotonic_ns()}"
        key = key or make_key(base.with_suffix(".key"))
        lines = ["keyUsage=critical,keyAgreement", "basicConstraints=critical,CA:FALSE", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
        return self.issue(self.csr(key, "recovery"), lines, base.with_suffix(".crt"), ends=3600 * DAY)


def key_hash(key):
    """SHA-256 of the SubjectPublicKeyInfo."""
    der = subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return hashlib.sha256(der).digest()


class Authorities:
    """A site as its manager has it."""

    def __init__(self, folder, site="berlin"):
        folder = Path(folder)
        folder.mkdir(exist_ok=True)
        self.site, self.root = site, Issuer(folder, f"{site} root")
        for purpose in ("nodes", "cameras", "seals"):
            setattr(self, purpose, Issuer(folder, f"{site} {purpose}", self.root))

        self.made = None

    def manager(self):
        """(certificate, key); made once."""
        self.made = self.made or self.nodes.leaf(self.uri("manager", "main"))
        return self.made

    def uri(self, role, name):
        return f"custos://{self.site}/{role}/{name}"


def code(root_hash, role, name, secret):
    """docs/design/links.md, "Enrolment code", a second time."""
    value = root_hash[:16] + secret
    check = hashlib.sha256(b"custos-enrol-code-1" + f"{role}/{name}".encode() + value).digest()[0] >> 4
    bits = "".join(f"{b:08b}" for b in value) + f"{check:04b}"
    letters = "".join(LETTERS[int(bits[i:i + 5], 2)] for i in range(0, 260, 5))
    return f"{role}-{name}-" + "-".join(letters[i:i + 4] for i in range(0, 52, 4))


def pkcs7(*certs):
    """As RFC 7030 section 4.1.3 has it: base64 with ends of lines."""
    command = ["openssl", "crl2pkcs7", "-nocrl", "-outform", "DER"]
    for cert in certs:
        command += ["-certfile", str(cert)]
    return base64.encodebytes(subprocess.run(command, check=True, capture_output=True).stdout)


class EstServer:
    """Serves until the block is left. seen: (method, path, Authorization or None, URI of the client or None) of each request.

    do: {"cacerts": bytes, "simpleenroll": f(server, csr file), "seals": ...}: in the place of the right answer; a function may
    return bytes (a body), or (status, type, body). certificate: (leaf, key) that the server shows, with `chain` behind it.
    """

    def __init__(self, folder, site, secret=None, certificate=None, chain=None, tls=ssl.TLSVersion.TLSv1_3, do=None, plain=False):
        self.folder, self.site, self.secret, self.do = Path(folder), site, secret, do or {}
        self.seen, self.csrs, self.gate = [], [], None
        certificate = certificate or site.manager()
        presented = self.folder / f"chain-{time.monotonic_ns()}.pem"
        presented.write_text("".join(Path(p).read_text() for p in (certificate[0], *(chain or [site.nodes.cert]))))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = tls
        context.load_cert_chain(presented, certificate[1])
        context.load_verify_locations(site.root.cert)
        context.verify_mode = ssl.CERT_OPTIONAL
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.answer(self)

            do_POST = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass  # a client that hangs up is what is tested

            def finish_request(self, request, address):
                if not plain:
                    request.settimeout(20)
                    request = context.wrap_socket(request, server_side=True)
                super().finish_request(request, address)

        self.server = Server(("127.0.0.1", 0), Handler)
        self.at = f"127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def secrets_heard(self):
        return [a for _, _, a, _ in self.seen if a]

    def answer(self, h):
        client = None
        if isinstance(h.connection, ssl.SSLSocket):
            client = next((v for k, v in (h.connection.getpeercert() or {}).get("subjectAltName", ()) if k == "URI"), None)
        self.seen.append((h.command, h.path, h.headers.get("Authorization"), client))
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        what = {"/.well-known/est/cacerts": "cacerts", "/.well-known/est/simpleenroll": "simpleenroll",
                "/.well-known/est/seals/simpleenroll": "seals"}.get(h.path)
        if self.gate and what == "simpleenroll":
            self.gate.wait(20)
        result = self.make(what, h, body, client)
        status, kind, text = result if isinstance(result, tuple) else (200, "application/pkcs7-mime; smime-type=certs-only", result)
        if kind == "raw":
            h.wfile.write(text)
            h.close_connection = True
            return
        h.send_response(status)
        h.send_header("Content-Type", kind)
        h.send_header("Content-Transfer-Encoding", "base64")
        h.send_header("Content-Length", str(len(text)))
        h.end_headers()
        h.wfile.write(text)

    def make(self, what, h, body, client):
        done = self.do.get(what)
        if what == "cacerts":
            return done if done is not None else pkcs7(self.site.root.cert, self.site.nodes.cert)
        if what is None:
            return 404, "text/plain", b"no such thing\n"
        csr = self.folder / f"csr-{time.monotonic_ns()}.pem"
        der = base64.b64decode(body, validate=True)
        csr.write_text("-----BEGIN CERTIFICATE REQUEST-----\n" + base64.encodebytes(der).decode() + "-----END CERTIFICATE REQUEST-----\n")
        run("openssl", "req", "-in", csr, "-noout", "-verify")
        self.csrs.append(csr)
        user, allowed = self.user(h, client, what)
        if not allowed:
            return 401, "text/plain", b"no such code\n"
        if done is not None:
            return done(self, csr)
        issuer = self.site.seals if what == "seals" else self.site.nodes
        usage = "1.3.6.1.5.5.7.3.36" if what == "seals" else "serverAuth,clientAuth"
        days = 3650 if what == "seals" else 14
        behind = [issuer.recipient()] if what == "seals" else []
        return pkcs7(issuer.leaf(f"custos://{self.site.site}/{user}", csr=csr, usage=usage, ends=min(days, 3600) * DAY), issuer.cert, *behind)

    def user(self, h, client, what):
        """(ROLE/NAME, whether it is allowed)"""
        if what == "seals":
            return (client or "").removeprefix(f"custos://{self.site.site}/"), bool(client)
        kind, _, value = (h.headers.get("Authorization") or "").partition(" ")
        user, _, password = base64.b64decode(value).decode().partition(":") if kind == "Basic" else ("", "", "")
        return user, password == self.secret.hex()


def new_secret():
    return os.urandom(16)
