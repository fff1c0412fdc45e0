/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "verify/piece.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int64_t piece_time_of_key(const char *key)
{
        const char *slash = strchr(key, '/');
        char text[STR_TIME_ROOM];
        int64_t us;

        if (!slash || strlen(slash) < 28)
                return SEAL_UNKNOWN_US;
        const char *s = slash + 1;
        snprintf(text, sizeof text, "%.10sT%.2s:%.2s:%.7s", s, s + 11, s + 14, s + 17);
        return str_parse_time(text, &us, NULL) < 0 ? SEAL_UNKNOWN_US : us;
}

void piece_init(struct piece *p, const char *file)
{
        *p = (struct piece){ .misplaced = VERDICT_AUTHENTIC, .named_us = SEAL_UNKNOWN_US };
        buf_init(&p->unproved, FMP4_FRAGMENTS_MAX * (SEAL_BYTES_MAX + 16));
        str_escape(p->file, sizeof p->file, bytes_str(file));
}

void piece_done(struct piece *p)
{
        free(p->seals);
        free(p->gaps);
        free(p->faults);
        buf_done(&p->unproved);
        *p = (struct piece){ 0 };
}

/* Arrays grow by powers of two: a power is full. */
static void *grow(void *array, size_t n, size_t size)
{
        return (n & (n - 1)) == 0 ? xrealloc(array, n ? 2 * n : 1, size) : array;
}

void piece_add_seal(struct piece *p, const struct seal *s, struct bytes payload, uint64_t offset,
        uint64_t end, bool intact)
{
        struct piece_seal ps = { .first_us = s->first_arrival_us,
                .last_us = s->last_arrival_us,
                .sealed_us = s->sealed_us,
                .offset = offset,
                .end = end,
                .fragment = s->fragment,
                .gaps_first = (uint32_t)p->gaps_n,
                .gaps_n = (uint8_t)s->gaps_n,
                .flags = s->flags,
                .intact = intact };

        chain_seal_of(s, payload, &ps.chain);
        for (unsigned i = 0; i < s->gaps_n; i++) {
                p->gaps = grow(p->gaps, p->gaps_n, sizeof *p->gaps);
                p->gaps[p->gaps_n++] = s->gaps[i];
        }
        p->seals = grow(p->seals, p->seals_n, sizeof *p->seals);
        p->seals[p->seals_n++] = ps;
}

void piece_add_unproved(struct piece *p, struct bytes payload, uint64_t offset)
{
        struct pack out = pack_to(&p->unproved);

        if (payload.n > SEAL_BYTES_MAX || p->unproved.n + payload.n + 12 > p->unproved.max)
                return;
        pack_u64(&out, offset);
        pack_field32(&out, payload);
}

void piece_prove(struct piece *p, struct signers *signers)
{
        struct unpack u = unpack_of(buf_bytes(&p->unproved));

        while (unpack_left(&u) > 0) {
                uint64_t offset = unpack_u64(&u);
                struct bytes payload = unpack_field32(&u, SEAL_BYTES_MAX);
                struct seal seal;
                if (u.bad || seal_parse(payload, &seal, NULL) < 0 ||
                        !signers_find(signers, &seal, payload))
                        continue;
                if (!p->stream[0])
                        snprintf(p->stream, sizeof p->stream, "%s", seal.stream);
                if (strcmp(p->stream, seal.stream) == 0)
                        piece_add_seal(p, &seal, payload, offset, offset + payload.n, false);
        }
        buf_clear(&p->unproved);
}

struct piece_fault *piece_add_fault(struct piece *p, enum verdict_kind kind, uint64_t offset,
        uint64_t end, const char *fmt, ...)
{
        va_list args;

        p->faults = grow(p->faults, p->faults_n, sizeof *p->faults);
        struct piece_fault *f = &p->faults[p->faults_n++];
        *f = (struct piece_fault){ .at = (unsigned)p->seals_n };
        f->item = (struct verdict_item){ .kind = kind,
                .from_us = SEAL_UNKNOWN_US,
                .to_us = SEAL_UNKNOWN_US,
                .offset = offset,
                .end = end };
        snprintf(f->item.where, sizeof f->item.where, "%s", p->file);
        snprintf(f->item.stream, sizeof f->item.stream, "%s", p->stream);
        va_start(args, fmt);
        vsnprintf(f->item.text, sizeof f->item.text, fmt, args);
        va_end(args);
        return f;
}

void piece_set_standing(struct piece *p, struct signers *signers, const char *recorder)
{
        char text[CHAIN_TEXT_ROOM], escaped[200];

        p->standing = VERDICT_CANNOT_TELL;
        if (p->seals_n == 0 || !p->signer)
                return;
        p->standing = signers_standing(signers, p->signer, p->seals[0].sealed_us, p->standing_text,
                sizeof p->standing_text);
        /* The last one first: what lies between two times that hold costs nothing. */
        for (size_t i = p->seals_n; i-- > 1 && p->standing != VERDICT_FOREIGN;) {
                enum verdict_kind k = signers_standing(
                        signers, p->signer, p->seals[i].sealed_us, text, sizeof text);
                if (k == p->standing)
                        continue;
                p->standing = k;
                snprintf(p->standing_text, sizeof p->standing_text, "%s", text);
        }
        if (p->standing == VERDICT_AUTHENTIC)
                snprintf(p->standing_text, sizeof p->standing_text, "as sealed by %s",
                        str_escape(escaped, sizeof escaped, bytes_str(recorder)));
}

void piece_fill_times(struct piece *p)
{
        for (size_t i = 0; i < p->faults_n; i++) {
                struct piece_fault *f = &p->faults[i];
                if (f->item.from_us == SEAL_UNKNOWN_US)
                        f->item.from_us = f->at > 0 ? p->seals[f->at - 1].last_us : p->named_us;
                if (f->item.to_us == SEAL_UNKNOWN_US && f->at < p->seals_n)
                        f->item.to_us = p->seals[f->at].first_us;
                if (f->item.from_us == SEAL_UNKNOWN_US && f->at < p->seals_n)
                        f->item.from_us = p->seals[f->at].first_us;
                if (f->item.to_us == SEAL_UNKNOWN_US || f->item.to_us < f->item.from_us)
                        f->item.to_us = f->item.from_us;
        }
}
