/* The server's end of a login, for tests: an acceptor over GSSAPI, which demands what the test says. */
#ifndef GSS_ACCEPTOR_H
#define GSS_ACCEPTOR_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gw_buf.h"
#include "gw_bytes.h"
#include "gw_mem.h"

struct acceptor {
    gss_ctx_id_t context;
    struct gw_str end_point; /* empty: no TLS */
    bool bound;              /* the client's binding was there, and right */
};

enum acceptor_answer { ACCEPTOR_DONE, ACCEPTOR_MORE, ACCEPTOR_REFUSED };

static inline void acceptor_done(struct acceptor *a)
{
    OM_uint32 minor;

    (void)gss_delete_sec_context(&minor, &a->context, GSS_C_NO_BUFFER);
}

/* The accounts, "DOMAIN:user:password" a line. False: there is no NTLM on this machine. */
static inline bool acceptor_accounts(const char *lines)
{
    static char path[] = "/tmp/kalends-ntlm-XXXXXX";
    gss_OID_desc ntlmssp = { 10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" };
    gss_OID_set_desc mechs = { 1, &ntlmssp };
    gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
    OM_uint32 major, minor;
    int fd = mkstemp(path);

    if (fd < 0 || write(fd, lines, strlen(lines)) != (ssize_t)strlen(lines))
        abort();
    close(fd);
    setenv("NTLM_USER_FILE", path, 1);
    gw_leak_ignore();
    major = gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_ACCEPT, &cred,
                             NULL, NULL);
    gw_leak_look();
    (void)gss_release_cred(&minor, &cred);
    return !GSS_ERROR(major);
}

static inline void acceptor_accounts_done(void)
{
    unlink(getenv("NTLM_USER_FILE"));
}

/* One token in base64, and the answer to it. */
static inline enum acceptor_answer acceptor_step(struct acceptor *a, struct gw_str token,
                                                 struct gw_buf *answer)
{
    struct gss_channel_bindings_struct bindings = { 0 };
    gss_buffer_desc in, out = GSS_C_EMPTY_BUFFER;
    struct gw_buf bytes, application;
    OM_uint32 major, minor, flags = 0;

    gw_buf_init(&bytes, 65536);
    gw_buf_init(&application, 256);
    gw_buf_add_cstr(&application, "tls-server-end-point:");
    gw_buf_add_str(&application, a->end_point);
    bindings.application_data = (gss_buffer_desc){ application.len, application.p };
    if (!gw_base64_parse(token, &bytes))
        abort();
    in = (gss_buffer_desc){ bytes.len, bytes.p };
    gw_leak_ignore(); /* gss-ntlmssp 1.2.0 loses 5 KB each time it hashes a password */
    major = gss_accept_sec_context(&minor, &a->context, GSS_C_NO_CREDENTIAL, &in,
                                   a->end_point.len ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, NULL,
                                   NULL, &out, &flags, NULL, NULL);
    gw_leak_look();
    gw_base64_write((struct gw_str){ out.length ? out.value : "", out.length }, answer);
    (void)gss_release_buffer(&minor, &out);
    gw_buf_done(&bytes);
    gw_buf_done(&application);
    a->bound = flags & GSS_C_CHANNEL_BOUND_FLAG;
    if (GSS_ERROR(major))
        return ACCEPTOR_REFUSED;
    return major == GSS_S_COMPLETE ? ACCEPTOR_DONE : ACCEPTOR_MORE;
}

#endif
