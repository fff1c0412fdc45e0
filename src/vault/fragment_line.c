/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/fragment_line.h"

static uint64_t now_ms(const struct fragment_line *l)
{
        return uv_now(loop_uv(l->loop));
}

void fragment_line_init(struct fragment_line *l, struct loop *loop, uint32_t patience_ms)
{
        *l = (struct fragment_line){ .loop = loop, .patience_ms = patience_ms };
        l->tick_ms = now_ms(l);
}

void fragment_line_done(struct fragment_line *l)
{
        struct fragment *f;

        if (l->write)
                segment_file_abandon(TAKE(l->write));
        while ((f = fragment_line_pull(l)))
                fragment_free(f);
}

bool fragment_line_full(const struct fragment_line *l)
{
        return l->n >= FRAGMENT_LINE_MAX;
}

bool fragment_line_idle(const struct fragment_line *l)
{
        return !l->head && !l->write;
}

void fragment_line_push(struct fragment_line *l, struct fragment *f)
{
        if (l->tail)
                l->tail->next = f;
        else
                l->head = f;
        l->tail = f;
        l->n++;
}

struct fragment *fragment_line_pull(struct fragment_line *l)
{
        struct fragment *f = l->head;

        if (!f)
                return NULL;
        l->head = f->next;
        if (!l->head)
                l->tail = NULL;
        f->next = NULL;
        l->n--;
        if (l->sealing == f)
                l->sealing = NULL;
        return f;
}

struct fragment *fragment_line_cut(struct fragment_line *l, const struct fragment *from)
{
        struct fragment **at = &l->head, *before = NULL;

        while (*at && *at != from) {
                before = *at;
                at = &before->next;
        }
        struct fragment *cut = *at;
        for (const struct fragment *f = cut; f; f = f->next) {
                l->n--;
                if (l->sealing == f)
                        l->sealing = NULL;
        }
        *at = NULL;
        l->tail = before;
        return cut;
}

bool fragment_line_has(const struct fragment_line *l, const struct segment_file *file)
{
        const struct fragment *f = l->head;

        while (f && f->file != file)
                f = f->next;
        return f && file;
}

const struct fragment *fragment_line_to_seal(struct fragment_line *l)
{
        struct fragment *f = l->head;

        if (l->sealing)
                return NULL;
        while (f && f->sealed)
                f = f->next;
        l->sealing = f;
        return f;
}

bool fragment_line_write(struct fragment_line *l,
        void (*on_done)(void *owner, struct fragment *f, int result, const struct err *e),
        void *owner)
{
        if (l->write || !l->head || !l->head->sealed)
                return false;
        struct fragment *f = fragment_line_pull(l);
        l->writing = f->file;
        l->write_ms = now_ms(l);
        l->patience_left_ms = (int64_t)l->patience_ms + (int64_t)(l->write_ms - l->tick_ms);
        l->write = segment_file_write(f, on_done, owner);
        return true;
}

void fragment_line_written(struct fragment_line *l)
{
        l->write = NULL;
        l->writing = NULL;
}

bool fragment_line_slow(const struct fragment_line *l)
{
        return l->write && now_ms(l) - l->write_ms > FRAGMENT_LINE_SLOW_MS;
}

bool fragment_line_overdue(struct fragment_line *l)
{
        const uint64_t most = (uint64_t)2 * FRAGMENT_LINE_TICK_MS;
        uint64_t passed = now_ms(l) - l->tick_ms;

        l->tick_ms += passed;
        if (!l->write || !l->patience_ms)
                return false;
        l->patience_left_ms -= (int64_t)(passed < most ? passed : most);
        return l->patience_left_ms <= 0;
}

bool fragment_line_uses(const struct fragment_line *l, uint32_t volume)
{
        bool uses = l->write && l->writing->volume == volume;

        for (const struct fragment *f = l->head; f; f = f->next)
                uses |= f->file->volume == volume;
        return uses;
}

void fragment_line_leave(struct fragment_line *l)
{
        for (struct fragment *f = l->head; f; f = f->next)
                f->file->left = true;
        if (!l->write)
                return;
        l->writing->left = true;
        segment_file_abandon(TAKE(l->write));
        l->writing = NULL;
}
