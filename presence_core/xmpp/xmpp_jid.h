/* Addresses, RFC 7622: parsed, checked and brought to the one form in which they are compared. */
#ifndef XMPP_JID_H
#define XMPP_JID_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"

enum { XMPP_JID_PART_MAX = 1023, XMPP_JID_TEXT_MAX = 3 * XMPP_JID_PART_MAX + 2 };

/* Points into itself: not to be copied. */
struct xmpp_jid {
    struct gw_str local, domain, resource; /* local and resource may be empty */
    struct gw_str bare, full;              /* "local@domain", "local@domain/resource" */
    char text[XMPP_JID_TEXT_MAX + 1];
};

/* GW_INVALID says which part is wrong; out is undefined then. */
enum gw_code xmpp_jid_parse(struct gw_str in, struct xmpp_jid *out, struct gw_err *err);

/* From parts as they come in a login; resource may be empty. */
enum gw_code xmpp_jid_make(struct gw_str local, struct gw_str domain, struct gw_str resource,
                           struct xmpp_jid *out, struct gw_err *err);

/* One part, appended to out. */
bool xmpp_local_write(struct gw_str in, struct gw_buf *out);
bool xmpp_domain_write(struct gw_str in, struct gw_buf *out);
/* A domain as DNS has it, in A-labels. False: it is none. */
bool xmpp_domain_ascii(struct gw_str in, struct gw_buf *out);
bool xmpp_resource_write(struct gw_str in, struct gw_buf *out);

#endif
