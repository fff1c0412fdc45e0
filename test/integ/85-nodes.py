#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How nodes come to a site, by the real manager and openssl's requests: codes, certificates, renewals, and what a porter that was
captured may say.
"""
import base64
import json
import re
import sqlite3
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from custos_site import Failure, check, main, wait_for
from manager_desk import Desk, Porter, Refused, check_leaf, code_bytes, key_hash, request, secret_of


def test_enrolment(folder):
    with Desk(folder) as desk:
        porter, site = desk.porter, desk.site
        wait_for(lambda: porter.of("porter.listen") and porter.of("porter.crls"), 10, "a porter learns what is in force")
        check(porter.of("porter.listen") == [{"network": False}] and porter.of("porter.crls") == [{"crls": ""}], "loopback, nothing revoked")
        check({k: v["state"] for k, v in desk.nodes().items()} == {("manager", "main"): "connected", ("recorder", "main"): "expected", ("gateway", "main"): "expected"},
              f"who is there from the start: {desk.nodes()}")
        # The code: for people, and for programs.
        said = desk.cli("node", "add", "recorder", "lab").stdout
        typed = re.search(r"custos enroll (\S+) (\S+)", said)
        check(typed and "until 20" in said and typed[2].startswith("recorder-lab-"), f"what to type there: {said}")
        check(porter.of("porter.listen")[-1] == {"network": True}, "other hosts may reach the port while a code is open")
        first, code = typed[2], desk.code("recorder", "lab")
        check(code_bytes(code)[:16] == code_bytes(first)[:16] and bytes.fromhex(site.fingerprint())[:16] == code_bytes(code)[:16],
              "half of it says which site this is")
        check(secret_of(first) != secret_of(code) and secret_of(code) not in desk.manager.log(), "another secret, in no log")
        database = b"".join(p.read_bytes() for p in site.state.glob("site.sqlite*"))
        check(bytes.fromhex(secret_of(code)) not in database, "and not in the database: a hash is kept")
        roots = porter.ask("est.cacerts", {})["certificates"]
        check(roots == (site.state / "site/root.crt").read_text() + (site.state / "site/nodes.crt").read_text(), "root and issuer")
        # What is refused, in one and the same text.
        csr = request(desk.new_key())
        wrong = {"role": "recorder", "name": "lab", "secret": secret_of(code), "csr": csr}
        texts = {porter.refused("est.enroll", {**wrong, **change}, "auth") for change in (
            {"secret": secret_of(first)}, {"secret": "00" * 16}, {"role": "gateway"}, {"name": "main"}, {"name": "yard"}, {"name": "'; --"},
            {"role": "manager", "name": "main"}, {"secret": "zz"})}
        check(len(texts) == 1, f"a guesser learns nothing: {texts}")
        porter.refused("est.enroll", {**wrong, "csr": base64.b64encode(b"none").decode()}, "invalid", "signing request")
        # Taken once.
        key, pem = desk.enroll("recorder", "lab", code)
        check_leaf(desk, pem, key, f"custos://{desk.name}/recorder/lab")
        porter.refused("est.enroll", wrong, "auth", "was used")
        lines = desk.audit("node.added", "node.enrol_refused", "node.enrolled")
        check([x["event"] for x in lines] == ["node.added"] * 2 + ["node.enrol_refused"] * 9 + ["node.enrolled", "node.enrol_refused"],
              f"every attempt is in the log: {[x['event'] for x in lines]}")
        check(lines[11]["key"] == key_hash(key) and lines[0]["by"], f"with who and what: {lines[11]}")
        check(secret_of(code) not in json.dumps(lines) and code not in json.dumps(lines), "and no code")
        node = desk.nodes()["recorder", "lab"]
        check(node["state"] == "away" and node["enrolled"] and not node["code_until"], f"enrolled, not here yet: {node}")
        wait_for(lambda: porter.of("porter.listen")[-1] == {"network": True}, 5, "from the first node elsewhere on the port stays open")
        # Five wrong ones close a code; the register is not asked.
        code = desk.code("gateway", "g")
        for _ in range(5):
            porter.refused("est.enroll", {**wrong, "role": "gateway", "name": "g"}, "auth")
        porter.refused("est.enroll", {**wrong, "role": "gateway", "name": "g", "secret": secret_of(code)}, "auth")
        # Beyond twenty a minute refusals are counted, and the log goes on.
        for _ in range(20):
            porter.refused("est.enroll", wrong, "auth")
        check(len(desk.audit("node.enrol_refused")) == 20, f"the log is not for an attacker to fill: {len(desk.audit('node.enrol_refused'))}")
        desk.cli("audit", "verify")


def test_codes_end(folder):
    """A code that was made 20 minutes ago, by what stands in the database."""
    with Desk(folder) as desk:
        code = desk.code("recorder", "lab")
        desk.manager.end()
        db = sqlite3.connect(desk.site.state / "site.sqlite")
        until = db.execute("SELECT code_until_us FROM node WHERE name = 'lab'").fetchone()[0]
        check(abs(until / 1e6 - time.time() - 1200) < 30, "20 minutes")
        db.execute("UPDATE node SET code_until_us = code_until_us - 1200000000 + 1500000 WHERE name = 'lab'")
        db.commit()
        db.close()
        desk.begin()
        porter = desk.porter
        wait_for(lambda: porter.of("porter.listen")[-1:] == [{"network": False}], 10, "the port is closed to others when the code ends")
        porter.refused("est.enroll", {"role": "recorder", "name": "lab", "secret": secret_of(code), "csr": request(desk.new_key())}, "auth")
        # And a new one is as good as ever.
        desk.enroll("recorder", "lab", desk.code("recorder", "lab"))


def test_renewal(folder):
    with Desk(folder) as desk:
        porter = desk.porter
        one, _ = desk.enroll("recorder", "lab", desk.code("recorder", "lab"))
        two, three, four = desk.new_key(), desk.new_key(), desk.new_key()
        check_leaf(desk, desk.renew("recorder", "lab", one, two), two, f"custos://{desk.name}/recorder/lab")
        # That answer was lost: the old key goes on until the new one is shown.
        desk.renew("recorder", "lab", one, three)
        link = desk.peer("recorder", "lab", three)
        wait_for(lambda: desk.nodes()["recorder", "lab"]["state"] == "connected", 5, "it is here")
        ask = {"uri": f"custos://{desk.name}/recorder/lab", "key": key_hash(one), "label": "", "csr": request(four)}
        porter.refused("est.reenroll", ask, "denied", "newer certificate")
        porter.refused("est.reenroll", {**ask, "key": key_hash(two)}, "denied", "newer certificate")
        porter.refused("est.reenroll", {**ask, "key": key_hash(four)}, "denied", "no certificate for it")
        copy = desk.peer("recorder", "lab", one)
        wait_for(lambda: copy.gone, 5, "and an older copy of it is not let in")
        check(not link.gone and "older copy" in desk.audit("peer.refused")[0]["text"], "which is in the log, and the real one goes on")
        for uri in ("custos://other/recorder/lab", f"custos://{desk.name}/recorder/none", f"custos://{desk.name}/recorder", "x"):
            porter.refused("est.reenroll", {**ask, "uri": uri, "key": key_hash(three)}, "denied")
        porter.refused("est.reenroll", {**ask, "uri": f"custos://{desk.name}/gateway/lab", "key": key_hash(three)}, "denied", "no such node")
        # What a recorder seals by.
        seal = desk.new_key()
        pem = desk.renew("recorder", "lab", three, seal, label="seals")
        check_leaf(desk, pem, seal, f"custos://{desk.name}/recorder/lab", issuer="seals")
        desk.renew("recorder", "lab", three, four)  # the seal's certificate changed nothing about the node's
        gateway, _ = desk.enroll("gateway", "g", desk.code("gateway", "g"))
        porter.refused("est.reenroll", {**ask, "uri": f"custos://{desk.name}/gateway/g", "key": key_hash(gateway), "label": "seals"}, "denied",
                       "seals nothing")
        # The manager's own and the first recorder's, which the first start made.
        own = desk.new_key()
        desk.renew("manager", "main", desk.site.state / "node/manager/node.key", own)
        desk.renew("recorder", "main", desk.site.state / "node/recorder/node.key", desk.new_key())
        porter.refused("est.reenroll", {**ask, "uri": f"custos://{desk.name}/manager/main", "key": key_hash(four)}, "denied")
        desk.renew("manager", "main", own, desk.new_key())
        check(len(desk.audit("node.renewed")) == 6 and len(desk.audit("seal.certified")) == 1, "each is in the log")
        link.close()


def late(desk, key, uri, csr, signed=None):
    """The value of Authorization by which a node asks with an old key (docs/spec/link.md section 7)."""
    private = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    spki = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    message = b"custos-late-renewal-1\0" + uri.encode() + b"\0" + base64.b64decode(signed or csr)
    r, s = utils.decode_dss_signature(private.sign(message, ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"Custos-Renewal {uri} {base64.b64encode(spki).decode()} {base64.b64encode(signature).decode()}"


def test_late_renewal(folder):
    """A node whose certificate ran out comes by its key: by that of its newest, and nobody else."""
    with Desk(folder) as desk:
        porter, uri = desk.porter, f"custos://{desk.name}/recorder/lab"
        one, _ = desk.enroll("recorder", "lab", desk.code("recorder", "lab"))
        two, three = desk.new_key(), desk.new_key()
        csr = request(three)

        def asked(key, uri=uri, csr=csr, signed=None):
            return {"authorization": late(desk, key, uri, csr, signed), "csr": csr}
        desk.renew("recorder", "lab", one, two)
        link = desk.peer("recorder", "lab", two)
        wait_for(lambda: desk.nodes()["recorder", "lab"]["state"] == "connected", 5, "it is here, with its second certificate")
        link.close()
        porter.refused("est.renew_late", asked(one), "denied", "not the key of its newest")
        porter.refused("est.renew_late", asked(desk.new_key()), "denied", "not the key of its newest")
        porter.refused("est.renew_late", asked(two, signed=request(one)), "denied", "did not sign")
        other = asked(two, uri=f"custos://{desk.name}/recorder/main")
        porter.refused("est.renew_late", {**other, "authorization": other["authorization"].replace("/main ", "/lab ")}, "denied", "did not sign")
        porter.refused("est.renew_late", other, "denied", "not the key of its newest")
        for wrong in (f"custos://{desk.name}/recorder/nobody", "custos://other/recorder/lab", "x"):
            porter.refused("est.renew_late", asked(two, uri=wrong), "denied")
        for text in ("", "Basic YTpi", "Custos-Renewal", f"Custos-Renewal {uri} AAAA AAAA"):
            porter.refused("est.renew_late", {"authorization": text, "csr": csr}, "invalid")
        pem = porter.ask("est.renew_late", asked(two))["certificates"]
        check_leaf(desk, pem, three, uri)
        check(desk.audit("node.renewed")[-1]["key"] == key_hash(three), "in the log as every renewal")
        # For 90 days behind the end of its certificate, and not once it was revoked.
        four = request(desk.new_key())
        desk.manager.end()
        db = sqlite3.connect(desk.site.state / "site.sqlite")
        db.execute("UPDATE node SET until_us = ? WHERE name = 'lab'", (int((time.time() - 91 * 86400) * 1e6),))
        db.commit()
        db.close()
        desk.begin()
        desk.porter.refused("est.renew_late", asked(three, csr=four), "denied", "more than 90 days")
        desk.cli("node", "revoke", "recorder", "lab", "--reason", "stolen", "--yes")
        for key in (two, three):
            desk.porter.refused("est.renew_late", asked(key, csr=four), "denied", "revoked")


def test_strange_peers(folder):
    """What a porter that was captured may say; and what a peer may not."""
    with Desk(folder) as desk:
        key, _ = desk.enroll("recorder", "lab", desk.code("recorder", "lab"))
        for role, name in (("recorder", "nobody"), ("gateway", "lab"), ("manager", "main")):
            link = desk.peer(role, name, key)
            wait_for(lambda: link.gone, 5, f"{role} {name} is not let in")
        good = desk.peer("recorder", "lab", key)
        wait_for(lambda: good.told("link.revoked"), 5, "this one is")
        second = desk.peer("recorder", "lab", key)
        wait_for(lambda: good.gone and second.told("link.revoked"), 5, "a second link of one node ends the first")
        try:
            second.ask("camera.remove", {"name": "x"})
            raise Failure("a recorder asked like a person")
        except Refused as why:
            check(why.args[0] == "invalid", f"{why.args}")
        for body in ({"uri": f"custos://{desk.name}/recorder/main"}, {"role": "worker"}, {"key": "00"}, {"more": 1}):
            porter = desk.porter
            link = desk.peer("recorder", "lab", key, change=body)
            wait_for(lambda: link.gone and porter.gone, 5, f"nonsense ends the porter's channel: {body}")
            desk.porter = Porter(desk.manager.first)
        check(not second.gone, "the peers that are there stay")


main(globals())
