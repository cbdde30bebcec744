/* Secrets at rest. The key lies in a file of its own, so that a copy of the database alone gives
 * nothing away. Sealed text: base64 of version, nonce, ciphertext, tag. A random nonce of 96 bits is
 * good for 2^32 secrets under one key (NIST SP 800-38D 8.3), far beyond what a gateway writes. */
#include "store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gw_bytes.h"
#include "gw_mem.h"

enum { SEAL_VERSION = 1, NONCE_LEN = 12, TAG_LEN = 16, HEAD_LEN = 1 + NONCE_LEN };

/* --- the key file */

static enum gw_code key_fail(const char *path, int os, struct gw_err *err)
{
    if (os == EACCES || os == EPERM)
        return gw_fail(err, GW_DENIED,
                       "seal key '%s': no permission: it must belong to the user that the gateway "
                       "runs as",
                       path);
    if (os == ENOENT || os == ENOTDIR)
        return gw_fail(err, GW_NOTFOUND, "seal key '%s': its folder does not exist: create it",
                       path);
    return gw_fail(err, GW_INTERNAL, "seal key '%s': %s", path, strerror(os));
}

static int sync_folder(const char *path)
{
    char *copy = gw_str_dup(gw_str_of(path));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int os = 0;

    if (fd < 0 || fsync(fd))
        os = errno;
    if (fd >= 0)
        close(fd);
    free(copy);
    return os;
}

/* 0, or errno. */
static int write_new(const char *path, const struct store_seal_key *key)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    ssize_t n;
    int os = 0;

    if (fd < 0)
        return errno;
    n = write(fd, key->bytes, sizeof(key->bytes));
    if (n != (ssize_t)sizeof(key->bytes))
        os = n < 0 ? errno : ENOSPC;
    else if (fsync(fd))
        os = errno;
    if (close(fd) && !os)
        os = errno;
    return os;
}

/* Written whole under another name, then linked, which never replaces: a process killed on the way
 * leaves no half key, and two at once agree on one. */
static enum gw_code key_make(const char *path, struct store_seal_key *out, struct gw_err *err)
{
    struct store_seal_key key;
    size_t size = strlen(path) + sizeof(".new");
    char *fresh = gw_alloc(size);
    int os;

    snprintf(fresh, size, "%s.new", path);
    gw_random(key.bytes, sizeof(key.bytes));
    (void)unlink(fresh);
    os = write_new(fresh, &key);
    if (!os && link(fresh, path))
        os = errno;
    (void)unlink(fresh);
    if (!os)
        os = sync_folder(path);
    if (!os)
        *out = key;
    free(fresh);
    gw_wipe(&key, sizeof(key));
    return os ? key_fail(path, os, err) : GW_OK;
}

static enum gw_code key_check(const char *path, const struct stat *st, bool is_given,
                              struct gw_err *err)
{
    if (!S_ISREG(st->st_mode))
        return gw_fail(err, GW_INVALID, "seal key '%s' is not a file", path);
    if (st->st_mode & (is_given ? 037 : 077))
        return gw_fail(err, GW_DENIED,
                       "seal key '%s' can be read by others (mode %04o): chmod 600 '%s'", path,
                       (unsigned)(st->st_mode & 07777), path);
    if (st->st_size != STORE_SEAL_KEY_LEN)
        return gw_fail(err, GW_INVALID,
                       "seal key '%s' has %lld bytes instead of %d: restore it from a backup", path,
                       (long long)st->st_size, STORE_SEAL_KEY_LEN);
    return GW_OK;
}

static enum gw_code key_read(int fd, const char *path, bool is_given, struct store_seal_key *out,
                             struct gw_err *err)
{
    struct store_seal_key key;
    struct stat st;
    enum gw_code code;
    ssize_t n;

    if (fstat(fd, &st))
        return key_fail(path, errno, err);
    code = key_check(path, &st, is_given, err);
    if (code)
        return code;
    n = read(fd, key.bytes, sizeof(key.bytes));
    if (n == (ssize_t)sizeof(key.bytes))
        *out = key;
    else
        code = key_fail(path, n < 0 ? errno : EIO, err);
    gw_wipe(&key, sizeof(key));
    return code;
}

enum gw_code store_seal_key_load(const char *path, bool is_given, bool has_secrets,
                                 struct store_seal_key *out, struct gw_err *err)
{
    /* A FIFO in its place must not hold us up. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    enum gw_code code;

    if (fd < 0 && errno != ENOENT)
        return key_fail(path, errno, err);
    if (fd < 0 && is_given)
        return gw_fail(err, GW_NOTFOUND, "seal key '%s' is not there", path);
    if (fd < 0 && has_secrets)
        return gw_fail(err, GW_NOTFOUND,
                       "seal key '%s' is gone, but the database has secrets under it: restore it "
                       "from a backup",
                       path);
    if (fd < 0)
        return key_make(path, out, err);
    code = key_read(fd, path, is_given, out, err);
    close(fd);
    return code;
}

/* --- sealing */

static bool seal_init(EVP_CIPHER_CTX *ctx, const struct store_seal_key *key, const uint8_t *nonce,
                      struct gw_str context, bool encrypt)
{
    int n;

    return EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key->bytes, nonce, encrypt, NULL) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)context.p, (int)context.len) == 1;
}

static bool encrypt(const struct store_seal_key *key, struct gw_str context, struct gw_str secret,
                    uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t *text = out + HEAD_LEN;
    int n = 0, last = 0;
    bool ok;

    out[0] = SEAL_VERSION;
    gw_random(out + 1, NONCE_LEN);
    ok = ctx && seal_init(ctx, key, out + 1, context, true) &&
         (!secret.len ||
          EVP_CipherUpdate(ctx, text, &n, (const uint8_t *)secret.p, (int)secret.len) == 1) &&
         EVP_CipherFinal_ex(ctx, text + n, &last) == 1 &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, text + secret.len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* text_len bytes go to out, whether it succeeds or not. */
static bool decrypt(const struct store_seal_key *key, struct gw_str context, const uint8_t *in,
                    size_t text_len, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t tag[TAG_LEN];
    int n = 0, last = 0;
    bool ok;

    memcpy(tag, in + HEAD_LEN + text_len, TAG_LEN);
    ok = ctx && seal_init(ctx, key, in + 1, context, false) &&
         (!text_len || EVP_CipherUpdate(ctx, out, &n, in + HEAD_LEN, (int)text_len) == 1) &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
         EVP_CipherFinal_ex(ctx, out + n, &last) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

void store_seal_write(const struct store_seal_key *key, struct gw_str context, struct gw_str secret,
                      struct gw_buf *out)
{
    size_t len = HEAD_LEN + secret.len + TAG_LEN;
    uint8_t *raw;

    if (secret.len > STORE_VALUE_MAX || context.len > STORE_KEY_MAX) {
        out->failed = true;
        return;
    }
    raw = gw_alloc(len);
    if (encrypt(key, context, secret, raw))
        gw_base64_write((struct gw_str){ (char *)raw, len }, out);
    else
        out->failed = true;
    free(raw);
}

enum gw_code store_seal_read(const struct store_seal_key *key, struct gw_str context,
                             struct gw_str sealed, struct gw_buf *out, struct gw_err *err)
{
    struct gw_buf raw;
    uint8_t *text = NULL;
    size_t len = 0;
    enum gw_code code = GW_OK;

    gw_buf_init(&raw, HEAD_LEN + STORE_VALUE_MAX + TAG_LEN);
    if (!gw_base64_parse(sealed, &raw) || raw.failed || raw.len < HEAD_LEN + TAG_LEN ||
        raw.p[0] != SEAL_VERSION || context.len > STORE_KEY_MAX) {
        code = gw_fail(err, GW_BADMSG, "'%.*s' is not a sealed secret", GW_STR_ARG(context));
        goto out;
    }
    len = raw.len - HEAD_LEN - TAG_LEN;
    text = gw_alloc(len + 1);
    if (decrypt(key, context, (const uint8_t *)raw.p, len, text))
        gw_buf_add(out, text, len);
    else
        code = gw_fail(err, GW_BADMSG, "sealed secret '%.*s' was not sealed with this key",
                       GW_STR_ARG(context));
out:
    if (text) {
        gw_wipe(text, len);
        free(text);
    }
    gw_buf_done(&raw);
    return code;
}

void store_seal_derive(const struct store_seal_key *key, struct gw_str context,
                       uint8_t out[STORE_DERIVED_LEN])
{
    unsigned len = 0;

    /* It fails when there is no memory, or no SHA-256: nothing to go on with. */
    if (!HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes), (const uint8_t *)context.p, context.len,
              out, &len) ||
        len != STORE_DERIVED_LEN)
        abort();
}
