/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_password.h"

#include <errno.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"

/* By read(2): a stream would keep it in its own memory. */
static int cli_password_line(struct secret *ret, struct err *e)
{
        struct secret line = { 0 };
        uint8_t c;
        ssize_t n;

        while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n') {
                if (line.n == SECRET_MAX) {
                        secret_done(&line);
                        return err_set(
                                e, ERR_INVALID, "a password has at most %d bytes", SECRET_MAX);
                }
                line.p[line.n++] = c;
        }
        if (n < 0)
                return err_os(e, ERR_IO, errno, "cannot read the password");
        if (line.n && line.p[line.n - 1] == '\r')
                line.n--;
        *ret = line;
        secret_done(&line);
        return ret->n ? 0 : err_set(e, ERR_INVALID, "the password is empty");
}

static int cli_password_ask(const char *question, struct secret *ret, struct err *e)
{
        struct termios was, quiet;

        if (tcgetattr(STDIN_FILENO, &was) < 0)
                return err_os(e, ERR_IO, errno, "cannot ask at this terminal");
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
        if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0)
                return err_os(e, ERR_IO, errno, "cannot switch the terminal's echo off");
        fprintf(stderr, "%s: ", question);
        fflush(stderr);
        int r = cli_password_line(ret, e);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
        fputc('\n', stderr);
        return r;
}

int cli_password_read(const char *file, struct secret *ret, struct err *e)
{
        struct secret first = { 0 }, again = { 0 };

        if (file && strcmp(file, "-") == 0)
                return cli_password_line(ret, e);
        if (file)
                return cli_read_password(file, ret, e);
        if (!isatty(STDIN_FILENO))
                return err_set(e, ERR_INVALID,
                        "there is no terminal to ask for the password at: --password-file FILE, or "
                        "- for standard input");
        int r = cli_password_ask("New password", &first, e);
        if (r == 0)
                r = cli_password_ask("Again", &again, e);
        if (r == 0 && !secret_equal(secret_bytes(&first), secret_bytes(&again)))
                r = err_set(e, ERR_INVALID, "the two are not the same");
        if (r == 0)
                *ret = first;
        secret_done(&first);
        secret_done(&again);
        return r;
}
