#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The issuers' keys in a TPM 2.0 (swtpm): the first start makes them there, renewal and enrolment sign with them inside the manager's sandbox;
their files are worth nothing with another TPM; with the TPM away recording goes on, and whoever asks for a certificate is told why.
"""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, ENV, Edge, Site, check, custos, main, run, wait_for
from tpm import Tpm

CONFIG = "[site]\nkey_store = tpm2\n[recorder]\nsegment_s = 3\nfragment_ms = 500\n[link]\nmanager_port = 0\nrecorder_port = 0\n"


def csr(folder, name):
    key = folder / f"{name}.key"
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
    run("openssl", "req", "-new", "-key", key, "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-out", folder / f"{name}.csr")
    return key, folder / f"{name}.csr"


def sign(site, folder, name, ok=True):
    key, request = csr(folder, name)
    p = site.cli("certificate", "sign", request, "--name", name, "--ip", "127.0.0.1", ok=ok)
    (folder / f"{name}.pem").write_text(p.stdout)
    return key, folder / f"{name}.pem", p


def test_keys_in_a_tpm(folder):
    tpm = Tpm(folder / "a")
    with tpm:
        ENV["TPM2OPENSSL_TCTI"] = tpm.tcti
        site = Site(folder, config=CONFIG)
        try:
            site.init()
            for name in ("nodes", "cameras", "web", "seals"):
                text = (site.state / f"site/{name}.key").read_text()
                check(text.startswith("-----BEGIN TSS2 PRIVATE KEY-----") and (site.state / f"site/{name}.key").stat().st_mode & 0o777 == 0o600, text)
                run("openssl", "verify", "-CAfile", site.state / "site/root.crt", "-partial_chain", "-untrusted", site.state / f"site/{name}.crt",
                    site.state / f"site/{name}.crt", ok=None)
            kit, backup = site.state / "recovery-kit.txt", folder / "site.backup"
            site.start()
            key, chain, _ = sign(site, folder, "cam")
            run("openssl", "verify", "-CAfile", site.state / "site/root.crt", "-untrusted", site.state / "site/cameras.crt", chain)
            with Edge(folder, {"cam": CARS}, (chain, key)) as edge:
                site.add("cam", edge.url("cam"), edge.user, edge.password_file)
                site.wait_recording("cam-main")
                site.cli("backup", backup)
                tpm.process.kill()
                tpm.process.wait()
                before = site.stream("cam-main")["last_durable"]
                _, _, p = sign(site, folder, "late", ok=None)
                check(p.returncode != 0 and "TPM" in p.stderr, f"without the TPM it says why: {p.stderr}")
                wait_for(lambda: site.stream("cam-main")["last_durable"] > before, 20, "recording goes on")
                site.stop()
            with Tpm(folder / "b") as other:  # the files on another machine
                ENV["TPM2OPENSSL_TCTI"] = other.tcti
                site.start()
                check("ca.tpm " in site.log(), f"which the log says at the start: {site.log()[-3000:]}")
                _, _, p = sign(site, folder, "copied", ok=None)
                check(p.returncode != 0 and "made in another" in p.stderr, f"its TPM cannot use them: {p.stderr}")
                row = {c["check"]: c for c in json.loads(site.cli("doctor", "--json", ok=None).stdout)["checks"]}["key-store"]
                p = custos("restore", backup, "--recovery-kit", kit, "--state", folder / "restored", ok=1)
                check("made in another" in p.stderr, f"and a restore there ends with that reason: {p.stderr}")
                check(row["verdict"] == "fail" and "made in another" in row["text"], f"{row}")
                site.stop()
            ENV["TPM2OPENSSL_TCTI"] = tpm.tcti
            with tpm:
                site.start()
                sign(site, folder, "again")
                row = {c["check"]: c for c in json.loads(site.cli("doctor", "--json", ok=None).stdout)["checks"]}["key-store"]
                check(row["verdict"] == "pass" and "TPM" in row["text"], f"{row}")
                site.stop()
        finally:
            site.clean()


main(globals())
