/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the confined half of a probe sends, which a hostile camera may have written: what is taken
 * of a result says the same when it is packed again, and a step has nothing that a terminal obeys.
 * What it is told to look at is read by the same rules. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/probe_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void printable(const char *text)
{
        for (; *text; text++)
                if (*text < ' ' || *text > '~')
                        abort();
}

static void others(struct bytes body)
{
        char name[PROBE_NAME_ROOM], text[PROBE_TEXT_ROOM];
        struct probe_look look;
        struct err why;

        if (probe_message_unpack_step(body, name, text, NULL) == 0) {
                printable(name);
                printable(text);
        }
        if (probe_message_unpack_look(body, &look, NULL) == 0) {
                if (look.seconds < 1 || look.seconds > PROBE_SECONDS_MAX)
                        abort();
                secret_done(&look.password);
        }
        if (probe_message_unpack_failure(body, &why, NULL) == 0 && why.code >= 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        struct probe_result r, again;
        struct err e = { 0 };
        struct buf out;

        others(BYTES(data, n));
        if (probe_message_unpack_result(BYTES(data, n), &r, &e) < 0) {
                if (!e.text[0])
                        abort();
                return 0;
        }
        buf_init(&out, 4096);
        if (probe_message_pack_result(&r, &out, NULL) < 0 ||
                probe_message_unpack_result(buf_bytes(&out), &again, NULL) < 0 ||
                again.why.code != r.why.code || again.packets != r.packets ||
                again.clock_offset_us != r.clock_offset_us ||
                again.has_certificate != r.has_certificate ||
                strcmp(again.certificate.subject, r.certificate.subject) != 0)
                abort();
        printable(r.certificate.subject);
        printable(r.certificate.issuer);
        printable(r.certificate.names);
        printable(r.why.text);
        buf_done(&out);
        return 0;
}
