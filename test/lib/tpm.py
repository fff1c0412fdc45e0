# SPDX-License-Identifier: GPL-3.0-or-later
"""A TPM 2.0 in software (the swtpm program) in a directory of its own, and where tpm2-tss finds it: by a program that carries one command at a
time, so that a confined process needs no socket and several may use it.

    with Tpm(folder / "a") as tpm:
        Site(folder, config=f"[site]\\nkey_store = tpm2\\ntpm = {tpm.tcti}\\n")
"""
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from custos_site import free_port, skip, wait_for

CARRIER = """
import socket, struct, sys
def whole(read):
    head = read(10)
    if len(head) < 10: sys.exit(0)
    return head + read(struct.unpack(">I", head[2:6])[0] - 10)
while True:
    command = whole(sys.stdin.buffer.read)
    with socket.create_connection(("127.0.0.1", PORT)) as s:
        s.sendall(command)
        sys.stdout.buffer.write(whole(s.makefile("rb").read)); sys.stdout.buffer.flush()
"""


class Tpm:
    def __init__(self, folder):
        if not shutil.which("swtpm"):
            skip("swtpm, a TPM in software, is not installed (apt install swtpm)")
        if not list(Path("/usr/lib").glob("*/ossl-modules/tpm2.so")):
            skip("the provider tpm2 is not installed (apt install tpm2-openssl)")
        self.folder, self.port, self.process = Path(folder), free_port(), None
        self.folder.mkdir(exist_ok=True)
        (self.folder / "carrier.py").write_text(CARRIER.replace("PORT", str(self.port)))
        self.tcti = f"cmd:exec {sys.executable} {self.folder / 'carrier.py'}"

    def __enter__(self):
        self.process = subprocess.Popen(["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}", "--server",
                                         f"type=tcp,port={self.port},bindaddr=127.0.0.1", "--flags", "not-need-init,startup-clear"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.listens, 10, "swtpm listens")
        return self

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
