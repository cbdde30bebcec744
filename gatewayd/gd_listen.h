/* HTTPS with the identity "cup": where Exchange calls back, and the API for programs elsewhere. */
#ifndef GD_LISTEN_H
#define GD_LISTEN_H

#include <stdbool.h>
#include <stdint.h>

#include "gw_param.h"

struct gd;

struct gd_listen_settings {
    int notification_scheme; /* 1: https */
    int64_t api_port;        /* GW_PARAM_WORD: off */
    char *api_clients;       /* subject CNs of client certificates */
};
extern const struct gw_param gd_listen_params[];
extern const size_t gd_listen_param_count;

enum gw_code gd_listen_start(struct gd *gd, struct gw_err *err); /* "cup" is open */
void gd_listen_done(struct gd *gd);                              /* after the listeners */

/* The settings are other ones: the API opens, moves or closes, and with it whoever is no client any more. */
enum gw_code gd_listen_apply(struct gd *gd, struct gw_err *err);

/* Whether Exchange, which is to call back by https, finds that name in our certificate; says what to do. */
enum gw_code gd_listen_name_check(const struct gd *gd, struct gw_err *err);

#endif
