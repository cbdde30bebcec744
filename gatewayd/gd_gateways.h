/* The gateways to Exchange: their records, and a client of each. They share one impersonation account:
 * changed on one, it is changed on all; but a gateway may have its own. */
#ifndef GD_GATEWAYS_H
#define GD_GATEWAYS_H

#include "admin_api.h"
#include "cert.h"
#include "ews_client.h"
#include "gd.h"

struct gd_gateways *gd_gateways_new(struct gd *gd);
void gd_gateways_free(
    struct gd_gateways **gp); /* after the scheduler: clients cancel their calls */

/* What the scheduler sends through. */
struct sched_exchange gd_gateways_exchange(struct gd_gateways *g);

/* At start, once the scheduler is there: reads the records and puts the gateways into it. */
enum gw_code gd_gateways_load(struct gd *gd, struct gw_err *err);

void gd_gateways_timeout_set(struct gd_gateways *g, unsigned timeout_ms);
/* calendar.auth has changed. */
enum gw_code gd_gateways_login_set(struct gd_gateways *g, struct gw_err *err);
void gd_gateways_trust_changed(struct gd *gd); /* those that are not up are tried at once */

/* As struct admin_host has them. */
void gd_gateways_each(const struct gd_gateways *g, admin_gateway_fn *each, void *each_ctx);
enum gw_code gd_gateway_add(struct gd *gd, struct gw_str name,
                            const struct admin_gateway_edit *edit, store_done_fn *done,
                            void *done_ctx, struct gw_err *err);
enum gw_code gd_gateway_edit(struct gd *gd, struct gw_str name,
                             const struct admin_gateway_edit *edit, store_done_fn *done,
                             void *done_ctx, struct gw_err *err);
enum gw_code gd_gateway_remove(struct gd *gd, struct gw_str name, store_done_fn *done,
                               void *done_ctx, struct gw_err *err);
enum gw_code gd_gateway_drain(struct gd *gd, struct gw_str name, bool drained, store_done_fn *done,
                              void *done_ctx, struct gw_err *err);

/* For Autodiscover: the account, NULL when none is set; "https://host:port" of the first gateway, which
 * may know where a mailbox is that it does not have, nothing when there is none; the name of the gateway
 * at that host, borrowed until it is changed, "" when there is none. */
struct ews_account *gd_gateways_account(const struct gd_gateways *g);
void gd_gateways_first_url(const struct gd_gateways *g, struct gw_buf *out);
const char *gd_gateway_of_host(const struct gd_gateways *g, struct gw_str host, uint16_t port);

/* An account was refused, which others of its name count as their own: a directory locks the name. */
struct gd_account;
void gd_gateways_refused(const struct gd_gateways *g, const struct gd_account *refused,
                         const struct ews_refusals *refusals);

/* For the check of a gateway. Borrowed until the gateway is changed; false: there is none. */
struct gd_gateway_target {
    const char *host;
    uint16_t port;
    bool http;
    struct ews_client *client;
    struct cert_client *cert; /* NULL: http */
    struct net_tls_policy policy;
};
bool gd_gateway_target(const struct gd_gateways *g, struct gw_str name,
                       struct gd_gateway_target *out);

#endif
