#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: help, exit codes, JSON, and no secret where others can read it.

Every subcommand that `custos --help` lists is tried; a new one fails here until its help names its exit codes.
"""
import json
import os
import re
import secrets
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, ROOT, Edge, Site, check, custos, main
from vault_bytes import Segment, segment_key

PASSWORD = "of this run: " + secrets.token_hex(12)  # other tests' command lines are none of ours


def commands():
    return re.findall(r"^  custos (\w+) ", custos("--help").stdout, re.M)


def test_help_and_wrong_use(folder):
    found = commands()
    check({"run", "status", "camera", "export", "verify", "vault", "keys", "edge", "settings", "errors", "version"} <= set(found), f"commands: {found}")
    for name in found:
        p = custos(name, "--help")
        check(p.stdout.startswith(("custos " + name, "Usage: custos " + name)) and not p.stderr, f"{name} --help: {p.stdout[:80]!r} {p.stderr!r}")
        codes = re.search(r"Exit(?: codes)?:.*", p.stdout, re.S)
        check(codes and re.search(r"\b0 ", codes[0]) and "64 " in codes[0], f"{name} --help names its exit codes: {p.stdout[-300:]!r}")
        p = custos(name, "--no-such-option", ok=64)
        check(not p.stdout and f"custos {name} --help" in p.stderr, f"{name} --no-such-option points to help: {p.stderr!r}")
    for words in ([], ["nonsense"], ["camera"], ["camera", "add"], ["camera", "nonsense"], ["vault"], ["vault", "nonsense"], ["keys"],
                  ["keys", "show"], ["export"], ["verify"], ["verify", "a", "b"], ["verify", "--trust", "abc", "x"], ["edge"],
                  ["version", "--json", "more"], ["camera", "show"], ["status", "more"]):
        p = custos(*words, ok=64)
        check(p.stderr and not p.stdout, f"{words}: {p.stdout!r} {p.stderr!r}")
    check(custos("--version").stdout == custos("version").stdout, "--version")


def test_errors(folder):
    check(custos("errors", "--markdown").stdout == (ROOT / "docs/errors.md").read_text(),
          "docs/errors.md is not what custos errors --markdown prints: write it anew")
    rows = json.loads(custos("errors", "--json").stdout)
    check(len({r["fault"] for r in rows}) == len(rows) > 15, f"faults have names of their own: {[r['fault'] for r in rows]}")
    for row in rows:
        check(re.fullmatch(r"[a-z][a-z0-9-]+", row["fault"]) and row["text"].endswith(".") and row["remedy"], f"a whole row: {row}")
    for row in (rows[0], rows[-1]):
        check(json.loads(custos("errors", row["fault"], "--json").stdout) == [row], f"custos errors {row['fault']}")
    check(rows[0]["remedy"] in custos("errors").stdout, "custos errors for people")
    custos("errors", "no-such-fault", ok=1)
    custos("errors", "expired", "--markdown", ok=64)


def test_settings(folder):
    check(custos("settings", "--markdown").stdout == (ROOT / "docs/settings.md").read_text(),
          "docs/settings.md is not what custos settings --markdown prints: write it anew")
    example = ROOT / "packaging/custos.conf.example"
    check(custos("settings", "--example").stdout == example.read_text(),
          "packaging/custos.conf.example is not what custos settings --example prints: write it anew")
    custos("settings", "--check", example)
    # Every line of the example may be used as it stands.
    used = folder / "used.conf"
    used.write_text(re.sub(r"^;(\w+ = )", r"\1", example.read_text(), flags=re.M))
    check(used.read_text() != example.read_text(), "the example has settings")
    custos("settings", "--check", used)
    used.write_text("[recorder]\nfragmentms = 500\n")
    p = custos("settings", "--check", used, ok=64)
    check("fragment_ms" in p.stderr and "2" in p.stderr, f"a misspelt setting: {p.stderr}")
    custos("settings", "--check", folder / "not-there", ok=1)


class Watcher(threading.Thread):
    """Reads the command line of every process, again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.ending = set(), False

    def run(self):
        while not self.ending:
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    try:
                        self.seen.add(Path(entry.path, "cmdline").read_bytes())
                    except OSError:
                        pass
            time.sleep(0.005)

    def end(self):
        self.ending = True
        self.join()


def parsed(site, *words, ok=True):
    p = site.cli(*words, "--json", ok=ok)
    try:
        return json.loads(p.stdout)
    except ValueError:
        check(False, f"{words} --json: {p.stdout[:300]!r} {p.stderr[:300]!r}")


def test_json_and_secrets(folder):
    site, watcher = Site(folder, config="[recorder]\nsegment_s = 4\n[log]\nlevel = debug\n"), Watcher()
    watcher.start()
    try:
        check(parsed(site, "status", ok=1)["error"]["text"], "status of what does not run")
        site.start()
        with Edge(folder, {"lobby": CARS}, site.camera_certificate("lobby"), "--burst", password=PASSWORD) as edge:
            use(folder, site, edge)
            site.stop()
            said = site.log() + edge.log()
        watcher.end()
        known = collect_secrets(site)
        state = {p.relative_to(site.state): p.stat().st_mode & 0o777 for p in site.state.rglob("*") if p.is_file()}
    finally:
        watcher.end()
        site.clean()
    check(len(watcher.seen) > 20, f"command lines were seen: {len(watcher.seen)}")
    for name, secret in known.items():
        for text in (secret, secret.replace(" ", ""), secret.encode().hex()):
            check(text.lower() not in said.lower(), f"{name} is in the log")
            check(not any(text.lower().encode() in line.lower() for line in watcher.seen), f"{name} is on a command line")
    for path, mode in state.items():
        if path.suffix in (".key", ".sqlite") or path.name == "recovery-kit.txt":
            check(mode & 0o077 == 0, f"{path} has mode {mode:o}")
    print(f"  {len(known)} secrets, {len(watcher.seen)} command lines, {len(said.splitlines())} log lines: none in any")


def use(folder, site, edge):
    answer = parsed(site, "camera", "add", "lobby", "--url", edge.url("lobby"), "--user", edge.user, "--password-file", edge.password_file)
    check(answer["camera"]["name"] == "lobby" and PASSWORD not in json.dumps(answer), "camera add")
    site.wait_recording("lobby-main")
    check(parsed(site, "camera", "add", "lobby", "--url", edge.url("lobby"), ok=1)["error"]["code"] == "state", "the same name twice")
    check(parsed(site, "camera", "add", "plain", "--url", edge.url("lobby").replace("rtsps", "rtsp"), ok=None)["error"]["text"], "plain rtsp")
    check([c["name"] for c in parsed(site, "camera", "list")] == ["lobby"], "camera list")
    shown = site.cli("camera", "show", "lobby", "--json").stdout + site.cli("camera", "show", "lobby").stdout
    check(PASSWORD not in shown and "rtsps://" in shown, "camera show")
    check(parsed(site, "camera", "show", "nobody", ok=1)["error"]["code"] == "not_found", "camera show of what is not there")
    status = parsed(site, "status")
    check(status["recorder"]["streams"][0]["stream"] == "lobby-main" and PASSWORD not in json.dumps(status), "status")
    check("1 of 1 streams" in site.cli("status").stdout, "status for people")
    time.sleep(4)
    check(parsed(site, "vault", "rebuild", ok=1)["error"]["text"], "vault rebuild while the recorder runs")
    parsed(site, "camera", "remove", "lobby")
    check(parsed(site, "camera", "list") == [], "no camera is left")
    time.sleep(1.5)
    after_recording(folder, site, site.fingerprint())


def after_recording(folder, site, trust):
    listed = parsed(site, "vault", "ls")
    check(listed and listed[0]["stream"] == "lobby-main", f"vault ls: {listed}")
    check(parsed(site, "vault", "check", "--trust", trust)["fragments"] > 0, "vault check")
    shown = parsed(site, "keys", "show", "--camera", "lobby", "--at", listed[0]["from"])
    check(len(shown[0]["key"]) == 32, "keys show")
    check(parsed(site, "keys", "show", "--camera", "lobby", "--at", "2001-01-01T00:00:00Z", ok=1)["error"]["code"] == "not_found", "no such time")
    check(parsed(site, "keys", "recovery-kit")["good"] > 0, "keys recovery-kit")
    clip = folder / "clip.mp4"
    check(parsed(site, "export", "--camera", "lobby", "--last", "60", "--output", clip)["files"][0]["path"] == str(clip), "export")
    check(clip.exists() and clip.stat().st_size > 10000, "the clip was written")
    again = site.cli("export", "--camera", "lobby", "--last", "60", "--output", clip, ok=None)
    check(again.returncode in (1, 64) and "clip.mp4" in again.stderr, f"export does not overwrite: {again.returncode} {again.stderr}")
    check(parsed(site, "export", "--camera", "nobody", "--last", "60", "--output", folder / "x.mp4", ok=1)["error"]["text"], "nothing to export")
    report = json.loads(custos("verify", clip, "--trust", trust, "--json").stdout)
    check(report["verdict"] == "authentic", "verify")
    check("AUTHENTIC" in custos("verify", clip, "--trust", trust).stdout and "CANNOT TELL" in custos("verify", clip, ok=2).stdout, "verify for people")
    check(json.loads(custos("verify", folder / "nothing", "--json", ok=2).stdout)["error"]["text"], "verify of nothing")
    check(json.loads(custos("version", "--json").stdout)["custos"], "version")


def collect_secrets(site):
    known = {"the camera's password": PASSWORD, "the recorder's key": (site.state / "recorder/wrap.key").read_text().strip()}
    kit = (site.state / "recovery-kit.txt").read_text()
    for n, group in enumerate(re.findall(r"^[ \t]*((?:[0-9a-zA-Z]{4,}[- ]){3,}[0-9a-zA-Z]{2,})[ \t]*$", kit, re.M)):
        known[f"line {n} of the recovery kit"] = group
    check(len(known) > 2, f"the recovery kit's secret is understood:\n{kit}")
    for key in (*site.state.glob("site/*.key"), site.state / "recorder/seal.key"):
        known[f"{key.name}"] = key.read_text().splitlines()[1]
    for path in site.segments():
        segment = Segment(path)
        if segment.fragments:
            key = segment_key(site.state / "vault", segment, bytes.fromhex(known["the recorder's key"]))
            known[f"key of {path.name}"] = key.hex()
    return known


if __name__ == "__main__":
    main(globals())
