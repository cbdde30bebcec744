/* One message, and what is written from it: every answer must be a message itself, and repeat what it
 * has to. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

/* The URI of an address is what it is by itself. */
static void address(struct sip_msg *m, const struct sip_addr *addr)
{
    struct sip_uri uri;
    struct gw_err err;

    must(sip_uri_parse(addr->uri.text, &m->arena, &uri, &err) == GW_OK);
    must(gw_str_eq(uri.user, addr->uri.user) && gw_str_eq(uri.host, addr->uri.host));
    must(uri.port == addr->uri.port && gw_str_eq(uri.transport, addr->uri.transport));
    must(uri.is_sip == addr->uri.is_sip && uri.has_headers == addr->uri.has_headers);
}

static void answer(const struct sip_msg *m, unsigned status)
{
    static const struct sip_peer from = { .proto = SIP_UDP,
                                          .host = GW_STR_INIT("192.0.2.9"),
                                          .port = 5070 };
    static struct sip_msg back;
    struct sip_addr to;
    struct gw_buf b;
    struct gw_err err;

    gw_buf_init(&b, 2 * SIP_MSG_MAX);
    sip_write_answer(&b, m, &from, status, GW_STR("tag"));
    sip_write_end(&b, NULL, GW_STR(""));
    must(!b.failed);
    /* What could not be read is repeated as it was. */
    if (status == 200 && b.len <= SIP_HEAD_MAX) {
        must(sip_msg_parse(&back, gw_buf_str(&b), &err) == GW_OK);
        must(back.status == status && back.cseq == m->cseq && back.via_count == m->via_count);
        must(gw_str_eq(back.call_id, m->call_id) && gw_str_eq(back.via.branch, m->via.branch));
        must(gw_str_eq(back.from.text, m->from.text));
        must(!sip_addr_parse(back.to.text, &back.arena, &to, &err) && to.tag.len > 0);
        sip_msg_done(&back);
    }
    gw_buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sip_msg m;
    char *block = malloc(size ? size : 1); /* exactly, so that one byte too far is seen */
    struct gw_err err;

    if (size)
        memcpy(block, data, size);
    if (sip_msg_parse(&m, (struct gw_str){ block, size }, &err) == GW_OK) {
        must(!m.answer && m.via_count > 0 && m.call_id.len > 0);
        if (m.is_request) {
            address(&m, &m.from);
            address(&m, &m.to);
            answer(&m, 200);
        }
    } else if (m.answer) {
        must(m.is_request);
        answer(&m, m.answer);
    }
    sip_msg_done(&m);
    free(block);
    return 0;
}
