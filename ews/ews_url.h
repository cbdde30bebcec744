/* An address of a web service, as far as Exchange gives them: scheme, host, port, path. */
#ifndef EWS_URL_H
#define EWS_URL_H

#include <stdint.h>

#include "gw_err.h"
#include "gw_str.h"

struct ews_url {
    bool https;
    struct gw_str host; /* name or address; an IPv6 one without its brackets */
    uint16_t port;      /* the scheme's when none is written */
    struct gw_str path; /* with its query, from the '/' on; "/" when none is written */
};

enum { EWS_HOST_MAX = 255 };

/* Borrows from 'in'. GW_INVALID: not http or https, no host, a name or password in it, characters that
 * no URL has. */
enum gw_code ews_url_parse(struct gw_str in, struct ews_url *out, struct gw_err *err);

#endif
