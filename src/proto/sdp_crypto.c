/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proto/sdp_crypto.h"

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

#include "base/str.h"

#define MASTER_MAX 46 /* AES-256 and the salt of AES-CM: longer than any suite's */

static bool starts_with(struct bytes s, const char *text)
{
        return s.n >= strlen(text) && strncasecmp((const char *)s.p, text, strlen(text)) == 0;
}

static bool number(struct bytes s, uint64_t max, uint64_t *ret)
{
        uint64_t v = 0;

        if (s.n == 0 || s.n > 18)
                return false;
        for (size_t i = 0; i < s.n; i++) {
                if (!isdigit(s.p[i]))
                        return false;
                v = v * 10 + (uint64_t)(s.p[i] - '0');
        }
        if (v > max)
                return false;
        *ret = v;
        return true;
}

/* ---- one key ---- */

/* "1:4": the value, in so many bytes. */
static int parse_mki(struct bytes s, uint8_t to[static SRTP_MKI_MAX], size_t *ret_n, struct err *e)
{
        uint64_t value, n;
        struct bytes left = str_cut(&s, ':');

        if (!number(left, UINT64_MAX, &value) || !number(s, 128, &n) || n == 0 ||
                (n < 8 && value >> (8 * n)))
                return err_set(e, ERR_PROTOCOL, "a=crypto: an MKI that is not VALUE:BYTES");
        if (n > SRTP_MKI_MAX)
                return err_set(e, ERR_INVALID, "a=crypto: an MKI of %u bytes, at most %d",
                        (unsigned)n, SRTP_MKI_MAX);
        memset(to, 0, SRTP_MKI_MAX);
        for (uint64_t i = 0; i < n && i < 8; i++)
                to[n - 1 - i] = (uint8_t)(value >> (8 * i));
        *ret_n = n;
        return 0;
}

/* "2^31" or "2097152". */
static bool is_lifetime(struct bytes s)
{
        uint64_t v;

        if (starts_with(s, "2^"))
                s = bytes_sub(s, 2, s.n);
        return number(s, UINT64_MAX, &v);
}

/* Cameras leave the padding out, or write one that is not needed. */
static int decode_master(struct bytes text, uint8_t to[static MASTER_MAX])
{
        char padded[STR_BASE64_ROOM(MASTER_MAX) + 4];
        int r;

        while (text.n > 0 && text.p[text.n - 1] == '=')
                text.n--;
        if (text.n == 0 || text.n > STR_BASE64_ROOM(MASTER_MAX) - 1)
                return ERR_PROTOCOL;
        memcpy(padded, text.p, text.n);
        memset(padded + text.n, '=', 4);
        r = str_unbase64(to, MASTER_MAX, BYTES(padded, (text.n + 3) / 4 * 4), NULL);
        explicit_bzero(padded, sizeof padded);
        return r;
}

/* "inline:BASE64|2^31|1:4" */
static int parse_key(struct bytes s, enum srtp_suite suite, struct srtp_key *ret, struct err *e)
{
        uint8_t master[MASTER_MAX], mki[SRTP_MKI_MAX];
        size_t mki_n = 0, key_n = srtp_suite_key_bytes(suite);
        int r = 0;

        if (!starts_with(s, "inline:"))
                return err_set(e, ERR_INVALID, "a=crypto: a key that is not inline");
        s = bytes_sub(s, 7, s.n);
        struct bytes base64 = str_cut(&s, '|');
        while (r == 0 && s.n > 0) {
                struct bytes part = str_cut(&s, '|');

                if (memchr(part.p, ':', part.n))
                        r = parse_mki(part, mki, &mki_n, e);
                else if (!is_lifetime(part))
                        r = err_set(e, ERR_PROTOCOL,
                                "a=crypto: behind the key stands neither a lifetime nor an MKI");
        }
        if (r < 0)
                return r;
        r = decode_master(base64, master);
        if (r < 0 || (size_t)r != key_n + srtp_suite_salt_bytes(suite))
                r = err_set(e, ERR_PROTOCOL, "a=crypto: the key is not %zu bytes in base64",
                        key_n + srtp_suite_salt_bytes(suite));
        else
                r = srtp_suite_make_key(suite, BYTES(master, key_n),
                        BYTES(master + key_n, srtp_suite_salt_bytes(suite)), BYTES(mki, mki_n), ret,
                        e);
        explicit_bzero(master, sizeof master);
        return r;
}

/* ---- one line ---- */

/* RFC 4568 section 6.3: what is not known voids the line, unless it begins with '-'. */
static int check_parameter(struct bytes s, struct err *e)
{
        char shown[48];

        if (s.n == 0 || s.p[0] == '-' || starts_with(s, "WSH=") || starts_with(s, "FEC_ORDER=") ||
                bytes_equal(s, bytes_str("KDR=0")))
                return 0;
        return err_set(e, ERR_INVALID, "a=crypto: the parameter %s is not taken",
                str_escape(shown, sizeof shown, str_cut(&s, '=')));
}

static int parse_keys(struct bytes keys, enum srtp_suite suite, struct sdp_crypto *c, struct err *e)
{
        int r = 0;

        while (r == 0 && keys.n > 0) {
                if (c->keys_n == SDP_CRYPTO_KEYS_MAX)
                        return err_set(
                                e, ERR_INVALID, "a=crypto: more than %d keys", SDP_CRYPTO_KEYS_MAX);
                r = parse_key(str_cut(&keys, ';'), suite, &c->keys[c->keys_n], e);
                c->keys_n += r == 0;
        }
        return r == 0 && c->keys_n == 0 ? err_set(e, ERR_PROTOCOL, "a=crypto: no key") : r;
}

int sdp_crypto_parse(struct bytes value, struct sdp_crypto *ret, struct err *e)
{
        struct sdp_crypto c = { 0 };
        uint64_t tag;
        char shown[64];

        value = str_trim(value);
        if (!number(str_cut(&value, ' '), 999999999, &tag))
                return err_set(e, ERR_PROTOCOL, "a=crypto: no tag");
        c.tag = (uint32_t)tag;
        struct bytes name = str_cut(&value, ' '), keys = str_cut(&value, ' ');
        enum srtp_suite suite = srtp_suite_find(name);
        if (suite == SRTP_SUITE_NONE)
                return err_set(e, ERR_INVALID, "a=crypto: the suite %s is not known here",
                        str_escape(shown, sizeof shown, name));
        int r = 0;
        while (r == 0 && value.n > 0)
                r = check_parameter(str_cut(&value, ' '), e);
        if (r == 0)
                r = parse_keys(keys, suite, &c, e);
        if (r == 0)
                *ret = c;
        sdp_crypto_done(&c);
        return r;
}

/* ---- formatting ---- */

static int format_key(const struct srtp_key *k, bool first, struct buf *out, struct err *e)
{
        char base64[STR_BASE64_ROOM(MASTER_MAX)];
        uint64_t mki = 0;

        if (k->mki_n > 8 || k->master.n > MASTER_MAX)
                return err_set(e, ERR_INVALID, "a=crypto: an MKI of more than 8 bytes");
        for (size_t i = 0; i < k->mki_n; i++)
                mki = mki << 8 | k->mki[i];
        int r = buf_printf(out, e, "%sinline:%s", first ? "" : ";",
                str_base64(base64, secret_bytes(&k->master)));
        explicit_bzero(base64, sizeof base64);
        if (r == 0 && k->mki_n)
                r = buf_printf(out, e, "|%" PRIu64 ":%zu", mki, k->mki_n);
        return r;
}

int sdp_crypto_format(const struct sdp_crypto *c, struct buf *out, struct err *e)
{
        size_t before = out->n;

        if (c->keys_n == 0 || c->keys_n > SDP_CRYPTO_KEYS_MAX ||
                c->keys[0].suite == SRTP_SUITE_NONE)
                return err_set(e, ERR_INVALID, "a=crypto: no key");
        int r = buf_printf(out, e, "%" PRIu32 " %s ", c->tag, srtp_suite_name(c->keys[0].suite));
        for (unsigned i = 0; r == 0 && i < c->keys_n; i++)
                r = format_key(&c->keys[i], i == 0, out, e);
        if (r < 0)
                out->n = before;
        return r;
}

void sdp_crypto_done(struct sdp_crypto *c)
{
        explicit_bzero(c, sizeof *c);
}

/* ---- showing ---- */

/* How much of a line may be shown: all of it where it holds no key, else what stands before. */
static size_t shown_bytes(struct bytes line)
{
        static const struct {
                const char *begin, *before_key;
        } secrets[] = { { "a=crypto:", "inline:" }, { "a=key-mgmt:", " " }, { "k=", ":" },
                { "KeyMgmt:", NULL }, { "mikey:", NULL } };
        struct bytes text = str_trim(line);
        size_t at = text.n ? (size_t)(text.p - line.p) : 0;

        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
                const char *before = secrets[i].before_key;
                size_t begin = strlen(secrets[i].begin);

                if (!starts_with(text, secrets[i].begin))
                        continue;
                for (size_t k = begin; before && k + strlen(before) <= text.n; k++)
                        if (starts_with(bytes_sub(text, k, text.n), before))
                                return at + k + strlen(before);
                return at + begin;
        }
        return line.n;
}

int sdp_crypto_redact(struct bytes text, struct buf *out, struct err *e)
{
        size_t before = out->n;
        int r = 0;

        while (r == 0 && text.n > 0) {
                const uint8_t *end = memchr(text.p, '\n', text.n);
                size_t n = end ? (size_t)(end - text.p) + 1 : text.n;
                struct bytes line = bytes_sub(text, 0, n);
                size_t shown = shown_bytes(line);

                r = buf_append(out, bytes_sub(line, 0, shown), e);
                if (r == 0 && shown < n)
                        r = buf_append(out, bytes_str(end ? "...\r\n" : "..."), e);
                text = bytes_sub(text, n, text.n);
        }
        if (r < 0)
                out->n = before;
        return r;
}
