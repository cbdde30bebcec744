/* Trouble made on purpose: what a client access server does instead of serving, for the next few
 * requests or until it is cleared. */
#ifndef MOCK_TROUBLE_H
#define MOCK_TROUBLE_H

#include "gw_list.h"
#include "mock_org.h"

enum mock_trouble_kind {
    MOCK_TROUBLE_STATUS, /* an HTTP status, with Retry-After if wanted, and a page of HTML */
    MOCK_TROUBLE_HTML,   /* 200 and a page of HTML */
    MOCK_TROUBLE_FAULT,  /* a SOAP fault; ErrorServerBusy with BackOffMilliseconds if wanted */
    MOCK_TROUBLE_HALF,   /* half of the document, as if it were all */
    MOCK_TROUBLE_CUT,    /* half of the document, then the connection breaks */
    MOCK_TROUBLE_CLOSE,  /* the connection is closed without an answer */
    MOCK_TROUBLE_STALL, /* no answer, until the trouble is cleared: then the connection is closed */
    MOCK_TROUBLE_DELAY, /* the right answer, late */
    MOCK_TROUBLE_SLOW,  /* the right answer, in pieces */
    MOCK_TROUBLE_MALFORMED, /* the right answer, with XML in it that is none */
    MOCK_TROUBLE_TYPE,      /* the right answer, said to be HTML */
    MOCK_TROUBLE_REDIRECT,  /* to another place */
    MOCK_TROUBLE_KINDS
};
const char *mock_trouble_name(enum mock_trouble_kind kind); /* "status" */
extern const char mock_trouble_names[];                     /* for messages */
bool mock_trouble_parse(struct gw_str name, enum mock_trouble_kind *out);

enum { MOCK_TROUBLES_MAX = 100, MOCK_TROUBLE_FOREVER = -1, MOCK_TROUBLE_TEXT_MAX = 256 };

struct mock_trouble {
    struct gw_list link;
    enum mock_trouble_kind kind;
    int64_t left; /* requests; MOCK_TROUBLE_FOREVER: until cleared */
    bool one_operation;
    enum mock_operation operation; /* the others are served, when one_operation */
    const struct mock_mailbox
        *mailbox;       /* what is asked on behalf of others is served; NULL: nothing */
    double probability; /* the share of the cases in which it happens */
    uint64_t random;
    int status;
    int64_t retry_after_s, back_off_ms, delay_ms; /* -1: none */
    char code[64];                                /* MOCK_TROUBLE_FAULT */
    char cas_error[MOCK_TROUBLE_TEXT_MAX];        /* X-CasErrorCode; empty: none */
    char location[MOCK_TROUBLE_TEXT_MAX];         /* MOCK_TROUBLE_REDIRECT */
};

struct mock_troubles {
    struct gw_list list;
    size_t count;
};
void mock_troubles_init(struct mock_troubles *t);
void mock_troubles_clear(struct mock_troubles *t);
enum gw_code mock_troubles_add(struct mock_troubles *t, const struct mock_trouble *trouble,
                               struct gw_err *err);

/* The first that fits; it is used up by one. False: none, serve. */
bool mock_troubles_take(struct mock_troubles *t, enum mock_operation op,
                        const struct mock_mailbox *mailbox, struct mock_trouble *out);

#endif
