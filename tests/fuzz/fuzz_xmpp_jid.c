/* Addresses: what is accepted is UTF-8, within its limits, and in its own normal form. */
#include <stdint.h>
#include <stdlib.h>

#include "xmpp_jid.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xmpp_jid jid, again;

    if (xmpp_jid_parse((struct gw_str){ (const char *)data, size }, &jid, NULL))
        return 0;
    must(gw_str_is_utf8(jid.full));
    must(jid.domain.len && jid.domain.len <= XMPP_JID_PART_MAX);
    must(jid.local.len <= XMPP_JID_PART_MAX && jid.resource.len <= XMPP_JID_PART_MAX);
    must(!xmpp_jid_parse(jid.full, &again, NULL));
    must(gw_str_eq(jid.full, again.full) && gw_str_eq(jid.bare, again.bare));
    must(gw_str_eq(jid.local, again.local) && gw_str_eq(jid.domain, again.domain) &&
         gw_str_eq(jid.resource, again.resource));
    return 0;
}
