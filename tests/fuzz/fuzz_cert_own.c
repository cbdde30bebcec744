/* What an administrator uploads as the signed result, and what lies in an identity's file: after a failure
 * everything is as it was, after a success certificate and key belong together. */
#include <assert.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert_priv.h"
#include "gw_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The key of the certificates in the corpus; it protects nothing. */
static const char key_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg+vKPL+k+qbyvSU/c\n"
                              "cAcf7XBC7IpnMliB8hkJYja5hq+hRANCAAScatVnuQR1GYMZ4PulCl0mDOuj/KKG\n"
                              "aRIai8i6m0i4SYrxrA9I4DSoYBfY+RCmKhKvhWJ/7i5GnmjNYC5HEEsw\n"
                              "-----END PRIVATE KEY-----\n";

static const gw_utc now = 1795000000000; /* 2026-11-18: those of the corpus are valid */
static char folder[] = "/dev/shm/fuzz-cert-XXXXXX", path[64]; /* memory: nothing waits for a disk */
static struct cert_store *store;
static struct cert_identity *id;
static struct cert_key key;

static void clean(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

static void start(void)
{
    const struct gw_str name = GW_STR("im.a.com");
    struct cert_identity_args args = {
        .name = "cup", .names = &name, .names_count = 1, .now = now
    };
    BIO *bio = BIO_new_mem_buf(key_pem, -1);

    key.pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!key.pkey || !mkdtemp(folder) || cert_store_open(folder, &store, NULL) ||
        cert_identity_open(store, &args, &id, NULL))
        abort();
    snprintf(path, sizeof(path), "%s/cup.pem", folder);
    atexit(clean);
}

static void check_install(struct gw_str data)
{
    const struct gw_str wanted = GW_STR("im.a.com");
    struct gw_err err = { 0 };
    struct gw_buf notes;
    char before[65];
    enum gw_code code;

    code = cert_own_reset(id, &key, &wanted, 1, now, &err);
    assert(!code);
    memcpy(before, id->entry->info.fingerprint, 65);
    gw_buf_init(&notes, 4096);
    code = cert_own_install(id, data, &wanted, 1, now, &notes, &err);
    gw_buf_done(&notes);
    assert(X509_check_private_key(id->entry->x509, id->key));
    assert(!code || !strcmp(before, id->entry->info.fingerprint));
    assert(!code || err.msg[0]);
    code = cert_identity_reload(id, &err);
    assert(!code);
}

static void check_file(struct gw_str data)
{
    struct gw_err err = { 0 };
    FILE *f = fopen(path, "w");
    enum gw_code code;

    assert(f && fwrite(data.p, 1, data.len, f) == data.len && !fclose(f) && !chmod(path, 0600));
    code = cert_identity_reload(id, &err);
    assert(!code || err.msg[0]);
    assert(X509_check_private_key(id->entry->x509, id->key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct gw_str text = { (const char *)data, len };

    if (!store)
        start();
    check_install(text);
    check_file(text);
    return 0;
}
