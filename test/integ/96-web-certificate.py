#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's certificate: what the first start makes and a client with the root takes, what no client takes though the site signed it,
and how a gateway's porter gets one over EST, by which names, and another when it has to. The servers are openssl's, the client is
curl, which take nothing but the files.
"""
import json
import re
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CUSTOS, Site, check, free_port, main, make_key, run, wait_for  # noqa: E402
from manager_desk import Desk, key_hash, request  # noqa: E402
from porters import Porter, settings  # noqa: E402


class Server:
    """openssl s_server with these files, while the block lasts."""

    def __init__(self, key, chain):
        self.port = free_port()
        self.command = ["openssl", "s_server", "-accept", f"127.0.0.1:{self.port}", "-key", str(key), "-cert", str(chain),
                        "-cert_chain", str(chain), "-www", "-quiet"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.listens, 10, "the server listens", 0.05)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def fetch(self, root, host):
        """curl's exit status: 0, or 60 where it does not take the certificate."""
        literal = f"[{host}]" if ":" in host else host
        p = run("curl", "-s", "-o", "/dev/null", "--noproxy", "*", "--cacert", root, "--connect-to", f"::127.0.0.1:{self.port}",
                f"https://{literal}:{self.port}/", ok=None)
        return p.returncode


def extension(pem, name):
    return run("openssl", "x509", "-in", pem, "-noout", "-ext", name).stdout


def names(pem):
    text = extension(pem, "subjectAltName")
    return {n.lower() for n in re.findall(r"DNS:([^,\s]+)", text)} | {socket_address(a) for a in re.findall(r"IP Address:([^,\s]+)", text)}


def socket_address(text):
    kind = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_ntop(kind, socket.inet_pton(kind, text))


def device(folder, site, issuer, name, san):
    """(key, chain) that the site's own issuer signs for somebody who holds its key: the worst case."""
    key, leaf, ext = make_key(folder / f"{name}.key"), folder / f"{name}.pem", folder / f"{name}.ext"
    ext.write_text(f"subjectAltName={san}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=critical,CA:FALSE\n")
    csr = run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}").stdout
    ca = site.state / "site"
    pem = run("openssl", "x509", "-req", "-days", "9", "-CA", ca / f"{issuer}.crt", "-CAkey", ca / f"{issuer}.key", "-extfile", ext,
              "-set_serial", "77", stdin=csr).stdout
    leaf.write_text(pem + (ca / f"{issuer}.crt").read_text())
    return key, leaf


def test_what_the_first_start_makes(folder):
    site = Site(folder)
    try:
        site.init()
        page = site.state / "gateway"
        root, key, chain = page / "root.crt", page / "web.key", page / "web.pem"
        check(key.stat().st_mode & 0o777 == 0o600 and page.stat().st_mode & 0o777 == 0o700, "the key is its owner's alone")
        check(chain.read_text().count("BEGIN CERT") == 2, "leaf and issuer")
        known = names(chain)
        check({"localhost", "127.0.0.1", "::1", socket.gethostname().lower()} <= known, f"by the names of this host: {known}")
        check(known == set((site.state / "site/host-names").read_text().split()), "which the manager will know")
        check("TLS Web Server Authentication" in extension(chain, "extendedKeyUsage") and "Client" not in extension(chain, "extendedKeyUsage"),
              "for a server alone")
        issued = json.loads((site.state / "site/issued.json").read_text())["issued"]
        check([(c["subject"], c["issuer"]) for c in issued if c["issuer"] == "web"] == [("main", "web")], "it is in the register")
        check(not list(site.state.rglob("web-root.key")), "the root's key is nowhere")
        with Server(key, chain) as server:
            check([server.fetch(root, h) for h in ("localhost", "127.0.0.1", "::1", socket.gethostname())] == [0] * 4, "who installed the root opens it")
            check(server.fetch(root, "other.local") == 60, "by these names")
            check(server.fetch(site.state / "site/root.crt", "localhost") == 60, "the site's other root says nothing of pages")
        # Nobody else of the site can be the page: neither by a camera's or node's issuer, nor by the web issuer for a foreign name.
        for issuer, name, san in (("cameras", "camera", "DNS:localhost,IP:127.0.0.1"), ("nodes", "localhost", "URI:custos://site/gateway/localhost"),
                                  ("nodes", "node", "DNS:localhost,IP:127.0.0.1"), ("seals", "seal", "DNS:localhost")):
            with Server(*device(folder, site, issuer, name, san)) as server:
                check(server.fetch(root, "localhost") == 60, f"a certificate by the issuer of {issuer} is no page's")
        with Server(*device(folder, site, "web", "bank", "DNS:bank.example,DNS:localhost,IP:203.0.113.9")) as server:
            check([server.fetch(root, h) for h in ("bank.example", "203.0.113.9")] == [60, 60], "and the root vouches for no page elsewhere")
        before = [p.read_bytes() for p in (root, key, chain)]
        site.init()
        check(before == [p.read_bytes() for p in (root, key, chain)], "a second start changes nothing")
        older_site(folder, site)
    finally:
        site.clean()


def older_site(folder, site):
    """As it was made before pages had a root of their own."""
    ca, page = site.state / "site", site.state / "gateway"
    ext = folder / "older.ext"
    ext.write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n")
    csr = run("openssl", "req", "-new", "-key", ca / "web.key", "-subj", "/CN=site web").stdout
    (ca / "web.crt").write_text(run("openssl", "x509", "-req", "-days", "99", "-CA", ca / "root.crt", "-CAkey", ca / "root.key", "-set_serial", "9",
                                    "-extfile", ext, stdin=csr).stdout)
    (ca / "host-names").unlink()
    for path in page.iterdir():
        path.unlink()
    kept = (ca / "root.crt").read_bytes()
    site.init()
    run("openssl", "verify", "-purpose", "sslserver", "-CAfile", page / "root.crt", "-untrusted", page / "web.pem", page / "web.pem")
    check((ca / "root.crt").read_bytes() == kept and "Name Constraints" in run("openssl", "x509", "-in", page / "root.crt", "-noout", "-text").stdout,
          "an older site gets the new root at its next start, and keeps all else")


class Gateway:
    """A gateway on another host: its porter, with this program as its role, which passes web.names on as a gateway does."""

    def __init__(self, folder, site, name, config):
        self.folder, self.site, self.name = folder, site, name
        self.state = folder / f"host-{name}"
        made = json.loads(site.cli("node", "add", "gateway", name, "--json").stdout)
        run(CUSTOS, "enroll", f"127.0.0.1:{made['port']}", "-", "--state", self.state, stdin=made["code"] + "\n")
        self.config = config
        self.page = self.state / "gateway"
        self.begin()

    def begin(self):
        self.porter = Porter(self.folder, self.state, "gateway", self.config)
        self.manager = self.porter.peer()
        self.manager.end.settimeout(10)

    def told(self):
        """The next web.names of the manager, passed on."""
        while True:
            message = json.loads(self.manager.receive()[1])
            if message["type"] == "web.names":
                return self.porter.ask("porter.web", **message["body"]) and None or message["body"]

    def chain(self):
        return self.page / "web.pem"

    def serial(self):
        return run("openssl", "x509", "-in", self.chain(), "-noout", "-serial").stdout if self.chain().exists() else ""

    def renewed(self, before, what):
        wait_for(lambda: self.serial() not in ("", before), 15, lambda: f"{what}\n{self.porter.log()[-3000:]}")
        return self.serial()

    def verified(self, *hosts):
        """Key, chain and root belong together, for these hosts."""
        with Server(self.page / "web.key", self.chain()) as server:
            check([server.fetch(self.page / "root.crt", h) for h in hosts] == [0] * len(hosts), f"{hosts}: {names(self.chain())}")

    def say(self, kind, **body):
        self.manager.send(100, json.dumps({"v": 1, "type": kind, "body": body}).encode())


def named(site, name, *words, ok=True):
    p = site.cli("node", "names", "gateway", name, *words, *(["--json"] if ok is True else []), ok=ok)
    return json.loads(p.stdout) if ok is True else p.stdout + p.stderr


def test_a_gateway_gets_its_own(folder):
    config = settings(folder)
    with Site(folder) as site:
        gate = Gateway(folder, site, "g", config)
        first = gate.renewed("", "at once when its manager is there")
        check(names(gate.chain()) == {"127.0.0.1"}, f"by the address that it comes from: {names(gate.chain())}")
        check((gate.page / "web.key").stat().st_mode & 0o777 == 0o600, "the key is the porter's")
        gate.verified("127.0.0.1")
        days = [run("openssl", "x509", "-in", gate.chain(), "-noout", "-checkend", d * 86400, ok=None).returncode for d in (89, 91)]
        check(days == [0, 1], "90 days")
        check(not named(site, "g")["given"] and named(site, "g")["names"] == ["127.0.0.1"], "and the manager says which")
        gate.told()
        # Names: each is judged before anything changes.
        for bad, says in (("*.lan", "wildcard"), ("a\nb", "no name"), ("1.2.3", "no address"), ("x" * 64, "no name")):
            check(says in named(site, "g", "ok.lan", bad, ok=64), f"{bad} is refused")
        check("too many" in named(site, "g", *(f"h{i}.lan" for i in range(33)), ok=64), "at most 32")
        said = named(site, "g", "cctv.example", ok=1)
        check("does not vouch for cctv.example" in said and "--new-root" in said, f"web-name, with the remedy: {said}")
        check("only a gateway" in site.cli("node", "names", "recorder", "main", "x.lan", ok=64).stderr, "nobody else has names")
        check(gate.serial() == first, "nothing of that changed anything")
        was = (gate.page / "web.key").read_text()
        answer = named(site, "g", "CCTV.lan", "192.168.7.9", "127.0.0.1")
        check(answer["given"] and answer["names"] == ["cctv.lan", "192.168.7.9", "127.0.0.1"], f"{answer}")
        check(gate.told()["names"] == answer["names"], "the gateway hears of it")
        second = gate.renewed(first, "another certificate at once")
        check(names(gate.chain()) == set(answer["names"]) and (gate.page / "web.key").read_text() != was, "with these names, and a new key")
        gate.verified("cctv.lan", "192.168.7.9", "127.0.0.1")
        # A new root, which vouches for what the first did not.
        root = named(site, "g")["root"]
        installed = run("openssl", "x509", "-in", gate.page / "root.crt", "-noout", "-fingerprint", "-sha256").stdout
        check(installed.split("=")[1].strip().replace(":", "").lower() == root, "the fingerprint is the one that a device shows")
        answer = named(site, "g", "cctv.example", "127.0.0.1", "--new-root")
        check(answer["root"] != root and gate.told()["root"] == answer["root"], "another root")
        third = gate.renewed(second, "a certificate below it")
        gate.verified("cctv.example", "127.0.0.1")
        # Told what it has already (as after each connection): nothing happens; revoked: another one at once.
        gate.porter.ask("porter.web", names=answer["names"], root=answer["root"], again=False)
        listed = [c for c in json.loads(site.cli("certificate", "list", "--json").stdout) if c["issuer"] == "web" and c["subject"] == "g"]
        check(len(listed) == 3, f"all are in the register: {listed}")
        check(gate.serial() == third, "no certificate for nothing")
        newest = third.strip().split("=")[1].lower()
        site.cli("certificate", "revoke", next(c["serial"] for c in listed if c["serial"].lstrip("0") == newest.lstrip("0")))
        check(gate.told()["again"], "the gateway hears that its certificate was revoked")
        fourth = gate.renewed(third, "and has another one")
        # What it says of its page is in the watch and beside the names; a wildcard stands for one label.
        gate.say("web.certificate", own=True, **{"from": "2026-01-01T00:00:00Z", "until": "2096-12-01T00:00:00Z"}, names=["*.example"], error="")
        page = wait_for(lambda: named(site, "g")["page"], 5, "the manager knows what is shown")
        check(page["missing"] == ["127.0.0.1"] and page["own"], f"{page}")
        rows = {(r["what"], r["subject"]) for r in json.loads(site.cli("certificate", "watch", "--json").stdout)}
        check({("web-own", "g"), ("web", "g"), ("web", "main"), ("root", "web"), ("issuer", "web")} <= rows, f"in the certificate watch: {rows}")
        gate.say("web.certificate", own=True, names="x")
        audit = [x["event"] for x in map(json.loads, (site.state / "audit.log").read_text().splitlines()) if x["event"] in ("page.certified", "node.names") and x["node"] == "g"]
        check(audit == ["page.certified", "node.names", "page.certified", "node.names", "page.certified", "page.certified"], f"in the audit log: {audit}")
        gate.porter.end()
        restarts(site, gate, fourth)
        taken_back(site, gate)


def restarts(site, gate, newest):
    """Its certificate stays while it is good for long, and is renewed at two thirds of its life, with another key."""
    gate.begin()
    gate.told()
    check(gate.serial() == newest, "a restart asks for nothing")
    gate.porter.end()
    key = gate.page / "web.key"
    was = key.read_text()
    leaf = gate.page / "web.pem"
    ca = site.state / "site"
    ext = gate.folder / "short.ext"
    ext.write_text("subjectAltName=DNS:cctv.example,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n")
    csr = run("openssl", "req", "-new", "-key", key, "-subj", "/CN=g").stdout
    base = gate.folder / "short"  # most of its life is over
    base.mkdir()
    (base / "index.txt").write_text("")
    (base / "serial").write_text("1234\n")
    (base / "csr.pem").write_text(csr)
    (base / "ca.cnf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nserial={base}/serial\nnew_certs_dir={base}\n"
                                 "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    now = time.time()
    stamp = [time.strftime("%y%m%d%H%M%SZ", time.gmtime(now + s)) for s in (-9 * 3600, 3600)]
    run("openssl", "ca", "-batch", "-notext", "-config", base / "ca.cnf", "-cert", ca / "web.crt", "-keyfile", ca / "web.key", "-in", base / "csr.pem",
        "-out", base / "leaf.pem", "-startdate", stamp[0], "-enddate", stamp[1], "-extfile", ext)
    leaf.write_text((base / "leaf.pem").read_text() + (ca / "web.crt").read_text().split("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n")
    before = gate.serial()
    gate.begin()
    gate.renewed(before, "nine tenths of the life are over")
    check(key.read_text() != was, "a new key")
    gate.verified("cctv.example")
    (gate.page / "web.pem").unlink()
    gate.porter.end()
    gate.begin()
    gate.renewed("", "a lost one is got again")


def taken_back(site, gate):
    before = gate.serial()
    site.cli("node", "revoke", "gateway", "g", "--reason", "stolen", "--yes")
    good = [c for c in json.loads(site.cli("certificate", "list", "--json").stdout) if c["issuer"] == "web" and c["subject"] == "g" and not c["revoked"]]
    check(not good, f"a revoked gateway's page goes with it: {good}")
    gate.porter.call("porter.web", names=["x.lan"], root="00", again=True)
    wait_for(lambda: "certificate.not_renewed of=page" in gate.porter.log(), 15, lambda: f"and gets no other: {gate.porter.log()[-2000:]}")
    check(gate.serial() == before, "as it was")
    gate.porter.end()


def test_who_may_ask(folder):
    """The manager alone, with the test as its porter."""
    with Desk(folder) as desk:
        porter, site = desk.porter, desk.site
        recorder, _ = desk.enroll("recorder", "lab", desk.code("recorder", "lab"))
        gateway, _ = desk.enroll("gateway", "g", desk.code("gateway", "g"))
        uri = f"custos://{desk.name}/"
        porter.refused("est.reenroll", {"uri": uri + "recorder/lab", "key": key_hash(recorder), "label": "web", "csr": request(recorder)}, "denied",
                       "shows no page")
        ask = {"uri": uri + "gateway/g", "key": key_hash(gateway), "label": "web", "csr": request(desk.new_key())}
        porter.refused("est.reenroll", ask, "state", "no name or address")
        porter.refused("est.reenroll", {**ask, "label": "mail"}, "not_found", "no such kind")
        desk.json("node", "names", "gateway", "g", "g.lan")
        porter.refused("est.reenroll", {**ask, "csr": request(gateway)}, "denied", "has the key of")  # the node's own
        pem = porter.ask("est.reenroll", ask)["certificates"]
        check(pem.count("BEGIN CERT") == 3, "leaf, issuer, root")
        path = folder / "page.pem"
        path.write_text(pem)
        check(names(path) == {"g.lan"} and "evil" not in run("openssl", "x509", "-in", path, "-noout", "-text").stdout, "names of the table alone")
        # The site's first gateway is called as its host was found to be; names that were given go with --default.
        desk.manager.end()
        db = sqlite3.connect(site.state / "site.sqlite")
        db.execute("INSERT OR IGNORE INTO node (role, name, added_us) VALUES ('gateway', 'main', 1)")
        db.commit()
        db.close()
        desk.begin()
        found = (site.state / "site/host-names").read_text().split()
        check(desk.json("node", "names", "gateway", "main") == {**desk.json("node", "names", "gateway", "main"), "names": found, "given": False},
              "of this host: what the first start found")
        check(desk.json("node", "names", "gateway", "main", "a.lan")["names"] == ["a.lan"], "or what was given")
        check(desk.json("node", "names", "gateway", "main", "--default")["names"] == found, "and back")
        desk.cli("audit", "verify")


main(globals())
