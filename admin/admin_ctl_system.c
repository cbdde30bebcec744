/* kalendsctl set, get, cert trust, log-level, version */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_ctl.h"

/* --- parameters */

enum ctl_exit ctl_param_set(struct ctl *ctl)
{
    json_t *body = json_pack("{s:s}", "value", ctl_arg(ctl, 1)), *answer;
    enum ctl_exit rc;

    rc = ctl_call(ctl, "PUT", ctl_path("/v1/parameters/%s", ctl_arg(ctl, 0)), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("%s = %s\n", ctl_str(answer, "key"), ctl_str(answer, "value"));
    json_decref(answer);
    return CTL_OK;
}

static void param_row(struct ctl_table *table, const json_t *p)
{
    ctl_table_cell(table, ctl_str(p, "key"));
    ctl_table_cell(table, ctl_str(p, "value"));
    ctl_table_cell(table, ctl_str(p, "default"));
    ctl_table_cell(table, ctl_str(p, "range"));
    ctl_table_cell(table, ctl_str(p, "shown_as"));
}

static void params_print(const json_t *list)
{
    struct ctl_table *table = ctl_table_new("KEY|VALUE|DEFAULT|RANGE|SHOWN AS");
    json_t *p;
    size_t i;

    json_array_foreach(list, i, p) param_row(table, p);
    ctl_table_print(&table);
}

static void param_print(const json_t *p)
{
    printf("%s = %s\n", ctl_str(p, "key"), ctl_str(p, "value"));
    printf("  shown as  %s\n", ctl_str(p, "shown_as"));
    printf("  range     %s\n", ctl_str(p, "range"));
    printf("  default   %s\n", ctl_str(p, "default"));
    if (*ctl_str(p, "help"))
        printf("  %s\n", ctl_str(p, "help"));
}

enum ctl_exit ctl_param_get(struct ctl *ctl)
{
    const char *key = ctl_arg(ctl, 0);
    char *path = key ? ctl_path("/v1/parameters/%s", key) : ctl_path("/v1/parameters");
    json_t *answer;
    enum ctl_exit rc = ctl_call(ctl, "GET", path, NULL, &answer);

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else if (key)
        param_print(answer);
    else
        params_print(json_object_get(answer, "parameters"));
    json_decref(answer);
    return CTL_OK;
}

/* --- certificates */

enum { FILE_MAX = 4 * 1024 * 1024, FINGERPRINT_HEX = 64, PREFIX_MIN = 8 };

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

static enum ctl_exit file_read(const struct ctl *ctl, const char *path, struct gw_buf *out)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && read_all(fd, out);

    if (!ok)
        ctl_complain(ctl, "invalid", "cannot read '%s': %s", path, strerror(errno));
    if (fd > STDIN_FILENO)
        (void)close(fd);
    return ok ? CTL_OK : CTL_USAGE;
}

static void certificate_print(const struct ctl *ctl, const json_t *c)
{
    char at[CTL_TIME_MAX];
    json_t *name;
    size_t i;

    printf("%s\n  subject  %s%s\n", ctl_str(c, "fingerprint"), ctl_str(c, "subject"),
           ctl_true(c, "ca") ? " (CA)" : "");
    if (strcmp(ctl_str(c, "issuer"), ctl_str(c, "subject")) != 0)
        printf("  issuer   %s\n", ctl_str(c, "issuer"));
    if (json_array_size(json_object_get(c, "names"))) {
        printf("  names   ");
        json_array_foreach(json_object_get(c, "names"), i, name)
            printf(" %s", json_is_string(name) ? json_string_value(name) : "");
        (void)putchar('\n');
    }
    printf("  %-8s %s\n", ctl_utc(c, "not_after") < ctl->now ? "EXPIRED" : "expires",
           ctl_time(ctl_utc(c, "not_after"), ctl->now, "not known", at));
}

static void certificates_print(const struct ctl *ctl, const json_t *answer)
{
    json_t *c;
    size_t i;

    json_array_foreach(json_object_get(answer, "certificates"), i, c) certificate_print(ctl, c);
}

enum ctl_exit ctl_trust_add(struct ctl *ctl)
{
    struct gw_buf pem;
    json_t *answer, *body;
    enum ctl_exit rc;

    gw_buf_init(&pem, FILE_MAX);
    rc = file_read(ctl, ctl_arg(ctl, 0), &pem);
    body = rc ? NULL : json_pack("{s:s%}", "pem", pem.len ? pem.p : "", pem.len);
    gw_buf_done(&pem);
    if (rc)
        return rc;
    if (!body) {
        ctl_complain(ctl, "invalid", "'%s' is not a PEM file: it is not text", ctl_arg(ctl, 0));
        return CTL_FAILED;
    }
    rc = ctl_call(ctl, "POST", ctl_path("/v1/trust"), body, &answer);
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
    return ctl_call(ctl, "GET", ctl_path("/v1/trust"), NULL, out);
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

/* As OpenSSL writes it, "AB:CD:...", too. False: it cannot be one. */
static bool fingerprint_normalise(const char *in, char out[FINGERPRINT_HEX + 1])
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

/* Completes what is the beginning of exactly one. */
static enum ctl_exit fingerprint_complete(struct ctl *ctl, char text[FINGERPRINT_HEX + 1])
{
    char found[FINGERPRINT_HEX + 1] = "";
    size_t count = 0, i;
    json_t *answer, *c;
    enum ctl_exit rc = trust_get(ctl, &answer);

    if (rc)
        return rc;
    json_array_foreach(json_object_get(answer, "certificates"), i, c)
    {
        if (!gw_str_starts(gw_str_of(ctl_str(c, "fingerprint")), text))
            continue;
        (void)snprintf(found, sizeof(found), "%s", ctl_str(c, "fingerprint"));
        count++;
    }
    json_decref(answer);
    if (count != 1) {
        ctl_complain(ctl, "notfound", "%s certificate's fingerprint begins with '%s'",
                     count ? "more than one" : "no", text);
        return CTL_FAILED;
    }
    memcpy(text, found, sizeof(found));
    return CTL_OK;
}

enum ctl_exit ctl_trust_remove(struct ctl *ctl)
{
    char fingerprint[FINGERPRINT_HEX + 1];
    enum ctl_exit rc;

    if (!fingerprint_normalise(ctl_arg(ctl, 0), fingerprint)) {
        ctl_complain(ctl, "usage",
                     "a fingerprint is %d hexadecimal digits, or at least the first %d",
                     FINGERPRINT_HEX, PREFIX_MIN);
        return CTL_USAGE;
    }
    rc = strlen(fingerprint) < FINGERPRINT_HEX ? fingerprint_complete(ctl, fingerprint) : CTL_OK;
    if (rc)
        return rc;
    return ctl_change(ctl, "DELETE", ctl_path("/v1/trust/%s", fingerprint), NULL, "certificate ",
                      " is trusted no longer");
}

/* --- log level, version */

enum ctl_exit ctl_log_level(struct ctl *ctl)
{
    const char *component = ctl_arg(ctl, 1);
    json_t *body = json_pack("{s:s}", "level", ctl_arg(ctl, 0)), *answer;
    enum ctl_exit rc;

    if (component)
        json_object_set_new(body, "component", json_string(component));
    rc = ctl_call(ctl, "PUT", ctl_path("/v1/log-level"), body, &answer);
    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        printf("log level of %s is '%s' until the next start\n",
               component ? ctl_str(answer, "component") : "everything", ctl_str(answer, "level"));
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_version(struct ctl *ctl)
{
    json_t *answer;
    enum ctl_exit rc;

    if (!ctl->line->json) {
        printf("kalendsctl %s\n", KALENDS_VERSION);
        (void)fflush(stdout);
    }
    rc = ctl_call(ctl, "GET", ctl_path("/v1/version"), NULL, &answer);
    if (rc)
        return rc;
    if (ctl->line->json) {
        json_object_set_new(answer, "kalendsctl", json_string(KALENDS_VERSION));
        ctl_print_json(answer);
    } else {
        printf("kalendsd   %s\n", ctl_str(answer, "version"));
    }
    json_decref(answer);
    return CTL_OK;
}
