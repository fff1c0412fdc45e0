#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/cameras/test on a running site: a camera that is not recorded (yet) is looked at where it would be recorded.
Its steps; a wrong certificate in parts; what is refused as adding it would be; how many at once; the password nowhere.
Its time is check/68-camera-test-long.py."""
import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, PASSWORD, USER, Authority, Edge, Site, check, key_pin, main, self_signed, wait_for
from page import Page
from scripted_camera import ScriptedCamera

TEST = "/api/v1/cameras/test"


class Silent:
    """Takes connections and says nothing."""

    def __enter__(self):
        self.listener, self.taken = socket.create_server(("127.0.0.1", 0)), []
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        while True:
            try:
                self.taken.append(self.listener.accept()[0])
            except OSError:
                return

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for taken in self.taken:
            taken.close()


def look(page, url, **more):
    return page.post(TEST, {"url": url, "user": USER, "password": PASSWORD, **more}).ok(200)


def steps(told):
    return list(dict.fromkeys(s["step"] for s in told["steps"]))


def probers(site):
    return [pid for pid, argv in site.processes().items() if argv[1:2] == ["prober"]]


def nowhere(site, *answers):
    """The password is in no answer, no log, no file but the database (where cameras have theirs)."""
    for answer in answers:
        check(PASSWORD not in json.dumps(answer), "the password is in an answer")
    check(PASSWORD not in site.log(), "the password is in the log")
    for path in site.state.rglob("*"):
        if path.is_file() and "sqlite" not in path.name:
            check(PASSWORD.encode() not in path.read_bytes(), f"the password is in {path}")


def test_steps_and_refusals(folder):
    with Site(folder) as site:
        page = Page(site)
        page.set_up()
        with Edge(folder, {"cam": CARS}, site.camera_certificate("cam")) as edge:
            told = look(page, edge.url("cam"))
            check(told["good"] and told["fault"] == "" and told["protection"] == "encrypted and verified", f"it is good: {told}")
            check(steps(told) == ["connect", "tls", "certificate", "fingerprint", ">", "<", "login", "sdp", "track", "play", "packet", "key frame"],
                  f"step by step: {steps(told)}")
            check(told["width"] == 768 and told["frames"] > 5 and told["kbit_s"] > 20, f"what it measured: {told}")
            check(told["certificate"]["checks"] == {"chain": True, "name": True, "date": True, "key": True}, f"{told['certificate']}")
            check(told["recorder"].endswith("/recorder/main"), f"by whom: {told['recorder']}")
            wrong = look(page, edge.url("cam"), password="not this one")
            check(not wrong["good"] and wrong["fault"] == "wrong-password" and wrong["remedy"], f"a wrong password: {wrong}")
            # What is there already, with what is kept of it; and that it goes on.
            site.add("cam", edge.url("cam"), edge.user, edge.password_file)
            site.wait_recording("cam-main")
            again = page.post(TEST, {"name": "cam"}).ok(200)
            check(again["good"], f"a camera by its name: {again}")
            # Seen with TLS: what adding refuses, testing refuses, and nothing goes out.
            plays = edge.plays("cam")
            why = page.post(TEST, {"url": edge.url("cam").replace("rtsps", "rtsp"), "transport": "plain"}).problem(403, "denied")
            check(why["fault"] == "downgrade", f"not without TLS: {why}")
            check(edge.plays("cam") == plays, "and it was not connected to")
        foreign = Authority.new(folder, "foreign")
        with Edge(folder, {"cam": CARS}, foreign.issue("foreign-leaf")) as edge:
            unknown = look(page, edge.url("cam"))
        seen = unknown["certificate"]
        check(unknown["fault"] == "unknown-issuer" and "CN=foreign" == seen["issuer"] and seen["subject"] == "CN=foreign-leaf", f"{unknown}")
        check(seen["checks"] == {"chain": False, "name": True, "date": True, "key": True}, f"which check failed: {seen}")
        check(">" not in steps(unknown), "no request went out")
        key = site.camera_certificate("elsewhere", san="DNS:elsewhere.test")
        with Edge(folder, {"cam": CARS}, key) as edge:
            name = look(page, edge.url("cam"))
        check(name["fault"] == "wrong-name" and name["certificate"]["names"] == "DNS:elsewhere.test", f"{name}")
        check(name["certificate"]["checks"] == {"chain": True, "name": False, "date": True, "key": True}, f"{name['certificate']}")
        late = site.issuer().issue("late", expired=True)
        with Edge(folder, {"cam": CARS}, late) as edge:
            expired = look(page, edge.url("cam"))
        check(expired["fault"] == "expired" and expired["certificate"]["checks"] == {"chain": True, "name": True, "date": False, "key": True}, f"{expired}")
        own = self_signed(folder, "own", "DNS:other.test")
        with ScriptedCamera(own) as camera:
            alone = look(page, camera.url())
            seen = alone["certificate"]
            check(alone["fault"] == "self-signed" and seen["self_signed"] and seen["key"] == key_pin(own[1]), f"{alone}")
            check(seen["checks"] == {"chain": False, "name": False, "date": True, "key": True}, f"each by itself: {seen}")
            pinned = look(page, camera.url(), pin=key_pin(own[1]))
            check(pinned["good"] and pinned["protection"] == "encrypted, pinned", f"by its key: {pinned}")
        nowhere(site, told, wrong, again, unknown, name, expired, alone, pinned)
        tested = [line for line in (site.state / "audit.log").read_text().splitlines() if '"camera.tested"' in line]
        check(len(tested) == 8 and all("Erika (gateway main)" in line for line in tested), f"each is in the audit log, with who: {len(tested)} {tested[:1]}")
        check([c["name"] for c in page.get("/api/v1/cameras").ok()["items"]] == ["cam"], "nothing is kept")
        wait_for(lambda: not probers(site), 5, "no process is left of it")


def test_addresses(folder):
    with Silent() as here, Site(folder, config="[recorder]\ncamera_networks = 10.0.0.0/8\n") as site:
        page = Page(site)
        page.set_up()
        told = look(page, f"rtsps://127.0.0.1:{here.port}/x")
        check(told["fault"] == "address-not-allowed" and "camera_networks" in told["text"] and not here.taken, f"refused: {told}")
        site.add("same", f"rtsps://127.0.0.1:{here.port}/x")
        added = wait_for(lambda: (lambda s: s if s.get("fault") else None)(site.stream("same-main")), 20, "the added one has a fault")
        check((added["fault"], added["error"]) == (told["fault"], told["text"]), f"as adding it: {added['error']} / {told['text']}")
        for address in ("169.254.169.254", "224.0.0.9", "0.0.0.0", "[::ffff:127.0.0.1]"):
            told = look(page, f"rtsps://{address}:{here.port}/x")
            check(told["fault"] == "address-not-allowed", f"{address}: {told}")
        check(not here.taken, "nothing was connected to")
        # Who may not, and what is none.
        url = f"rtsps://127.0.0.1:{here.port}/x"
        page.add("Victor", "viewer")
        page.other("Victor").post(TEST, {"url": url}).problem(403, "denied")
        page.post(TEST, {}).problem(400, "invalid")
        page.post(TEST, {"url": url.replace("rtsps", "rtsp")}).problem(403, "denied")
        page.post(TEST, {"url": url, "user": "alone"}).problem(400, "invalid")
        page.post(TEST, {"name": "nobody"}).problem(400, "invalid")
        page.post(TEST, {"url": url, "roots": "x"}).problem(400, "invalid")


def test_limits(folder):
    with Silent() as silent, Site(folder) as site:
        page = Page(site)
        page.set_up()
        with ThreadPoolExecutor(3) as pool:
            two = [pool.submit(look, page, f"rtsps://127.0.0.1:{silent.port}/x") for _ in range(2)]
            wait_for(lambda: len(probers(site)) == 2 and len(silent.taken) == 2, 10, "two are under way")
            busy = page.post(TEST, {"url": f"rtsps://127.0.0.1:{silent.port}/x"}).problem(429, "exhausted")
            check(busy["fault"] == "test-busy" and busy["remedy"], f"a third is refused: {busy}")
            status = {pid: dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
                      for pid in probers(site)}
            for of in status.values():
                check(of["Seccomp"].strip() == "2" and int(of["CapPrm"], 16) == 0 and of["NoNewPrivs"].strip() == "1", f"confined: {of}")
            for taken in silent.taken:
                taken.close()
            told = [f.result() for f in two]
        check(all(not t["good"] and t["fault"] for t in told), f"both say why: {told}")
        wait_for(lambda: not probers(site), 5, "and no process of them is left")
        nowhere(site, *told)


if __name__ == "__main__":
    main(globals())
