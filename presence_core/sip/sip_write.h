/* SIP messages are written here: lines into a buffer, whose failure is looked at once, at the end. What
 * is repeated from a message that came in was split from it, so that it has no line ends. */
#ifndef SIP_WRITE_H
#define SIP_WRITE_H

#include "sip_io.h"
#include "sip_msg.h"

const char *sip_reason(unsigned status); /* "OK" */

/* Status line and what an answer repeats (RFC 3261 8.2.6); 'tag' is put to To when it has none. */
void sip_write_answer(struct gw_buf *out, const struct sip_msg *request,
                      const struct sip_peer *from, unsigned status, struct gw_str tag);
void sip_write_header(struct gw_buf *out, const char *name, struct gw_str value);
void sip_write_copy(struct gw_buf *out, const struct sip_msg *from, enum sip_name name,
                    const char *shown);
/* "sip:ann@b.example" of a bare JID: what may not stand in a user part is escaped. */
void sip_write_uri(struct gw_buf *out, struct gw_str jid);
/* "Via", the first line behind the request line. */
void sip_write_via(struct gw_buf *out, enum sip_proto proto, struct gw_str us, const char *branch);
/* Ours; 'us' as sip_io.local() tells it. */
void sip_write_contact(struct gw_buf *out, struct gw_str us, enum sip_proto proto);
void sip_write_end(struct gw_buf *out, const char *type, struct gw_str body);

#endif
