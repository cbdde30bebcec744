/* What a session is about (RFC 4566, RFC 3264), as Lync and OCS have it for messages: a line "m=message" whose
 * transport is SIP itself. Nothing is negotiated: that line is there, or it is not. Pure. */
#ifndef SIP_SDP_H
#define SIP_SDP_H

#include "gw_buf.h"
#include "gw_err.h"
#include "gw_str.h"

enum {
    SIP_SDP_MAX = 8 * 1024,
    SIP_SDP_MEDIA_MAX = 8 /* Lync offers one; with more than this nobody means messages */
};

struct sip_sdp {
    struct gw_str media[SIP_SDP_MEDIA_MAX]; /* values of m=, borrowed from what was read */
    size_t count;
    size_t message;   /* which of them is for messages; count: none is */
    bool takes_plain; /* text, as far as is said */
};

enum gw_code sip_sdp_read(struct gw_str body, struct sip_sdp *out, struct gw_err *err);
bool sip_sdp_is_fit(const struct sip_sdp *sdp); /* messages can be said in it */

/* An offer, or (offer not NULL) the answer to one; 'us' as sip_io.local() tells it. */
void sip_sdp_write(const struct sip_sdp *offer, struct gw_str us, struct gw_buf *out);

#endif
