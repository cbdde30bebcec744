/* The control interface over HTTP: who may ask, the page, and the way to the requests.
 *
 * A browser on the same machine reaches it, and so do pages of any site shown in that browser. They
 * cannot read an answer, but could make a request, or come by a name of their own that means this
 * address: therefore Host has to be an address or "localhost", Origin this site when there is one, and
 * a body JSON, which forms cannot send. */
#include <arpa/inet.h>
#include <string.h>

#include "gw_log.h"
#include "mock_control.h"
#include "mock_live.h"
#include "mock_page.h"

static bool host_is_address(struct gw_str host)
{
    unsigned char bytes[16];
    char text[64];
    struct gw_str name = host;

    if (gw_str_starts(host, "[")) {
        if (!gw_str_cut(gw_str_sub(host, 1, host.len), "]", &name, NULL))
            return false;
    } else {
        (void)gw_str_cut(host, ":", &name, NULL);
    }
    if (gw_str_iis(name, "localhost"))
        return true;
    if (!name.len || name.len >= sizeof(text))
        return false;
    memcpy(text, name.p, name.len);
    text[name.len] = 0;
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool origin_is_here(struct gw_str origin, struct gw_str host)
{
    return !origin.p || (gw_str_starts(origin, "http://") &&
                         gw_str_ieq(gw_str_sub(origin, 7, origin.len), host));
}

static bool body_is_json(const struct net_http_exchange *x)
{
    struct gw_str type = net_http_header(x, "Content-Type");

    (void)gw_str_cut(type, ";", &type, NULL);
    return !net_http_body(x).len || gw_str_iis(gw_str_trim(type), "application/json");
}

static void reply(struct net_http_exchange *x, int status, const char *type, struct gw_str body)
{
    net_http_reply_header(x, "X-Content-Type-Options", "nosniff");
    net_http_reply_header(x, "Cache-Control", "no-store");
    net_http_reply_header(x, "Content-Security-Policy",
                          "default-src 'none'; script-src 'self'; style-src 'self'; "
                          "connect-src 'self'; base-uri 'none'; form-action 'none'; "
                          "frame-ancestors 'none'");
    net_http_reply(x, status, type, body);
}

static const char type_json[] = "application/json";

/* True: answered. */
static bool turn_away(struct net_http_exchange *x)
{
    struct gw_str host = net_http_header(x, "Host");

    if (!host_is_address(host) || !origin_is_here(net_http_header(x, "Origin"), host)) {
        reply(x, 403, type_json,
              GW_STR("{\"error\":\"not for pages of other sites: Host must be an address or "
                     "localhost, and Origin the same\"}\n"));
        return true;
    }
    if (!body_is_json(x)) {
        reply(x, 415, type_json,
              GW_STR("{\"error\":\"the body must be of Content-Type application/json\"}\n"));
        return true;
    }
    return false;
}

/* GET / is the page for those who take HTML, and JSON for others. True: answered. */
static bool page_answer(struct net_http_exchange *x)
{
    struct gw_str path = net_http_path(x), accept = net_http_header(x, "Accept");

    if (!gw_str_is(net_http_method(x), "GET") ||
        (gw_str_is(path, "/") && !gw_str_cut(accept, "text/html", NULL, NULL)))
        return false;
    for (const struct mock_page *page = mock_page; page->path; page++) {
        if (gw_str_is(path, page->path)) {
            reply(x, 200, page->type, (struct gw_str){ (const char *)page->bytes, page->len });
            return true;
        }
    }
    return false;
}

static void on_control(struct net_http_exchange *x, void *ctx)
{
    struct mock_exchange *mx = ctx;
    struct mock_control_request request = {
        .method = net_http_method(x),
        .path = net_http_path(x),
        .body = net_http_body(x),
        .user = net_http_query(x, "user"),
        .cas = net_http_query(x, "cas"),
        .from = net_http_query(x, "from"),
        .to = net_http_query(x, "to"),
        .offset = net_http_query(x, "offset"),
        .limit = net_http_query(x, "limit"),
    };
    struct gw_buf out;
    int status;

    if (turn_away(x) || page_answer(x))
        return;
    if (gw_str_is(request.path, "/live")) {
        mock_live_add(mx->live, x);
        return;
    }
    gw_buf_init(&out, MOCK_CONTROL_ANSWER_MAX);
    status = mock_control_serve(mx, &request, &out);
    reply(x, status, type_json, gw_buf_str(&out));
    gw_buf_done(&out);
    if (!gw_str_is(request.method, "GET"))
        mock_live_changed(mx->live);
}

enum gw_code mock_control_open(struct mock_exchange *mx, struct gw_str listen, struct gw_err *err)
{
    struct net_http_server_args args = {
        .body_max = MOCK_CONTROL_BODY_MAX, .idle_s = 3600, .handler = on_control, .ctx = mx
    };
    char quoted[GW_QUOTE_MAX], address[64];
    enum gw_code rc;

    if (mx->control)
        return gw_fail(err, GW_EXISTS, "the control interface is open already");
    if (!mock_listen_parse(listen, address, &args.port))
        return gw_fail(err, GW_INVALID, "control: %s is not of the form 127.0.0.1:8090",
                       gw_quote(listen, quoted));
    args.address = address;
    rc = net_http_server_new(mx->loop, &args, &mx->control, err);
    if (rc)
        return gw_fail_prefix(err, "control: ");
    mx->control_address = gw_str_dup(gw_str_of(address));
    return GW_OK;
}

int mock_exchange_control(struct mock_exchange *mx, const char *method, const char *path,
                          struct gw_str body, struct gw_buf *out)
{
    struct mock_control_request request = { .method = gw_str_of(method),
                                            .path = gw_str_of(path),
                                            .body = body };

    return mock_control_serve(mx, &request, out);
}
