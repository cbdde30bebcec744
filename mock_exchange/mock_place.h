/* Where mailboxes live: in databases, each on a mailbox server in a site. A mailbox can be moved while
 * everything runs; meanwhile it answers ErrorMailboxMoveInProgress. A client access server can be put
 * into a site, and then says with a ResponseCode of its own that it cannot serve the mailboxes of
 * others. And which mailbox server a request gets to: affinity. */
#ifndef MOCK_PLACE_H
#define MOCK_PLACE_H

#include "mock_org.h"

enum { MOCK_DATABASES_MAX = 1000, MOCK_PLACE_NAME_MAX = 63, MOCK_COOKIE_MAX = 200 };

struct mock_database {
    char name[MOCK_PLACE_NAME_MAX + 1];
    char server[MOCK_PLACE_NAME_MAX + 1]; /* "mbx1.example" */
    char site[MOCK_PLACE_NAME_MAX + 1];   /* Autodiscover's GroupingInformation */
};

struct mock_places;
struct mock_places *mock_places_new(
    void); /* with one database, "DB1", where every mailbox starts */
void mock_places_free(struct mock_places **placesp);

/* A second one of that name replaces it. Server and site may be empty: "mbx1", and as DB1 has it. */
enum gw_code mock_database_put(struct mock_places *places, struct gw_str name, struct gw_str server,
                               struct gw_str site, struct gw_err *err);
const struct mock_database *mock_database_next(const struct mock_places *places, size_t *pos);

/* Where the mailbox is now. */
const struct mock_database *mock_database_of(const struct mock_places *places,
                                             const struct mock_mailbox *mailbox, gw_time now);
bool mock_mailbox_is_moving(const struct mock_mailbox *mailbox, gw_time now);

/* Takes lasts_ms, 0: it is there at once. GW_NOTFOUND: no such database. */
enum gw_code mock_mailbox_move(struct mock_places *places, struct mock_mailbox *mailbox,
                               struct gw_str to, int64_t lasts_ms, gw_time now, struct gw_err *err);

/* Where a client access server stands. */
struct mock_cas_place {
    char site[MOCK_PLACE_NAME_MAX + 1]; /* empty: it serves all mailboxes */
    const char *refusal; /* ResponseCode for mailboxes of other sites; NULL: serves */
};
extern const char *const mock_refusals[]; /* what it can be; ends with NULL */
enum gw_code mock_cas_place_set(struct mock_cas_place *place, struct gw_str site,
                                const char *refusal, struct gw_err *err);

/* Why a request at this server (NULL: one that stands nowhere) cannot get to the mailbox: a
 * ResponseCode; NULL: it can. */
const char *mock_place_refusal(const struct mock_places *places, const struct mock_cas_place *place,
                               const struct mock_mailbox *mailbox, gw_time now);

/* What a request says about where it wants to go: HTTP headers, borrowed, may be empty. */
struct mock_route {
    struct gw_str cookies; /* Cookie */
    struct gw_str anchor;  /* X-AnchorMailbox */
    bool prefer;           /* X-PreferServerAffinity: true */
};

/* The server behind the client access server that a request gets to. Since 2013 the one that the
 * cookie names, else that of the anchor mailbox, else that of 'self'; before, the one that the cookie
 * stands for. set_cookie: what the answer's Set-Cookie says; empty: nothing. */
struct mock_backend {
    char name[MOCK_COOKIE_MAX];
    char set_cookie[MOCK_COOKIE_MAX + 80];
};
void mock_route_find(const struct mock_places *places, const struct mock_org *org, bool since_2013,
                     const struct mock_route *route, const struct mock_mailbox *self, gw_time now,
                     struct mock_backend *out);

#endif
