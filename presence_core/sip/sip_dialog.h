/* A dialog (RFC 3261 12) without its usage: who is at the other end, where requests in it go, and how they
 * begin. */
#ifndef SIP_DIALOG_H
#define SIP_DIALOG_H

#include "sip_priv.h"

enum { SIP_DIALOG_NAME_MAX = 1024 }; /* of From and To */

struct sip_dialog {
    char tag[SIP_OWN_TAG_LEN + 1]; /* ours */
    char *call_id, *remote_tag;    /* remote_tag NULL: nobody has answered yet */
    char *local, *remote;          /* From without tag and To with it, of what we send */
    char *target, *routes, *host;
    enum sip_proto proto;
    uint16_t port;
    uint64_t conn;
    uint32_t cseq, remote_cseq;
};

/* We ask: an address here, and one there. */
void sip_dialog_begin(struct sip_dialog *d, struct gw_str local, struct gw_str remote);
/* The answer that makes it one; hop: who gave it. False: there is no dialog in it. */
bool sip_dialog_confirm(struct sip_core *core, struct sip_dialog *d, const struct sip_msg *answer,
                        const struct sip_peer *hop);
/* A request that begins one. False: it is malformed, or leads nowhere; nothing to be freed then. */
bool sip_dialog_accept(struct sip_core *core, struct sip_dialog *d, const struct sip_msg *m,
                       const struct sip_peer *from);
void sip_dialog_done(struct sip_dialog *d);

/* A request in it: 0, and it counts; 481: it is none of it; 500: out of order (RFC 3261 12.2.2). */
unsigned sip_dialog_check(struct sip_dialog *d, const struct sip_msg *m,
                          const struct sip_peer *from);
/* Its Contact is where we go from now on (a target refresh). False: it is malformed; nothing changes. */
bool sip_dialog_refresh(struct sip_core *core, struct sip_dialog *d, const struct sip_msg *m,
                        const struct sip_peer *from);

struct sip_peer sip_dialog_peer(const struct sip_dialog *d);
/* The request line and the headers that every request in it has; To with a tag once there is one. Of the
 * first one 'target' is the address there. */
void sip_dialog_write(const struct sip_dialog *d, const char *method, uint32_t cseq,
                      enum sip_proto proto, struct gw_str us, const char *branch,
                      struct gw_buf *out);

#endif
