/* Answers to a request for two mailboxes and the test's day, parsed. */
#ifndef EWS_TEST_ANSWER_H
#define EWS_TEST_ANSWER_H

#include "ews_test.h"

struct parsed {
    struct gw_arena arena;
    struct ews_answer a;
};

/* more: what is asked for. */
static inline void parse_more(struct ews_request more, const struct ews_http *http,
                              struct parsed *out)
{
    static const struct gw_str mailboxes[2];
    char *exact = malloc(http->body.len ? http->body.len : 1);
    struct ews_http h = *http;

    /* The answer must not borrow from the body, nor read beyond it. */
    if (h.body.len)
        memcpy(exact, h.body.p, h.body.len);
    h.body.p = exact;
    more.mailboxes = mailboxes;
    more.mailbox_count = 2;
    more.from = EWS_TEST_DAY;
    more.to = EWS_TEST_DAY + (gw_utc)GW_DAY_MS;
    gw_arena_init(&out->arena, EWS_ANSWER_ARENA);
    ews_answer_parse(&more, &h, &out->arena, &out->a);
    free(exact);
}

static inline void parse_fields(enum ews_op op, unsigned item_fields, const struct ews_http *http,
                                struct parsed *out)
{
    parse_more((struct ews_request){ .op = op, .item_fields = item_fields }, http, out);
}

static inline void parse_http(enum ews_op op, const struct ews_http *http, struct parsed *out)
{
    parse_fields(op, 0, http, out);
}

static inline void parse_text(enum ews_op op, const char *text, struct parsed *out)
{
    struct ews_http http = { .status = 200, .body = gw_str_of(text) };

    parse_http(op, &http, out);
}

static inline void parse_file(enum ews_op op, const char *name, int status, struct parsed *out)
{
    char *text = ews_test_file(name);
    struct ews_http http = { .status = status, .body = gw_str_of(text) };

    parse_http(op, &http, out);
    free(text);
}

static inline void parsed_done(struct parsed *p)
{
    gw_arena_done(&p->arena);
}

#endif
