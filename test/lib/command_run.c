/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs a subcommand as a person would: in a child, with its output and exit code caught. To be
 * included behind cmocka.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char command_run_output[65536]; /* of the last command, both streams */

/* argv[0] is "custos"; the rest ends with NULL. Returns the exit code. */
static int command_run(int (*command)(int, char **), ...)
{
        static char name[] = "custos";
        char *argv[32] = { name };
        int argc = 1, pipe_fds[2], status;
        size_t n = 0, room = sizeof command_run_output - 1;
        ssize_t got;
        va_list args;

        va_start(args, command);
        while ((argv[argc] = va_arg(args, char *)))
                argc++;
        va_end(args);
        assert_int_equal(pipe(pipe_fds), 0);
        fflush(stdout);
        fflush(stderr);
        pid_t child = fork();
        if (child == 0) {
                dup2(pipe_fds[1], 1);
                dup2(pipe_fds[1], 2);
                int code = command(argc, argv);
                fflush(stdout);
                _exit(code);
        }
        close(pipe_fds[1]);
        while (n < room && (got = read(pipe_fds[0], command_run_output + n, room - n)) > 0)
                n += (size_t)got;
        command_run_output[n] = '\0';
        close(pipe_fds[0]);
        waitpid(child, &status, 0);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

#define SAYS(text)                                                                                 \
        do {                                                                                       \
                if (!strstr(command_run_output, text))                                             \
                        print_error("%s\n", command_run_output);                                   \
                assert_non_null(strstr(command_run_output, text));                                 \
        } while (0)
