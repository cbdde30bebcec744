/* A user here watches somebody abroad with a SIP client. His own roster decides, as it does for his XMPP
 * clients: who is no contact of his is asked on his behalf, and until that is answered the subscription is
 * pending; who refuses, or is taken off the roster, ends it. There is one subscription abroad for the user,
 * however many clients watch. */
#include "sip_account.h"

bool sip_contact_is(const struct sip_core *core, struct gw_str address)
{
    return core->login.len && !pres_user_is_known(core->pres, address) &&
           pres_route(core->pres, address) == PRES_ROUTE_ABROAD;
}

unsigned sip_contact_ask(const struct sip_account *a, struct gw_str contact)
{
    struct pres_doc doc;
    struct gw_err err;

    if (pres_session_sees(a->session, contact, &doc) != PRES_SIGHT_NONE ||
        !pres_request_send(a->session, PRES_SUBSCRIBE, contact, GW_STR(""), &err))
        return 0;
    return err.code == GW_LIMIT ? 403 : 404;
}

/* What contacts say is kept for the user as long as one of his clients watches one. */
void sip_contact_begin(struct sip_account *a, struct gw_str contact)
{
    if (!a->contacts++)
        pres_session_look(a->session, true);
    pres_session_probe(a->session, contact);
}

void sip_contact_end(struct sip_account *a)
{
    if (!--a->contacts)
        pres_session_look(a->session, false);
}

enum sip_verdict sip_contact_see(const struct sip_account *a, struct gw_str contact,
                                 struct pres_doc *out)
{
    static const enum sip_verdict verdicts[] = { [PRES_SIGHT_NONE] = SIP_TURNED_AWAY,
                                                 [PRES_SIGHT_ASKED] = SIP_PENDING,
                                                 [PRES_SIGHT_SHOWN] = SIP_ALLOWED };

    return verdicts[pres_session_sees(a->session, contact, out)];
}
