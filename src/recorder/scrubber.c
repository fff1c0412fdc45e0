/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/scrubber.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/ioprio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "crypto/x509.h"
#include "os/chan.h"
#include "os/clock.h"
#include "os/proc.h"
#include "recorder/confine.h"
#include "recorder/scrub_check.h"
#include "recorder/scrub_pace.h"
#include "recorder/state_dir.h"
#include "seal/verdict.h"

#define PIECE (256u << 10)
#define TURN_PIECES                                                                                \
        16 /* in a row, where the rate allows them: the channel is looked at between               \
            */

struct scrubber {
        struct loop *loop;
        struct chan *parent;
        uint8_t root[32];
        struct buf out;
        struct scrub_pace pace;
        struct timer timer;
        /* The file that is read. */
        struct message_scrub asked;
        int fd; /* -1: none */
        bool direct;
        uint8_t *p;
        uint64_t room, n, read; /* n: of the file, when it was opened */
};

static void scrubber_turn(void *owner);

/* --- the end of one --- */

static void scrubber_drop(struct scrubber *s)
{
        own_closep(&s->fd);
        s->fd = -1;
        if (s->p)
                munmap(s->p, s->room);
        s->p = NULL;
        timer_done(&s->timer);
}

static void scrubber_answer(struct scrubber *s, struct message_scrubbed *m)
{
        struct err e;

        scrubber_drop(s);
        m->id = s->asked.id;
        buf_clear(&s->out);
        int r = message_scrubbed_pack(m, &s->out, &e);
        if (r == 0 && s->parent)
                r = chan_send(s->parent, MESSAGE_SCRUBBED, buf_bytes(&s->out), NULL, 0, &e);
        if (r < 0)
                log_error(NULL, "scrubber.parent_unreachable", "err=\"%s\"", e.text);
}

static void PRINTF(2, 3) scrubber_cannot_tell(struct scrubber *s, const char *fmt, ...)
{
        struct message_scrubbed m = {
                .verdict = VERDICT_CANNOT_TELL, .at_us = SEAL_UNKNOWN_US, .bytes = s->read
        };
        va_list args;

        va_start(args, fmt);
        vsnprintf(m.text, sizeof m.text, fmt, args);
        va_end(args);
        scrubber_answer(s, &m);
}

static void scrubber_judge(struct scrubber *s)
{
        struct message_scrubbed m = { 0 };

        scrub_check(BYTES(s->p, s->read), &s->asked, s->root, &m);
        scrubber_answer(s, &m);
}

/* --- reading --- */

/* Takes away what the page cache has of the piece: before, so that the medium answers; behind, so
 * that others keep theirs. */
static void scrubber_forget(struct scrubber *s, uint64_t at)
{
        if (!s->direct)
                posix_fadvise(s->fd, (off_t)at, PIECE, POSIX_FADV_DONTNEED);
}

static bool scrubber_refuses_direct(struct scrubber *s)
{
        if (!s->direct || errno != EINVAL)
                return false;
        s->direct = false;
        return fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_DIRECT) == 0;
}

/* One piece; false when there was the last one, and it was answered. */
static bool scrubber_read_piece(struct scrubber *s)
{
        ssize_t n;

        scrubber_forget(s, s->read);
        do
                n = pread(s->fd, s->p + s->read, PIECE, (off_t)s->read);
        while (n < 0 && (errno == EINTR || scrubber_refuses_direct(s)));
        if (n < 0) {
                scrubber_cannot_tell(s, "the medium cannot be read behind byte %" PRIu64 ": %s",
                        s->read, strerror(errno));
                return false;
        }
        scrubber_forget(s, s->read);
        scrub_pace_took(&s->pace, clock_boot_us(), (uint64_t)n, s->asked.bytes_a_second);
        s->read += (uint64_t)n;
        if (n > 0 && s->read < s->n)
                return true;
        scrubber_judge(s); /* also of a file that was cut meanwhile */
        return false;
}

static void scrubber_turn(void *owner)
{
        struct scrubber *s = owner;

        for (unsigned i = 0; i < TURN_PIECES; i++) {
                int64_t wait_us = scrub_pace_wait(&s->pace, clock_boot_us());
                if (wait_us > 0) {
                        timer_start(&s->timer, s->loop, (uint64_t)(wait_us + 999) / 1000, 0,
                                scrubber_turn, s);
                        return;
                }
                if (!scrubber_read_piece(s))
                        return;
        }
        timer_start(&s->timer, s->loop, 0, 0, scrubber_turn, s);
}

/* fstat of the C library asks by name, which the sandbox refuses; this does not. */
static void scrubber_begin(struct scrubber *s)
{
        off_t n = lseek(s->fd, 0, SEEK_END);

        s->read = 0;
        if (n < 0) {
                scrubber_cannot_tell(s, "its size is unknown: %s", strerror(errno));
                return;
        }
        if ((uint64_t)n > SCRUBBER_BYTES_MAX) {
                scrubber_cannot_tell(
                        s, "%lld bytes are more than any segment has, and not read", (long long)n);
                return;
        }
        s->n = (uint64_t)n;
        s->room = s->n + PIECE; /* pieces are read in full; what is not read takes no memory */
        void *p = mmap(NULL, s->room, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
                scrubber_cannot_tell(s, "no memory for %lld bytes", (long long)n);
                return;
        }
        s->p = p;
        s->direct = fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) | O_DIRECT) == 0;
        timer_start(&s->timer, s->loop, 0, 0, scrubber_turn, s);
}

/* --- the parent --- */

static int scrubber_on_parent(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct scrubber *s = owner;

        (void)c;
        if (m->type != MESSAGE_SCRUB || m->fds_n != 1)
                return err_set(e, ERR_PROTOCOL, "message %u from the parent", m->type);
        if (s->fd >= 0)
                return err_set(e, ERR_PROTOCOL, "a second file while one is read");
        int r = message_scrub_parse(m->body, &s->asked, e);
        if (r < 0)
                return r;
        s->fd = m->fds[0];
        m->fds[0] = -1;
        scrubber_begin(s);
        return 0;
}

static void scrubber_on_parent_end(void *owner, struct chan *c, const struct err *e)
{
        struct scrubber *s = owner;

        log_info(NULL, "scrubber.parent_gone", "err=\"%s\"", e->text);
        s->parent = chan_free(c);
        loop_stop(s->loop);
}

/* What keeps away from those who record: read for a thread, so before the sandbox starts some. */
static void scrubber_step_back(void)
{
        if (setpriority(PRIO_PROCESS, 0, 19) < 0)
                log_warn(NULL, "scrubber.no_nice", "err=\"%s\"", strerror(errno));
        if (syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                    IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)) < 0)
                log_warn(NULL, "scrubber.no_idle_io", "err=\"%s\"", strerror(errno));
}

static int scrubber_read_root(struct scrubber *s, const char *state, struct err *e)
{
        struct state_dir_certs certs = { 0 };

        int r = state_dir_read_certs(state, &certs, e);
        if (r == 0)
                r = x509_key_id(buf_bytes(&certs.root), s->root, e);
        state_dir_certs_done(&certs);
        return r;
}

int scrubber_main(int argc, char **argv)
{
        static const struct chan_events events = { scrubber_on_parent, scrubber_on_parent_end };
        struct scrubber s = { .fd = -1 };
        struct role_options options;
        struct err e;

        int r = role_start("scrubber", argc, argv, &options, &e);
        if (r == 0)
                r = scrubber_read_root(&s, options.state, &e);
        if (r < 0)
                return confine_failed(&e);
        scrubber_step_back();
        buf_init(&s.out, CHAN_BODY_MAX);
        s.loop = loop_new();
        s.parent = chan_new(s.loop, PROC_FIRST_FD, &events, &s);
        r = confine_role(SANDBOX_SCRUBBER, NULL, 0, &e);
        if (r == 0)
                loop_run(s.loop);
        else
                confine_failed(&e);
        scrubber_drop(&s);
        s.parent = chan_free(s.parent);
        buf_done(&s.out);
        loop_free(s.loop);
        return r < 0 ? 1 : 0;
}
