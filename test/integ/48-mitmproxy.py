#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""mitmproxy on the way between recorder and camera: it reads what a client says that believes every certificate, and hears nothing
of the recorder. Networks of their own.
"""
import shutil
import socket
import ssl
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import CARS, PASSWORD, USER, Site, check, main, skip, wait_for
from leaks import check_no_secret
from namespaces import CAMERA, TLS_PORT, the_network

CONFIG = "[recorder]\nidle_timeout_ms = 1500\nconnect_timeout_ms = 1000\nbackoff_max_ms = 1000\n"


def speak(text):
    """A client that believes every certificate; what it is answered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((CAMERA, TLS_PORT), timeout=10) as s, context.wrap_socket(s, server_hostname=CAMERA) as tls:
        tls.sendall(text.encode())
        tls.settimeout(10)
        return tls.recv(4096).decode()


def test_mitmproxy_hears_nothing(folder):
    net = the_network()
    if not shutil.which("mitmdump"):
        skip("mitmproxy is not installed")
    with Site(folder, config=CONFIG) as site:
        certificate = site.camera_certificate("cam", f"IP:{CAMERA}")
        log = folder / "mitmproxy.log"
        with net.edge("camera", folder, {"cam": CARS}, certificate, port=TLS_PORT) as edge:
            proxy = net.program("evil", log, "mitmdump", "--mode", "transparent", "--listen-port", "8081", "--ssl-insecure",
                                "--set", f"confdir={folder}/mitm", "--set", "tcp_hosts=.*", "--set", "flow_detail=4", "-w", folder / "flows")
            try:
                wait_for(lambda: "listening" in proxy.log() or not proxy.alive(), 30, lambda: f"mitmproxy listens: {proxy.log()}")
                net.rules(f'iifname "evil0" tcp dport {TLS_PORT} redirect to :8081')
                answer = speak(f"OPTIONS rtsps://{CAMERA}/cam RTSP/1.0\r\nCSeq: 1\r\nAuthorization: Digest username=\"credulous\"\r\n\r\n")
                check("RTSP/1.0" in answer, f"the camera answers through it: {answer}")
                wait_for(lambda: "credulous" in proxy.log(), 10, lambda: f"it reads what a credulous client says: {proxy.log()[-2000:]}")
                site.add("cam", f"rtsps://{CAMERA}/cam", edge.user, edge.password_file)
                state = site.wait_refused("cam-main")
                check(state["fault"] in ("unknown-issuer", "bad-signature", "wrong-name"), f"refused: {state}")
                before = net.packets("tls")
                wait_for(lambda: net.packets("tls") > before + 10, 20, "it goes on trying")
                for said in (proxy.log(), (folder / "flows").read_bytes().decode("latin-1") if (folder / "flows").exists() else ""):
                    for word in ("User-Agent: Custos", USER, PASSWORD):
                        check(word not in said, f"mitmproxy heard {word!r}")
                check(not site.segments("cam-main"), "nothing is recorded")
                check(state["protection"] == "open", f"{state}")
                net.rules()
                site.wait_recording("cam-main")
            finally:
                proxy.kill()
        check_no_secret(site)


main(globals())
