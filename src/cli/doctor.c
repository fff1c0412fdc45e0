/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/doctor.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/doctor_parts.h"

static const struct {
        const char *name;
        doctor_run run;
} doctor_table[] = {
        { "state-directory", doctor_files_state },
        { "site-ca", doctor_files_site_ca },
        { "node-keys", doctor_files_node_keys },
        { "seal-key", doctor_files_seal_key },
        { "wrap-key", doctor_files_wrap_key },
        { "grant-key", doctor_files_grant_key },
        { "recovery-kit", doctor_files_recovery_kit },
        { "footage-key", doctor_files_footage_key },
        { "audit-log", doctor_files_audit },
        { "grants-log", doctor_files_grants_log },
        { "landlock", doctor_processes_landlock },
        { "seccomp", doctor_processes_seccomp },
        { "privileges", doctor_processes_privileges },
        { "core-dumps", doctor_processes_core },
        { "ports", doctor_processes_ports },
        { "clock", doctor_live_clock },
        { "certificates", doctor_live_certificates },
        { "recorders", doctor_live_recorders },
        { "encryption", doctor_live_open },
        { "exceptions", doctor_live_exceptions },
        { "volumes", doctor_live_volumes },
        { "damage", doctor_live_damage },
        /* Last: it gives up this process's capabilities. */
        { "memory", doctor_processes_memory },
};

const char *doctor_verdict_name(enum doctor_verdict v)
{
        static const char *const names[] = { "pass", "note", "unknown", "fail" };

        return names[v];
}

unsigned doctor_checks(void)
{
        return ARRAY_LEN(doctor_table);
}

void doctor_check(const struct doctor *d, unsigned n, struct doctor_finding *ret)
{
        *ret = (struct doctor_finding){ .name = doctor_table[n].name };
        doctor_table[n].run(d, ret);
        assert(ret->text[0]);
}

void doctor_pass(struct doctor_finding *f, const char *fmt, ...)
{
        va_list args;

        if (f->verdict != DOCTOR_PASS)
                return;
        va_start(args, fmt);
        vsnprintf(f->text, sizeof f->text, fmt, args);
        va_end(args);
}

void doctor_say(struct doctor_finding *f, enum doctor_verdict verdict, const char *remedy,
        const char *fmt, ...)
{
        va_list args;

        if (verdict == f->verdict && f->text[0])
                f->more++;
        if (verdict <= f->verdict && f->text[0])
                return;
        f->verdict = verdict;
        f->more = 0;
        snprintf(f->remedy, sizeof f->remedy, "%s", remedy);
        va_start(args, fmt);
        vsnprintf(f->text, sizeof f->text, fmt, args);
        va_end(args);
}
