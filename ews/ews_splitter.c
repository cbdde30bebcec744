/* Documents end with </Envelope>. That text cannot stand inside of one but in a CDATA section or a
 * comment, which Exchange does not write: then the parser finds what is cut there malformed. */
#include "ews_splitter.h"

#include <string.h>

#include "ews_codec.h"

enum { CLOSING_TAG_MAX = 256 }; /* "</prefix:Envelope  >" */

void ews_splitter_init(struct ews_splitter *s)
{
    *s = (struct ews_splitter){ 0 };
    /* What is left over is never more than a document; beside it a piece of the network fits. */
    gw_buf_init(&s->buf, 2 * EWS_STREAM_DOCUMENT_MAX);
}

void ews_splitter_done(struct ews_splitter *s)
{
    gw_buf_done(&s->buf);
}

void ews_splitter_reset(struct ews_splitter *s)
{
    gw_buf_reset(&s->buf);
    s->taken = s->scanned = 0;
}

static void drop_taken(struct ews_splitter *s)
{
    gw_buf_consume(&s->buf, s->taken);
    s->taken = 0;
}

void ews_splitter_feed(struct ews_splitter *s, struct gw_str piece)
{
    drop_taken(s);
    gw_buf_add_str(&s->buf, piece);
}

/* What stands between "</" and ">". */
static bool is_envelope(struct gw_str name)
{
    (void)gw_str_cut(name, ":", NULL, &name);
    return gw_str_is(gw_str_trim(name), "Envelope");
}

/* The length of the text up to the end of the first closing tag that matters; 0: not there. */
static size_t document_end(struct ews_splitter *s, struct gw_str text)
{
    while (s->scanned + 1 < text.len) {
        const char *from = text.p + s->scanned;
        const char *tag = memchr(from, '<', text.len - 1 - s->scanned);
        struct gw_str rest;
        ptrdiff_t end;

        if (!tag) {
            s->scanned = text.len - 1;
            return 0;
        }
        s->scanned = (size_t)(tag - text.p);
        rest = gw_str_sub(text, s->scanned + 2, text.len);
        end = tag[1] == '/' ? gw_str_find(gw_str_sub(rest, 0, CLOSING_TAG_MAX), '>') : -1;
        if (end >= 0 && is_envelope(gw_str_sub(rest, 0, (size_t)end)))
            return s->scanned + 2 + (size_t)end + 1;
        if (tag[1] == '/' && end < 0 && rest.len < CLOSING_TAG_MAX)
            return 0;
        s->scanned++;
    }
    return 0;
}

enum ews_split ews_splitter_next(struct ews_splitter *s, struct gw_str *document)
{
    struct gw_str text;
    size_t end;

    drop_taken(s);
    if (s->buf.failed)
        return EWS_SPLIT_BROKEN;
    text = gw_buf_str(&s->buf);
    end = document_end(s, text);
    if (!end)
        return text.len > EWS_STREAM_DOCUMENT_MAX ? EWS_SPLIT_BROKEN : EWS_SPLIT_MORE;
    *document = gw_str_trim(gw_str_sub(text, 0, end));
    s->taken = end;
    s->scanned = 0;
    return EWS_SPLIT_DOCUMENT;
}

struct gw_str ews_splitter_rest(const struct ews_splitter *s)
{
    return gw_str_trim(gw_str_sub(gw_buf_str(&s->buf), s->taken, s->buf.len));
}
