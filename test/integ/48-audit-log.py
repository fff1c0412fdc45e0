#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log: every line that was changed, put in or taken out is named, and it goes on over restarts and torn lines."""
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import Site, check, main, password_file


def test_the_audit_log(folder):
    with Site(folder) as site:
        for name in ("one", "two", "three"):
            site.add(name, "rtsps://127.0.0.1:1/x", "operator", password_file(folder))
        site.cli("camera", "remove", "two")
        log = site.state / "audit.log"
        check(os.stat(log).st_mode & 0o777 == 0o600, "for its owner alone")
        check("correct horse" not in log.read_text(), "no password")
        good = log.read_bytes()
        report = json.loads(site.cli("audit", "verify", "--json").stdout)
        check(report["lines"] == 4 and report["broken"] == [], f"whole: {report}")
        check(report["last"] == json.loads(good.splitlines()[-1])["hash"], "the last hash, to be kept elsewhere")
        lines = good.splitlines(keepends=True)

        def judged(content, ok=1):
            log.write_bytes(content)
            return json.loads(site.cli("audit", "verify", "--json", ok=ok).stdout)["broken"]

        broken = judged(b"".join([lines[0], lines[1].replace(b'"two"', b'"owt"'), *lines[2:]]))
        check([b["line"] for b in broken] == [2] and "changed" in broken[0]["why"], f"an edited line is named: {broken}")
        broken = judged(b"".join([lines[0], *lines[2:]]))
        check([b["line"] for b in broken] == [2] and "does not follow" in broken[0]["why"], f"a line taken out: {broken}")
        broken = judged(b"".join(lines[1:]))
        check([b["line"] for b in broken] == [1] and "first" in broken[0]["why"], f"the first taken out: {broken}")
        broken = judged(b"".join([lines[0], lines[0], *lines[1:]]))
        check([b["line"] for b in broken] == [2], f"one put in: {broken}")
        broken = judged(b"".join([lines[1], lines[0], *lines[2:]]))
        check([b["line"] for b in broken] == [1, 2, 3], f"two exchanged: {broken}")
        broken = judged(b"".join([*lines[:3], b"nonsense\n", lines[3]]))
        check([b["line"] for b in broken][0] == 4, f"what is no line: {broken}")
        check(judged(good + b'{"v":1,"n":5') != [], "half a line")
        judged(good, ok=0)
        p = site.cli("audit", "verify")
        check("4 lines, 0 broken" in p.stdout, p.stdout)
        # It goes on over a restart, and over a line that a power cut tore.
        site.stop()
        site.start()
        site.cli("camera", "remove", "one")
        report = json.loads(site.cli("audit", "verify", "--json").stdout)
        check(report["lines"] == 5 and report["broken"] == [], f"goes on: {report}")
        site.stop()
        log.write_bytes(log.read_bytes()[:-40])
        site.start()
        check("audit.broken" in site.log(), "it is said at the start")
        site.cli("camera", "remove", "three")
        broken = json.loads(site.cli("audit", "verify", "--json", ok=1).stdout)["broken"]
        check([b["line"] for b in broken] == [5], f"the torn line, and no other: {broken}")


main(globals())
