/* What a client access server does to a request that meets trouble. */
#include "mock_cas_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "gw_mem.h"

enum {
    CUT_AFTER_MS = 50, /* time for the first half to leave */
    SLOW_PIECES = 20
};

const char mock_cas_xml_type[] = "text/xml; charset=utf-8";

/* A request that is not answered at once: it stalls, is cut, is late, or comes in pieces. */
struct held {
    struct gw_list link;
    struct mock_cas *cas;
    struct net_http_exchange *x;
    struct net_timer *timer;
    struct gw_buf body; /* of a late answer */
    int status;
    bool late;
    size_t piece; /* in pieces of so many bytes; 0: not */
    int64_t step_ms;
    struct mock_charge *charged;
};

static void held_free(struct held *h)
{
    gw_list_remove(&h->link);
    net_timer_free(&h->timer);
    gw_buf_done(&h->body);
    mock_charge_end(&h->charged, net_loop_now(h->cas->loop));
    free(h);
}

static void on_held_gone(void *ctx)
{
    held_free(ctx);
}

/* False: there was none left. */
static bool piece_give(struct held *h, gw_time now)
{
    size_t len = h->body.len < h->piece ? h->body.len : h->piece;

    if (!len || net_http_stream_write(h->x, gw_str_sub(gw_buf_str(&h->body), 0, len)))
        return false;
    gw_buf_consume(&h->body, len);
    net_timer_set(h->timer, gw_time_after(now, h->step_ms));
    return true;
}

static void on_held_due(struct gw_now now, void *ctx)
{
    struct held *h = ctx;

    if (h->piece && piece_give(h, now.mono))
        return;
    net_http_on_gone(h->x, NULL, NULL);
    if (h->late)
        mock_cas_answer(h->cas, h->x, h->status, mock_cas_xml_type, gw_buf_str(&h->body));
    else if (h->piece)
        net_http_stream_end(h->x);
    else
        net_http_drop(h->x);
    held_free(h);
}

static struct held *hold(struct mock_cas *cas, struct net_http_exchange *x, int64_t ms)
{
    struct held *h = gw_new(struct held);

    h->cas = cas;
    h->x = x;
    gw_buf_init(&h->body, MOCK_ANSWER_MAX);
    h->timer = net_timer_new(cas->loop, on_held_due, h);
    if (ms >= 0)
        net_timer_set(h->timer, gw_time_after(net_loop_now(cas->loop).mono, ms));
    gw_list_append(&cas->held, &h->link);
    net_http_on_gone(x, on_held_gone, h);
    return h;
}

static void trouble_status(struct mock_cas *cas, struct net_http_exchange *x,
                           const struct mock_trouble *t)
{
    char seconds[24];

    if (t->retry_after_s >= 0) {
        snprintf(seconds, sizeof(seconds), "%lld", (long long)t->retry_after_s);
        net_http_reply_header(x, "Retry-After", seconds);
    }
    if (*t->cas_error)
        net_http_reply_header(x, "X-CasErrorCode", t->cas_error);
    if (t->status == 401)
        mock_cas_offers(cas, x);
    mock_cas_html(cas, x, t->status);
}

void mock_cas_spoil(struct mock_cas *cas, struct net_http_exchange *x, const struct mock_trouble *t,
                    int status, const struct gw_buf *out, struct mock_charge **charged)
{
    struct gw_str half = gw_str_sub(gw_buf_str(out), 0, out->len / 2);
    struct held *h = NULL;
    struct gw_buf wrong;

    switch (t->kind) {
    case MOCK_TROUBLE_HALF:
        mock_cas_answer(cas, x, status, mock_cas_xml_type, half);
        break;
    case MOCK_TROUBLE_CUT:
        net_http_stream(x, status, mock_cas_xml_type);
        (void)net_http_stream_write(x, gw_str_sub(half, 0, 64 * 1024));
        (void)hold(cas, x, CUT_AFTER_MS);
        break;
    case MOCK_TROUBLE_DELAY:
        h = hold(cas, x, t->delay_ms);
        h->late = true;
        h->status = status;
        gw_buf_add_str(&h->body, gw_buf_str(out));
        break;
    case MOCK_TROUBLE_SLOW:
        mock_cas_headers(cas, x);
        net_http_stream(x, status, mock_cas_xml_type);
        h = hold(cas, x, 0);
        h->step_ms = t->delay_ms / SLOW_PIECES;
        h->piece = out->len / SLOW_PIECES + 1;
        gw_buf_add_str(&h->body, gw_buf_str(out));
        break;
    case MOCK_TROUBLE_MALFORMED:
        gw_buf_init(&wrong, MOCK_ANSWER_MAX);
        gw_buf_add_str(&wrong, half);
        gw_buf_add_cstr(&wrong, "<not closed & not &known;");
        gw_buf_add_str(&wrong, gw_str_sub(gw_buf_str(out), out->len / 2, out->len));
        mock_cas_answer(cas, x, status, mock_cas_xml_type, gw_buf_str(&wrong));
        gw_buf_done(&wrong);
        break;
    case MOCK_TROUBLE_TYPE:
        mock_cas_answer(cas, x, status, "text/html; charset=utf-8", gw_buf_str(out));
        break;
    case MOCK_TROUBLE_STATUS:
    case MOCK_TROUBLE_HTML:
    case MOCK_TROUBLE_FAULT:
    case MOCK_TROUBLE_CLOSE:
    case MOCK_TROUBLE_STALL:
    case MOCK_TROUBLE_REDIRECT:
    case MOCK_TROUBLE_KINDS:
        net_http_drop(x);
    }
    if (h && charged) {
        h->charged = *charged;
        *charged = NULL;
    }
}

/* Who is told to wait is counted when it comes too early; trouble of one mailbox is not for all. */
static void tell_to_wait(struct mock_cas *cas, const struct mock_trouble *t)
{
    int64_t ms = -1;

    if (t->kind == MOCK_TROUBLE_STATUS && t->retry_after_s >= 0)
        ms = t->retry_after_s * GW_SECOND_MS;
    else if (t->kind == MOCK_TROUBLE_FAULT)
        ms = t->back_off_ms;
    if (ms > 0 && !t->mailbox)
        mock_quiet_set(&cas->quiet, ms, net_loop_now(cas->loop));
}

bool mock_cas_refuse(struct mock_cas *cas, struct net_http_exchange *x,
                     const struct mock_trouble *t, struct mock_served *served)
{
    struct gw_buf out;

    served->status = 0;
    served->code = mock_trouble_name(t->kind);
    tell_to_wait(cas, t);
    switch (t->kind) {
    case MOCK_TROUBLE_STATUS:
        served->status = t->status;
        trouble_status(cas, x, t);
        return true;
    case MOCK_TROUBLE_HTML:
        served->status = 200;
        mock_cas_html(cas, x, 200);
        return true;
    case MOCK_TROUBLE_FAULT:
        served->status = 500;
        gw_buf_init(&out, MOCK_ANSWER_MAX);
        mock_service_fault(cas->service, t->code, t->back_off_ms, &out);
        mock_cas_answer(cas, x, 500, mock_cas_xml_type, gw_buf_str(&out));
        gw_buf_done(&out);
        return true;
    case MOCK_TROUBLE_REDIRECT:
        served->status = t->status;
        net_http_reply_header(x, "Location", t->location);
        mock_cas_html(cas, x, t->status);
        return true;
    case MOCK_TROUBLE_CLOSE:
        net_http_drop(x);
        return true;
    case MOCK_TROUBLE_STALL:
        (void)hold(cas, x, -1);
        return true;
    case MOCK_TROUBLE_HALF:
    case MOCK_TROUBLE_CUT:
    case MOCK_TROUBLE_DELAY:
    case MOCK_TROUBLE_SLOW:
    case MOCK_TROUBLE_MALFORMED:
    case MOCK_TROUBLE_TYPE:
    case MOCK_TROUBLE_KINDS:
        break;
    }
    return false;
}

void mock_cas_let_go(struct mock_cas *cas)
{
    struct gw_list *link;

    while ((link = gw_list_pop(&cas->held))) {
        struct held *h = GW_CONTAINER(link, struct held, link);

        net_http_on_gone(h->x, NULL, NULL);
        net_http_drop(h->x);
        held_free(h);
    }
}
