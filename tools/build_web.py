#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""build_web.py OUTPUT.c DEPFILE: the page (web/) by npm and Vite, and the API's description, as C (src/gateway/api_asset.h).

npm and Vite run only where an input has changed: what they make lies in build/web, under the hash of all that they read, so several build directories
share it. Nothing is fetched but what web/package-lock.json names with its hash.
"""
import fcntl
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB, KEPT = ROOT / "web", ROOT / "build/web"
OPENAPI = ROOT / "docs/spec/openapi.json"
LINE = 24
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
         ".json": "application/json", ".webmanifest": "application/manifest+json", ".png": "image/png"}


def inputs():
    """All that the page is made of, in one order."""
    files = [WEB / n for n in ("package.json", "package-lock.json", ".npmrc", "tsconfig.json", "vite.config.ts", "index.html")]
    files += [p for folder in ("src", "public") for p in (WEB / folder).rglob("*") if p.is_file() and p.name != "api-types.d.ts"]
    return sorted(files) + [OPENAPI, Path(__file__).resolve()]


def npm(*arguments):
    done = subprocess.run(["npm", *arguments], cwd=WEB, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"npm {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")


def install():
    """node_modules as the lock file says; again only where that has changed."""
    stamp = WEB / "node_modules/.custos"
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(wanted)


def built(files):
    name = hashlib.sha256(b"".join(str(p.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(p.read_bytes()).digest() for p in files)).hexdigest()[:24]
    folder = KEPT / name
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            install()
            npm("run", "types")
            npm("run", "check")
            making = KEPT / f".{name}"
            shutil.rmtree(making, ignore_errors=True)
            npm("run", "build", "--", "--outDir", str(making), "--emptyOutDir")
            for old in sorted((p for p in KEPT.iterdir() if p.is_dir() and not p.name.startswith(".")), key=lambda p: p.stat().st_mtime)[:-3]:
                shutil.rmtree(old)
            making.rename(folder)
    return folder


def numbers(data):
    return "{ " + ",\n".join(", ".join(map(str, data[i:i + LINE])) for i in range(0, len(data), LINE)) + " }"


def asset(i, path, kind, data):
    """The C of one file: its bytes, and packed where that is a tenth less."""
    packed = gzip.compress(data, 9, mtime=0)
    text = f"static const unsigned char asset_{i}[] = {numbers(data)};\n"
    zipped = "NULL, 0"
    if len(packed) < len(data) * 0.9:
        text += f"static const unsigned char asset_{i}_gzip[] = {numbers(packed)};\n"
        zipped = f"asset_{i}_gzip, {len(packed)}"
    etag = hashlib.sha256(data).hexdigest()[:32]
    return text, f'        {{ "{path}", "{kind}", asset_{i}, {len(data)}, {zipped}, "\\"{etag}\\"" }},\n'


def main(output, depfile):
    files = inputs()
    folder = built(files)
    found = [("/" + str(p.relative_to(folder)), p) for p in sorted(folder.rglob("*")) if p.is_file()] + [("openapi.json", OPENAPI)]
    made = [asset(i, name, TYPES[path.suffix], path.read_bytes()) for i, (name, path) in enumerate(found)]
    pages = json.loads((WEB / "src/pages.json").read_text())
    text = ['/* Made by tools/build_web.py. */\n#include "gateway/api_asset.h"\n\n', *(c for c, _ in made), "\nconst struct api_asset api_assets[] = {\n",
            *(row for _, row in made), "};\n", f"const unsigned api_assets_n = {len(made)};\n\nconst char *const api_pages[] = {{ ",
            ", ".join(f'"{p}"' for p in pages), ", NULL };\n"]
    Path(output).write_text("".join(text))
    Path(depfile).write_text(f"{output}: " + " ".join(str(p).replace(" ", "\\ ") for p in files) + "\n")


main(*sys.argv[1:])
