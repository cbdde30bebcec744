/* kalendsctl cert trust; and what all of cert has in common */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_ctl.h"
#include "cert.h"
#include "gw_bytes.h"

enum { CRL_MAX = 4 * 1024 * 1024, FINGERPRINT_HEX = CTL_FINGERPRINT_MAX - 1, PREFIX_MIN = 8 };

const char *ctl_store(const struct ctl *ctl)
{
    const char *store = ctl_opt(ctl, "store");

    return store ? store : "cup-trust";
}

static bool read_all(int fd, struct gw_buf *out)
{
    char piece[16 * 1024];
    ssize_t n;

    while ((n = read(fd, piece, sizeof(piece))) > 0)
        gw_buf_add(out, piece, (size_t)n);
    if (out->failed)
        errno = EFBIG;
    return n == 0 && !out->failed;
}

enum ctl_exit ctl_file_read(const struct ctl *ctl, const char *path, struct gw_buf *out)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read_all(fd, out);

    if (!ok)
        ctl_complain(ctl, "invalid", "cannot read '%s': %s", path, strerror(errno));
    if (fd > STDIN_FILENO)
        (void)close(fd);
    if (!ok)
        return CTL_USAGE;
    if (out->len)
        return CTL_OK;
    ctl_complain(ctl, "invalid", "'%s' is empty", path);
    return CTL_FAILED;
}

/* --- printing */

static void line_print(const char *name, const char *text)
{
    if (*text)
        printf("  %-10s%s\n", name, text);
}

void ctl_certificate_print(const struct ctl *ctl, const json_t *c)
{
    char at[CTL_TIME_MAX];
    json_t *name;
    size_t i;

    printf("%s\n  subject   %s%s\n", ctl_str(c, "fingerprint"), ctl_str(c, "subject"),
           ctl_true(c, "ca") ? " (CA)" : "");
    if (strcmp(ctl_str(c, "issuer"), ctl_str(c, "subject")) != 0)
        line_print("issuer", ctl_str(c, "issuer"));
    if (json_array_size(json_object_get(c, "names"))) {
        printf("  names    ");
        json_array_foreach(json_object_get(c, "names"), i, name)
            printf(" %s", json_is_string(name) ? json_string_value(name) : "");
        (void)putchar('\n');
    }
    line_print(ctl_utc(c, "not_after") < ctl->now ? "EXPIRED" : "expires",
               ctl_time(ctl_utc(c, "not_after"), ctl->now, "not known", at));
}

static void certificates_print(const struct ctl *ctl, const json_t *answer)
{
    json_t *c;
    size_t i;

    json_array_foreach(json_object_get(answer, "certificates"), i, c) ctl_certificate_print(ctl, c);
}

/* --- trust */

/* The file that the first argument names, as a body. */
static enum ctl_exit upload_read(const struct ctl *ctl, size_t max, json_t **body)
{
    struct gw_buf file, base64;
    enum ctl_exit rc;

    gw_buf_init(&file, max);
    gw_buf_init(&base64, 2 * max);
    rc = ctl_file_read(ctl, ctl_arg(ctl, 0), &file);
    if (!rc) {
        gw_base64_write(gw_buf_str(&file), &base64);
        *body = json_pack("{s:s%}", "base64", base64.len ? base64.p : "", base64.len);
    }
    gw_buf_done(&file);
    gw_buf_done(&base64);
    return rc;
}

enum ctl_exit ctl_trust_add(struct ctl *ctl)
{
    json_t *answer, *body;
    enum ctl_exit rc = upload_read(ctl, CERT_UPLOAD_MAX, &body);

    if (rc)
        return rc;
    rc = ctl_call(ctl, "POST", ctl_path("/v1/trust/%s", ctl_store(ctl)), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        certificates_print(ctl, answer);
        printf("%lld added\n", (long long)ctl_int(answer, "added"));
    }
    json_decref(answer);
    return CTL_OK;
}

static enum ctl_exit trust_get(struct ctl *ctl, json_t **out)
{
    return ctl_call(ctl, "GET", ctl_path("/v1/trust/%s", ctl_store(ctl)), NULL, out);
}

enum ctl_exit ctl_trust_list(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc = trust_get(ctl, &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        certificates_print(ctl, answer);
    json_decref(answer);
    return CTL_OK;
}

bool ctl_fingerprint_normalise(const char *in, char out[CTL_FINGERPRINT_MAX])
{
    size_t len = 0;

    for (; *in; in++) {
        if (*in == ':')
            continue;
        if (!isxdigit((unsigned char)*in) || len == FINGERPRINT_HEX)
            return false;
        out[len++] = (char)tolower((unsigned char)*in);
    }
    out[len] = '\0';
    return len >= PREFIX_MIN;
}

/* Completes what is the beginning of exactly one of the list that is there. */
static enum ctl_exit digest_complete(struct ctl *ctl, char *path, const char *list,
                                     const char *field, char text[CTL_FINGERPRINT_MAX])
{
    char found[CTL_FINGERPRINT_MAX] = "";
    size_t count = 0, i;
    json_t *answer, *item;
    enum ctl_exit rc = ctl_call(ctl, "GET", path, NULL, &answer);

    if (rc)
        return rc;
    json_array_foreach(json_object_get(answer, list), i, item)
    {
        if (!gw_str_starts(gw_str_of(ctl_str(item, field)), text))
            continue;
        (void)snprintf(found, sizeof(found), "%s", ctl_str(item, field));
        count++;
    }
    json_decref(answer);
    if (count != 1) {
        ctl_complain(ctl, "notfound", "%s %s begins with '%s'", count ? "more than one" : "no",
                     field, text);
        return CTL_FAILED;
    }
    memcpy(text, found, sizeof(found));
    return CTL_OK;
}

/* The whole one that the first argument stands for; of what is listed at the path. */
static enum ctl_exit digest_read(struct ctl *ctl, char *path, const char *list, const char *field,
                                 char out[CTL_FINGERPRINT_MAX])
{
    bool valid = ctl_fingerprint_normalise(ctl_arg(ctl, 0), out);

    if (valid && strlen(out) < FINGERPRINT_HEX)
        return digest_complete(ctl, path, list, field, out);
    free(path);
    if (valid)
        return CTL_OK;
    ctl_complain(ctl, "usage", "%s: %d hexadecimal digits, or at least the first %d", field,
                 FINGERPRINT_HEX, PREFIX_MIN);
    return CTL_USAGE;
}

static enum ctl_exit fingerprint_read(struct ctl *ctl, char out[CTL_FINGERPRINT_MAX])
{
    return digest_read(ctl, ctl_path("/v1/trust/%s", ctl_store(ctl)), "certificates", "fingerprint",
                       out);
}

static enum ctl_exit trust_one(struct ctl *ctl, json_t **out)
{
    char fingerprint[CTL_FINGERPRINT_MAX];
    enum ctl_exit rc = fingerprint_read(ctl, fingerprint);

    if (rc)
        return rc;
    return ctl_call(ctl, "GET", ctl_path("/v1/trust/%s/%s", ctl_store(ctl), fingerprint), NULL,
                    out);
}

enum ctl_exit ctl_trust_show(struct ctl *ctl)
{
    char from[CTL_TIME_MAX];
    json_t *c;
    enum ctl_exit rc = trust_one(ctl, &c);

    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(c);
    } else {
        ctl_certificate_print(ctl, c);
        line_print("from", ctl_time(ctl_utc(c, "not_before"), ctl->now, "not known", from));
        line_print("serial", ctl_str(c, "serial"));
        line_print("key", ctl_str(c, "key"));
        line_print("signature", ctl_str(c, "signature"));
        line_print("usages", ctl_str(c, "usages"));
    }
    json_decref(c);
    return CTL_OK;
}

/* RFC 7468: lines of 64 characters. */
void ctl_pem_print(const char *label, const char *base64)
{
    size_t len = strlen(base64);

    printf("-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < len; at += 64)
        printf("%.64s\n", base64 + at);
    printf("-----END %s-----\n", label);
}

enum ctl_exit ctl_trust_export(struct ctl *ctl)
{
    json_t *c;
    enum ctl_exit rc = trust_one(ctl, &c);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(c);
    else
        ctl_pem_print("CERTIFICATE", ctl_str(c, "der"));
    json_decref(c);
    return CTL_OK;
}

enum ctl_exit ctl_trust_remove(struct ctl *ctl)
{
    char fingerprint[CTL_FINGERPRINT_MAX];
    enum ctl_exit rc = fingerprint_read(ctl, fingerprint);

    if (rc)
        return rc;
    return ctl_change(ctl, "DELETE", ctl_path("/v1/trust/%s/%s", ctl_store(ctl), fingerprint), NULL,
                      "certificate ", " is trusted no longer");
}

/* --- revocation lists */

static void crl_print(const struct ctl *ctl, const json_t *crl)
{
    char at[CTL_TIME_MAX];
    gw_utc until = ctl_utc(crl, "until");

    printf("%s\n  issuer    %s\n", ctl_str(crl, "id"), ctl_str(crl, "issuer"));
    line_print("number", ctl_str(crl, "number"));
    line_print("from", ctl_time(ctl_utc(crl, "from"), ctl->now, "not known", at));
    line_print(until && until < ctl->now ? "OLD SINCE" : "until",
               ctl_time(until, ctl->now, "it does not say", at));
    printf("  revoked   %lld\n", (long long)ctl_int(crl, "revoked"));
    if (!ctl_true(crl, "signer_known"))
        line_print("NOTE", "its authority is not in the store: whether it has signed the list is "
                           "seen when a server shows it");
}

static enum ctl_exit crl_call(struct ctl *ctl, const char *method, json_t *body)
{
    json_t *answer, *crl;
    enum ctl_exit rc =
        ctl_call(ctl, method, ctl_path("/v1/crls/%s", ctl_store(ctl)), body, &answer);
    size_t i;

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        json_array_foreach(json_object_get(answer, "lists"), i, crl) crl_print(ctl, crl);
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_crl_list(struct ctl *ctl)
{
    return crl_call(ctl, "GET", NULL);
}

enum ctl_exit ctl_crl_add(struct ctl *ctl)
{
    json_t *body;
    enum ctl_exit rc = upload_read(ctl, CRL_MAX, &body);

    return rc ? rc : crl_call(ctl, "POST", body);
}

enum ctl_exit ctl_crl_remove(struct ctl *ctl)
{
    char id[CTL_FINGERPRINT_MAX];
    enum ctl_exit rc = digest_read(ctl, ctl_path("/v1/crls/%s", ctl_store(ctl)), "lists", "id", id);

    if (rc)
        return rc;
    return ctl_change(ctl, "DELETE", ctl_path("/v1/crls/%s/%s", ctl_store(ctl), id), NULL,
                      "revocation list ", " removed");
}
