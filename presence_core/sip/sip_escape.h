/* XEP-0106: what may stand in the user part of a SIP URI and not in a JID, as a JID has it: "o'hara" is
 * "o\27hara". Pure; what is escaped can be told from what was written so. */
#ifndef SIP_ESCAPE_H
#define SIP_ESCAPE_H

#include "gw_buf.h"
#include "gw_str.h"

void sip_jid_escape(struct gw_str user, struct gw_buf *out);    /* appends */
void sip_jid_unescape(struct gw_str local, struct gw_buf *out); /* appends */

#endif
