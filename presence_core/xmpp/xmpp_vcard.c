/* vCards, XEP-0054, kept as their users wrote them, and shown to whoever asks here, and abroad to those who
 * may see the user. Avatars (XEP-0153) are in them; presence passes their hashes on as it came.
 *   kind "vcard", key "bob@b.example", value the element                                             */
#include "xmpp_priv.h"

enum { VCARD_MAX = 128 * 1024 }; /* a small picture fits in, base64 */

static const char kind[] = "vcard";

void xmpp_on_vcard_get(const struct xmpp_sender *by, const struct xmpp_stanza *s,
                       const struct xml_node *vcard)
{
    struct gw_str me = xmpp_sender_bare(by);
    struct xmpp_kept_args args = { .kind = kind, .key = s->has_to ? s->to.bare : me };

    (void)vcard;
    if (!by->host->kept || (!by->c && !pres_is_watched_by(by->host->core, args.key, me))) {
        xmpp_refuse(by, s, XMPP_SERVICE_UNAVAILABLE);
        return;
    }
    if (gw_str_eq(args.key, me)) /* XEP-0054 3.1: one's own that was never written is empty */
        args.none = "<vCard xmlns=\"" NS_VCARD "\"/>";
    xmpp_kept_answer(by, s, &args);
}

void xmpp_on_vcard_set(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *vcard)
{
    struct store_batch *b;
    struct xml_writer w;
    struct gw_buf value;

    if (!c->host->kept) {
        xmpp_stanza_error(c, s, XMPP_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    if (s->has_to && !gw_str_is(s->to.bare, c->user)) {
        xmpp_stanza_error(c, s, XMPP_FORBIDDEN, NULL);
        return;
    }
    gw_buf_init(&value, VCARD_MAX);
    xml_write_init(&w, &value);
    xml_put_node(&w, vcard, GW_STR(NS_CLIENT));
    if (value.failed) {
        xmpp_stanza_error(c, s, XMPP_NOT_ACCEPTABLE, "larger than 128 KiB");
    } else {
        b = store_batch_new();
        store_put(b, kind, gw_str_of(c->user), gw_str_of(c->user), gw_buf_str(&value));
        xmpp_kept_write(c->host, &b);
        xmpp_empty_result(c, s);
    }
    gw_buf_done(&value);
}

void xmpp_vcard_forget(struct xmpp_host *host, struct gw_str user)
{
    struct store_batch *b;

    if (!host->kept)
        return;
    b = store_batch_new();
    store_del(b, kind, user);
    xmpp_kept_write(host, &b);
}
