/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/mikey.h"

#include "base/pack.h"

#define VERSION 1
#define POLICIES_MAX 8
#define PAYLOADS_MAX 32

/* RFC 3830 section 6.1, table 6.1.b. */
enum payload {
        PAYLOAD_LAST = 0,
        PAYLOAD_KEMAC = 1,
        PAYLOAD_T = 5,
        PAYLOAD_ID = 6,
        PAYLOAD_SP = 10,
        PAYLOAD_RAND = 11,
        PAYLOAD_ERR = 12,
        PAYLOAD_KEY_DATA = 20,
        PAYLOAD_GENERAL_EXT = 21,
};

enum {
        ENCRYPTION_AES_CM = 1,
        ENCRYPTION_AES_GCM = 6, /* RFC 7714 section 14.3 */
        AUTHENTICATION_HMAC_SHA1 = 1,
};

/* RFC 3830 section 6.10.1 and RFC 7714 section 14.3: the parameters of an SRTP policy. */
enum parameter {
        PARAMETER_ENCRYPTION = 0,
        PARAMETER_ENCRYPTION_KEY = 1,
        PARAMETER_AUTHENTICATION = 2,
        PARAMETER_AUTHENTICATION_KEY = 3,
        PARAMETER_SALT = 4,
        PARAMETER_PRF = 5,
        PARAMETER_KEY_DERIVATION_RATE = 6,
        PARAMETER_SRTP_ENCRYPTED = 7,
        PARAMETER_SRTCP_ENCRYPTED = 8,
        PARAMETER_FEC_ORDER = 9,
        PARAMETER_SRTP_AUTHENTICATED = 10,
        PARAMETER_TAG = 11,
        PARAMETER_PREFIX = 12,
        PARAMETER_AEAD_TAG = 20,
        PARAMETERS
};

struct policy {
        uint8_t number;
        bool said[PARAMETERS];
        uint32_t value[PARAMETERS];
};

struct parser {
        struct unpack in;
        struct mikey m;
        uint8_t stream_policy[MIKEY_STREAMS_MAX];
        unsigned policies_n;
        struct policy policies[POLICIES_MAX];
        /* Borrowed until the suite is known, which may come behind. */
        struct bytes keys[MIKEY_KEYS_MAX], salts[MIKEY_KEYS_MAX], mkis[MIKEY_KEYS_MAX];
};

static int cut_short(const char *what, struct err *e)
{
        return err_set(e, ERR_PROTOCOL, "MIKEY: %s is cut short", what);
}

/* ---- policies ---- */

static int parse_policy(struct parser *p, struct err *e)
{
        struct policy sp = { .number = unpack_u8(&p->in) };
        uint8_t protocol = unpack_u8(&p->in);
        struct unpack in = unpack_of(unpack_field16(&p->in, MIKEY_MESSAGE_MAX));

        if (p->in.bad)
                return cut_short("a security policy", e);
        if (protocol != 0)
                return err_set(
                        e, ERR_INVALID, "MIKEY: a policy for protocol %u, not SRTP (0)", protocol);
        if (p->policies_n == POLICIES_MAX)
                return err_set(e, ERR_PROTOCOL, "MIKEY: more than %d policies", POLICIES_MAX);
        while (unpack_left(&in) > 0) {
                uint8_t type = unpack_u8(&in);
                struct bytes value = unpack_bytes(&in, unpack_u8(&in));

                if (in.bad)
                        return cut_short("a parameter of a security policy", e);
                if (value.n > 4)
                        return err_set(e, ERR_PROTOCOL, "MIKEY: policy parameter %u has %zu bytes",
                                type, value.n);
                if (type > PARAMETER_PREFIX && type != PARAMETER_AEAD_TAG)
                        return err_set(e, ERR_INVALID,
                                "MIKEY: policy parameter %u is not known here", type);
                sp.said[type] = true;
                sp.value[type] = 0;
                for (size_t i = 0; i < value.n; i++)
                        sp.value[type] = sp.value[type] << 8 | value.p[i];
        }
        p->policies[p->policies_n++] = sp;
        return 0;
}

/* The parameter is not said, or has this value. */
static bool is_or_unsaid(const struct policy *sp, enum parameter i, uint32_t value)
{
        return !sp->said[i] || sp->value[i] == value;
}

static int suite_of_gcm(const struct policy *sp, enum srtp_suite *ret, struct err *e)
{
        uint32_t key =
                sp->said[PARAMETER_ENCRYPTION_KEY] ? sp->value[PARAMETER_ENCRYPTION_KEY] : 16;

        if (!is_or_unsaid(sp, PARAMETER_AUTHENTICATION, 0) ||
                !is_or_unsaid(sp, PARAMETER_SALT, 12) ||
                !is_or_unsaid(sp, PARAMETER_AEAD_TAG, 16) || (key != 16 && key != 32))
                return err_set(e, ERR_INVALID,
                        "MIKEY: a policy of AES-GCM that is neither AEAD_AES_128_GCM nor "
                        "AEAD_AES_256_GCM");
        *ret = key == 16 ? SRTP_SUITE_AEAD_AES_128_GCM : SRTP_SUITE_AEAD_AES_256_GCM;
        return 0;
}

/*
 * The length of the tag is a parameter of its own. GStreamer writes it as the length of the
 * authentication key instead (10 or 4), which the true key, always of 20 bytes, never is.
 */
static uint32_t tag_of(const struct policy *sp)
{
        if (sp->said[PARAMETER_TAG])
                return sp->value[PARAMETER_TAG];
        return is_or_unsaid(sp, PARAMETER_AUTHENTICATION_KEY, 20)
                       ? 10
                       : sp->value[PARAMETER_AUTHENTICATION_KEY];
}

static int suite_of_cm(const struct policy *sp, enum srtp_suite *ret, struct err *e)
{
        uint32_t tag = tag_of(sp);

        if (!is_or_unsaid(sp, PARAMETER_ENCRYPTION_KEY, 16))
                return err_set(e, ERR_INVALID, "MIKEY: AES-CM with a key of %u bytes, not 16",
                        sp->value[PARAMETER_ENCRYPTION_KEY]);
        if (!is_or_unsaid(sp, PARAMETER_AUTHENTICATION, AUTHENTICATION_HMAC_SHA1) ||
                !is_or_unsaid(sp, PARAMETER_SRTP_AUTHENTICATED, 1))
                return err_set(e, ERR_INVALID,
                        "MIKEY: a policy without authentication of packets: refused");
        if (!is_or_unsaid(sp, PARAMETER_SALT, 14) || (tag != 10 && tag != 4))
                return err_set(e, ERR_INVALID,
                        "MIKEY: a policy of AES-CM that is neither AES_CM_128_HMAC_SHA1_80 nor "
                        "AES_CM_128_HMAC_SHA1_32");
        *ret = tag == 10 ? SRTP_SUITE_AES_CM_128_HMAC_SHA1_80 : SRTP_SUITE_AES_CM_128_HMAC_SHA1_32;
        return 0;
}

static int suite_of(const struct policy *sp, enum srtp_suite *ret, struct err *e)
{
        uint32_t cipher = sp->said[PARAMETER_ENCRYPTION] ? sp->value[PARAMETER_ENCRYPTION]
                                                         : ENCRYPTION_AES_CM;

        if (!is_or_unsaid(sp, PARAMETER_SRTP_ENCRYPTED, 1) ||
                !is_or_unsaid(sp, PARAMETER_SRTCP_ENCRYPTED, 1) || cipher == 0)
                return err_set(
                        e, ERR_INVALID, "MIKEY: a policy without encryption of packets: refused");
        if (!is_or_unsaid(sp, PARAMETER_PRF, 0) ||
                !is_or_unsaid(sp, PARAMETER_KEY_DERIVATION_RATE, 0) ||
                !is_or_unsaid(sp, PARAMETER_PREFIX, 0))
                return err_set(e, ERR_INVALID,
                        "MIKEY: a policy with another key derivation, or with a prefix");
        if (cipher == ENCRYPTION_AES_GCM)
                return suite_of_gcm(sp, ret, e);
        if (cipher == ENCRYPTION_AES_CM)
                return suite_of_cm(sp, ret, e);
        return err_set(e, ERR_INVALID, "MIKEY: cipher %u is neither AES-CM nor AES-GCM", cipher);
}

/* ---- the header ---- */

static const char *data_type_name(uint8_t type)
{
        static const char *const names[] = { "a pre-shared key", "a verification",
                "public-key encryption", "a verification of public-key encryption",
                "Diffie-Hellman", "an answer of Diffie-Hellman", "an error",
                "Diffie-Hellman with HMAC", "an answer of Diffie-Hellman with HMAC", "RSA-R",
                "an answer of RSA-R" };

        return type < ARRAY_LEN(names) ? names[type] : "of an unknown kind";
}

static int parse_header(struct parser *p, uint8_t *ret_next, struct err *e)
{
        struct unpack *in = &p->in;
        uint8_t version = unpack_u8(in), type = unpack_u8(in), next = unpack_u8(in);

        (void)unpack_u8(
                in); /* asks for verification, which nothing here carries; the PRF is unused */
        p->m.csb_id = unpack_u32(in);
        unsigned n = unpack_u8(in);
        uint8_t map = unpack_u8(in);
        if (in->bad)
                return cut_short("the header", e);
        if (version != VERSION)
                return err_set(e, ERR_PROTOCOL, "MIKEY: version %u, not %d", version, VERSION);
        if (type != 0)
                return err_set(e, ERR_INVALID,
                        "MIKEY: the message is %s (%u); only the pre-shared key envelope, "
                        "unencrypted inside TLS, is understood",
                        data_type_name(type), type);
        if (n > 0 && map != 0)
                return err_set(e, ERR_INVALID, "MIKEY: map of kind %u, not SRTP-ID (0)", map);
        if (n > MIKEY_STREAMS_MAX)
                return err_set(e, ERR_INVALID, "MIKEY: %u crypto sessions, at most %d", n,
                        MIKEY_STREAMS_MAX);
        for (unsigned i = 0; i < n; i++) {
                p->stream_policy[i] = unpack_u8(in);
                p->m.streams[i].ssrc = unpack_u32(in);
                p->m.streams[i].roc = unpack_u32(in);
        }
        if (in->bad)
                return cut_short("the map of crypto sessions", e);
        p->m.streams_n = n;
        *ret_next = next;
        return 0;
}

/* ---- keys ---- */

/* RFC 3830 sections 6.13 and 6.14. */
static int parse_key(struct parser *p, struct unpack *in, uint8_t *ret_next, struct err *e)
{
        static const char *const kinds[] = { "TGK", "TGK+SALT", "TEK", "TEK+SALT" };
        unsigned i = p->m.keys_n;
        uint8_t next = unpack_u8(in), kinds_byte = unpack_u8(in), kind = kinds_byte >> 4,
                validity = kinds_byte & 15;

        struct bytes key = unpack_field16(in, SECRET_MAX), salt = { 0 }, mki = { 0 };
        if (kind & 1)
                salt = unpack_field16(in, SECRET_MAX);
        if (validity == 1)
                mki = unpack_bytes(in, unpack_u8(in));
        if (in->bad)
                return cut_short("a key", e);
        if (kind != 2 && kind != 3)
                return err_set(e, ERR_INVALID, "MIKEY: a key of kind %s (%u), not TEK",
                        kind < ARRAY_LEN(kinds) ? kinds[kind] : "unknown", kind);
        if (validity > 1)
                return err_set(e, ERR_INVALID,
                        "MIKEY: a key with an interval of validity (%u): not supported", validity);
        if (i == MIKEY_KEYS_MAX)
                return err_set(e, ERR_INVALID, "MIKEY: more than %d keys", MIKEY_KEYS_MAX);
        p->keys[i] = key;
        p->salts[i] = salt;
        p->mkis[i] = mki;
        p->m.keys_n++;
        *ret_next = next;
        return 0;
}

static int parse_kemac(struct parser *p, struct err *e)
{
        uint8_t cipher = unpack_u8(&p->in), next = PAYLOAD_KEY_DATA;
        struct unpack in = unpack_of(unpack_field16(&p->in, MIKEY_MESSAGE_MAX));
        uint8_t mac = unpack_u8(&p->in);
        int r = 0;

        if (mac == 1)
                (void)unpack_bytes(&p->in, 20); /* HMAC-SHA-1-160 */
        if (p->in.bad)
                return cut_short("KEMAC", e);
        if (cipher != 0)
                return err_set(e, ERR_INVALID,
                        "MIKEY: KEMAC is encrypted (%u) under a key that is not known here",
                        cipher);
        if (mac > 1)
                return err_set(e, ERR_INVALID, "MIKEY: MAC %u of KEMAC is not known here", mac);
        while (r == 0 && next == PAYLOAD_KEY_DATA)
                r = parse_key(p, &in, &next, e);
        if (r == 0 && (next != PAYLOAD_LAST || unpack_left(&in) > 0))
                r = err_set(
                        e, ERR_PROTOCOL, "MIKEY: KEMAC holds something that is no key (%u)", next);
        return r;
}

/* ---- the message ---- */

static int parse_payload(struct parser *p, uint8_t kind, uint8_t *ret_next, struct err *e)
{
        struct unpack *in = &p->in;
        uint8_t next = unpack_u8(in), type;
        int r = 0;

        switch (kind) {
        case PAYLOAD_KEMAC:
                r = parse_kemac(p, e);
                break;
        case PAYLOAD_SP:
                r = parse_policy(p, e);
                break;
        case PAYLOAD_T:
                type = unpack_u8(in);
                if (type > 2)
                        return err_set(e, ERR_PROTOCOL, "MIKEY: timestamp of kind %u", type);
                (void)unpack_bytes(in, type == 2 ? 4 : 8);
                break;
        case PAYLOAD_RAND:
                (void)unpack_bytes(in, unpack_u8(in));
                break;
        case PAYLOAD_ID:
        case PAYLOAD_GENERAL_EXT:
                (void)unpack_u8(in);
                (void)unpack_field16(in, MIKEY_MESSAGE_MAX);
                break;
        case PAYLOAD_ERR:
                return err_set(
                        e, ERR_INVALID, "MIKEY: the message is an error (%u)", unpack_u8(in));
        default:
                /* No length that would be common to all payloads, so it cannot be passed over. */
                return err_set(e, ERR_INVALID, "MIKEY: payload %u is not known here", kind);
        }
        if (r == 0 && in->bad)
                r = cut_short("a payload", e);
        *ret_next = next;
        return r;
}

static int common_suite(const struct parser *p, enum srtp_suite *ret, struct err *e)
{
        static const struct policy defaults = { 0 };
        enum srtp_suite suite = SRTP_SUITE_NONE, one;
        unsigned n = p->m.streams_n ? p->m.streams_n : 1;

        for (unsigned i = 0; i < n; i++) {
                const struct policy *sp = p->policies_n ? NULL : &defaults;

                for (unsigned k = 0; k < p->policies_n; k++)
                        if (!p->m.streams_n || p->policies[k].number == p->stream_policy[i])
                                sp = &p->policies[k];
                if (!sp)
                        return err_set(e, ERR_PROTOCOL, "MIKEY: policy %u is not in the message",
                                p->stream_policy[i]);
                int r = suite_of(sp, &one, e);
                if (r < 0)
                        return r;
                if (suite != SRTP_SUITE_NONE && suite != one)
                        return err_set(e, ERR_INVALID, "MIKEY: one key for two suites");
                suite = one;
        }
        *ret = suite;
        return 0;
}

static int make_keys(struct parser *p, struct err *e)
{
        enum srtp_suite suite;
        int r = common_suite(p, &suite, e);

        for (unsigned i = 0; r == 0 && i < p->m.keys_n; i++) {
                struct bytes key = p->keys[i], salt = p->salts[i];

                if (!salt.n && key.n > srtp_suite_key_bytes(suite)) {
                        salt = bytes_sub(key, srtp_suite_key_bytes(suite), key.n);
                        key.n = srtp_suite_key_bytes(suite);
                }
                r = srtp_suite_make_key(suite, key, salt, p->mkis[i], &p->m.keys[i], e);
                if (r < 0)
                        return err_wrap(e, r, "MIKEY");
        }
        return r;
}

static int parse(struct parser *p, struct err *e)
{
        uint8_t next;
        int r = parse_header(p, &next, e);

        for (unsigned n = 0; r == 0 && next != PAYLOAD_LAST; n++) {
                if (n == PAYLOADS_MAX)
                        return err_set(
                                e, ERR_PROTOCOL, "MIKEY: more than %d payloads", PAYLOADS_MAX);
                r = parse_payload(p, next, &next, e);
        }
        if (r < 0)
                return r;
        if (unpack_left(&p->in) > 0)
                return err_set(e, ERR_PROTOCOL, "MIKEY: %zu bytes behind the last payload",
                        unpack_left(&p->in));
        if (p->m.keys_n == 0)
                return err_set(e, ERR_INVALID, "MIKEY: no key in the message");
        return make_keys(p, e);
}

int mikey_parse(struct bytes message, struct mikey *ret, struct err *e)
{
        struct parser p = { .in = unpack_of(message) };
        int r;

        if (message.n > MIKEY_MESSAGE_MAX)
                return err_set(e, ERR_PROTOCOL, "MIKEY: %zu bytes, at most %d", message.n,
                        MIKEY_MESSAGE_MAX);
        r = parse(&p, e);
        if (r == 0)
                *ret = p.m;
        mikey_done(&p.m);
        return r;
}

/* ---- formatting ---- */

static void pack_parameter(struct pack *p, enum parameter type, size_t value)
{
        pack_u8(p, (uint8_t)type);
        pack_u8(p, 1);
        pack_u8(p, (uint8_t)value);
}

static void pack_policy(struct pack *p, enum srtp_suite suite)
{
        bool aead = srtp_suite_is_aead(suite);

        pack_u8(p, PAYLOAD_KEMAC);
        pack_u8(p, 0); /* the number of the policy */
        pack_u8(p, 0); /* SRTP */
        pack_u16(p, aead ? 21 : 24);
        pack_parameter(p, PARAMETER_ENCRYPTION, aead ? ENCRYPTION_AES_GCM : ENCRYPTION_AES_CM);
        pack_parameter(p, PARAMETER_ENCRYPTION_KEY, srtp_suite_key_bytes(suite));
        pack_parameter(p, PARAMETER_AUTHENTICATION, aead ? 0 : AUTHENTICATION_HMAC_SHA1);
        if (aead) {
                pack_parameter(p, PARAMETER_SALT, srtp_suite_salt_bytes(suite));
        } else {
                pack_parameter(p, PARAMETER_AUTHENTICATION_KEY, 20);
                pack_parameter(p, PARAMETER_SRTP_AUTHENTICATED, 1);
        }
        pack_parameter(p, PARAMETER_SRTP_ENCRYPTED, 1);
        pack_parameter(p, PARAMETER_SRTCP_ENCRYPTED, 1);
        pack_parameter(p, aead ? PARAMETER_AEAD_TAG : PARAMETER_TAG,
                aead                                          ? 16
                : suite == SRTP_SUITE_AES_CM_128_HMAC_SHA1_32 ? 4
                                                              : 10);
}

static void pack_key(struct pack *p, const struct srtp_key *k, bool last)
{
        struct bytes master = secret_bytes(&k->master);
        size_t n = srtp_suite_key_bytes(k->suite);
        bool apart = srtp_suite_is_aead(k->suite);

        pack_u8(p, last ? PAYLOAD_LAST : PAYLOAD_KEY_DATA);
        pack_u8(p, (uint8_t)((apart ? 3 : 2) << 4 | (k->mki_n ? 1 : 0)));
        pack_field16(p, apart ? bytes_sub(master, 0, n) : master);
        if (apart)
                pack_field16(p, bytes_sub(master, n, master.n));
        if (k->mki_n) {
                pack_u8(p, (uint8_t)k->mki_n);
                pack_bytes(p, BYTES(k->mki, k->mki_n));
        }
}

static size_t key_payload_bytes(const struct srtp_key *k)
{
        return 4 + k->master.n + (srtp_suite_is_aead(k->suite) ? 2 : 0) +
               (k->mki_n ? 1 + k->mki_n : 0);
}

static void pack_message(struct pack *p, const struct mikey *m, uint64_t ntp, const uint8_t *random)
{
        size_t keys_bytes = 0;

        for (unsigned i = 0; i < m->keys_n; i++)
                keys_bytes += key_payload_bytes(&m->keys[i]);
        pack_u8(p, VERSION);
        pack_u8(p, 0); /* pre-shared key */
        pack_u8(p, PAYLOAD_T);
        pack_u8(p, 0); /* no verification wanted; MIKEY-1 */
        pack_u32(p, m->csb_id);
        pack_u8(p, (uint8_t)m->streams_n);
        pack_u8(p, 0); /* SRTP-ID */
        for (unsigned i = 0; i < m->streams_n; i++) {
                pack_u8(p, 0); /* the number of its policy */
                pack_u32(p, m->streams[i].ssrc);
                pack_u32(p, m->streams[i].roc);
        }
        pack_u8(p, PAYLOAD_RAND);
        pack_u8(p, 0); /* NTP-UTC */
        pack_u64(p, ntp);
        pack_u8(p, PAYLOAD_SP);
        pack_u8(p, MIKEY_RAND_BYTES);
        pack_bytes(p, BYTES(random, MIKEY_RAND_BYTES));
        pack_policy(p, m->keys[0].suite);
        pack_u8(p, PAYLOAD_LAST);
        pack_u8(p, 0); /* not encrypted */
        pack_u16(p, (uint16_t)keys_bytes);
        for (unsigned i = 0; i < m->keys_n; i++)
                pack_key(p, &m->keys[i], i + 1 == m->keys_n);
        pack_u8(p, 0); /* no MAC */
}

int mikey_format(const struct mikey *m, uint64_t ntp, const uint8_t random[static MIKEY_RAND_BYTES],
        struct buf *out, struct err *e)
{
        size_t before = out->n;
        struct pack p = pack_to(out);

        if (m->keys_n == 0 || m->keys_n > MIKEY_KEYS_MAX || m->streams_n > MIKEY_STREAMS_MAX)
                return err_set(e, ERR_INVALID, "MIKEY: no key, or too much to format");
        for (unsigned i = 0; i < m->keys_n; i++)
                if (m->keys[i].suite == SRTP_SUITE_NONE || m->keys[i].suite != m->keys[0].suite)
                        return err_set(e, ERR_INVALID, "MIKEY: keys of different suites");
        pack_message(&p, m, ntp, random);
        if (p.bad || out->n - before > MIKEY_MESSAGE_MAX) {
                out->n = before;
                return err_set(e, ERR_EXHAUSTED, "MIKEY: no room for the message");
        }
        return 0;
}

void mikey_done(struct mikey *m)
{
        explicit_bzero(m, sizeof *m);
}
