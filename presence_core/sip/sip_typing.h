/* That somebody types: RFC 3994, and the form that Lync and OCS have for it in INFO. Pure. */
#ifndef SIP_TYPING_H
#define SIP_TYPING_H

#include "gw_buf.h"
#include "gw_err.h"
#include "pres_frontend.h"

enum sip_typing_form { SIP_TYPING_COMPOSING, SIP_TYPING_KEYBOARD, SIP_TYPING_FORM_COUNT };
extern const char *const sip_typing_types[]; /* "application/im-iscomposing+xml" */

struct sip_typing {
    enum pres_chat chat; /* COMPOSING or PAUSED */
    int64_t lasts_s;     /* COMPOSING: without another word it is over then */
};

bool sip_typing_find(struct gw_str type, enum sip_typing_form *form);
enum gw_code sip_typing_read(enum sip_typing_form form, struct gw_str body, struct sip_typing *out,
                             struct gw_err *err);
void sip_typing_write(enum sip_typing_form form, enum pres_chat chat, struct gw_buf *out);

#endif
