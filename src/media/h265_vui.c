/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/h265_vui.h"

/* Most pictures that a decoder holds, and so that one set refers to (section A.4.2). */
#define PICTURES_MAX 16
#define SETS_MAX 64
#define LONG_TERM_MAX 32

/* A short-term reference picture set, as far as the next one is told by its difference to it. */
struct picture_set {
        unsigned n;
        int32_t delta[PICTURES_MAX];
};

static void skip_scaling_lists(struct nal_bits *b)
{
        for (unsigned size = 0; size < 4; size++)
                for (unsigned matrix = 0; matrix < 6 && !b->bad; matrix += size == 3 ? 3 : 1) {
                        unsigned n = size == 0 ? 16 : 64;

                        if (!nal_bits_u(b, 1)) {
                                nal_bits_ue(b);
                                continue;
                        }
                        if (size > 1)
                                nal_bits_se(b);
                        for (unsigned i = 0; i < n && !b->bad; i++)
                                nal_bits_se(b);
                }
}

static void add_picture(struct nal_bits *b, struct picture_set *s, int32_t delta)
{
        if (s->n == PICTURES_MAX)
                b->bad = true;
        else
                s->delta[s->n++] = delta;
}

/* Pictures before, then after this one, each by its distance from the one before it. */
static void read_explicit_set(struct nal_bits *b, struct picture_set *s)
{
        uint32_t n[2];

        s->n = 0;
        n[0] = nal_bits_ue(b);
        n[1] = nal_bits_ue(b);
        for (unsigned side = 0; side < 2; side++) {
                int32_t at = 0;
                for (uint32_t i = 0; i < n[side] && !b->bad; i++) {
                        int32_t step = (int32_t)(nal_bits_ue(b) & 0x7fff) + 1;
                        at += side == 0 ? -step : step;
                        nal_bits_skip(b, 1);
                        add_picture(b, s, at);
                }
        }
}

/* Section 7.4.8, (7-61) and (7-62); their order does not matter for the count. */
static void read_predicted_set(struct nal_bits *b, struct picture_set *s)
{
        struct picture_set before = *s;
        bool negative = nal_bits_u(b, 1);
        int32_t distance = (int32_t)(nal_bits_ue(b) & 0x7fff) + 1;

        if (negative)
                distance = -distance;
        s->n = 0;
        for (unsigned i = 0; i <= before.n && !b->bad; i++) {
                bool used = nal_bits_u(b, 1);
                int32_t delta = (i < before.n ? before.delta[i] : 0) + distance;

                if ((used || nal_bits_u(b, 1)) && delta != 0)
                        add_picture(b, s, delta);
        }
}

static void skip_picture_sets(struct nal_bits *b)
{
        struct picture_set s = { 0 };
        uint32_t n = nal_bits_ue(b);

        if (n > SETS_MAX)
                b->bad = true;
        for (uint32_t i = 0; i < n && !b->bad; i++) {
                if (i > 0 && nal_bits_u(b, 1))
                        read_predicted_set(b, &s);
                else
                        read_explicit_set(b, &s);
        }
}

static void skip_coding_tools(struct nal_bits *b, unsigned sub_layers)
{
        uint32_t order_bits = nal_bits_ue(b) + 4;
        bool each_layer = nal_bits_u(b, 1);

        if (order_bits > 16)
                b->bad = true;
        for (unsigned i = 0; i < 3 * (each_layer ? sub_layers : 1); i++)
                nal_bits_ue(b);
        for (unsigned i = 0; i < 6; i++) /* sizes of blocks */
                nal_bits_ue(b);
        if (nal_bits_u(b, 1) && nal_bits_u(b, 1))
                skip_scaling_lists(b);
        nal_bits_skip(b, 2);
        if (nal_bits_u(b, 1)) { /* pcm */
                nal_bits_skip(b, 8);
                nal_bits_ue(b);
                nal_bits_ue(b);
                nal_bits_skip(b, 1);
        }
        skip_picture_sets(b);
        if (nal_bits_u(b, 1)) {
                uint32_t n = nal_bits_ue(b);
                if (n > LONG_TERM_MAX)
                        b->bad = true;
                for (uint32_t i = 0; i < n && !b->bad; i++)
                        nal_bits_skip(b, order_bits + 1);
        }
        nal_bits_skip(b, 2);
}

static void skip_display(struct nal_bits *b)
{
        nal_bits_skip_display(b);
        nal_bits_skip(b, 3);
        if (nal_bits_u(b, 1))
                for (unsigned i = 0; i < 4; i++)
                        nal_bits_ue(b);
}

uint32_t h265_vui_framerate(struct nal_bits *b, unsigned sub_layers)
{
        skip_coding_tools(b, sub_layers);
        if (!nal_bits_u(b, 1))
                return 0;
        skip_display(b);
        if (!nal_bits_u(b, 1))
                return 0;
        return nal_bits_framerate(b, 1);
}
