# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a process's memory: every page of it, by test/lib/memory_scan.c, which needs what ptrace needs.

    secrets = {"the sealing key": ec_key(path), "a password": text_of("..."), "an hour key": raw(key)}
    found = scan(pid, secrets)          # {"the sealing key": ["[heap]", ...]}, of those that stand there in any form
"""
import base64
import os
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from custos_site import ENV, ROOT, check

BUILD = Path(os.environ.get("CUSTOS_BUILD", ROOT / "build/test"))
PROGRAM = BUILD / "test/integ/memory_scan"


def raw(key):
    """The forms of random bytes: as they are, and as hex."""
    return {"bytes": key, "hex": key.hex().encode()}


def scalar(number):
    """A private key: big endian, as OpenSSL's BIGNUM has it (limbs from the lowest, which is the other way round), and as hex."""
    return {**raw(number), "limbs": number[::-1]}


def ec_key(path):
    """Of a PEM file (PKCS#8, P-256): also that text's second line, which holds 20 of the scalar's 32 bytes."""
    pem = Path(path).read_bytes()
    key = serialization.load_pem_private_key(pem, None).private_numbers().private_value.to_bytes(32, "big")
    return {**scalar(key), "pem": pem.splitlines()[2][:27]}


def text_of(words):
    """A password: as it is, and what HTTP Basic makes of it, wherever it begins in a group of three."""
    forms = {"text": words.encode()}
    for shift in range(3):
        forms[f"base64-{shift}"] = base64.b64encode(b"\0" * shift + words.encode())[4:-4]
    return forms


def scan(pid, secrets):
    """{name of the secret: [form and place, ...]}."""
    names = list(secrets)
    lines = [f"{i}.{form} {value.hex()}" for i, name in enumerate(names) for form, value in secrets[name].items()]
    p = subprocess.run([str(PROGRAM), str(pid)], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False, env=ENV)
    check(p.returncode == 0, f"the memory of process {pid} can be read: {p.stderr}")
    found, looked = {}, 0
    for line in p.stdout.splitlines():
        which, address, what = line.split(" ", 2)
        if which == "looked-at":
            looked = int(address, 16)
            continue
        number, form = which.split(".")
        found.setdefault(names[int(number)], []).append(f"{form} at {address} {what}")
    check(looked > 1 << 20, f"the memory of process {pid} was looked at: {looked} bytes")
    return found, looked
