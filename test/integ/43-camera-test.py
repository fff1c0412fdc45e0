#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""custos camera test: the steps that it tells, what it must never show, and that what a camera sends is read by a process
without any power. That each fault is told as the table says is 44-faults.py."""
import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import (CARS, CUSTOS, ENV, PASSWORD, USER, Authority, Edge, Site, check, custos, key_pin, main,  # noqa: E402
                         password_file, self_signed, wait_for)
from scripted_camera import ScriptedCamera, Session, sdp  # noqa: E402

BASIC = 'WWW-Authenticate: Basic realm="x"'


def look(folder, url, *options, ok=True):
    return custos("camera", "test", url, "--state", folder / "none", "--seconds", "2", *options, ok=ok)


def test_steps(folder):
    ca = Authority.new(folder, "ca")
    with ScriptedCamera(ca.issue("camera"), auth=True) as camera:
        p = look(folder, camera.url(), "--roots", ca.cert, "--user", USER, "--password-file", password_file(folder))
        told = json.loads(look(folder, camera.url(), "--roots", ca.cert, "--user", USER, "--password-file", password_file(folder),
                               "--json").stdout)
        answers = [r.authorization for r in camera.requests if r.authorization]
    names = list(dict.fromkeys(s["step"] for s in told["steps"]))
    check(names == ["name", "connect", "tls", "certificate", "fingerprint", ">", "<", "login", "sdp", "track", "play", "packet",
                    "key frame"], f"the steps in their order: {names}")
    for text in ("TLS 1.3", "verified: CN=camera for IP Address:127.0.0.1", "DESCRIBE rtsps://", "401 Unauthorized",
                 "Digest SHA-256 is the strongest", "h264, 768 x 432", "good: it can be recorded (tls)", "custos camera add NAME"):
        check(text in p.stdout, f"\"{text}\" in what is shown:\n{p.stdout}")
    check(told["good"] and told["protection"] == "tls" and (told["width"], told["height"]) == (768, 432), f"what was found: {told}")
    check(abs(told["fps"] - 25) < 0.5 and told["kbit_s"] > 20 and told["lost_packets"] == 0, f"what was measured: {told}")
    check(told["clock_offset_ms"] is not None and abs(told["clock_offset_ms"]) < 1000, f"the camera's clock: {told['clock_offset_ms']}")
    check(len(answers) >= 6, "answers to challenges went out")
    hide(p.stdout + p.stderr + json.dumps(told), answers)


def hide(shown, answers):
    """Neither the password nor anything that was made of it."""
    both = f"{USER}:{PASSWORD}"
    secrets = [PASSWORD, base64.b64encode(both.encode()).decode(), base64.b64encode(PASSWORD.encode()).decode(), PASSWORD.encode().hex()]
    for answer in answers:
        secrets += re.findall(r'response="([^"]+)"|cnonce="([^"]+)"|Basic (\S+)', answer)
    flat = [s for group in secrets for s in (group if isinstance(group, tuple) else (group,)) if s]
    check(len(flat) > 5, f"secrets are known: {len(flat)}")
    for secret in flat:
        check(secret not in shown, "a secret is shown")


def test_secrets(folder):
    ca = Authority.new(folder, "ca")
    # Basic, and keys of SRTP in the description; a camera that says the password back.
    keys = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    description = sdp(extra=f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 {keys}\r\na=key-mgmt:mikey AQAFAHojKV4BAACV\r\n")

    def describe(session, request):
        if not request.authorization:
            return session.answer(request, "401 Unauthorized", [BASIC])
        return session.answer(request, headers=["Content-Type: application/sdp"], body=description)
    with ScriptedCamera(ca.issue("camera"), {"DESCRIBE": describe}) as camera:
        p = look(folder, camera.url(), "--roots", ca.cert, "--user", USER, "--password-file", password_file(folder))
        answers = [r.authorization for r in camera.requests if r.authorization]
    check(answers and answers[0].startswith("Basic "), f"Basic was answered in verified TLS: {answers[:1]}")
    check("a=crypto:(withheld)" in p.stdout and "a=key-mgmt:(withheld)" in p.stdout, f"keys are withheld:\n{p.stdout}")
    check(keys not in p.stdout and "AQAFAHojKV4BAACV" not in p.stdout, "keys of SRTP are shown")
    hide(p.stdout + p.stderr, answers + [f'response="{keys}" cnonce="xx-not-there" Basic yy-not-there'] * 2)
    p = look(folder, f"rtsps://{USER}:geheim-im-url@127.0.0.1/x", ok=64)
    check("give them apart" in p.stderr and "geheim" not in p.stdout + p.stderr, f"a password in the URL: {p.stderr}")


def test_terminal(folder):
    """Nothing that a camera says reaches the terminal but as printable ASCII."""
    ca = Authority.new(folder, "ca")
    script = {"OPTIONS": lambda s, r: s.answer(r, "200 O\x9b2JK", ["Server: \x1b]0;owned\x07\x9b31m"])}
    with ScriptedCamera(ca.issue("camera"), script, description=sdp(extra="s=\x1b[31mred\x07\r\n")) as camera:
        p = subprocess.run([CUSTOS, "camera", "test", camera.url(), "--roots", ca.cert, "--seconds", "1", "--state", folder / "none"],
                           capture_output=True, timeout=60, env=ENV)
    check(p.returncode == 0 and b"Server:" in p.stdout, f"it was a good look: {p.stdout} {p.stderr}")
    check(not re.search(rb"[^\n\x20-\x7e]", p.stdout), f"unprintable bytes were shown: {p.stdout!r}")


def test_confined(folder):
    """The half that reads the camera's bytes runs under seccomp, without capabilities and without the terminal."""
    ca = Authority.new(folder, "ca")
    with ScriptedCamera(ca.issue("camera")) as camera:
        with subprocess.Popen([CUSTOS, "camera", "test", camera.url(), "--roots", ca.cert, "--seconds", "3", "--state", folder / "none"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV) as p:
            children = Path(f"/proc/{p.pid}/task/{p.pid}/children")
            wait_for(lambda: "PLAY" in camera.methods(), 20, "the camera plays")
            child = Path(f"/proc/{children.read_text().split()[0]}")
            # Not dumpable: what it has open is shown to root alone.
            open_files = [os.readlink(fd) for fd in (child / "fd").iterdir()] if os.geteuid() == 0 else []
            status = dict(line.split(":\t", 1) for line in (child / "status").read_text().splitlines() if ":\t" in line)
            out, err = p.communicate(timeout=30)
    check(p.returncode == 0, f"the look went on: {out}{err}")
    check(status["Seccomp"].strip() == "2" and status["NoNewPrivs"].strip() == "1", f"under seccomp: {status}")
    check(int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, f"without capabilities: {status}")
    others = [f for f in open_files if not re.match(r"(socket|anon_inode|pipe):|/dev/null$", f)]
    check(not others, f"it holds a file or the terminal: {others}")
    check("connect" in out and "verdict" in out, out)


def test_datagrams(folder):
    """Media in UDP beside the connection: the sockets come from the half that has the power to make them."""
    def set_up(session, request):
        session.port = int(re.search(r"client_port=(\d+)", request.headers["transport"])[1])
        session.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        session.udp.bind(("127.0.0.1", 0))
        own = session.udp.getsockname()[1]
        session.answer(request, headers=["Session: 1", f"Transport: RTP/AVP;unicast;client_port={session.port}-{session.port + 1};"
                                                       f"server_port={own}-{own + 1}"])

    def media(session):
        session.frame = lambda channel, data: session.udp.sendto(data, ("127.0.0.1", session.port + channel))
        Session.play(session, reports=False)
    with ScriptedCamera(None, {"SETUP": set_up, "media": media}) as camera:
        told = json.loads(look(folder, camera.url(), "--transport", "plain", "--carrier", "udp", "--json").stdout)
    check(told["good"] and told["packets"] > 20 and told["protection"] == "plain", f"by UDP: {told['text']} {told['packets']}")


def test_of_the_site(folder):
    """Without --roots the running system's are taken; a pin and plain say what the wire really carries."""
    with Site(folder) as site:
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as edge:
            told = json.loads(site.cli("camera", "test", edge.url("cam"), "--user", edge.user, "--password-file", edge.password_file,
                                       "--seconds", "2", "--json").stdout)
            check(told["good"] and told["protection"] == "tls", f"by the site's roots: {told['text']}")
    certificate = self_signed(folder, "own")
    with ScriptedCamera(certificate) as camera:
        told = json.loads(look(folder, camera.url(), "--json", ok=1).stdout)
        check(told["fault"] == "self-signed" and key_pin(certificate[1]) in told["add"], f"a key to compare and pin: {told}")
        told = json.loads(look(folder, camera.url(), "--pin", key_pin(certificate[1]), "--json").stdout)
        check(told["good"] and told["protection"] == "tls-pinned", f"pinned: {told['text']}")
    with ScriptedCamera(None) as camera:
        p = look(folder, camera.url(), "--transport", "plain")
        check("none: whoever is in between" in p.stdout and "recorded (plain)" in p.stdout, f"plain says so:\n{p.stdout}")


if __name__ == "__main__":
    main(globals())
