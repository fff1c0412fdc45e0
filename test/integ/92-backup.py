#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup and restore: the machine is lost, and the site goes on elsewhere from one file and the recovery kit (T-KEYLOSS)."""
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, PASSWORD, Edge, Site, check, custos, main, run, verify
from vault_bytes import Segment

CONFIG = "[recorder]\nsegment_s = 4\nfragment_ms = 500\n"
HEADER_BYTES = 8 + 4 + 8 + 32 + 113
CHUNK_BYTES = 65536 + 16


def elsewhere():
    """A state directory that is not there yet; short, as a Unix socket's path has to be."""
    path = Path(tempfile.mkdtemp(prefix="cst-"))
    path.rmdir()
    return path


def check_holds_nothing_plain(backup, site):
    """The file tells nothing; that the sentinels are there to be seen is shown by the files themselves."""
    content = backup.read_bytes()
    plain = {"a password": (PASSWORD.encode(), b"".join(p.read_bytes() for p in site.state.glob("site.sqlite*"))),
             "PEM": (b"-----BEGIN", (site.state / "site/nodes.key").read_bytes()),
             "the schema": (b"CREATE TABLE", b"".join(p.read_bytes() for p in site.state.glob("site.sqlite*"))),
             "the audit log": (b'"event"', (site.state / "audit.log").read_bytes())}
    for what, (sentinel, source) in plain.items():
        check(sentinel in source, f"{what} is what it is looked for by")
        check(sentinel not in content, f"{what} stands in the backup")
    check(backup.stat().st_mode & 0o777 == 0o600, "it is for its owner alone")


def check_refusals(folder, backup, kit, other_kit):
    whole = bytearray(backup.read_bytes())
    check(len(whole) > HEADER_BYTES + 2 * CHUNK_BYTES, f"several chunks: {len(whole)}")

    def flipped(at):
        content = bytearray(whole)
        content[at] ^= 1
        return content

    cases = [("another kit", whole, other_kit, 1, "another"),
             ("a byte of a chunk", flipped(HEADER_BYTES + 1000), kit, 1, "bytes of the backup were changed"),
             ("a byte of the time in the header", flipped(15), kit, 1, "header was changed"),
             ("a byte of the wrap", flipped(HEADER_BYTES - 1), kit, 1, "header was changed"),
             ("a byte at the end", flipped(len(whole) - 1), kit, 1, "cut off, or bytes at its end"),
             ("cut within a chunk", whole[:-5], kit, 1, "cut off"),
             ("cut between two chunks", whole[:HEADER_BYTES + CHUNK_BYTES], kit, 1, "cut off"),
             ("cut within the header", whole[:100], kit, 1, "cut off"),
             ("two chunks exchanged", whole[:HEADER_BYTES] + whole[HEADER_BYTES + CHUNK_BYTES:HEADER_BYTES + 2 * CHUNK_BYTES] +
              whole[HEADER_BYTES:HEADER_BYTES + CHUNK_BYTES] + whole[HEADER_BYTES + 2 * CHUNK_BYTES:], kit, 1, "changed"),
             ("an older version", whole[:11] + b"\0" + whole[12:], kit, 1, "of version 0, and this program reads version 1"),
             ("no backup", b"x" * 5000, kit, 64, "not a backup")]
    state = elsewhere()
    for what, content, by, code, text in cases:
        path = folder / "bad.backup"
        path.write_bytes(content)
        p = custos("restore", path, "--recovery-kit", by, "--state", state, ok=code)
        check(text in p.stderr, f"{what}: {p.stderr}")
        check(not state.exists(), f"{what}: nothing is written")
    state.mkdir()
    (state / "precious").write_text("x")
    p = custos("restore", backup, "--recovery-kit", kit, "--state", state, ok=1)
    check("not empty" in p.stderr and [f.name for f in state.iterdir()] == ["precious"], f"a directory that is not empty: {p.stderr}")
    shutil.rmtree(state)


def files_of(state, *names):
    return {name: (state / name).read_bytes() for name in names}


NEW = ("recorder/seal.key", "recorder/seal.pem", "recorder/wrap.key", "node/manager/node.key", "node/recorder/node.key")
KEPT = ("site/root.crt", "site/root.key", "site/seals.key", "recorder/recovery.pub")


def test_a_machine_is_lost(folder):
    kit, other_kit, backup = folder / "kit.txt", folder / "other-kit.txt", folder / "site.backup"
    old = Site(folder, "--recovery-kit", kit, config=CONFIG)
    try:
        with tempfile.TemporaryDirectory(prefix="cst-") as other:
            run(old.program, "run", "--init", "--state", Path(other) / "s", "--recovery-kit", other_kit)
        old.start()
        with Edge(folder, {"cam": CARS}, old.camera_certificate("cam"), "--burst") as edge:
            old.add("cam", edge.url("cam"), edge.user, edge.password_file)
            old.wait_recording("cam-main")
            time.sleep(2)
            settings = folder / "custos.conf"
            settings.write_text(Path(old.options[old.options.index("--config") + 1]).read_text() + "# several chunks\n" * 9000)
            made = json.loads(old.cli("backup", backup, "--config", settings, "--json").stdout)
            check(made["audited"] and made["fingerprint"] == old.fingerprint(), f"what was made: {made}")
            p = old.cli("backup", backup, ok=1)
            check("there already" in p.stderr, p.stderr)
            check_holds_nothing_plain(backup, old)
            # It was started again since: its volume has drawn another session.
            old.stop()
            old.start()
            old.wait_recording("cam-main")
            time.sleep(2)
            fingerprint = old.fingerprint()
            old.stop()
            check_refusals(folder, backup, kit, other_kit)
            new = Site(folder, config=CONFIG, state=elsewhere())
            try:
                lost = files_of(old.state, *NEW, *KEPT)
                p = custos("restore", backup, "--recovery-kit", kit, "--state", new.state)
                check(fingerprint in p.stdout, p.stdout)
                check(not any((new.state / name).exists() for name in NEW), "no private key of the old machine came along")
                check((new.state / "settings.conf").read_text() == settings.read_text(), "the settings did")
                shutil.move(old.state / "vault", new.state / "vault")
                old.clean()
                check_goes_on(folder, new, edge, kit, fingerprint, lost)
            finally:
                new.clean()
    finally:
        old.clean()


def check_goes_on(folder, site, edge, kit, fingerprint, lost):
    site.start()
    check(site.fingerprint() == fingerprint, "the same site")
    site.wait_recording("cam-main")
    time.sleep(3)
    check(not (site.state / "recovery-kit.txt").exists(), "and no new recovery kit")
    now = files_of(site.state, *NEW, *KEPT)
    for name in NEW:
        check(now[name] != lost[name], f"{name} is a new one")
    for name in KEPT:
        check(now[name] == lost[name], f"{name} is the old one")
    issued = json.loads(site.cli("certificate", "list", "--json").stdout)
    for role in ("manager/main", "recorder/main"):
        of = sorted((c["from"], bool(c["revoked"])) for c in issued if c["subject"] == role and c["issuer"] == "nodes")
        check([r for _, r in of] == [True, False], f"{role}: the old certificate is revoked, the new one is not: {of}")
    seals = sorted((c["from"], bool(c["revoked"])) for c in issued if c["subject"].startswith("recorder/") and c["issuer"] == "seals")
    check([r for _, r in seals] == [True, False], f"seals: {seals}")
    register = json.loads((site.state / "site/issued.json").read_text())
    check("X509 CRL" in register["lists"]["nodes"]["crl"], "and stand on the list that nodes hear of")
    site.stop()
    lines = json.loads(site.cli("audit", "show", "--json").stdout)
    names = [line["event"] for line in lines]
    check("site.backup" in names and "site.restored" in names, f"in the audit log: {names}")
    site.cli("audit", "verify")
    # One chain: what the old machine sealed in two runs, and behind it what this one does.
    seals = [f.seal for segment in map(Segment, site.segments("cam-main")) for f in segment.fragments]
    ends = {(s.epoch, s.sequence) for s in seals}
    first = {s.epoch: s for s in seals if s.sequence == min(o.sequence for o in seals if o.epoch == s.epoch)}
    behind = [s for s in first.values() if (s.previous_epoch, s.previous_sequence) in ends]
    last = {epoch: max(s.sequence for s in seals if s.epoch == epoch) for epoch in first}
    check(len(first) == 3 and len(behind) == 2, f"three epochs, two of them behind another: {[s[2:6] for s in first.values()]}")
    check(all(s.previous_sequence == last[s.previous_epoch] for s in behind), "each behind the end of the one before")
    code, report = verify(site.state / "vault", fingerprint)
    check(code == 0 and report["verdict"] == "authentic", f"old and new footage: {json.dumps(report)[:2000]}")
    # With this machine's own key the new footage opens, with the kit all of it.
    report = json.loads(site.cli("vault", "check", "--trust", fingerprint, "--recovery-kit", kit, "--json").stdout)
    check(report["decrypted_fragments"] == report["fragments"] == len(seals) and not report["faults"], json.dumps(report)[:800])
    path = folder / "all.mp4"
    p = site.cli("export", "--camera", "cam", "--last", "3600", "--output", folder / "own.mp4", ok=1)
    check("wrap" in p.stderr or "recipient" in p.stderr, p.stderr)
    site.cli("export", "--camera", "cam", "--last", "3600", "--recovery-kit", kit, "--output", path)
    code, report = verify(path, fingerprint)
    check(code == 0 and report["verdict"] == "authentic", f"the export of all of it: {json.dumps(report)[:1500]}")
    run("ffmpeg", "-v", "error", "-i", path, "-f", "null", "-")
    # Wrapped anew, this machine's key opens all of it; the kit still does.
    done = json.loads(site.cli("keys", "rewrap", "--recovery-kit", kit, "--json").stdout)
    check(done["rewrapped"] > 0 and not done["first_bad"], f"hour keys wrapped anew: {done}")
    site.cli("export", "--camera", "cam", "--last", "3600", "--output", folder / "own.mp4")
    check(verify(folder / "own.mp4", fingerprint)[0] == 0, "and it is authentic")
    site.cli("keys", "recovery-kit", "--check", kit)
    again = json.loads(site.cli("keys", "rewrap", "--recovery-kit", kit, "--json").stdout)
    check(again["rewrapped"] == 0 and again["key_files"] == done["key_files"], f"nothing is left to do: {again}")


main(globals())
