/* Federation with XMPP servers of other domains: its parts put together, exceptions kept. */
#ifndef GD_FEDERATION_H
#define GD_FEDERATION_H

#include "gd.h"

enum gw_code gd_federation_start(struct gd *gd, struct gw_err *err); /* clients are listened for */
enum gw_code gd_federation_apply(struct gd *gd, struct gw_err *err); /* parameters have changed */
void gd_federation_stop(struct gd *gd);
bool gd_federation_is_idle(const struct gd *gd);
void gd_federation_done(struct gd *gd);

/* --- for the API */
void gd_federation_json(const struct gd *gd, struct json_t *into);
/* What all nodes of the same domains should have alike. */
void gd_federation_settings_json(const struct gd *gd, struct json_t *into);
/* GW_INVALID: no domain. */
enum gw_code gd_federation_why(const struct gd *gd, struct gw_str domain, struct json_t *into,
                               struct gw_err *err);
/* done as in dir.h. direction: "both", "incoming", "outgoing". */
enum gw_code gd_federation_except(struct gd *gd, struct gw_str domain, struct gw_str direction,
                                  store_done_fn *done, void *done_ctx, struct gw_err *err);
enum gw_code gd_federation_forget(struct gd *gd, struct gw_str domain, store_done_fn *done,
                                  void *done_ctx, struct gw_err *err);

/* The secret of dialback keys, which several nodes of a domain must share. Kept sealed. GW_INVALID: too
 * short, too long, or no text. Forgotten: the one again that this node has of its own. */
enum gw_code gd_federation_secret_set(struct gd *gd, struct gw_str secret, store_done_fn *done,
                                      void *done_ctx, struct gw_err *err);
enum gw_code gd_federation_secret_forget(struct gd *gd, store_done_fn *done, void *done_ctx,
                                         struct gw_err *err);

#endif
