/* The mock's control interface, as tests speak it. */
#ifndef MOCK_TALK_H
#define MOCK_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "gw_buf.h"
#include "mock_exchange.h"

/* Gives its answer, which is a good one: json_decref(). */
static inline json_t *mock_ask(struct mock_exchange *mx, const char *method, const char *path,
                               const char *body)
{
    struct gw_buf out;
    json_t *json;

    gw_buf_init(&out, 1024 * 1024);
    if (mock_exchange_control(mx, method, path, gw_str_of(body), &out) >= 300)
        fail_msg("%s %s: %.*s", method, path, GW_STR_ARG(gw_buf_str(&out)));
    json = json_loadb(out.p, out.len, 0, NULL);
    gw_buf_done(&out);
    return json;
}

static inline void mock_tell(struct mock_exchange *mx, const char *method, const char *path,
                             const char *body)
{
    json_decref(mock_ask(mx, method, path, body));
}

#endif
