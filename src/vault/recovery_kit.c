/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/recovery_kit.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "crypto/hash.h"

#define CHECK_BYTES 3
#define CODE_BYTES (HPKE_PRIVATE_BYTES + CHECK_BYTES)
#define CODE_CHARS (CODE_BYTES * 8 / 5)

_Static_assert(CODE_BYTES % 5 == 0, "base32 without padding");

static const char recovery_kit_key_label[] = "Key:";
static const char recovery_kit_recipient_label[] = "Recipient:";
static const char recovery_kit_site_label[] = "Site:";
static const char recovery_kit_date_label[] = "Date:";

static void checksum(
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], uint8_t to[static CHECK_BYTES])
{
        static const char tag[] = "custos-recovery-kit-1";
        uint8_t text[sizeof tag - 1 + HPKE_PRIVATE_BYTES], hash[HASH_BYTES];

        memcpy(text, tag, sizeof tag - 1);
        memcpy(text + sizeof tag - 1, private_key, HPKE_PRIVATE_BYTES);
        hash_once(BYTES(text, sizeof text), hash);
        memcpy(to, hash, CHECK_BYTES);
        explicit_bzero(text, sizeof text);
}

struct recovery_kit *recovery_kit_new(const char *site, int64_t wall_us)
{
        struct recovery_kit *k = xcalloc(1, sizeof *k);
        char time[STR_TIME_ROOM];

        str_escape(k->site, sizeof k->site, bytes_str(site));
        snprintf(k->date, sizeof k->date, "%.10s", str_time(time, wall_us));
        hpke_generate(k->private_key, k->public_key);
        return k;
}

struct recovery_kit *recovery_kit_free(struct recovery_kit *k)
{
        if (k)
                explicit_bzero(k, sizeof *k);
        free(k);
        return NULL;
}

void recovery_kit_freep(struct recovery_kit **k)
{
        recovery_kit_free(*k);
}

void recovery_kit_recipient(const struct recovery_kit *k, uint8_t ret[static 32])
{
        hash_once(BYTES(k->public_key, sizeof k->public_key), ret);
}

/* Groups of four with a space between, seven groups a line. */
static void format_code(const struct recovery_kit *k, char *to)
{
        uint8_t code[CODE_BYTES];
        unsigned bits = 0, have = 0, n = 0;

        memcpy(code, k->private_key, HPKE_PRIVATE_BYTES);
        checksum(k->private_key, code + HPKE_PRIVATE_BYTES);
        for (unsigned i = 0; i < CODE_BYTES; i++) {
                bits = (bits << 8 | code[i]) & 0xfff;
                for (have += 8; have >= 5; have -= 5) {
                        if (n && n % 4 == 0) {
                                const char *gap = n % 28 == 0 ? "\n    " : " ";
                                while (*gap)
                                        *to++ = *gap++;
                        }
                        *to++ = str_base32_letter(bits >> (have - 5));
                        n++;
                }
        }
        *to = '\0';
        explicit_bzero(code, sizeof code);
}

void recovery_kit_format(const struct recovery_kit *k, char to[static RECOVERY_KIT_TEXT_ROOM])
{
        char code[CODE_CHARS * 2], id[2 * HASH_BYTES + 1];
        uint8_t recipient[HASH_BYTES];

        recovery_kit_recipient(k, recipient);
        format_code(k, code);
        snprintf(to, RECOVERY_KIT_TEXT_ROOM,
                "CUSTOS RECOVERY KIT\n"
                "\n"
                "%s %s\n"
                "%s %s\n"
                "%s %s\n"
                "\n"
                "%s\n"
                "    %s\n"
                "\n"
                "Whoever holds this can decrypt all footage of the site. It is needed when the "
                "recorder's own key is\n"
                "lost, and it cannot be made again. Keep it on paper or on a medium away from the "
                "recorder.\n"
                "To test it: custos keys recovery-kit --check FILE\n",
                recovery_kit_site_label, k->site, recovery_kit_date_label, k->date,
                recovery_kit_recipient_label, str_hex(id, BYTES(recipient, sizeof recipient)),
                recovery_kit_key_label, code);
        explicit_bzero(code, sizeof code);
}

/* --- reading --- */

/* The rest of the line behind a label, without spaces around; empty when the label is not there. */
static struct bytes labelled(struct bytes text, const char *label)
{
        struct bytes l = bytes_str(label);

        for (size_t i = 0; i + l.n <= text.n; i++) {
                if ((i > 0 && text.p[i - 1] != '\n') || !bytes_equal(bytes_sub(text, i, l.n), l))
                        continue;
                struct bytes line = bytes_sub(text, i + l.n, text.n);
                const uint8_t *end = line.n ? memchr(line.p, '\n', line.n) : NULL;
                if (end)
                        line.n = (size_t)(end - line.p);
                while (line.n && isspace(line.p[0]))
                        line = bytes_sub(line, 1, line.n);
                while (line.n && isspace(line.p[line.n - 1]))
                        line.n--;
                return line;
        }
        return (struct bytes){ 0 };
}

/* Behind "Key:", or the whole text where there is no such label. */
static struct bytes code_part(struct bytes text)
{
        struct bytes l = bytes_str(recovery_kit_key_label);

        for (size_t i = 0; i + l.n <= text.n; i++) {
                if ((i == 0 || text.p[i - 1] == '\n') && bytes_equal(bytes_sub(text, i, l.n), l))
                        return bytes_sub(text, i + l.n, text.n);
        }
        return text;
}

static int parse_code(struct bytes text, uint8_t to[static CODE_BYTES], struct err *e)
{
        unsigned bits = 0, have = 0, n = 0;
        size_t filled = 0;

        for (size_t i = 0; i < text.n && n < CODE_CHARS; i++) {
                uint8_t c = text.p[i];
                int v = str_base32_value((char)c);

                if (isspace(c) || c == '-')
                        continue;
                if (v < 0)
                        return err_set(e, ERR_INVALID,
                                "recovery kit: character %u of the key is none of A to Z and 2 to "
                                "7",
                                n + 1);
                bits = (bits << 5 | (unsigned)v) & 0xfff;
                n++;
                have += 5;
                if (have >= 8) {
                        have -= 8;
                        to[filled++] = (uint8_t)(bits >> have);
                }
        }
        if (n < CODE_CHARS)
                return err_set(e, ERR_INVALID,
                        "recovery kit: the key has %u characters, %d are needed", n, CODE_CHARS);
        return 0;
}

static int check_code(const uint8_t code[static CODE_BYTES], struct recovery_kit *k, struct err *e)
{
        uint8_t check[CHECK_BYTES];

        checksum(code, check);
        if (memcmp(check, code + HPKE_PRIVATE_BYTES, CHECK_BYTES) != 0)
                return err_set(e, ERR_INVALID,
                        "recovery kit: the checksum is wrong: a character of the key is mistyped "
                        "or missing");
        memcpy(k->private_key, code, HPKE_PRIVATE_BYTES);
        return hpke_public_of(k->private_key, k->public_key, e);
}

static int check_recipient(const struct recovery_kit *k, struct bytes text, struct err *e)
{
        struct bytes line = labelled(text, recovery_kit_recipient_label);
        uint8_t recipient[HASH_BYTES];
        char id[2 * HASH_BYTES + 1];

        recovery_kit_recipient(k, recipient);
        str_hex(id, BYTES(recipient, sizeof recipient));
        if (line.n && !bytes_equal(line, bytes_str(id)))
                return err_set(e, ERR_INVALID,
                        "recovery kit: its key is not the one of the recipient that it names");
        return 0;
}

int recovery_kit_parse(struct bytes text, struct recovery_kit **ret, struct err *e)
{
        CLEANUP(recovery_kit_freep) struct recovery_kit *k = xcalloc(1, sizeof *k);
        uint8_t code[CODE_BYTES];

        if (text.n > RECOVERY_KIT_FILE_MAX)
                return err_set(e, ERR_EXHAUSTED, "recovery kit of %zu bytes, at most %d", text.n,
                        RECOVERY_KIT_FILE_MAX);
        int r = parse_code(code_part(text), code, e);
        if (r == 0)
                r = check_code(code, k, e);
        explicit_bzero(code, sizeof code);
        if (r == 0)
                r = check_recipient(k, text, e);
        if (r < 0)
                return r;
        str_escape(k->site, sizeof k->site, labelled(text, recovery_kit_site_label));
        struct bytes date = labelled(text, recovery_kit_date_label);
        if (date.n < sizeof k->date)
                str_escape(k->date, sizeof k->date, date);
        *ret = TAKE(k);
        return 0;
}
