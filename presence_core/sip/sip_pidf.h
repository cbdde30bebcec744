/* Presence documents: PIDF (RFC 3863) with activities and notes of the person (RFC 4479, 4480) and
 * what comes next (RFC 4481); and its older form. */
#ifndef SIP_PIDF_H
#define SIP_PIDF_H

#include "gw_buf.h"
#include "pres_frontend.h"
#include "sip_map.h"

/* Of the last one: sip_winfo_write(). */
enum sip_format { SIP_PIDF, SIP_CPIM_PIDF, SIP_WATCHERINFO, SIP_FORMAT_COUNT };
extern const char *const sip_format_types[SIP_FORMAT_COUNT]; /* "application/pidf+xml" */

enum { SIP_DOCUMENT_MAX = 16 * 1024 };

/* Either form, of others. The note is one line, shorter than PRES_TEXT_MAX; may be empty. */
enum gw_code sip_pidf_read(struct gw_str document, enum sip_word *word, struct gw_buf *note,
                           struct gw_err *err);

void sip_pidf_write(enum sip_kind kind, struct gw_str user, const struct pres_doc *doc,
                    struct gw_buf *out);
/* The older form, whose note says what it has no sign for: words, as they are said of the user; empty where
 * nothing has to be said. */
void sip_cpim_write(enum sip_kind kind, struct gw_str user, const struct pres_doc *doc,
                    const struct gw_str words[SIP_WORD_COUNT], struct gw_buf *out);

#endif
