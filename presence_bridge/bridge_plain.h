/* What an automatic reply says, in one line of plain text: Outlook writes HTML, people write signatures. */
#ifndef BRIDGE_PLAIN_H
#define BRIDGE_PLAIN_H

#include "gw_buf.h"

enum {
    BRIDGE_REPLY_MAX = 400,             /* bytes of the plain text */
    BRIDGE_REPLY_SOURCE_MAX = 64 * 1024 /* beyond that nothing is looked at */
};

/* HTML, or text without any: tags, comments, styles, byte order marks and white space go; what follows a
 * signature's separator or a closing formula goes; what is too long ends in an ellipsis. Appends to out,
 * BRIDGE_REPLY_MAX bytes at most, always UTF-8 without control characters; needs room for a few more. */
void bridge_plain_write(struct gw_str source, struct gw_buf *out);

#endif
