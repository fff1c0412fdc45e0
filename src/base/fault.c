/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fault.h"

#include <assert.h>
#include <string.h>

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
        [FAULT_ADDRESS_NOT_ALLOWED] = { "address-not-allowed",
                "The address is none that a camera may have here.",
                "Check the camera's address and what its name resolves to; camera_networks in the "
                "settings says which networks are allowed." },
        [FAULT_NO_UDP_PORTS] = { "no-udp-ports", "No pair of UDP ports is free for the camera.",
                "Widen udp_port_first to udp_port_last in the settings, or use another carrier." },
        [FAULT_CONNECTOR_GONE] = { "connector-gone",
                "The process that makes the connections to cameras is away.",
                "None is needed: it is started again and the camera is tried again. If it stays, "
                "its log says why it ends." },

        [FAULT_TEST_BUSY] = { "test-busy",
                "As many cameras are being tested as the recorder takes.",
                "Try again in a few seconds. Recording is not concerned." },
        [FAULT_TEST_TIMEOUT] = { "test-timeout",
                "The camera did not come to a picture in the time that a test has.",
                "Look at the last step: where it stands, the camera is slow or silent. Check its "
                "load and its network, then test again." },

        /* TLS */
        [FAULT_NOT_TLS] = { "not-tls", "The peer answered something that is not TLS.",
                "Switch TLS on in the camera and enter its port for TLS (usually 322 for rtsps, "
                "443 for https)." },
        [FAULT_TLS_VERSION] = { "tls-version",
                "The peer offers no TLS 1.2 or better (between nodes: no TLS 1.3).",
                "Update the camera's firmware, or allow TLS 1.2 in its settings." },
        [FAULT_NO_CIPHER] = { "no-cipher",
                "No cipher suite in common: only ECDHE with AES-GCM or ChaCha20-Poly1305 is "
                "accepted.",
                "Allow modern cipher suites in the camera's settings, or update its firmware." },
        [FAULT_SELF_SIGNED] = { "self-signed",
                "The certificate is self-signed: nobody but the peer vouches for it.",
                "Give the camera a certificate of the site's CA, or compare the key's fingerprint "
                "and pin it; enrol a node again." },
        [FAULT_UNKNOWN_ISSUER] = { "unknown-issuer",
                "The certificate was issued by a CA that is not trusted here.",
                "Give the camera a certificate of the site's CA, with its issuer's certificate "
                "beside it, or pin its key; enrol a node again." },
        [FAULT_EXPIRED] = { "expired", "The certificate, or one that it depends on, has expired.",
                "Renew it; check this machine's clock as well." },
        [FAULT_NOT_YET_VALID] = { "not-yet-valid",
                "The certificate, or one that it depends on, is not valid yet.",
                "Check this machine's clock and the clock of the machine that issued it." },
        [FAULT_WRONG_NAME] = { "wrong-name",
                "The certificate is not for the name or address that was asked for.",
                "Enter the camera by a name that its certificate carries, or issue one with this "
                "name; of a node, check its address." },
        [FAULT_WRONG_ROLE] = { "wrong-role",
                "The certificate is of this site, and of a role that may not speak here.",
                "Check that address and port are those of the wanted node; if they are, find out "
                "who uses that node's key." },
        [FAULT_WRONG_PURPOSE] = { "wrong-purpose",
                "The certificate, or its issuer, was not made for this purpose.",
                "Issue one for TLS servers (extended key usage serverAuth); enrol a node again." },
        [FAULT_WEAK_KEY] = { "weak-key",
                "The key or a signature of the certificate is too weak (below 112 bits).",
                "Make a new key, P-256 or RSA of 2048 bits or more, and a certificate signed with "
                "SHA-256." },
        [FAULT_REVOKED] = { "revoked", "The certificate was revoked.",
                "Find out why; then give the camera a new key and certificate, or enrol the node "
                "again." },
        [FAULT_PIN_MISMATCH] = { "pin-mismatch", "The peer's key is not the one that was pinned.",
                "If the camera was replaced or reset, compare the new fingerprint at the camera "
                "and pin it; else somebody may sit in between." },
        [FAULT_BAD_SIGNATURE] = { "bad-signature",
                "A signature does not verify: of another CA with a trusted name, or of a peer "
                "without the key.",
                "Give the camera a certificate of the site's CA; if it has one, somebody may sit "
                "in between." },
        [FAULT_MALFORMED_CERTIFICATE] = { "malformed-certificate",
                "The certificate, or one that it depends on, is not to the rules of RFC 5280.",
                "Give the camera a certificate of the site's CA, or compare the key's fingerprint "
                "and pin it." },
        [FAULT_CERTIFICATE_REFUSED] = { "certificate-refused",
                "The other side does not take this side's certificate.",
                "Its log says why (revoked, expired, another role): enrol this node again. Of a "
                "camera: switch off that it asks for certificates." },
        [FAULT_TLS_PROTOCOL] = { "protocol", "The TLS handshake or a record failed.",
                "Try again; if it stays, update the camera's firmware and report the reason given "
                "here." },

        /* policy */
        [FAULT_WRONG_SCHEME] = { "wrong-scheme",
                "The URL's scheme does not fit the transport or the carrier that is set.",
                "Use rtsps:// (https:// for tunnel, MJPEG and snapshots); rtsp:// and http:// only "
                "with the exception `plain`." },
        [FAULT_REDIRECT] = { "redirect", "The camera sends to another address; that is refused.",
                "If the new address is the camera's right one, set it as its URL." },
        [FAULT_OTHER_PLACE] = { "other-place",
                "The camera names another host or port for its media; that is refused.",
                "If that is the camera's right address, set it as its URL; else correct the "
                "network settings in the camera." },
        [FAULT_MEDIA_OUTSIDE_TLS] = { "media-outside-tls",
                "The camera would send pictures or sound outside of the encrypted connection.",
                "Set the carrier to interleaved or tunnel, or switch SRTP on in the camera." },
        [FAULT_TUNNEL_KEYS] = { "tunnel-keys",
                "The two connections of the tunnel lead to peers with different keys.",
                "Connect the camera directly, without a load balancer or proxy; if there is none, "
                "somebody may sit in between." },
        [FAULT_SRTP_KEYS_IN_CLEAR] = { "srtp-keys-in-clear",
                "The camera would tell the keys of SRTP over a connection that everybody can read.",
                "Connect the camera by TLS (rtsps), or switch SRTP off in it if it must stay "
                "without TLS." },
        [FAULT_DOWNGRADE] = { "downgrade",
                "The camera spoke TLS before, and is now to be taken without: a downgrade.",
                "Switch TLS on in the camera again. Only if it was replaced or cannot any more: "
                "custos camera clear-tls-memory NAME." },
        [FAULT_DUPLICATE_KEY] = { "duplicate-key",
                "The camera shows the key of another camera, at another address.",
                "Give each camera a key and certificate of its own, then remove and add this one. "
                "If it was not meant to have the other's key, find out who copied it." },

        /* authentication */
        [FAULT_NO_CREDENTIALS] = { "no-credentials",
                "The camera asks for a user and a password, and none is set.",
                "Enter the camera's user and password." },
        [FAULT_WRONG_PASSWORD] = { "wrong-password",
                "The camera does not accept the user or the password.",
                "Compare them with the camera's; mind that some cameras lock the account after "
                "several tries, and have users of their own for ONVIF and RTSP." },
        [FAULT_WEAKER_AUTH] = { "weaker-authentication",
                "The camera asks for a weaker proof than it did before; that is refused.",
                "If the camera was changed on purpose, set its password again; else somebody may "
                "sit in between." },
        [FAULT_BASIC_ONLY] = { "basic-only",
                "The camera offers Basic only, which shows the password, where TLS does not "
                "protect it.",
                "Turn on Digest in the camera, or connect it by TLS." },
        [FAULT_UNKNOWN_AUTH] = { "unknown-authentication",
                "The camera offers neither Digest nor Basic in a form that is understood.",
                "Turn on Digest (SHA-256 or MD5) in the camera, or update its firmware." },
        [FAULT_FORBIDDEN] = { "forbidden",
                "The camera knows the user, but does not allow this stream.",
                "Give the user the right to see live video in the camera." },

        /* RTSP and HTTP */
        [FAULT_CONNECTION_CLOSED] = { "connection-closed", "The camera closed the connection.",
                "If it comes again, see the camera's log and its limit of connections." },
        [FAULT_NO_ANSWER] = { "no-answer", "The camera took the connection but does not answer.",
                "Check that the port is the right one; else restart the camera." },
        [FAULT_DOES_NOT_READ] = { "does-not-read",
                "The camera sends but does not read what it is sent.",
                "Restart the camera; update its firmware." },
        [FAULT_BAD_ANSWER] = { "bad-answer", "The camera's answer is not understood.",
                "Check that the port speaks RTSP (HTTP for the tunnel); report the text given "
                "here." },
        [FAULT_REQUEST_REFUSED] = { "request-refused", "The camera refused a request.",
                "The camera's answer stands in the error; check the URL's path." },
        [FAULT_NO_SUCH_STREAM] = { "no-such-stream", "The camera knows no stream of this name.",
                "Check the path of the URL; it is case-sensitive and differs by make." },
        [FAULT_CAMERA_BUSY] = { "camera-busy", "The camera can serve no more, or not now.",
                "Close other viewers of this camera, or lower its bit rates." },
        [FAULT_SESSION_ENDED] = { "session-ended", "The camera ended the session.",
                "If it comes again, see the camera's log; its session timeout may be too short." },
        [FAULT_NO_TUNNEL] = { "no-tunnel", "There is no RTSP tunnel at this URL.",
                "Switch RTSP over HTTPS on in the camera, check port and path, or use the carrier "
                "interleaved." },

        /* description and tracks */
        [FAULT_BAD_DESCRIPTION] = { "bad-description",
                "The camera's description of its stream cannot be read.",
                "Update the camera's firmware; report the text given here." },
        [FAULT_NOTHING_RECORDABLE] = { "nothing-to-record",
                "The camera describes no track that can be recorded.",
                "Set its stream to H.264 or H.265." },
        [FAULT_SETUP_REFUSED] = { "setup-refused",
                "The camera refuses to send a track in the way that was asked for.",
                "Try another carrier (interleaved, tunnel)." },
        [FAULT_SRTP_KEYS] = { "srtp-keys",
                "The camera protects its media with SRTP, under keys that are not understood.",
                "Choose AES_CM_128_HMAC_SHA1_80 or AEAD_AES_128_GCM in the camera, or switch SRTP "
                "off: inside TLS the media are protected already." },
        [FAULT_SRTP_REFUSED] = { "srtp-refused",
                "The camera does not take the keys of SRTP that it was offered.",
                "Switch SRTP off in the camera: inside TLS the media are protected already." },

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
        [FAULT_NO_PICTURE] = { "no-picture", "The camera plays, but sends no pictures.",
                "Restart the camera; check its encoder settings." },
        [FAULT_NO_KEY_FRAME] = { "no-key-frame",
                "The camera sends pictures, but none that a recording can begin with.",
                "Set a key frame (I-frame, GOP) interval of a few seconds in the camera." },
        [FAULT_SRTP_UNAUTHENTICATED] = { "srtp-unauthenticated",
                "The camera sends, but nothing of it fits the keys of SRTP that it told.",
                "Restart the camera's stream; if it stays, switch SRTP off in it (inside TLS the "
                "media are protected already), or look for who alters what it sends." },
        [FAULT_TRACK_ENDED] = { "track-ended", "The camera said that a track has ended (RTCP BYE).",
                "If it comes again, see the camera's log." },
        [FAULT_NOT_A_PICTURE] = { "not-a-picture", "What came over HTTP is not a JPEG picture.",
                "Check the path of the URL; it must give a JPEG or multipart/x-mixed-replace." },
        [FAULT_OVERLOAD] = { "overload",
                "More comes than can be processed or written; whole groups of pictures are left "
                "out.",
                "Lower the camera's bit rate, give the recorder more cores or faster disks, or "
                "move cameras to another recorder." },

        /* storage */
        [FAULT_VOLUME_MISSING] = { "volume-missing",
                "The volume is not at its path: its disk is not mounted, not unlocked, or gone.",
                "Mount the disk there (unlock it first where it is encrypted); it is used again "
                "by itself. If it is lost: custos storage retire." },
        [FAULT_VOLUME_FOREIGN] = { "volume-foreign",
                "A volume of another recorder, or one that is not known here, lies at this path.",
                "Mount the right disk at this path. A disk of another recorder is read with "
                "--vault, and never written to." },
        [FAULT_VOLUME_SWAPPED] = { "volume-swapped",
                "Another volume of this recorder lies at this path.",
                "Mount each disk at its own path again." },
        [FAULT_VOLUME_STALE] = { "volume-stale",
                "The volume is an older copy, or was written to by another recorder meanwhile.",
                "Mount the present disk. To go on with this one in full knowledge of that, add it "
                "again: custos storage add --stale." },
        [FAULT_VOLUME_DENIED] = { "volume-denied",
                "The recorder's user may not write to the volume's directory.",
                "Give the directory to the user that runs Custos, mode 0700." },
        [FAULT_VOLUME_READ_ONLY] = { "volume-read-only", "The volume can only be read.",
                "Look into the kernel's log: file systems turn read-only when a disk fails. "
                "Repair or replace it, and mount it writable." },
        [FAULT_VOLUME_IO_ERROR] = { "volume-io-error",
                "The disk reports errors when it is written or synced.",
                "Look into the kernel's log and the disk's SMART values, and replace it; what is "
                "on it can still be read as far as the disk allows." },
        [FAULT_VOLUME_SLOW] = { "volume-slow", "The disk does not answer in time.",
                "Look for other load on it, a failing disk or a network in between; it is used "
                "again when it answers." },
        [FAULT_VOLUME_FULL] = { "volume-full",
                "There is no room on the volume, and nothing on it may be removed: what is left "
                "is locked.",
                "Add a volume (custos storage add), or release locks that are not needed (custos "
                "lock list)." },
        [FAULT_VOLUME_DAMAGED] = { "volume-damaged",
                "Footage on the volume no longer is what was sealed.",
                "See which: custos storage damage. Look into the disk's SMART values; if nobody "
                "had access, the disk forgets." },
        [FAULT_BELOW_MINIMUM] = { "below-minimum",
                "There is no room for the minimum days of this camera; its oldest footage was "
                "removed.",
                "Add a volume (custos storage add), or lower minimum days, bit rates or quotas." },
        [FAULT_NO_STORAGE] = { "no-storage", "No volume takes footage now.",
                "See which volume has what: custos storage list." },

        /* enrolment */
        [FAULT_OTHER_SITE] = { "other-site",
                "What answers there is not the site of the enrolment code, or somebody is in "
                "between.",
                "Compare host and port with the host on which the code was made. If they are "
                "right, somebody is in between: find out who. The code's secret was not sent." },
        [FAULT_CODE_REFUSED] = { "code-refused", "The manager does not take the enrolment code.",
                "Make another one on the manager's host: custos node add. A code is good for 20 "
                "minutes and once; five wrong ones close it." },
        [FAULT_BAD_ENROLMENT] = { "bad-enrolment",
                "What the manager answered is no certificate for this node.",
                "Bring both hosts to the same version of Custos, revoke the node (custos node "
                "revoke) and make another code." },
        [FAULT_ALREADY_ENROLLED] = { "already-enrolled",
                "This state directory is a node's or a site's already.",
                "Name another one with --state. If this host is to become another node: revoke "
                "the old one (custos node revoke) and move its directory away." },
        [FAULT_OTHER_MANAGER] = { "other-manager",
                "The recorder follows another copy of this manager's state; nothing that this one says "
                "changes it. Recording goes on.",
                "Stop the manager that is not to count. If it is this one that is to count from now on: "
                "custos restore --here on its host, and start it again." },

        /* the web page's certificate */
        [FAULT_WEB_CERTIFICATE] = { "web-certificate",
                "The certificate of your own for the web page cannot be used; the one before it "
                "stays in force.",
                "Mend what the text names: web_certificate holds the server's certificate and then "
                "each one's issuer, web_key the private key that belongs to it, readable by its "
                "owner alone. Nothing needs to be restarted." },
        [FAULT_WEB_NAME] = { "web-name",
                "The root that people installed for the web page does not vouch for that name.",
                "Open the page by a private name or address; or use a certificate of a public CA "
                "(web_certificate, web_key); or have custos node names --new-root make another "
                "root, which everybody then has to install." },

        /* time */
        [FAULT_CLOCK_NOT_SYNCHRONIZED] = { "clock-not-synchronized",
                "Nothing keeps this machine's clock right; times in seals are its own word alone.",
                "Run an NTP client with authentication (chrony with NTS)." },
        [FAULT_CLOCK_STEPPED] = { "clock-stepped",
                "The clock is ahead of where it was: footage ages by the earlier time for a day.",
                "Look at the clock. Where its new time is right there is nothing to do; else set "
                "it right before that day is over, or footage is removed for its age." },

        /* grants */
        [FAULT_GRANT_REFUSED] = { "grant-refused",
                "The grant is not one of this site's manager, or was changed on its way.",
                "Look at which gateway asked: the recorder's log names it. If it stays with an "
                "honest one, gateway and recorder are of different versions or sites." },
        [FAULT_GRANT_EXPIRED] = { "grant-expired",
                "The grant has run out, or is not good yet by the recorder's clock.",
                "Ask anew. If it stays, compare the clocks of manager and recorder (custos "
                "status): they may differ by 30 s." },
        [FAULT_NOT_GRANTED] = { "not-granted",
                "The grant is not for this camera, this time or this use.",
                "Ask the manager for one that is; who may see what is decided there." },
        [FAULT_GRANT_NOT_LOGGED] = { "grant-not-logged",
                "The recorder cannot write its log of grants, and shows nothing that is not in it.",
                "Make room on the disk of the state directory and see that the recorder's user "
                "may write recorder/grants.log; then start the recorder again. Recording goes "
                "on meanwhile." },

        /* people */
        [FAULT_NOT_SIGNED_IN] = { "not-signed-in", "Nobody is signed in, or not any more.",
                "Sign in again." },
        [FAULT_WRONG_SIGN_IN] = { "wrong-sign-in", "Name and password do not go together.",
                "Type both again. An administrator can give another password: custos person set." },
        [FAULT_TOO_MANY_TRIES] = { "too-many-tries",
                "Too many wrong passwords came for this name, or from this address.",
                "Wait the time that is named, then try again. Where the person signed in before, "
                "tries from elsewhere do not count." },
        [FAULT_SIGN_IN_BUSY] = { "sign-in-busy", "Too many people sign in at this moment.",
                "Try again in a few seconds." },
        [FAULT_NOT_ALLOWED] = { "not-allowed", "The person's role does not allow this.",
                "Ask an administrator of the site." },
        [FAULT_WEAK_PASSWORD] = { "weak-password", "The password is too easy to guess.",
                "Choose a longer one, such as four words that have nothing to do with each other; "
                "without the own name and the site's." },
        [FAULT_LAST_ADMINISTRATOR] = { "last-administrator",
                "It is the last administrator of the site that can sign in.",
                "Make another administrator first." },
        [FAULT_SETUP_DONE] = { "setup-done", "The site has people already.",
                "Sign in. A forgotten password: custos person set NAME, on the manager's host." },
        [FAULT_SETUP_CODE] = { "setup-code",
                "The setup code is wrong, late, or was closed by wrong tries.",
                "Type it as it was shown; custos person setup, on the manager's host, shows "
                "another." },
        [FAULT_SETUP_NOT_HERE] = { "setup-not-here",
                "The first administrator is made on the host of the gateway itself.",
                "Open the page on that host; or let it be done from elsewhere: custos person "
                "setup --remote, on the manager's host." },

        /* pictures for people */
        [FAULT_TRANSCODERS] = { "transcoders",
                "This gateway transcodes no more pictures at this moment.",
                "Close another picture that says \"transcoded\". Where the machine has processor "
                "left, raise transcoders in [gateway]; or have the camera send H.264 with AAC, "
                "which needs no transcoding." },
        [FAULT_TRANSCODER_FAILED] = { "transcoder-failed",
                "The pictures could not be transcoded; the process that did it has ended.",
                "Watch again. If it stays with one camera, what it sends is broken, or made to "
                "break decoders: restart that camera, then look at it. Recording goes on." },
        [FAULT_NOTHING_RECORDED] = { "nothing-recorded", "Nothing was recorded at that time.",
                "The text says why. Choose a time within the ranges of the timeline." },
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

enum fault fault_find(const char *name)
{
        for (int f = FAULT_NONE + 1; f < FAULTS; f++) {
                if (strcmp(fault_words[f].name, name) == 0)
                        return (enum fault)f;
        }
        return FAULT_NONE;
}

bool fault_is_tls(enum fault f)
{
        return f >= FAULT_NOT_TLS && f <= FAULT_TLS_PROTOCOL;
}
