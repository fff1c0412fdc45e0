/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/scrub_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "verify/line.h"
#include "verify/segment_inspect.h"

static void tell(
        struct message_scrubbed *ret, enum verdict_kind kind, int64_t at_us, const char *text)
{
        ret->verdict = (uint8_t)kind;
        ret->at_us = at_us;
        str_escape(ret->text, sizeof ret->text, bytes_str(text));
}

static bool is_fault(const struct verdict_item *item)
{
        return item->kind >= VERDICT_EDITED && item->kind <= VERDICT_KEY_NOT_TRUSTED;
}

/* The first that says where it is; else the first. */
static const struct verdict_item *first_fault(const struct verdict *v)
{
        const struct verdict_item *first = NULL;

        for (size_t i = 0; i < v->items_n; i++) {
                const struct verdict_item *item = &v->items[i];
                if (is_fault(item) && (!first || (first->end == 0 && item->end)))
                        first = item;
        }
        return first;
}

static void tell_item(struct message_scrubbed *ret, const struct verdict_item *item)
{
        char text[CHAIN_TEXT_ROOM + 80];
        int n = snprintf(text, sizeof text, "%s", item->text);

        if (item->end > item->offset)
                snprintf(text + n, sizeof text - (size_t)n, " (bytes %" PRIu64 " to %" PRIu64 ")",
                        item->offset, item->end);
        tell(ret, item->kind, item->from_us, text);
}

static bool has_seal(const struct piece *p, const uint8_t hash[static 32])
{
        static const uint8_t unknown[32];

        if (memcmp(hash, unknown, sizeof unknown) == 0)
                return true;
        for (size_t i = 0; i < p->seals_n; i++)
                if (memcmp(p->seals[i].chain.self.hash, hash, sizeof unknown) == 0)
                        return true;
        return false;
}

/* A segment that was cut behind a whole fragment, or replaced, is sound by itself: what the
 * recorder knows of it decides then. */
static void check_place(
        const struct piece *p, const struct message_scrub *asked, struct message_scrubbed *ret)
{
        char text[HEAD_KEY_MAX + 80];
        int64_t last_us = p->seals_n ? p->seals[p->seals_n - 1].last_us : SEAL_UNKNOWN_US;

        if (p->seals_n == 0) {
                tell(ret, VERDICT_TRUNCATED, p->named_us, "nothing in it is sealed");
        } else if (strcmp(p->object_key, asked->object_key) != 0 ||
                   strcmp(p->stream, asked->stream) != 0) {
                snprintf(text, sizeof text, "it is another segment, sealed to stand as %s",
                        p->object_key);
                tell(ret, strcmp(p->stream, asked->stream) ? VERDICT_FOREIGN : VERDICT_REORDERED,
                        p->seals[0].first_us, text);
        } else if (!has_seal(p, asked->last_hash)) {
                tell(ret, VERDICT_TRUNCATED, last_us,
                        "it ends before the last seal that the recorder wrote to it");
        }
}

void scrub_check(struct bytes file, const struct message_scrub *asked,
        const uint8_t root[static 32], struct message_scrubbed *ret)
{
        struct signers *signers = signers_new(root);
        const struct verdict_item *fault;
        struct verdict v;
        struct piece p;

        verdict_init(&v);
        piece_init(&p, asked->object_key);
        p.named_us = piece_time_of_key(asked->object_key);
        segment_inspect(file, signers, &p);
        line_judge(LINE_FILE, asked->stream, &p, 1, signers, &v);
        ret->bytes = file.n;
        tell(ret, VERDICT_AUTHENTIC, SEAL_UNKNOWN_US, "");
        fault = first_fault(&v);
        if (fault)
                tell_item(ret, fault);
        else
                check_place(&p, asked, ret);
        piece_done(&p);
        verdict_done(&v);
        signers_free(signers);
}
