/* What the tests of the core have in common that write down, line by line, what clients are told: the
 * steps of a client, and the look at the lines. */
#ifndef PRES_STEPS_H
#define PRES_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pres_priv.h"

static const struct gw_now now = { .mono = 1000, .utc = 1000000 };
static const char *const request_names[] = { "subscribe", "subscribed", "unsubscribe",
                                             "unsubscribed" };

/* Lines begin with the address of the session that is told. */
static inline void put_to(struct gw_buf *out, const struct pres_session *s)
{
    gw_buf_addf(out, "%.*s/%.*s: ", GW_STR_ARG(pres_session_user(s)),
                GW_STR_ARG(pres_session_resource(s)));
}

static inline void put_request(struct gw_buf *out, struct gw_str from, enum pres_request request,
                               struct gw_str extra)
{
    gw_buf_addf(out, "%.*s %s%.*s\n", GW_STR_ARG(from), request_names[request], GW_STR_ARG(extra));
}

static inline void expect_in(struct gw_buf *log, const char *lines, const char *file, int line)
{
    if (!gw_str_is(gw_buf_str(log), lines))
        fail_msg("%s:%d: got\n%.*s--- instead of\n%s", file, line, GW_STR_ARG(gw_buf_str(log)),
                 lines);
    gw_buf_reset(log);
}

#define EXPECT(lines) expect_in(&f.log, lines, __FILE__, __LINE__)

static inline struct store *open_store(const char *path)
{
    struct store *store = NULL;
    struct gw_err err;

    if (store_open(&(struct store_args){ .path = path }, &store, &err))
        fail_msg("%s", err.msg);
    return store;
}

static inline struct pres_session *connect_as(struct pres_core *core, struct pres_front *front,
                                              const char *jid, const char *resource, void *ctx)
{
    const struct pres_session_args args = {
        .user = gw_str_of(jid), .resource = gw_str_of(resource), .front = front, .ctx = ctx
    };
    struct pres_session *s = NULL;

    assert_int_equal(pres_session_new(core, &args, now, &s, NULL), GW_OK);
    return s;
}

static inline void say(struct pres_session *s, enum pres_show show, const char *text)
{
    const struct pres_client client = { .show = show, .text = gw_str_of(text) };

    assert_int_equal(pres_session_set(s, &client, now), GW_OK);
}

static inline void nothing(const struct pres_item *item, void *ctx)
{
    (void)item;
    (void)ctx;
}

/* Keeps a roster, and is available. */
static inline void go_online(struct pres_session *s)
{
    pres_roster_get(s, nothing, NULL);
    say(s, PRES_AVAILABLE, "");
}

#endif
