# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that are wrong in one way each, the rest of them right; and a program that is not ours (openssl s_server) to show them."""
import re
import subprocess
import time
from pathlib import Path

from custos_site import Authority, Program, check, free_port, make_key, run, self_signed, wait_for

DAY_S = 86400


def moment(days):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * DAY_S))


def issue(authority, name, san="IP:127.0.0.1", usage="serverAuth", days=(-1, 2), key=None, digest="sha256"):
    """(chain file, key file), by openssl ca, which can set both dates."""
    base = authority.folder / f"{name}-{time.monotonic_ns()}"
    base.mkdir()
    key = key or make_key(base / "leaf.key")
    run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", base / "leaf.csr")
    (base / "leaf.ext").write_text(f"subjectAltName={san}\nkeyUsage=critical,digitalSignature\nextendedKeyUsage={usage}\n"
                                   "basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    (base / "index.txt").write_text("")
    (base / "serial").write_text(f"{time.monotonic_ns():016x}\n")
    (base / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nserial={base}/serial\nnew_certs_dir={base}\n"
                                 f"default_md={digest}\npolicy=p\n[p]\ncommonName=supplied\n")
    run("openssl", "ca", "-batch", "-config", base / "ca.cnf", "-keyfile", authority.key, "-cert", authority.cert,
        "-in", base / "leaf.csr", "-out", base / "leaf.crt", "-startdate", moment(days[0]), "-enddate", moment(days[1]),
        "-extfile", base / "leaf.ext", "-notext")
    chain = base / "chain.pem"
    chain.write_text("".join(Path(f).read_text() for f in (base / "leaf.crt", *authority.chain)))
    return chain, key


def namesake(folder, authority):
    """Another CA with the very same name, and the same key identifier: only the signature tells it apart."""
    text = run("openssl", "x509", "-in", authority.cert, "-noout", "-subject", "-nameopt", "compat").stdout
    subject = re.match(r"subject=(.*)", text)[1].strip().replace(" = ", "=")
    key, cert = make_key(folder / "namesake.key"), folder / "namesake.crt"
    identifier = run("openssl", "x509", "-in", authority.cert, "-noout", "-ext", "subjectKeyIdentifier").stdout.split()[-1]
    run("openssl", "req", "-x509", "-new", "-key", key, "-subj", subject if subject.startswith("/") else f"/{subject}",
        "-days", "30", "-out", cert, "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
        "keyUsage=critical,keyCertSign,cRLSign", "-addext", f"subjectKeyIdentifier={identifier}")
    return Authority(folder, key, cert, (cert,))


def rsa_key(path, bits):
    run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", path)
    return path


class Server(Program):
    """openssl s_server on loopback: what it was told is what it prints. say(): types a command, as "R" to renegotiate."""

    def __init__(self, folder, certificate, *options, port=0):
        self.port = port or free_port()
        log = Path(folder) / f"s_server-{time.monotonic_ns()}.log"
        command = ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-cert", certificate[0], "-cert_chain", certificate[0],
                   "-key", certificate[1], "-state", "-cipher", "DEFAULT@SECLEVEL=0", *options]
        self.log_path = log
        with open(log, "a") as out:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=out, stderr=out)
        try:
            wait_for(lambda: "ACCEPT" in self.log() or not self.alive(), 10, "openssl s_server listens", 0.05)
            check(self.alive(), f"openssl s_server did not start: {self.log()}")
        except BaseException:
            self.kill()
            raise

    def url(self, host="127.0.0.1"):
        return f"rtsps://{host}:{self.port}/main"

    def say(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def met(self):
        """Whether somebody began a handshake."""
        return "before SSL initialization" in self.log() or "SSLv3/TLS" in self.log()

    def __exit__(self, *_):
        self.kill()


def eight(folder, site):
    """{what is wrong: ((chain, key), the fault's name)} for a camera at 127.0.0.1; revoked is made by who revokes."""
    ours = site.issuer()
    return {
        "self-signed": (self_signed(folder, "cam"), "self-signed"),
        "other-ca": (issue(Authority.new(folder, "other-site"), "cam"), "unknown-issuer"),
        "wrong-name": (issue(ours, "cam", san="IP:127.0.0.2,DNS:elsewhere.test"), "wrong-name"),
        "wrong-purpose": (issue(ours, "cam", usage="clientAuth"), "wrong-purpose"),
        "expired": (issue(ours, "cam", days=(-30, -2)), "expired"),
        "not-yet-valid": (issue(ours, "cam", days=(2, 30)), "not-yet-valid"),
        "weak-key": (issue(ours, "cam", key=rsa_key(Path(folder) / "weak.key", 1024)), "weak-key"),
    }
