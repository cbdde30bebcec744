/* The login of an account on one connection, by NTLM version 2 or Negotiate: challenges of the
 * server in, tokens for it out, no socket. GNU SASL runs it, with two mechanisms of our own over
 * GSSAPI (libkrb5 with gss-ntlmssp). On TLS the tokens are bound to the server's certificate, so that
 * Extended Protection may be set to Require.
 *
 * Kerberos is tried inside Negotiate when the account is written user@realm, the server by name, and
 * a key distribution center gives a ticket; DOMAIN\user, and everybody else, uses NTLM. */
#ifndef EWS_LOGIN_H
#define EWS_LOGIN_H

#include "ews_challenge.h"
#include "ews_error.h"
#include "gw_buf.h"
#include "gw_time.h"

/* What GSSAPI knows of an account: got at the first step that needs it, kept for all connections.
 * Counted; the count belongs to the loop thread. */
struct ews_cred;
struct ews_cred *ews_cred_new(const char *name, const char *password); /* copied; wiped */
struct ews_cred *ews_cred_ref(struct ews_cred *cred);
void ews_cred_unref(struct ews_cred **credp);

/* No use for new logins: its ticket ends soon, or it could not be got, or Kerberos did not answer and
 * may do so by now. */
bool ews_cred_is_stale(struct ews_cred *cred, gw_time now);

/* Of Kerberos: nobody is shown the password any more. */
bool ews_cred_has_ticket(struct ews_cred *cred);

struct ews_login_args {
    struct ews_cred *cred;   /* a reference is held */
    enum ews_scheme scheme;  /* EWS_SCHEME_NEGOTIATE or EWS_SCHEME_NTLM */
    const char *host;        /* of the server, as Kerberos knows it: HTTP/host */
    struct gw_str end_point; /* tls-server-end-point, RFC 5929 4; empty: no TLS */
    gw_time now;
};

struct ews_login;
struct ews_login *ews_login_new(const struct ews_login_args *args);
void ews_login_free(struct ews_login **loginp);

enum { EWS_LOGIN_TOKEN_MAX = 48 * 1024 }; /* of a token in base64: IIS takes 64 KiB of headers */

/* The next token in base64, for the server's (the first time: an empty text). False: the login has
 * failed, and why. Blocks, Kerberos for seconds: on a worker thread; the login is nobody else's
 * meanwhile. */
bool ews_login_step(struct ews_login *login, struct gw_str challenge, struct gw_buf *token,
                    struct ews_status *why);

/* Of the last token: does it lay open whether the password is right, and may a request go with it? An
 * NTLM negotiate message does neither: it is answered with a challenge in any case. */
bool ews_login_is_proof(const struct ews_login *login);

#endif
