/* Where one message ends and the next begins on a stream (RFC 3261 18.3), and the keep-alives between
 * them (RFC 5626 3.5.1). */
#ifndef SIP_FRAME_H
#define SIP_FRAME_H

#include "gw_err.h"
#include "gw_str.h"

/* Zeroed at the start of a stream. */
struct sip_frame {
    size_t scanned; /* of the bytes that wait: no end of the head is in front of this */
    size_t needed;  /* the length of the message that has begun; 0: not known yet */
    bool half_ping; /* one CRLF of two has been seen */
};

enum sip_frame_step {
    SIP_FRAME_MESSAGE, /* 'used' bytes are one message */
    SIP_FRAME_PING,    /* 'used' bytes were a ping: answer with one CRLF */
    SIP_FRAME_SKIP,    /* 'used' bytes mean nothing */
    SIP_FRAME_MORE,    /* nothing can be said yet */
    SIP_FRAME_BROKEN   /* no message can be found any more: close; err says why */
};

/* 'in' is all that was received and not used yet. */
enum sip_frame_step sip_frame_next(struct sip_frame *f, struct gw_str in, size_t *used,
                                   struct gw_err *err);

#endif
