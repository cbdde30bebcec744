/* A plan of sip_route.h carried out: its questions are asked, and what is left are servers in the order
 * in which they are tried. */
#ifndef SIP_SEARCH_H
#define SIP_SEARCH_H

#include "sip_route.h"

enum { SIP_FOUND_MAX = 16 };

struct sip_search;
typedef void sip_search_fn(const struct sip_search *search, struct gw_now now, void *ctx);

struct sip_search {
    const struct sip_io *io;
    void *io_ctx;
    struct sip_plan plan;
    size_t at; /* of the plan */
    struct sip_srv_query *query;
    sip_search_fn *done;
    void *ctx;
    /* What was found: of SRV records 'pattern' is the name that was asked for. */
    struct sip_step hops[SIP_FOUND_MAX];
    size_t count;
    char missing[SIP_STEPS_MAX][SIP_PATTERN_MAX + 1]; /* names without a record, asked for before */
    size_t missing_count;
    struct gw_err err; /* when nothing was found */
};

/* False: done comes later, once. True: it is known already, and done does not come. The search stays
 * where it is until sip_search_done(). */
bool sip_search_start(struct sip_search *search, const struct sip_plan *plan,
                      const struct sip_io *io, void *io_ctx, sip_search_fn *done, void *ctx);
void sip_search_done(struct sip_search *search); /* from any state; a zeroed one, too */

#endif
