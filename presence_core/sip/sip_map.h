/* Which word of a peer's own a presence becomes, by kind of peer: tables. */
#ifndef SIP_MAP_H
#define SIP_MAP_H

#include "pres_compose.h"

enum sip_kind {
    SIP_KIND_SIMPLE, /* PIDF with activities, as the RFCs say */
    SIP_KIND_LYNC,   /* Lync, Skype for Business, OCS */
    SIP_KIND_AOL,
    SIP_KIND_COUNT
};
extern const char *const sip_kind_names[]; /* "lync"; ends with NULL */

/* What such a peer can show; the last one only what comes in. */
enum sip_word {
    SIP_WORD_OFFLINE,
    SIP_WORD_AVAILABLE,
    SIP_WORD_AWAY,
    SIP_WORD_BUSY,
    SIP_WORD_DND,
    SIP_WORD_COUNT
};

enum sip_word sip_map_out(enum sip_kind kind, const struct pres_shown *shown);
enum pres_show sip_map_in(enum sip_kind kind, enum sip_word word);

#endif
