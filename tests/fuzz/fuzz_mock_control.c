/* A control request: the first line is method and path, the rest the body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mock_exchange.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static char *text_of(struct gw_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!s.p[i])
            s.len = i;
    return gw_str_dup(s);
}

/* What opens ports, reads files, or adds users by the million is not for here. */
static bool harmless(struct gw_str path, struct gw_str body)
{
    return gw_str_starts(path, "/") && !memmem(body.p, body.len, "count", 5) &&
           !memmem(body.p, body.len, "per_user", 8) && !memmem(body.p, body.len, "tls", 3) &&
           !memmem(body.p, body.len, "\\u", 2) && !gw_str_starts(path, "/cas") &&
           !gw_str_starts(path, "/scenario");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct net_loop *loop;
    struct gw_str in = { (const char *)bytes, len }, line, method, path, body;
    struct mock_exchange *mx;
    char *m, *p;
    struct gw_buf out;

    if (!gw_str_cut(in, "\n", &line, &body) || !gw_str_cut(line, " ", &method, &path) ||
        !harmless(path, body))
        return 0;
    if (!loop)
        loop = net_loop_new();
    mx = mock_exchange_new(loop);
    (void)mock_exchange_apply(
        mx, GW_STR("{\"users\": [{\"address\": \"a@b\", \"meetings\": [{\"start\": 5}]}]}"), NULL);
    gw_buf_init(&out, 1 << 24);
    m = text_of(method);
    p = text_of(path);
    (void)mock_exchange_control(mx, m, p, body, &out);
    if (!out.len)
        abort();
    free(m);
    free(p);
    gw_buf_done(&out);
    mock_exchange_free(&mx);
    return 0;
}
