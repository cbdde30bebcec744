/* The accepting side of GSSAPI: NTLM by gss-ntlmssp, Kerberos by MIT krb5 when there is a keytab, raw
 * or inside SPNEGO. One handshake is one struct mock_gss.
 *
 * The steps run on the loop and not on threads. gss-ntlmssp finds the passwords it checks with in a
 * file that an environment variable names, so that only one step of the process may run at a time;
 * and both steps together take about a millisecond, for nothing in it waits for anybody: that file is
 * memory, Kerberos looks at its keytab only, and keeps no replay cache.
 *
 * What gss-ntlmssp 1.2.0 cannot do: an account whose password has a colon, and a client that sends
 * user@domain as the user name without a domain (it splits the name, and so hashes another one). */
#ifndef MOCK_GSS_H
#define MOCK_GSS_H

#include "gw_buf.h"
#include "gw_err.h"

enum mock_gss_mech { MOCK_GSS_NTLM, MOCK_GSS_SPNEGO };

/* gss-ntlmssp is installed. */
bool mock_gss_has_ntlm(void);

/* What is the same for all handshakes: the file with the one password. */
struct mock_gss_home;
struct mock_gss_home *mock_gss_home_new(void);
void mock_gss_home_free(struct mock_gss_home **homep);
void mock_gss_set_keytab(struct mock_gss_home *home, const char *path); /* copied; NULL: none */

struct mock_gss;
void mock_gss_free(struct mock_gss **gp);

enum mock_gss_result {
    MOCK_GSS_CONTINUE, /* give the client the token, and come back with its next one */
    MOCK_GSS_DONE,     /* there may be a last token for the client */
    MOCK_GSS_FAILED,   /* wrong password, wrong token */
    MOCK_GSS_WRONG_BINDING
};

struct mock_gss_step {
    enum mock_gss_mech mech;
    struct gw_str token;
    struct gw_str end_point; /* RFC 5929 tls-server-end-point; empty: no bindings are checked */
    /* who is logging in with NTLM, as the message says, and the right password; NULL: nobody */
    const char *domain, *user, *password;
    bool ntlm_v1; /* version 1 will do */
};

enum { MOCK_GSS_NAME_MAX = 512 };
struct mock_gss_peer {
    char name[MOCK_GSS_NAME_MAX]; /* "DOMAIN\user", "user@REALM" */
    bool bound;                   /* the client has sent the right channel binding */
};

/* *gp is NULL before the first step, and belongs to the caller until mock_gss_free(). The token for
 * the client goes to out, as bytes; peer is written when it is done; err, which may be NULL, says
 * why it failed. */
enum mock_gss_result mock_gss_accept(struct mock_gss_home *home, struct mock_gss **gp,
                                     const struct mock_gss_step *step, struct gw_buf *out,
                                     struct mock_gss_peer *peer, struct gw_err *err);

#endif
