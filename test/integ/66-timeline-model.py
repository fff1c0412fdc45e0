#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page's timeline and player compute (web/src/timeline/model.ts, web/src/media/pieces.ts, fragment.ts), by Node without a browser, in a zone
with daylight saving."""
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from custos_site import ENV, ROOT, check, main, run, skip
import subprocess

WEB = ROOT / "web"


def test_model(folder):
    if not shutil.which("node") or not (WEB / "node_modules/typescript").is_dir():
        skip("Node or web/node_modules is not there (make build installs them)")
    run(WEB / "node_modules/.bin/tsc", "-p", WEB / "tsconfig.pure.json", "--outDir", folder / "js", timeout=120)
    (folder / "js/package.json").write_text('{"type": "module"}')
    p = subprocess.run(["node", WEB / "test/timeline_model.mjs", folder / "js"], env=dict(ENV, TZ="Europe/Berlin"), capture_output=True, text=True, timeout=60)
    check(p.returncode == 0, f"{p.stderr[-3000:]}")
    print(f"  {p.stdout.strip()}")


if __name__ == "__main__":
    main(globals())
