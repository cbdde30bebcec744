#include "mock_gss.h"

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gw_bytes.h"
#include "gw_mem.h"

#ifdef KALENDS_SANITIZE
#include <sanitizer/lsan_interface.h>
#else
#define __lsan_disable() (void)0
#define __lsan_enable()  (void)0
#endif

enum { LINE_MAX_LEN = 1024, END_POINT_MAX = 64 };

struct mock_gss_home {
    int fd; /* of the file in memory; -1: there is none */
    char path[40];
    char *keytab;
    gss_cred_id_t cred[MOCK_GSS_SPNEGO + 1]; /* NULL: not needed yet */
};

struct mock_gss {
    gss_ctx_id_t ctx;
};

static gss_OID_desc ntlm_oid = { 10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };
static gss_OID_desc krb5_oid = { 9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02" };

bool mock_gss_has_ntlm(void)
{
    gss_OID_set mechs = GSS_C_NO_OID_SET;
    OM_uint32 minor;
    int has = 0;

    if (gss_indicate_mechs(&minor, &mechs) == GSS_S_COMPLETE)
        (void)gss_test_oid_set_member(&minor, &ntlm_oid, mechs, &has);
    (void)gss_release_oid_set(&minor, &mechs);
    return has;
}

/* --- the environment: changed as seldom as can be, since other threads may be reading it --- */

static const char user_file[] = "NTLM_USER_FILE", level[] = "LM_COMPAT_LEVEL";

static bool env_is(const char *name, const char *value)
{
    const char *now = getenv(name);

    return now && value ? !strcmp(now, value) : !now && !value;
}

static void env_set(const char *name, const char *value)
{
    if (env_is(name, value))
        return;
    if (value)
        (void)setenv(name, value, 1);
    else
        (void)unsetenv(name);
}

/* --- life --- */

struct mock_gss_home *mock_gss_home_new(void)
{
    struct mock_gss_home *home = gw_new(struct mock_gss_home);

    home->fd = memfd_create("mock-exchange-password", MFD_CLOEXEC);
    snprintf(home->path, sizeof(home->path), "/proc/self/fd/%d", home->fd);
    env_set(user_file, home->path);
    return home;
}

static void creds_release(struct mock_gss_home *home)
{
    OM_uint32 minor;

    for (int i = 0; i <= MOCK_GSS_SPNEGO; i++)
        (void)gss_release_cred(&minor, &home->cred[i]);
}

void mock_gss_home_free(struct mock_gss_home **homep)
{
    struct mock_gss_home *home = *homep;

    if (!home)
        return;
    *homep = NULL;
    if (env_is(user_file, home->path))
        env_set(user_file, NULL);
    if (home->fd >= 0)
        (void)close(home->fd);
    creds_release(home);
    free(home->keytab);
    free(home);
}

void mock_gss_set_keytab(struct mock_gss_home *home, const char *path)
{
    creds_release(home);
    free(home->keytab);
    home->keytab = path ? gw_str_dup(gw_str_of(path)) : NULL;
}

void mock_gss_free(struct mock_gss **gp)
{
    struct mock_gss *g = *gp;
    OM_uint32 minor;

    if (!g)
        return;
    *gp = NULL;
    (void)gss_delete_sec_context(&minor, &g->ctx, GSS_C_NO_BUFFER);
    free(g);
}

/* --- the password --- */

/* "DOMAIN:user:password". A name that the format cannot hold is left out, and so refused. */
static void password_write(const struct mock_gss_home *home, const struct mock_gss_step *step)
{
    char line[LINE_MAX_LEN];
    int len;

    if (!step->password || strpbrk(step->user, ":@\\\n#") || strpbrk(step->domain, ":@\\\n#"))
        return;
    len = snprintf(line, sizeof(line), "%s:%s:%s\n", step->domain, step->user, step->password);
    if (len > 0 && (size_t)len < sizeof(line) && pwrite(home->fd, line, (size_t)len, 0) != len)
        (void)ftruncate(home->fd, 0);
    gw_wipe(line, sizeof(line));
}

static void password_forget(const struct mock_gss_home *home)
{
    static const char zeros[LINE_MAX_LEN];

    if (pwrite(home->fd, zeros, sizeof(zeros), 0) < 0 || ftruncate(home->fd, 0))
        return; /* there is no such file: nothing was written */
}

/* --- steps --- */

static void fail(struct gw_err *err, const char *what, OM_uint32 major, OM_uint32 minor)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 ignored, more = 0;
    bool routine = GSS_ROUTINE_ERROR(major) != GSS_S_FAILURE;

    (void)gss_display_status(&ignored, routine ? major : minor,
                             routine ? GSS_C_GSS_CODE : GSS_C_MECH_CODE, GSS_C_NO_OID, &more,
                             &text);
    (void)gw_fail(err, GW_DENIED, "%s: %.*s", what, (int)text.length,
                  text.value ? (const char *)text.value : "");
    (void)gss_release_buffer(&ignored, &text);
}

/* Kerberos is accepted only inside SPNEGO, and only with a keytab that was given: for any name in it.
 * NTLM gets no name either: gss-ntlmssp would tell it to the client, which compares. */
static OM_uint32 cred_acquire(struct mock_gss_home *home, enum mock_gss_mech mech, OM_uint32 *minor)
{
    gss_OID_desc wanted[2] = { ntlm_oid };
    gss_OID_set_desc set = { 1, wanted };
    gss_key_value_element_desc element[] = { { "keytab", home->keytab }, { "rcache", "none:" } };
    gss_key_value_set_desc store = { 2, element };
    bool inside = mech == MOCK_GSS_SPNEGO, kerberos = inside && home->keytab;
    OM_uint32 major, ignored;

    if (kerberos) {
        wanted[0] = krb5_oid;
        if (mock_gss_has_ntlm())
            wanted[set.count++] = ntlm_oid;
    }
    major = gss_acquire_cred_from(
        minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, inside ? GSS_C_NO_OID_SET : &set, GSS_C_ACCEPT,
        kerberos ? &store : GSS_C_NO_CRED_STORE, &home->cred[mech], NULL, NULL);
    if (major == GSS_S_COMPLETE && inside)
        major = gss_set_neg_mechs(minor, home->cred[mech], &set);
    if (major != GSS_S_COMPLETE)
        (void)gss_release_cred(&ignored, &home->cred[mech]);
    return major;
}

static void peer_name(gss_name_t name, struct mock_gss_peer *peer)
{
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    OM_uint32 minor;

    if (gss_display_name(&minor, name, &text, NULL) == GSS_S_COMPLETE)
        snprintf(peer->name, sizeof(peer->name), "%.*s", (int)text.length,
                 (const char *)text.value);
    (void)gss_release_buffer(&minor, &text);
}

/* gss-ntlmssp says that the token is defective when its binding is wrong; a token that is broken it
 * would not have come so far with. */
static enum mock_gss_result result_of(OM_uint32 major, bool bindings)
{
    OM_uint32 error = GSS_ROUTINE_ERROR(major);

    if (major == GSS_S_COMPLETE)
        return MOCK_GSS_DONE;
    if (major == GSS_S_CONTINUE_NEEDED)
        return MOCK_GSS_CONTINUE;
    return error == GSS_S_BAD_BINDINGS || (error == GSS_S_DEFECTIVE_TOKEN && bindings)
               ? MOCK_GSS_WRONG_BINDING
               : MOCK_GSS_FAILED;
}

static enum mock_gss_result accept_token(struct mock_gss *g, gss_cred_id_t cred,
                                         const struct mock_gss_step *step, struct gw_buf *out,
                                         struct mock_gss_peer *peer, struct gw_err *err)
{
    static const char prefix[] = "tls-server-end-point:";
    char application[sizeof(prefix) + END_POINT_MAX];
    struct gss_channel_bindings_struct bindings = { 0 };
    gss_buffer_desc in = { step->token.len, (void *)step->token.p }; /* NOLINT */
    gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
    struct gw_str end_point = gw_str_sub(step->end_point, 0, END_POINT_MAX);
    gss_name_t name = GSS_C_NO_NAME;
    OM_uint32 major, minor, flags = 0, ignored;
    bool first = g->ctx == GSS_C_NO_CONTEXT;

    memcpy(application, prefix, sizeof(prefix) - 1);
    memcpy(application + sizeof(prefix) - 1, end_point.p ? end_point.p : "", end_point.len);
    bindings.application_data.value = application;
    bindings.application_data.length = sizeof(prefix) - 1 + end_point.len;
    major = gss_accept_sec_context(&minor, &g->ctx, cred, &in,
                                   end_point.len ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, &name,
                                   NULL, &token, &flags, NULL, NULL);
    if (token.length)
        gw_buf_add(out, token.value, token.length);
    if (major == GSS_S_COMPLETE) {
        peer_name(name, peer);
        peer->bound = flags & GSS_C_CHANNEL_BOUND_FLAG;
    } else if (major != GSS_S_CONTINUE_NEEDED) {
        fail(err, "refused", major, minor);
    }
    (void)gss_release_name(&ignored, &name);
    (void)gss_release_buffer(&ignored, &token);
    return result_of(major, end_point.len && !first);
}

enum mock_gss_result mock_gss_accept(struct mock_gss_home *home, struct mock_gss **gp,
                                     const struct mock_gss_step *step, struct gw_buf *out,
                                     struct mock_gss_peer *peer, struct gw_err *err)
{
    enum mock_gss_result result = MOCK_GSS_FAILED;
    OM_uint32 major = GSS_S_COMPLETE, minor = 0;

    memset(peer, 0, sizeof(*peer));
    if (!*gp)
        *gp = gw_new(struct mock_gss);
    __lsan_disable(); /* gss-ntlmssp 1.2.0 loses 6 KB each time it hashes a password, and some more */
    if (!home->cred[step->mech])
        major = cred_acquire(home, step->mech, &minor);
    if (major != GSS_S_COMPLETE) {
        fail(err, "no credentials", major, minor);
    } else {
        env_set(user_file, home->path);
        if (step->ntlm_v1) /* 1 takes LM and NT responses; without it version 2 is needed */
            env_set(level, "1");
        password_write(home, step);
        result = accept_token(*gp, home->cred[step->mech], step, out, peer, err);
        password_forget(home);
        if (step->ntlm_v1)
            env_set(level, NULL);
    }
    __lsan_enable();
    return result;
}
