/* SOAP in, SOAP out: the envelope read, the caller's identity found, the operation dispatched by the
 * name of the body's child. Without sockets. */
#ifndef MOCK_SERVICE_H
#define MOCK_SERVICE_H

#include "mock_place.h"
#include "mock_record.h"
#include "mock_stream.h"
#include "mock_strict.h"
#include "mock_subs.h"
#include "mock_version.h"
#include "mock_zone_named.h"

enum {
    MOCK_REQUEST_MAX = 2 * 1024 * 1024, /* bytes */
    MOCK_ANSWER_MAX = 16 * 1024 * 1024
};

struct mock_service {
    struct mock_org *org;
    struct mock_subs *subs;
    struct mock_streams *streams;
    struct mock_places *places;
    struct mock_zones *zones;
    bool
        affinity; /* pull and streaming subscriptions are found by requests that get to their server */
    bool affinity_home; /* since 2013: streaming ones are made at their mailbox's server, wherever
                         * the Subscribe got to */
    const struct mock_product *product;
    unsigned find_max;  /* EWSFindCountLimit: items of one FindItem */
    bool mail_tips_off; /* ErrorMailTipsDisabled */
    struct mock_strict strict;
    struct mock_record *record; /* may be NULL */
    /* Where the mailbox is served, for Autodiscover; NULL: nowhere. */
    void (*url_write)(const struct mock_mailbox *mailbox, gw_time now, struct gw_buf *out,
                      void *ctx);
    void *url_ctx;
};
void mock_service_defaults(struct mock_service *service);

struct mock_request {
    const struct mock_account *account;
    bool application; /* it logged in by a token that is nobody's: speaks for somebody always */
    struct mock_site *site;             /* the CAS that was asked */
    const struct mock_cas_place *place; /* of that */
    struct mock_route route;
    struct gw_str body;
};

struct mock_served {
    int status; /* of HTTP: 200, or 500 with a fault */
    enum mock_operation operation;
    struct mock_mailbox *mailbox; /* whose */
    unsigned mailboxes;
    const char *code; /* the worst ResponseCode */
    bool impersonated;
    char set_cookie[MOCK_COOKIE_MAX + 80]; /* empty: none */
    /* Gives one when the answer goes on: mock_stream_start(), or _free(). */
    struct mock_stream *stream;
};

void mock_service_serve(const struct mock_service *service, const struct mock_request *request,
                        struct gw_now now, struct gw_buf *out, struct mock_served *served);

void mock_service_url_write(const struct mock_service *service, const struct mock_mailbox *mailbox,
                            gw_time now, struct gw_buf *out);

/* Which operation a request is, and on whose behalf, without serving it. */
void mock_service_peek(const struct mock_service *service, struct gw_str body,
                       struct mock_served *served);

/* An error as the operation's response message, where it has such; else a fault. The status of HTTP. */
int mock_service_refuse(const struct mock_service *service, enum mock_operation op,
                        const char *code, struct gw_buf *out);

/* A fault, for trouble made on purpose. back_off_ms < 0: without that value. */
void mock_service_fault(const struct mock_service *service, const char *code, int64_t back_off_ms,
                        struct gw_buf *out);

#endif
