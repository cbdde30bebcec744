/* What a user's clients have published, as it is stored: a JSON array of objects, the newest last. */
#include "sip_account.h"

static json_t *write_one(const struct sip_state *s, gw_utc utc, gw_time mono, bool *ok)
{
    json_t *o = json_object();
    char moment[GW_UTC_TEXT_MAX];

    json_object_set_new(o, "etag", json_string(s->etag));
    json_object_set_new(o, "show", json_string(pres_show_name(s->show)));
    json_object_set_new(o, "expires",
                        json_string(gw_utc_text(utc + (s->expires_at - mono), moment)));
    if (s->note_len)
        *ok &= !json_object_set_new(o, "note", json_stringn(s->note, s->note_len));
    return o;
}

bool sip_state_record_write(const struct sip_account *a, gw_utc utc, gw_time mono,
                            struct gw_buf *out)
{
    json_t *all = json_array();
    struct gw_list *it, *tmp;
    bool ok = true;

    GW_LIST_EACH(&a->states, it, tmp)
    json_array_append_new(all, write_one(GW_CONTAINER(it, struct sip_state, link), utc, mono, &ok));
    ok &= sip_json_write(all, out);
    json_decref(all);
    return ok;
}

static bool show_parse(struct gw_str name, enum pres_show *out)
{
    for (int i = PRES_OFFLINE; i <= PRES_DND; i++) {
        if (gw_str_is(name, pres_show_name((enum pres_show)i))) {
            *out = (enum pres_show)i;
            return true;
        }
    }
    return false;
}

struct reading {
    sip_state_fn *each;
    void *ctx;
};

static bool read_entry(const json_t *o, void *ctx)
{
    const struct reading *r = ctx;
    struct sip_state_args args = { .etag = sip_json_text(o, "etag"),
                                   .note = sip_json_text(o, "note") };
    gw_utc expires;

    if (args.etag.len != SIP_ETAG_LEN || !gw_str_is_line(args.etag) ||
        args.note.len >= PRES_TEXT_MAX || !gw_str_is_line(args.note) ||
        !show_parse(sip_json_text(o, "show"), &args.show) ||
        gw_utc_parse(sip_json_text(o, "expires"), &expires, NULL))
        return false;
    r->each(&args, expires, r->ctx);
    return true;
}

enum gw_code sip_state_record_read(struct gw_str value, sip_state_fn *each, void *ctx,
                                   struct gw_err *err)
{
    return sip_json_each(value, read_entry, &(struct reading){ each, ctx }, err);
}
