/* An answer to GetStreamingEvents is a sequence of complete documents in one body: cuts it into them,
 * as the pieces come. Pure. */
#ifndef EWS_SPLITTER_H
#define EWS_SPLITTER_H

#include "gw_buf.h"

struct ews_splitter {
    struct gw_buf buf;
    size_t taken;   /* of buf: the document that was given last */
    size_t scanned; /* of buf: no </Envelope> begins before */
};

enum ews_split {
    EWS_SPLIT_DOCUMENT, /* there is one */
    EWS_SPLIT_MORE,     /* the next one has not ended yet */
    EWS_SPLIT_BROKEN    /* larger than EWS_STREAM_DOCUMENT_MAX without an end: give up */
};

void ews_splitter_init(struct ews_splitter *s);
void ews_splitter_done(struct ews_splitter *s);
void ews_splitter_reset(struct ews_splitter *s); /* another body begins */
void ews_splitter_feed(struct ews_splitter *s, struct gw_str piece);

/* The next document, up to the end of its </Envelope>, whatever the prefix; borrowed until the next
 * call. Whether it is well-formed is for the parser to say. */
enum ews_split ews_splitter_next(struct ews_splitter *s, struct gw_str *document);

/* What has come of a document that has not ended. */
struct gw_str ews_splitter_rest(const struct ews_splitter *s);

#endif
