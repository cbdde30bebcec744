/* What the login and its credentials share: the only files that see GSSAPI. */
#ifndef EWS_LOGIN_PRIV_H
#define EWS_LOGIN_PRIV_H

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "ews_login.h"
#include "ews_priv.h"

struct Gsasl;
/* ews_login.c: GNU SASL with the two mechanisms. It is held by the credentials, which every login
 * holds. */
struct Gsasl *ews_login_gsasl_new(void);

/* ews_cred.c */
struct Gsasl *ews_cred_gsasl(const struct ews_cred *cred);
gss_OID ews_gss_mech(enum ews_scheme scheme);
void ews_gss_text(OM_uint32 major, OM_uint32 minor, gss_OID mech, struct gw_buf *out);

/* On a worker thread. The result lives as long as 'cred'. by_name: the server's host is a name, for
 * which Kerberos may have a key. */
bool ews_cred_get(struct ews_cred *cred, enum ews_scheme scheme, bool by_name, gw_time now,
                  gss_cred_id_t *out, struct ews_status *why);

#endif
