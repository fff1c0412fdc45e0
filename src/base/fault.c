/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fault.h"

#include <assert.h>

struct fault_words {
        const char *name, *text, *remedy;
};

static const struct fault_words fault_words[FAULTS] = {
        [FAULT_NONE] = { "", "", "" },

        /* connection */
        [FAULT_NAME_NOT_FOUND] = { "name-not-found", "The camera's name has no address.",
                "Check the name and the DNS server, or enter the camera by its address." },
        [FAULT_CONNECTION_REFUSED] = { "connection-refused",
                "The camera is there, but nothing listens at this port.",
                "Check the port (usually 322 for rtsps, 443 for https) and that the service is "
                "switched on in the camera." },
        [FAULT_NO_CONNECTION] = { "no-connection", "No TCP connection can be made to the camera.",
                "Check the camera's address and this machine's network." },
        [FAULT_CONNECTION_TIMEOUT] = { "connection-timeout",
                "The camera did not answer the attempt to connect.",
                "Check address, power and network, and that no firewall drops the port." },

        /* TLS */
        [FAULT_NOT_TLS] = { "not-tls", "The peer answered something that is not TLS.",
                "Switch TLS on in the camera and enter its port for TLS (usually 322 for rtsps, "
                "443 for https)." },
        [FAULT_TLS_VERSION] = { "tls-version", "The peer offers no TLS 1.2 or better.",
                "Update the camera's firmware, or allow TLS 1.2 in its settings." },
        [FAULT_NO_CIPHER] = { "no-cipher",
                "No cipher suite in common: only ECDHE with AES-GCM or ChaCha20-Poly1305 is "
                "accepted.",
                "Allow modern cipher suites in the camera's settings, or update its firmware." },
        [FAULT_SELF_SIGNED] = { "self-signed",
                "The certificate is self-signed: nobody but the peer vouches for it.",
                "Give the camera a certificate of the site's CA, or compare the key's fingerprint "
                "and pin it." },
        [FAULT_UNKNOWN_ISSUER] = { "unknown-issuer",
                "The certificate was issued by a CA that is not trusted here.",
                "Give the camera a certificate of the site's CA, with its issuer's certificate "
                "beside it, or pin its key." },
        [FAULT_EXPIRED] = { "expired", "The certificate, or one that it depends on, has expired.",
                "Renew it; check this machine's clock as well." },
        [FAULT_NOT_YET_VALID] = { "not-yet-valid",
                "The certificate, or one that it depends on, is not valid yet.",
                "Check this machine's clock and the clock of the machine that issued it." },
        [FAULT_WRONG_NAME] = { "wrong-name",
                "The certificate is not for the name or address that was asked for.",
                "Enter the camera by a name that its certificate carries, or issue one with this "
                "name." },
        [FAULT_WRONG_PURPOSE] = { "wrong-purpose",
                "The certificate, or its issuer, was not made for this purpose.",
                "Issue one for TLS servers (extended key usage serverAuth)." },
        [FAULT_WEAK_KEY] = { "weak-key",
                "The key or a signature of the certificate is too weak (below 112 bits).",
                "Make a new key, P-256 or RSA of 2048 bits or more, and a certificate signed with "
                "SHA-256." },
        [FAULT_REVOKED] = { "revoked", "The certificate was revoked.",
                "Find out why; then give the camera a new key and certificate." },
        [FAULT_PIN_MISMATCH] = { "pin-mismatch", "The peer's key is not the one that was pinned.",
                "If the camera was replaced or reset, compare the new fingerprint at the camera "
                "and pin it; else somebody may sit in between." },
        [FAULT_BAD_SIGNATURE] = { "bad-signature",
                "A signature does not verify: of another CA with a trusted name, or of a peer "
                "without the key.",
                "Give the camera a certificate of the site's CA; if it has one, somebody may sit "
                "in between." },
        [FAULT_TLS_PROTOCOL] = { "protocol", "The TLS handshake or a record failed.",
                "Try again; if it stays, update the camera's firmware and report the reason given "
                "here." },

        /* policy */

        /* authentication */

        /* RTSP and HTTP */

        /* description and tracks */

        /* media */
        [FAULT_REPEATED_FOOTAGE] = { "repeated-footage",
                "The camera sends pictures again that it sent before, byte for byte.",
                "Look at the camera: somebody may play old footage in its place. A picture that "
                "is made up (no signal, a test picture) can cause it too." },
        [FAULT_TIME_WENT_BACK] = { "time-went-back",
                "The camera's own clock went back, or stands still while pictures come.",
                "Look at the camera: somebody may play old footage in its place. Set its clock, "
                "and keep it right with NTP, if that was the cause." },
        [FAULT_TOO_MUCH_DATA] = { "too-much-data",
                "The camera sends more than is asked for, or allowed, and was cut off.",
                "Lower the bit rate in the camera, or raise camera_mbit_max in the settings." },
};

const char *fault_name(enum fault f)
{
        assert(f < FAULTS);
        return fault_words[f].name;
}

const char *fault_text(enum fault f)
{
        assert(f < FAULTS);
        return fault_words[f].text;
}

const char *fault_remedy(enum fault f)
{
        assert(f < FAULTS);
        return fault_words[f].remedy;
}

bool fault_is_tls(enum fault f)
{
        return f >= FAULT_NOT_TLS && f <= FAULT_TLS_PROTOCOL;
}
