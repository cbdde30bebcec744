/* kalendsctl cert own: our own certificates */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin_ctl.h"
#include "cert.h"
#include "gw_bytes.h"

#define REQUEST "CERTIFICATE REQUEST"

/* --- printing */

static void names_print(const char *title, const json_t *list)
{
    json_t *name;
    size_t i;

    if (!json_array_size(list))
        return;
    printf("  %-9s", title);
    json_array_foreach(list, i, name)
        printf(" %s", json_is_string(name) ? json_string_value(name) : "");
    (void)putchar('\n');
}

static void own_print(const struct ctl *ctl, const json_t *own)
{
    printf("%s (%s)%s\n", ctl_str(own, "identity"), ctl_str(own, "purpose"),
           ctl_true(own, "self_signed") ? ": self-signed" : "");
    ctl_certificate_print(ctl, own);
    printf("  key       %s\n", ctl_str(own, "key"));
    names_print("LACKS", json_object_get(own, "missing_names"));
    if (ctl_true(own, "request_waits"))
        printf("  request   waits for its certificate (kalendsctl cert own install %s FILE)\n",
               ctl_str(own, "identity"));
}

/* What the daemon answered to a change: what is in use now, and what to know about it. */
static enum ctl_exit changed(struct ctl *ctl, const char *method, char *path, json_t *body)
{
    json_t *answer, *note;
    enum ctl_exit rc = ctl_call(ctl, method, path, body, &answer);
    size_t i;

    if (rc)
        return rc;
    if (ctl->line->json) {
        ctl_print_json(answer);
    } else {
        own_print(ctl, answer);
        json_array_foreach(json_object_get(answer, "notes"), i, note)
            printf("NOTE: %s\n", json_is_string(note) ? json_string_value(note) : "");
    }
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_own_list(struct ctl *ctl)
{
    json_t *answer, *own;
    enum ctl_exit rc = ctl_call(ctl, "GET", ctl_path("/v1/identities"), NULL, &answer);
    size_t i;

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        json_array_foreach(json_object_get(answer, "identities"), i, own) own_print(ctl, own);
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_own_show(struct ctl *ctl)
{
    return changed(ctl, "GET", ctl_path("/v1/identities/%s", ctl_arg(ctl, 0)), NULL);
}

/* --- requests and certificates */

static enum ctl_exit pem_get(struct ctl *ctl, const char *method, char *path, json_t *body,
                             const char *label)
{
    json_t *answer, *der;
    enum ctl_exit rc = ctl_call(ctl, method, path, body, &answer);
    size_t i;

    if (rc)
        return rc;
    if (ctl->line->json)
        ctl_print_json(answer);
    else
        json_array_foreach(json_object_get(answer, "der"), i, der)
            ctl_pem_print(label, json_is_string(der) ? json_string_value(der) : "");
    json_decref(answer);
    return CTL_OK;
}

enum ctl_exit ctl_own_request(struct ctl *ctl)
{
    const char *name = ctl_arg(ctl, 0);

    if (ctl_opt(ctl, "show"))
        return pem_get(ctl, "GET", ctl_path("/v1/identities/%s/request", name), NULL, REQUEST);
    if (ctl_opt(ctl, "drop"))
        return ctl_change(ctl, "DELETE", ctl_path("/v1/identities/%s/request", name), NULL,
                          "request of ", " dropped");
    return pem_get(ctl, "POST", ctl_path("/v1/identities/%s/request", name), ctl_options_json(ctl),
                   REQUEST);
}

enum ctl_exit ctl_own_self_sign(struct ctl *ctl)
{
    return changed(ctl, "POST", ctl_path("/v1/identities/%s/self-signed", ctl_arg(ctl, 0)),
                   ctl_options_json(ctl));
}

enum ctl_exit ctl_own_remove(struct ctl *ctl)
{
    return changed(ctl, "DELETE", ctl_path("/v1/identities/%s", ctl_arg(ctl, 0)), NULL);
}

/* Host names and addresses: what a request can ask for. Names of XMPP are shown with a word before them. */
static void host_names_add(const json_t *own, json_t *body)
{
    struct gw_buf names;
    json_t *item;
    size_t i;

    gw_buf_init(&names, 64 * 1024);
    json_array_foreach(json_object_get(own, "names"), i, item)
    {
        struct gw_str name = gw_str_of(json_is_string(item) ? json_string_value(item) : "");

        if (!gw_str_starts(name, "xmpp:") && !gw_str_starts(name, "srv:"))
            gw_buf_addf(&names, "%s%.*s", names.len ? "," : "", GW_STR_ARG(name));
    }
    if (names.len)
        json_object_set_new(body, "names", json_stringn(names.p, names.len));
    gw_buf_done(&names);
}

/* A self-signed one is made anew; for another a request is made; with the same subject and names. */
enum ctl_exit ctl_own_renew(struct ctl *ctl)
{
    const char *name = ctl_arg(ctl, 0);
    json_t *own, *body = ctl_options_json(ctl);
    bool self_signed;
    enum ctl_exit rc;

    rc = ctl_call(ctl, "GET", ctl_path("/v1/identities/%s", name), NULL, &own);
    if (rc) {
        json_decref(body);
        return rc;
    }
    self_signed = ctl_true(own, "self_signed");
    if (!ctl_true(own, "automatic"))
        host_names_add(own, body);
    json_decref(own);
    if (self_signed)
        return changed(ctl, "POST", ctl_path("/v1/identities/%s/self-signed", name), body);
    return pem_get(ctl, "POST", ctl_path("/v1/identities/%s/request", name), body, REQUEST);
}

static enum ctl_exit file_add(struct ctl *ctl, const char *path, json_t *body)
{
    struct gw_buf file, base64;
    enum ctl_exit rc;

    gw_buf_init(&file, CERT_UPLOAD_MAX);
    gw_buf_init(&base64, 2 * CERT_UPLOAD_MAX);
    rc = ctl_file_read(ctl, path, &file);
    if (!rc) {
        gw_base64_write(gw_buf_str(&file), &base64);
        json_object_set_new(body, "base64", json_stringn(base64.p ? base64.p : "", base64.len));
    }
    gw_buf_done(&file);
    gw_buf_done(&base64);
    return rc;
}

enum ctl_exit ctl_own_install(struct ctl *ctl)
{
    json_t *body = json_object();
    enum ctl_exit rc = file_add(ctl, ctl_arg(ctl, 1), body);

    if (!rc)
        return changed(ctl, "POST", ctl_path("/v1/identities/%s/certificate", ctl_arg(ctl, 0)),
                       body);
    json_decref(body);
    return rc;
}

/* --- PKCS#12 */

enum ctl_exit ctl_own_import(struct ctl *ctl)
{
    json_t *body = json_object();
    enum ctl_exit rc = file_add(ctl, ctl_arg(ctl, 1), body);

    if (!rc)
        rc = ctl_password_add(ctl, true, ctl_arg(ctl, 1), body);
    if (!rc)
        return changed(ctl, "POST", ctl_path("/v1/identities/%s/import", ctl_arg(ctl, 0)), body);
    json_decref(body);
    return rc;
}

/* 0, or errno. */
static int write_all(int fd, struct gw_str data)
{
    while (data.len) {
        ssize_t n = write(fd, data.p, data.len);

        if (n < 0 && errno != EINTR)
            return errno;
        data = gw_str_sub(data, n > 0 ? (size_t)n : 0, data.len);
    }
    return 0;
}

/* For its owner alone, never over another file, and never a part of it. */
static enum ctl_exit secret_write(const struct ctl *ctl, const char *path,
                                  const struct gw_buf *data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int os = fd < 0 ? errno : write_all(fd, gw_buf_str(data));

    if (fd >= 0 && close(fd) && !os)
        os = errno;
    if (!os)
        return CTL_OK;
    if (fd >= 0)
        (void)unlink(path);
    ctl_complain(ctl, "invalid", "cannot write '%s': %s", path, strerror(os));
    return CTL_FAILED;
}

static enum ctl_exit p12_export(struct ctl *ctl, const char *path)
{
    json_t *body = json_object(), *answer;
    enum ctl_exit rc = ctl_password_add(ctl, true, path, body);
    struct gw_buf data;

    if (rc) {
        json_decref(body);
        return rc;
    }
    rc =
        ctl_call(ctl, "POST", ctl_path("/v1/identities/%s/export", ctl_arg(ctl, 0)), body, &answer);
    if (rc)
        return rc;
    gw_buf_init(&data, CERT_UPLOAD_MAX);
    if (gw_base64_parse(gw_str_of(ctl_str(answer, "base64")), &data) && data.len)
        rc = secret_write(ctl, path, &data);
    if (!rc && !ctl->line->json)
        printf("%s: certificate and private key, keep it safe\n", path);
    gw_buf_done(&data);
    json_decref(answer);
    return rc;
}

enum ctl_exit ctl_own_export(struct ctl *ctl)
{
    const char *path = ctl_opt(ctl, "p12");

    if (path)
        return p12_export(ctl, path);
    return pem_get(ctl, "GET", ctl_path("/v1/identities/%s", ctl_arg(ctl, 0)), NULL, "CERTIFICATE");
}
