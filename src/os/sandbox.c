/* SPDX-License-Identifier: GPL-3.0-or-later */
#define ERR_STATE openssl_ERR_STATE /* OpenSSL has a type of this name */
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#include "os/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/sandbox_threads.h"
#include "os/sanitizer.h"

#define SANDBOX_PASSWD_BYTES 16384

int sandbox_one_thread(const char *what, struct err *e)
{
        struct stat st;

        if (SANITIZER_THREAD)
                return 0; /* it has a thread of its own from the start */
        /* A directory for each thread, and each has a link to its parent (proc(5)). */
        if (stat("/proc/self/task", &st) < 0)
                return err_os(e, ERR_UNAVAILABLE, errno, "%s: count the threads", what);
        if (st.st_nlink != 3)
                return err_set(e, ERR_STATE, "%s: %lu threads run already, which it would not bind",
                        what, (unsigned long)st.st_nlink - 2);
        return 0;
}

void sandbox_warm_up(void)
{
        struct passwd pw, *found;
        char text[SANDBOX_PASSWD_BYTES];
        uint8_t random[16];

        /* Reads openssl.cnf, loads the providers named there, seeds both generators. */
        OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL);
        (void)RAND_bytes(random, sizeof random);
        (void)RAND_priv_bytes(random, sizeof random);
        EVP_CIPHER_free(EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL));
        EVP_MD_free(EVP_MD_fetch(NULL, "SHA2-256", NULL));
        EVP_KDF_free(EVP_KDF_fetch(NULL, "HKDF", NULL));
        EVP_MAC_free(EVP_MAC_fetch(NULL, "HMAC", NULL));
        /* Reads nsswitch.conf. */
        (void)getpwuid_r(geteuid(), &pw, text, sizeof text, &found);
}

static int sandbox_drop_capabilities(struct err *e)
{
        bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;

        capng_clear(CAPNG_SELECT_ALL);
        /* The bounding set first, while it may be touched; without CAP_SETPCAP no exec can gain
         * from it anyway (no new privileges). */
        if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
                return err_set(e, ERR_INTERNAL, "drop the capability bounding set");
        if (capng_apply(CAPNG_SELECT_CAPS) < 0)
                return err_set(e, ERR_INTERNAL, "drop the capabilities");
        return 0;
}

int sandbox_drop(struct err *e)
{
        int death_signal = 0;
        pid_t parent = getppid();
        int r = sandbox_one_thread("sandbox_drop", e);

        if (r < 0)
                return r;
        /* The kernel forgets the death signal when credentials change. */
        (void)prctl(PR_GET_PDEATHSIG, &death_signal);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_os(e, ERR_INTERNAL, errno, "no new privileges");
        r = sandbox_drop_capabilities(e);
        if (r < 0)
                return r;
        (void)prctl(PR_SET_PDEATHSIG, death_signal);
        (void)prctl(PR_SET_DUMPABLE, 0);
        if (death_signal && getppid() != parent)
                return err_set(e, ERR_CANCELLED, "the process that started this one has ended");
        return 0;
}
