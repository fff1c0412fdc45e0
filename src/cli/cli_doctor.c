/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_doctor.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_args.h"
#include "doctor/doctor.h"
#include "net/link.h"

#define CLI_DOCTOR_UNKNOWN 2
#define CLI_DOCTOR_SHOWN_ROOM (4 * DOCTOR_TEXT_ROOM + 1)

static const struct cli_args_command cli_doctor_command = {
        .name = "doctor",
        .help = "custos doctor [--json]\n"
                "\n"
                "Every control that can be seen on this host (files and modes, users, sandboxes,\n"
                "ports, the page, clock, logs), and those of the site as the manager says them\n"
                "(people, certificates, encryption, exceptions from it, disks). Each is a row:\n"
                " pass, fail with its remedy, unknown where it could not be seen (nothing\n"
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

static int cli_doctor_exit(const unsigned count[static DOCTOR_FAIL + 1])
{
        if (count[DOCTOR_FAIL])
                return CLI_FAILED;
        return count[DOCTOR_UNKNOWN] ? CLI_DOCTOR_UNKNOWN : CLI_OK;
}

/* site: what the manager said of its own checks; NULL where it did not answer. */
static int cli_doctor_run(const struct cli_args *a, const struct doctor *d, const json_t *site)
{
        unsigned count[DOCTOR_FAIL + 1] = { 0 };
        json_t *checks = json_array();

        for (unsigned i = 0; i < doctor_checks(); i++) {
                struct doctor_finding f;
                if (doctor_is_of_site(i))
                        doctor_take(site, i, &f);
                else
                        doctor_check(d, i, &f);
                count[f.verdict]++;
                if (!a->json)
                        cli_doctor_print(&f);
                json_array_append_new(checks, doctor_json(&f));
        }
        json_t *whole = json_pack("{s:s, s:o}", "verdict", doctor_sum(checks), "checks", checks);
        if (a->json)
                cli_print_json(whole);
        else
                printf("\n%u failed, %u unknown, %u noted, %u passed\n", count[DOCTOR_FAIL],
                        count[DOCTOR_UNKNOWN], count[DOCTOR_NOTE], count[DOCTOR_PASS]);
        json_decref(whole);
        return cli_doctor_exit(count);
}

int cli_doctor(int argc, char **argv)
{
        char remedy[LINK_REMEDY_MAX];
        json_t *answer = NULL;
        struct cli_args a;

        if (!cli_args_parse(&a, &cli_doctor_command, argc, argv))
                return a.exit;
        (void)!cli_call(a.state, "doctor.run", json_object(), &answer, remedy, NULL);
        const struct doctor d = { .state = a.state, .proc = "/proc" };
        int done = cli_doctor_run(&a, &d, json_object_get(answer, "checks"));
        json_decref(answer);
        return done;
}
