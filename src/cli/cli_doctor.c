/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_doctor.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "cli/cli_certificate.h"
#include "cli/cli_status.h"
#include "cli/cli_storage.h"
#include "cli/doctor.h"
#include "net/link.h"

#define CLI_DOCTOR_UNKNOWN 2
#define CLI_DOCTOR_SHOWN_ROOM (4 * DOCTOR_TEXT_ROOM + 1)

static const struct cli_args_command cli_doctor_command = {
        .name = "doctor",
        .help = "custos doctor [--json]\n"
                "\n"
                "Every control of this site that can be seen on this host: files and modes,\n"
                "sandboxes, ports, clock, encryption, exceptions from it, disks, logs. Each is a\n"
                "row: pass, fail with its remedy, unknown where it could not be seen (nothing\n"
                "runs, or only root may look), or a note of what is as it is meant to be.\n"
                "\n" CLI_ARGS_HELP_STATE
                "  --json               {verdict, checks: [{check, verdict, text, remedy, more}]};\n"
                "                       more: how many others are wrong in the same way\n"
                "\n"
                "Exit: 0 all passed, 1 something failed, 2 something could not be seen, 64 wrong\n"
                "use.\n",
        .verbs_n = 1,
        .verbs = { { .takes = CLI_ARGS_BIT(STATE) | CLI_ARGS_BIT(JSON) } },
};

/* The answers about storage by recorder; of those that answer. */
static json_t *cli_doctor_storage(const char *state, const json_t *status)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *all = json_object(), *one;
        size_t i;

        json_array_foreach(json_object_get(status, "recorders"), i, one)
        {
                const char *name = cli_text(one, "name");
                json_t *answer = NULL;
                if (strcmp(cli_text(one, "state"), "connected") == 0 &&
                        cli_storage_fetch(state, name, &answer, remedy, NULL) == 0)
                        json_object_set_new(all, name, answer);
        }
        return all;
}

static void cli_doctor_print(const struct doctor_finding *f)
{
        char shown[CLI_DOCTOR_SHOWN_ROOM];

        printf("%-8s %-16s %s", doctor_verdict_name(f->verdict), f->name,
                str_escape(shown, sizeof shown, bytes_str(f->text)));
        if (f->more)
                printf(" (and %u more)", f->more);
        printf("\n");
        if (f->remedy[0])
                printf("%-8s %-16s %s\n", "", "",
                        str_escape(shown, sizeof shown, bytes_str(f->remedy)));
}

static json_t *cli_doctor_text(const char *text)
{
        json_t *value = json_string(text);

        return value ? value : json_string("(unprintable)");
}

static int cli_doctor_exit(const unsigned count[static DOCTOR_FAIL + 1])
{
        if (count[DOCTOR_FAIL])
                return CLI_FAILED;
        return count[DOCTOR_UNKNOWN] ? CLI_DOCTOR_UNKNOWN : CLI_OK;
}

static int cli_doctor_run(const struct cli_args *a, const struct doctor *d)
{
        unsigned count[DOCTOR_FAIL + 1] = { 0 };
        json_t *checks = json_array();

        for (unsigned i = 0; i < doctor_checks(); i++) {
                struct doctor_finding f;
                doctor_check(d, i, &f);
                count[f.verdict]++;
                if (!a->json)
                        cli_doctor_print(&f);
                json_array_append_new(checks,
                        json_pack("{s:s, s:s, s:o, s:o, s:I}", "check", f.name, "verdict",
                                doctor_verdict_name(f.verdict), "text", cli_doctor_text(f.text),
                                "remedy", cli_doctor_text(f.remedy), "more", (json_int_t)f.more));
        }
        int status = cli_doctor_exit(count);
        json_t *whole = json_pack("{s:s, s:o}", "verdict",
                status == CLI_OK       ? "pass"
                : status == CLI_FAILED ? "fail"
                                       : "unknown",
                "checks", checks);
        if (a->json)
                cli_print_json(whole);
        else
                printf("\n%u failed, %u unknown, %u noted, %u passed\n", count[DOCTOR_FAIL],
                        count[DOCTOR_UNKNOWN], count[DOCTOR_NOTE], count[DOCTOR_PASS]);
        json_decref(whole);
        return status;
}

int cli_doctor(int argc, char **argv)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *status = NULL, *storage = NULL, *certificates = NULL;
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_doctor_command, argc, argv))
                return a.exit;
        if (cli_status_fetch(a.state, &status, remedy, NULL) == 0)
                storage = cli_doctor_storage(a.state, status);
        if (status)
                (void)!cli_certificate_fetch_watch(a.state, &certificates, remedy, NULL);
        const struct doctor d = { .state = a.state,
                .proc = "/proc",
                .status = status,
                .storage = storage,
                .certificates = certificates };
        int done = cli_doctor_run(&a, &d);
        json_decref(certificates);
        json_decref(storage);
        json_decref(status);
        return done;
}
