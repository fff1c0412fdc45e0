#!/usr/bin/python3
"""Replays the malformed inputs of the fixtures through every fuzz target that reads their kind, under the build's sanitizers.

    replay_malformed.py BUILD      (a build without -Dfuzz=true)

Exit 77: the fixtures are not there.
"""
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = Path(os.environ.get("CUSTOS_FIXTURES", ROOT.parent / "shared/fixtures")) / "malformed"

# What a folder's files are, by its name's beginning: the targets that they go through. Where a target has an envelope of its own
# (a length before each packet), the bytes are taken as they are; that is an input like any other. The longest name counts.
TARGETS = {
    "fuzz-gortsplib/auth": ["digest", "rtsp", "rtsp_dialog"],
    "fuzz-gortsplib/base": ["rtsp", "rtsp_dialog", "tunnel", "tunnel_server", "multipart"],
    "fuzz-gortsplib/description": ["sdp"],
    "fuzz-gortsplib/headers": ["digest", "rtsp", "rtsp_dialog", "mikey", "sdp_crypto"],
    "fuzz-gortsplib/sdp": ["sdp", "sdp_crypto"],
    "fuzz-gortsplib/format-rtph264": ["depay_h264", "rtp"],
    "fuzz-gortsplib/format-rtph265": ["depay_h265", "rtp"],
    "fuzz-gortsplib/format-rtpmjpeg": ["depay_jpeg", "rtp"],
    "fuzz-gortsplib/format-rtpmpeg4audio": ["depay_aac", "rtp"],
    "fuzz-gortsplib/format-": ["rtp", "rtp_reorder", "rtcp", "depay_h264", "depay_h265", "depay_aac", "depay_audio",
                               "depay_metadata", "depay_jpeg"],
    "fuzz-mediacommon/codecs-h264": ["sps_h264", "depay_h264", "stamp"],
    "fuzz-mediacommon/codecs-h265": ["sps_h265", "depay_h265", "stamp"],
    "fuzz-mediacommon/codecs-jpeg": ["jpeg", "depay_jpeg"],
    "fuzz-mediacommon/codecs-mpeg4audio": ["aac_config", "depay_aac"],
    "fuzz-mediacommon/codecs-opus": ["depay_audio", "aac_config"],
    "fuzz-mediacommon/formats": ["box", "fmp4_header", "fmp4_moof", "segment", "head", "seal", "evidence", "verify_segment", "verify_export"],
    "h264-openh264": ["sps_h264", "depay_h264", "stamp"],
    "mp4-mp4ff": ["box", "fmp4_header", "fmp4_moof", "segment", "head", "evidence", "verify_segment", "verify_export", "sps_h264", "sps_h265",
                  "depay_h264", "depay_h265"],
    "pcap": ["rtp", "rtp_reorder", "rtcp", "rtsp", "rtsp_dialog", "tunnel", "tunnel_server", "multipart", "sdp"],
    "x509": ["x509", "x509_csr", "x509_pkcs7", "tls_verify", "tls_client"],
    "json": ["link", "tls_memory", "key_store", "issued"],
    "xml": ["depay_metadata", "sdp", "config"],  # nothing reads XML yet; none of these may mind it
}


def seeds():
    """Target: the folders that it is given. Empty without the fixtures."""
    folders = {}
    for folder in sorted(p for p in FOLDER.rglob("*") if p.is_dir() and any(f.is_file() for f in p.iterdir())):
        name = folder.relative_to(FOLDER).as_posix()
        keys = [k for k in TARGETS if name.startswith(k)]
        if not keys:
            sys.exit(f"no target is named for {name}: add it to TARGETS")
        for target in TARGETS[max(keys, key=len)]:
            folders.setdefault(target, []).append(folder)
    return folders


def main():
    if not FOLDER.is_dir():
        print(f"skipped: {FOLDER} is not there")
        return 77
    failed = []
    for target, folders in sorted(seeds().items()):
        program = Path(sys.argv[1]) / "test/fuzz" / f"fuzz_{target}"
        if not program.exists():
            failed.append(f"{target} is not built")
            continue
        files = [str(f) for folder in folders for f in sorted(folder.iterdir()) if f.is_file()]
        p = subprocess.run([program, *files], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        print(f"{target}: {p.stdout.strip()}")
        if p.returncode:
            failed.append(target)
            for f in files:
                if subprocess.run([program, f], stdin=subprocess.DEVNULL, capture_output=True).returncode:
                    print(f"  {program} {f}")
            print(p.stderr[-3000:])
    print(f"with a finding: {', '.join(failed) or '-'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
