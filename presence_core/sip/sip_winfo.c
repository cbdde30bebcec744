/* Who watches a user, for himself (RFC 3857, 3858): those who wait for his answer, and those who see him, by
 * whatever protocol. Always the full state; of many the ones who wait come first, and what has no place is
 * left out. Approval itself is not SIP's business. */
#include <stdio.h>

#include "gw_bytes.h"
#include "sip_priv.h"
#include "xml_write.h"

/* The longest there can be, everything in it escaped. */
enum { WATCHER_MAX = 6 * PRES_JID_MAX + 200, END_MAX = 100 };

struct listing {
    struct xml_writer *w;
    enum pres_standing standing;
    const char *status, *event;
};

static void put_watcher(struct gw_str user, struct gw_str watcher, enum pres_standing standing,
                        void *ctx)
{
    struct listing *l = ctx;
    char id[17];
    struct gw_buf uri;

    (void)user;
    if (standing != l->standing || l->w->out->len + WATCHER_MAX + END_MAX > SIP_DOCUMENT_MAX)
        return;
    gw_buf_init(&uri, SIP_DOCUMENT_MAX);
    sip_write_uri(&uri, watcher);
    (void)snprintf(id, sizeof(id), "%016llx", (unsigned long long)gw_hash_stable(watcher));
    xml_open(l->w, "watcher");
    xml_put_attr(l->w, "id", gw_str_of(id));
    xml_put_attr(l->w, "status", gw_str_of(l->status));
    xml_put_attr(l->w, "event", gw_str_of(l->event));
    xml_put_text(l->w, gw_buf_str(&uri));
    xml_close(l->w);
    gw_buf_done(&uri);
}

void sip_winfo_write(const struct sip_core *core, struct gw_str user, uint32_t version,
                     struct gw_buf *out)
{
    struct xml_writer w;
    struct listing waiting = { &w, PRES_WAITS, "pending", "subscribe" };
    struct listing seeing = { &w, PRES_SEES, "active", "approved" };
    char number[12];
    struct gw_buf uri;

    gw_buf_init(&uri, SIP_DOCUMENT_MAX);
    sip_write_uri(&uri, user);
    (void)snprintf(number, sizeof(number), "%u", (unsigned)version);
    xml_write_init(&w, out);
    xml_write_declaration(&w);
    xml_open(&w, "watcherinfo");
    xml_put_attr(&w, "xmlns", GW_STR("urn:ietf:params:xml:ns:watcherinfo"));
    xml_put_attr(&w, "version", gw_str_of(number));
    xml_put_attr(&w, "state", GW_STR("full"));
    xml_open(&w, "watcher-list");
    xml_put_attr(&w, "resource", gw_buf_str(&uri));
    xml_put_attr(&w, "package", GW_STR("presence"));
    pres_watchers_each(core->pres, user, put_watcher, &waiting);
    pres_watchers_each(core->pres, user, put_watcher, &seeing);
    xml_close(&w);
    xml_close(&w);
    gw_buf_done(&uri);
}

/* Who a user is must be certain before it is told who watches him. */
struct gw_str sip_events(const struct sip_core *core)
{
    return sip_login_is_on(core) ? GW_STR("presence, " SIP_WINFO) : GW_STR("presence");
}
