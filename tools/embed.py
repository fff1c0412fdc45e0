#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""embed.py OUTPUT.c FILE...: the page's files as C (src/gateway/api_asset.h), each with the SHA-256 of its bytes."""
import hashlib
import sys
from pathlib import Path

LINE = 24


def table(path):
    data = path.read_bytes()
    rows = [", ".join(map(str, data[i:i + LINE])) for i in range(0, len(data), LINE)]
    return data, "{ " + ",\n".join(rows) + " }"


def main(output, *files):
    text = ['/* Made by tools/embed.py. */\n#include "gateway/api_asset.h"\n\n']
    rows = []
    for i, name in enumerate(files):
        path = Path(name)
        data, numbers = table(path)
        text.append(f"static const unsigned char asset_{i}[] = {numbers};\n")
        rows.append(f'        {{ "{path.name}", asset_{i}, {len(data)}, "\\"{hashlib.sha256(data).hexdigest()[:32]}\\"" }},\n')
    text.append("\nconst struct api_asset api_assets[] = {\n" + "".join(rows) + "};\n")
    text.append(f"const unsigned api_assets_n = {len(files)};\n")
    Path(output).write_text("".join(text))


main(*sys.argv[1:])
