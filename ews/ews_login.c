/* Logins. GNU SASL calls the step of one of the two mechanisms, which finds the login in the
 * session's hook and does its step of GSSAPI.
 *
 * The names are our own: GNU SASL has mechanisms NTLM (version 1 only) and GSSAPI built in, and a
 * built-in one wins over one that is registered. */
#include <arpa/inet.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#include "ews_login_priv.h"
#include "gw_bytes.h"
#include "gw_mem.h"

#define MECH_NTLMV2    "KALENDS-NTLMV2"
#define MECH_NEGOTIATE "KALENDS-NEGOTIATE"

/* RFC 5929 2: the binding's name goes in front of it. */
#define BINDING_PREFIX "tls-server-end-point:"

enum { BINDING_MAX = 128 };

struct ews_login {
    Gsasl_session *session;
    struct ews_cred *cred;
    enum ews_scheme scheme;
    char *host;
    struct gw_buf binding; /* empty: no TLS */
    gw_time now;
    gss_ctx_id_t context;
    bool is_proof;
    bool complete;          /* all was said */
    struct ews_status *why; /* during a step: where a failure goes */
};

/* ---- the mechanisms --------------------------------------------------------------------------- */

static const struct {
    OM_uint32 major;
    enum ews_class class;
    const char *code, *text;
} step_failure[] = {
    { GSS_S_CONTEXT_EXPIRED, EWS_CONFIG, "clock",
      "the login is refused here since the clocks of gateway and server differ by more than 36 "
      "hours: set them right" },
    { GSS_S_DEFECTIVE_TOKEN, EWS_BAD_ANSWER, "login-token",
      "the server's part of the login makes no sense: does something between change it?" },
    { GSS_S_BAD_MECH, EWS_CONFIG, "no-common-mechanism",
      "gateway and server have no way to log in common: see that NTLM is enabled on the server, or "
      "Kerberos works" },
};

static void step_failed(struct ews_login *login, OM_uint32 major, OM_uint32 minor)
{
    struct gw_buf text;

    for (size_t i = 0; i < sizeof(step_failure) / sizeof(step_failure[0]); i++)
        if (GSS_ROUTINE_ERROR(major) == step_failure[i].major) {
            ews_status_set(login->why, step_failure[i].class, step_failure[i].code, "%s",
                           step_failure[i].text);
            return;
        }
    gw_buf_init(&text, sizeof(login->why->text));
    ews_gss_text(major, minor, ews_gss_mech(login->scheme), &text);
    ews_status_set(login->why, EWS_TRANSIENT, "gssapi", "the login failed here: %.*s",
                   GW_STR_ARG(gw_buf_str(&text)));
    gw_buf_done(&text);
}

static OM_uint32 import_host(const struct ews_login *login, gss_name_t *out, OM_uint32 *minor)
{
    gss_buffer_desc text;
    struct gw_buf spn;
    OM_uint32 major;

    gw_buf_init(&spn, 512);
    gw_buf_addf(&spn, "HTTP@%s", login->host);
    text = (gss_buffer_desc){ spn.len, spn.p };
    major = gss_import_name(minor, &text, GSS_C_NT_HOSTBASED_SERVICE, out);
    gw_buf_done(&spn);
    return major;
}

/* MS-NLMP 2.2.1.1: the first of NTLM's three messages, inside whatever. */
static bool is_ntlm_opening(const gss_buffer_desc *token)
{
    static const char opening[] = "NTLMSSP\0\1\0\0";

    return token->length && memmem(token->value, token->length, opening, sizeof(opening));
}

static size_t le16(const char *p)
{
    return (size_t)(unsigned char)p[0] | (size_t)(unsigned char)p[1] << 8;
}

/* MS-NLMP 2.2.1.2. gss-ntlmssp 1.2.0 follows a NULL pointer when a challenge names no target, which a
 * server always does; so such a challenge does not get there, wherever in the token it stands. */
static bool challenge_is_sound(struct gw_str token)
{
    static const char opening[] = "NTLMSSP\0\2\0\0";
    enum { TARGET_AT = 12, HEADER_LEN = 48 };
    const char *at = token.p;
    size_t left = token.len;

    while (left && (at = memmem(at, left, opening, sizeof(opening)))) {
        left = token.len - (size_t)(at - token.p);
        if (left < HEADER_LEN || !le16(at + TARGET_AT))
            return false;
        at++;
        left--;
    }
    return true;
}

static OM_uint32 context_step(struct ews_login *login, gss_cred_id_t cred, gss_buffer_desc *in,
                              gss_buffer_desc *out, OM_uint32 *minor)
{
    struct gss_channel_bindings_struct bindings = { .application_data = { login->binding.len,
                                                                          login->binding.p } };
    bool bound = login->binding.len;
    gss_name_t host = GSS_C_NO_NAME;
    OM_uint32 major, ignored;

    major = import_host(login, &host, minor);
    gw_leak_ignore(); /* gss-ntlmssp 1.2.0 loses some bytes of a challenge that it refuses */
    if (!GSS_ERROR(major))
        major = gss_init_sec_context(
            minor, cred, &login->context, host, ews_gss_mech(login->scheme),
            bound ? GSS_C_CHANNEL_BOUND_FLAG : 0, GSS_C_INDEFINITE,
            bound ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, in, NULL, out, NULL, NULL);
    gw_leak_look();
    (void)gss_release_name(&ignored, &host);
    return major;
}

/* Is the host one that Kerberos can have a key of? */
static bool is_name(const char *host)
{
    unsigned char address[16];

    return inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1;
}

/* The type Gsasl_step_function. */
static int mech_step(Gsasl_session *session, void *unused, const char *input, size_t input_len,
                     char **output, size_t *output_len)
{
    struct ews_login *login = gsasl_session_hook_get(session);
    gss_buffer_desc in = { input_len, (void *)input }, out = GSS_C_EMPTY_BUFFER;
    OM_uint32 major, minor, ignored;
    gss_cred_id_t cred;

    (void)unused;
    if (!ews_cred_get(login->cred, login->scheme, is_name(login->host), login->now, &cred,
                      login->why))
        return GSASL_GSSAPI_ACQUIRE_CRED_ERROR;
    major = context_step(login, cred, &in, &out, &minor);
    if (GSS_ERROR(major)) {
        step_failed(login, major, minor);
        (void)gss_release_buffer(&ignored, &out);
        return GSASL_GSSAPI_INIT_SEC_CONTEXT_ERROR;
    }
    login->is_proof = !is_ntlm_opening(&out);
    *output = gw_alloc(out.length + 1); /* GNU SASL frees it */
    memcpy(*output, out.length ? out.value : "", out.length);
    *output_len = out.length;
    (void)gss_release_buffer(&ignored, &out);
    return major == GSS_S_COMPLETE ? GSASL_OK : GSASL_NEEDS_MORE;
}

Gsasl *ews_login_gsasl_new(void)
{
    static const Gsasl_mechanism mechanism[] = {
        { .name = MECH_NTLMV2, .client = { .step = mech_step } },
        { .name = MECH_NEGOTIATE, .client = { .step = mech_step } },
    };
    Gsasl *gsasl;

    if (gsasl_init(&gsasl))
        abort(); /* out of memory */
    for (size_t i = 0; i < 2; i++)
        if (gsasl_register(gsasl, &mechanism[i]))
            abort();
    return gsasl;
}

/* ---- one login -------------------------------------------------------------------------------- */

struct ews_login *ews_login_new(const struct ews_login_args *args)
{
    struct ews_login *login = gw_new(struct ews_login);
    bool raw = args->scheme == EWS_SCHEME_NTLM;

    login->cred = ews_cred_ref(args->cred);
    login->scheme = args->scheme;
    login->host = gw_str_dup(gw_str_of(args->host));
    login->now = args->now;
    gw_buf_init(&login->binding, BINDING_MAX);
    if (args->end_point.len) {
        gw_buf_add_cstr(&login->binding, BINDING_PREFIX);
        gw_buf_add_str(&login->binding, args->end_point);
    }
    if (gsasl_client_start(ews_cred_gsasl(args->cred), raw ? MECH_NTLMV2 : MECH_NEGOTIATE,
                           &login->session))
        abort(); /* out of memory: it is registered */
    gsasl_session_hook_set(login->session, login);
    return login;
}

void ews_login_free(struct ews_login **loginp)
{
    struct ews_login *login = *loginp;
    OM_uint32 minor;

    if (!login)
        return;
    *loginp = NULL;
    gsasl_finish(login->session);
    (void)gss_delete_sec_context(&minor, &login->context, GSS_C_NO_BUFFER);
    ews_cred_unref(&login->cred);
    gw_buf_done(&login->binding);
    free(login->host);
    free(login);
}

bool ews_login_step(struct ews_login *login, struct gw_str challenge, struct gw_buf *token,
                    struct ews_status *why)
{
    size_t output_len = 0;
    char *output = NULL;
    struct gw_buf in;
    int rc;

    ews_status_set(why, EWS_BAD_ANSWER, "login-token",
                   login->complete ? "the server does not end the login"
                                   : "the server's part of the login makes no sense: does "
                                     "something between change it?");
    if (login->complete)
        return false;
    gw_buf_init(&in, EWS_LOGIN_TOKEN_MAX);
    if (!gw_base64_parse(challenge, &in) || !challenge_is_sound(gw_buf_str(&in))) {
        gw_buf_done(&in);
        return false;
    }
    login->why = why;
    rc = gsasl_step(login->session, in.p, in.len, &output, &output_len);
    login->why = NULL;
    gw_buf_done(&in);
    if (output) {
        gw_base64_write((struct gw_str){ output, output_len }, token);
        gw_wipe(output, output_len);
        gsasl_free(output);
    }
    if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
        return false;
    login->complete = rc == GSASL_OK;
    if (!output_len)
        ews_status_set(why, EWS_BAD_ANSWER, "login-token", "the server does not end the login");
    else if (token->failed)
        ews_status_set(why, EWS_CONFIG, "login-too-long",
                       "the account's ticket is too large to be sent: is it in very many groups?");
    return output_len && !token->failed;
}

bool ews_login_is_proof(const struct ews_login *login)
{
    return login->is_proof;
}
