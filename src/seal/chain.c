/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/chain.h"

#include "base/str.h"
#include "seal/epoch_order.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NONE UINT32_MAX
#define FIRST_BUCKETS 256

/* A seal known to the chain. */
struct known {
        struct chain_seal s;
        uint32_t next; /* in its bucket; NONE */
        bool fed;
        bool in_place; /* announced: one of the longest run that is in order */
        bool named;    /* a seal fed before names it as its previous */
};

/* A seal where it was announced; the same one may stand in several places. */
struct place {
        uint32_t known;
        bool in_place;
};

struct chain {
        char stream[HEAD_PATH_MAX];
        uint32_t n, room;
        struct known *known;
        uint32_t buckets_n;
        uint32_t *buckets; /* by epoch and sequence */
        uint32_t places_n, places_room, places_fed;
        struct place *places;
        bool planned;
        struct epoch_order *epochs;
        bool has_head;
        struct seal_link head; /* the last seal in place */
        uint64_t skipped;      /* unreadable seals since */
};

const char *verdict_name(enum verdict_kind k)
{
        static const char *const names[] = {
                [VERDICT_AUTHENTIC] = "authentic",
                [VERDICT_EDITED] = "edited",
                [VERDICT_REMOVED] = "removed",
                [VERDICT_REORDERED] = "reordered",
                [VERDICT_DUPLICATED] = "duplicated",
                [VERDICT_TRUNCATED] = "truncated",
                [VERDICT_FOREIGN] = "foreign",
                [VERDICT_KEY_NOT_TRUSTED] = "key not trusted",
                [VERDICT_CANNOT_TELL] = "cannot tell",
                [VERDICT_GAP] = "gap",
                [VERDICT_NOTE] = "note",
        };

        return (size_t)k < ARRAY_LEN(names) ? names[k] : "unknown";
}

void chain_seal_of(const struct seal *s, struct bytes payload, struct chain_seal *ret)
{
        ret->self = seal_link_of(s, payload);
        ret->previous = s->previous;
        ret->has_gap = s->gaps_n > 0;
}

struct chain *chain_new(const char *stream)
{
        struct chain *c = xcalloc(1, sizeof *c);

        snprintf(c->stream, sizeof c->stream, "%s", stream);
        c->epochs = epoch_order_new();
        return c;
}

struct chain *chain_free(struct chain *c)
{
        if (c) {
                free(c->known);
                free(c->buckets);
                free(c->places);
                epoch_order_free(c->epochs);
        }
        free(c);
        return NULL;
}

void chain_freep(struct chain **c)
{
        *c = chain_free(*c);
}

static bool same_number(const struct seal_link *a, const struct seal_link *b)
{
        return a->sequence == b->sequence && memcmp(a->epoch, b->epoch, sizeof a->epoch) == 0;
}

static bool same_epoch(const struct seal_link *a, const struct seal_link *b)
{
        return memcmp(a->epoch, b->epoch, sizeof a->epoch) == 0;
}

static bool link_is_zero(const struct seal_link *l)
{
        return seal_link_equal(l, &(struct seal_link){ 0 });
}

/* The first half of an epoch is random already. */
static uint32_t bucket_of(const struct chain *c, const struct seal_link *l)
{
        uint64_t seed;

        memcpy(&seed, l->epoch, sizeof seed);
        return (uint32_t)((seed + l->sequence * UINT64_C(0x9e3779b97f4a7c15)) >> 32) &
               (c->buckets_n - 1);
}

static struct known *chain_find(struct chain *c, const struct seal_link *l)
{
        uint32_t at = c->buckets_n ? c->buckets[bucket_of(c, l)] : NONE;

        while (at != NONE && !seal_link_equal(&c->known[at].s.self, l))
                at = c->known[at].next;
        return at == NONE ? NULL : &c->known[at];
}

/* One of the same number that is another seal, and stands (or stood) in its place. */
static struct known *chain_find_rival(struct chain *c, const struct seal_link *l)
{
        uint32_t at = c->buckets_n ? c->buckets[bucket_of(c, l)] : NONE;

        for (; at != NONE; at = c->known[at].next) {
                struct known *k = &c->known[at];
                if (same_number(&k->s.self, l) && !seal_link_equal(&k->s.self, l) &&
                        (k->fed || k->in_place))
                        return k;
        }
        return NULL;
}

static void chain_rehash(struct chain *c)
{
        c->buckets_n = c->buckets_n ? 2 * c->buckets_n : FIRST_BUCKETS;
        c->buckets = xrealloc(c->buckets, c->buckets_n, sizeof *c->buckets);
        memset(c->buckets, 0xff, c->buckets_n * sizeof *c->buckets);
        for (uint32_t i = 0; i < c->n; i++) {
                uint32_t *bucket = &c->buckets[bucket_of(c, &c->known[i].s.self)];
                c->known[i].next = *bucket;
                *bucket = i;
        }
}

static struct known *chain_insert(struct chain *c, const struct chain_seal *s)
{
        if (c->n == c->room) {
                c->room = c->room ? 2 * c->room : FIRST_BUCKETS;
                c->known = xrealloc(c->known, c->room, sizeof *c->known);
        }
        c->known[c->n] = (struct known){ .s = *s };
        c->n++;
        if (c->n > c->buckets_n) {
                chain_rehash(c);
        } else {
                uint32_t *bucket = &c->buckets[bucket_of(c, &s->self)];
                c->known[c->n - 1].next = *bucket;
                *bucket = c->n - 1;
        }
        return &c->known[c->n - 1];
}

void chain_announce(struct chain *c, const struct chain_seal *s)
{
        assert(!c->planned);
        struct known *k = chain_find(c, &s->self);

        if (!k)
                k = chain_insert(c, s);
        if (c->places_n == c->places_room) {
                c->places_room = c->places_room ? 2 * c->places_room : FIRST_BUCKETS;
                c->places = xrealloc(c->places, c->places_room, sizeof *c->places);
        }
        epoch_order_add(c->epochs, &s->self, &s->previous, c->places_n);
        c->places[c->places_n++] = (struct place){ .known = (uint32_t)(k - c->known) };
}

struct position {
        size_t epoch;
        uint64_t sequence;
};

static bool position_before(struct position a, struct position b)
{
        return a.epoch != b.epoch ? a.epoch < b.epoch : a.sequence < b.sequence;
}

/*
 * The longest run of announced seals that ascends (patience sorting): those are in place, the
 * others were moved. ends[k]: the place with the lowest position that ends an ascending run of k
 * + 1.
 */
static void chain_plan(struct chain *c)
{
        uint32_t n = c->places_n, runs = 0;
        struct position *position = xcalloc(n + 1, sizeof *position);
        uint32_t *ends = xcalloc(n + 1, sizeof *ends), *before = xcalloc(n + 1, sizeof *before);

        for (uint32_t i = 0; i < n; i++) {
                const struct seal_link *self = &c->known[c->places[i].known].s.self;
                position[i] = (struct position){ epoch_order_rank(c->epochs, self->epoch),
                        self->sequence };
                uint32_t low = 0, high = runs;
                while (low < high) {
                        uint32_t mid = low + (high - low) / 2;
                        if (position_before(position[ends[mid]], position[i]))
                                low = mid + 1;
                        else
                                high = mid;
                }
                before[i] = low ? ends[low - 1] : NONE;
                /* Two copies, or two seals of one number: the first found keeps the place. */
                if (low < runs && !position_before(position[i], position[ends[low]]))
                        continue;
                ends[low] = i;
                if (low == runs)
                        runs++;
        }
        for (uint32_t i = runs ? ends[runs - 1] : NONE; i != NONE; i = before[i]) {
                c->places[i].in_place = true;
                c->known[c->places[i].known].in_place = true;
        }
        free(position);
        free(ends);
        free(before);
        c->planned = true;
}

void chain_skip(struct chain *c, uint32_t n)
{
        c->skipped = n == CHAIN_MANY ? CHAIN_MANY : c->skipped + n;
}

/* "seal 12 of epoch ab12cd34" */
static const char *seal_text(const struct seal_link *l, char to[static 64])
{
        char hex[9];

        snprintf(to, 64, "seal %" PRIu64 " of epoch %s", l->sequence,
                str_hex(hex, BYTES(l->epoch, 4)));
        return to;
}

/* s stands where it may stand, and its previous seal is the head: are the numbers right? */
static enum verdict_kind chain_check_numbers(const struct chain *c, const struct chain_seal *s,
        uint64_t *missing, char *text, size_t room)
{
        char a[64], b[64];

        if (!same_epoch(&s->self, &c->head)) {
                if (s->has_gap)
                        return VERDICT_AUTHENTIC;
                snprintf(text, room, "%s: a new epoch begins behind %s without a sealed gap",
                        seal_text(&s->self, a), seal_text(&c->head, b));
                return VERDICT_REMOVED;
        }
        if (s->self.sequence <= c->head.sequence) {
                snprintf(text, room, "%s says that it follows %s: its numbers go back",
                        seal_text(&s->self, a), seal_text(&c->head, b));
                return VERDICT_FOREIGN;
        }
        uint64_t skipped = s->self.sequence - c->head.sequence - 1;
        if (!skipped || s->has_gap)
                return VERDICT_AUTHENTIC;
        *missing = skipped;
        snprintf(text, room,
                "%s: %" PRIu64 " before it were issued, are not here, and no sealed gap says why",
                seal_text(&s->self, a), skipped);
        return VERDICT_REMOVED;
}

/* From what s names as its previous, back over seals that were moved elsewhere: the first that is
 * not such a one. */
static struct seal_link chain_anchor(struct chain *c, const struct chain_seal *s)
{
        struct seal_link link = s->previous;

        for (uint32_t steps = 0; c->planned && steps <= c->n; steps++) {
                const struct known *k = chain_find(c, &link);
                if (!k || k->in_place)
                        break;
                link = k->s.previous;
        }
        return link;
}

#define COUNT_MAX 4096 /* numbers looked up for one hole */

/* How many of the numbers (from, to] are known to stand elsewhere. */
static uint64_t chain_count_moved(struct chain *c, const struct seal_link *link, uint64_t from)
{
        uint64_t n = 0;

        for (uint64_t sequence = from + 1;
                c->planned && sequence <= link->sequence && sequence - from <= COUNT_MAX;
                sequence++) {
                struct seal_link l = *link;
                l.sequence = sequence;
                uint32_t at = c->buckets[bucket_of(c, &l)];
                while (at != NONE && !same_number(&c->known[at].s.self, &l))
                        at = c->known[at].next;
                n += at != NONE;
        }
        return n;
}

static enum verdict_kind chain_missing(struct chain *c, const struct chain_seal *s,
        const struct seal_link *link, uint64_t *missing, char *text, size_t room)
{
        char a[64], b[64], hex[9];

        if (!same_epoch(link, &c->head)) {
                if (c->skipped)
                        return VERDICT_AUTHENTIC;
                snprintf(text, room,
                        "before %s: what followed %s is missing, up to seal %" PRIu64
                        " of epoch %s",
                        seal_text(&s->self, a), seal_text(&c->head, b), link->sequence,
                        str_hex(hex, BYTES(link->epoch, 4)));
                return VERDICT_REMOVED;
        }
        uint64_t n = link->sequence - c->head.sequence;
        n -= chain_count_moved(c, link, c->head.sequence);
        if (c->skipped >= n || c->skipped == CHAIN_MANY)
                return VERDICT_AUTHENTIC;
        *missing = n - c->skipped;
        uint64_t first = *missing == 1 ? link->sequence : c->head.sequence + 1 + c->skipped;
        str_hex(hex, BYTES(link->epoch, 4));
        if (*missing == 1)
                snprintf(text, room, "before %s: seal %" PRIu64 " of epoch %s is missing",
                        seal_text(&s->self, a), first, hex);
        else
                snprintf(text, room,
                        "before %s: seals %" PRIu64 " to %" PRIu64
                        " of epoch %s are missing (%" PRIu64 ")",
                        seal_text(&s->self, a), first, link->sequence, hex, *missing);
        return VERDICT_REMOVED;
}

/* s is in place and not the first. */
static enum verdict_kind chain_check_link(
        struct chain *c, const struct chain_seal *s, uint64_t *missing, char *text, size_t room)
{
        char a[64], b[64];

        if (seal_link_equal(&s->previous, &c->head))
                return chain_check_numbers(c, s, missing, text, room);
        struct seal_link link = chain_anchor(c, s);
        if (seal_link_equal(&link, &c->head))
                return VERDICT_AUTHENTIC;
        if (link_is_zero(&link)) {
                snprintf(text, room,
                        "%s says that it is the first of the stream, and %s stands before it: two "
                        "histories",
                        seal_text(&s->self, a), seal_text(&c->head, b));
                return VERDICT_FOREIGN;
        }
        if (chain_find(c, &link) || chain_find_rival(c, &link) ||
                (same_epoch(&link, &c->head) && link.sequence <= c->head.sequence)) {
                snprintf(text, room,
                        "%s does not follow %s as it should, but another history behind seal "
                        "%" PRIu64,
                        seal_text(&s->self, a), seal_text(&c->head, b), link.sequence);
                return VERDICT_FOREIGN;
        }
        return chain_missing(c, s, &link, missing, text, room);
}

/* Was s moved, as far as is known? */
static bool chain_is_moved(const struct chain *c, const struct known *k, bool in_place)
{
        if (!c->has_head)
                return c->planned && !in_place;
        if (c->planned)
                return !in_place;
        return k->named ||
               (same_epoch(&k->s.self, &c->head) && k->s.self.sequence < c->head.sequence);
}

static enum verdict_kind chain_decide(
        struct chain *c, struct known *k, bool in_place, uint64_t *missing, char *text, size_t room)
{
        char a[64], b[64];
        const struct chain_seal *s = &k->s;

        if (!in_place && (k->fed || k->in_place)) {
                snprintf(text, room, "%s stands here and in another place", seal_text(&s->self, a));
                return VERDICT_DUPLICATED;
        }
        if (chain_find_rival(c, &s->self) && !in_place) {
                snprintf(text, room, "another seal with the number of %s exists: two histories",
                        seal_text(&s->self, a));
                return VERDICT_FOREIGN;
        }
        if (chain_is_moved(c, k, in_place)) {
                if (c->has_head)
                        snprintf(text, room, "%s stands behind %s, which is not its place",
                                seal_text(&s->self, a), seal_text(&c->head, b));
                else
                        snprintf(text, room, "%s stands first, which is not its place",
                                seal_text(&s->self, a));
                return VERDICT_REORDERED;
        }
        enum verdict_kind kind = VERDICT_AUTHENTIC;
        if (c->has_head)
                kind = chain_check_link(c, s, missing, text, room);
        c->has_head = true;
        c->head = s->self;
        c->skipped = 0;
        return kind;
}

enum verdict_kind chain_judge(struct chain *c, const struct chain_seal *s, uint64_t *ret_missing,
        char *text, size_t text_room)
{
        bool in_place = false;
        uint64_t missing = 0;

        if (!c->planned && c->places_n)
                chain_plan(c);
        if (c->planned) {
                assert(c->places_fed < c->places_n);
                in_place = c->places[c->places_fed++].in_place;
        }
        struct known *k = chain_find(c, &s->self);
        if (!k)
                k = chain_insert(c, s);
        if (text_room)
                text[0] = '\0';
        enum verdict_kind kind = chain_decide(c, k, in_place, &missing, text, text_room);
        k->fed = true;
        struct known *previous = chain_find(c, &s->previous);
        if (previous)
                previous->named = true;
        else if (!c->planned && !link_is_zero(&s->previous)) {
                /* Not here yet. Should it turn up later, it is out of place. */
                struct chain_seal absent = { .self = s->previous };
                chain_insert(c, &absent)->named = true;
        }
        if (ret_missing)
                *ret_missing = missing;
        return kind;
}

enum verdict_kind chain_add(struct chain *c, const struct seal *s, struct bytes payload,
        uint64_t *ret_missing, char *text, size_t text_room)
{
        struct chain_seal cs;

        if (strcmp(s->stream, c->stream) != 0) {
                char escaped[HEAD_PATH_MAX * 2];
                str_escape(escaped, sizeof escaped, bytes_str(s->stream));
                snprintf(text, text_room, "this seal is of the stream %s, not of %s", escaped,
                        c->stream);
                if (ret_missing)
                        *ret_missing = 0;
                return VERDICT_FOREIGN;
        }
        chain_seal_of(s, payload, &cs);
        return chain_judge(c, &cs, ret_missing, text, text_room);
}
