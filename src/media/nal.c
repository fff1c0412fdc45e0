/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "media/nal.h"

bool nal_next(struct bytes *rest, struct bytes *ret_nal)
{
        if (rest->n < NAL_LENGTH_BYTES)
                return false;
        size_t n = (size_t)rest->p[0] << 24 | (size_t)rest->p[1] << 16 | (size_t)rest->p[2] << 8 |
                   rest->p[3];
        if (n == 0 || n > rest->n - NAL_LENGTH_BYTES)
                return false;
        *ret_nal = bytes_sub(*rest, NAL_LENGTH_BYTES, n);
        *rest = bytes_sub(*rest, NAL_LENGTH_BYTES + n, rest->n);
        return true;
}

size_t nal_find_start_code(struct bytes b, size_t from)
{
        /* The 1 is rarer than zeros in coded pictures, so it is what is searched for. */
        for (size_t at = from + 2; at < b.n; at++) {
                const uint8_t *one = memchr(b.p + at, 1, b.n - at);
                if (!one)
                        break;
                at = (size_t)(one - b.p);
                if (b.p[at - 1] == 0 && b.p[at - 2] == 0)
                        return at - 2;
        }
        return SIZE_MAX;
}

bool nal_next_annexb(struct bytes *rest, struct bytes *ret_nal)
{
        while (rest->n > 0) {
                size_t at = nal_find_start_code(*rest, 0);
                struct bytes nal = at == SIZE_MAX ? *rest : bytes_sub(*rest, 0, at);
                *rest = at == SIZE_MAX ? BYTES(NULL, 0) : bytes_sub(*rest, at + 3, rest->n);
                /* Zeros in front of a start code belong to it (zero_byte, trailing_zero_8bits). */
                while (nal.n > 0 && nal.p[nal.n - 1] == 0)
                        nal.n--;
                if (nal.n > 0) {
                        *ret_nal = nal;
                        return true;
                }
        }
        return false;
}

struct nal_bits nal_bits_of(struct bytes nal)
{
        return (struct nal_bits){ .in = nal };
}

static bool next_byte(struct nal_bits *b)
{
        if (b->zeros >= 2 && b->at < b->in.n && b->in.p[b->at] == 3) {
                b->at++;
                b->zeros = 0;
        }
        if (b->at >= b->in.n) {
                b->bad = true;
                return false;
        }
        b->byte = b->in.p[b->at++];
        b->zeros = b->byte == 0 ? b->zeros + 1 : 0;
        b->left = 8;
        return true;
}

uint32_t nal_bits_u(struct nal_bits *b, unsigned n)
{
        uint64_t v = 0;

        while (n > 0 && !b->bad) {
                if (b->left == 0 && !next_byte(b))
                        break;
                unsigned take = n < b->left ? n : b->left;
                b->left -= take;
                v = v << take | ((b->byte >> b->left) & ((1u << take) - 1));
                n -= take;
        }
        return b->bad ? 0 : (uint32_t)v;
}

void nal_bits_skip(struct nal_bits *b, unsigned n)
{
        for (; n > 0 && !b->bad; n -= n < 32 ? n : 32)
                nal_bits_u(b, n < 32 ? n : 32);
}

/* Exp-Golomb (ITU-T H.264 section 9.1). */
uint32_t nal_bits_ue(struct nal_bits *b)
{
        unsigned zeros = 0;

        while (!b->bad && nal_bits_u(b, 1) == 0)
                if (++zeros > 31)
                        b->bad = true;
        uint32_t rest = nal_bits_u(b, zeros);
        return b->bad ? 0 : (uint32_t)((UINT64_C(1) << zeros) - 1 + rest);
}

int32_t nal_bits_se(struct nal_bits *b)
{
        uint32_t v = nal_bits_ue(b);

        return v & 1 ? (int32_t)(v / 2 + 1) : -(int32_t)(v / 2);
}

void nal_bits_skip_display(struct nal_bits *b)
{
        if (nal_bits_u(b, 1) && nal_bits_u(b, 8) == 255) /* the shape of a pixel */
                nal_bits_skip(b, 32);
        if (nal_bits_u(b, 1))
                nal_bits_skip(b, 1);
        if (nal_bits_u(b, 1)) {
                nal_bits_skip(b, 4);
                if (nal_bits_u(b, 1))
                        nal_bits_skip(b, 24);
        }
        if (nal_bits_u(b, 1)) {
                nal_bits_ue(b);
                nal_bits_ue(b);
        }
}

uint32_t nal_bits_framerate(struct nal_bits *b, unsigned ticks)
{
        uint64_t units = nal_bits_u(b, 32), scale = nal_bits_u(b, 32);

        if (b->bad || units == 0)
                return 0;
        uint64_t milli = (scale * 1000 + units * ticks / 2) / (units * ticks);
        return milli > 1000000 ? 0 : (uint32_t)milli;
}
