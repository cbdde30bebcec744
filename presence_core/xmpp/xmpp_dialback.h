/* Dialback keys, XEP-0185: made and recognised from a secret alone, so that whichever node is asked
 * knows a key that another one has sent. */
#ifndef XMPP_DIALBACK_H
#define XMPP_DIALBACK_H

#include "gw_str.h"

enum { XMPP_DIALBACK_KEY_MAX = 65 };

/* Hexadecimal, NUL-terminated. */
void xmpp_dialback_key(struct gw_str secret, struct gw_str receiving, struct gw_str originating,
                       struct gw_str stream_id, char out[XMPP_DIALBACK_KEY_MAX]);
bool xmpp_dialback_is_ours(struct gw_str key, struct gw_str secret, struct gw_str receiving,
                           struct gw_str originating, struct gw_str stream_id);

#endif
