/* What the engines ask of the transport, and how they name who is at the other end. */
#ifndef SIP_IO_H
#define SIP_IO_H

#include "gw_buf.h"
#include "gw_str.h"

enum sip_proto { SIP_UDP, SIP_TCP, SIP_TLS };
const char *sip_proto_name(enum sip_proto proto); /* "UDP" */

struct sip_peer {
    enum sip_proto proto;
    uint64_t conn;      /* a connection, to be used while it stands; 0: none */
    struct gw_str host; /* address or name; IPv6 without brackets */
    uint16_t port;
};

struct sip_io {
    /* Queues one message. What it went over: a connection that stands or is being made, 1 for UDP; 0: it
     * cannot be sent. Never calls back. */
    uint64_t (*send)(const struct sip_peer *to, struct gw_str bytes, void *ctx);
    /* Where 'peer' reaches us: "192.0.2.1:5060". */
    void (*local)(const struct sip_peer *peer, struct gw_buf *out, void *ctx);
    /* sip_core_deadline() may have come nearer while nothing was received. */
    void (*wake)(void *ctx);
};

enum { SIP_OVER_UDP = 1 };

#endif
