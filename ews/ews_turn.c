/* Which calls may go: one as long as it is not known whether the account is good, few of those that
 * show its password, none while the server wants to be left alone; and what an answer to one means
 * for the others. */
#include "ews_client_priv.h"
#include "ews_conn.h"
#include "ews_priv.h"

/* Until it is known that the password is good, each request by Basic may be refused, and so may another
 * login, but not what is logged in already. Of a new server both may be. */
bool ews_turn_is_showing(const struct ews_client *client)
{
    bool proven = client->account->identity->proven;

    if (client->account->auth == EWS_AUTH_BASIC)
        return !proven || !ews_turn_is_proven(client);
    return !proven && !ews_turn_is_proven(client);
}

bool ews_turn_is_proven(const struct ews_client *client)
{
    return client->proven_epoch == client->account->identity->epoch;
}

/* Sent since the account was set and last refused: its answer tells whether the account is good. */
bool ews_turn_is_trial(const struct ews_call *call)
{
    return call->doubt == call->client->account->identity->doubt;
}

static bool is_trying(const struct ews_client *client)
{
    const struct gw_list *it = client->sent.next;

    while (it != &client->sent && !ews_turn_is_trial(GW_CONTAINER(it, struct ews_call, link)))
        it = it->next;
    return it != &client->sent && !ews_turn_is_proven(client);
}

/* The first in line did not get through: the others would not have either. */
static void calls_share_fate(struct ews_client *client, const struct ews_status *why)
{
    struct ews_status fate;

    ews_status_set(&fate, why->class, why->code, "not sent after the failure of another call: %s",
                   why->text);
    fate.backoff_ms = why->backoff_ms;
    while (!gw_list_is_empty(&client->waiting))
        ews_call_fail(GW_CONTAINER(client->waiting.next, struct ews_call, link), &fate);
}

/* Who asks to be left alone is asked neither by those whose connection is being set up nor by those
 * who are in the middle of a login. What has left cannot be called back. */
void ews_turn_hold_back(struct ews_client *client, const struct ews_status *why)
{
    struct gw_list *it, *tmp;
    struct ews_status fate;

    ews_status_set(&fate, why->alive ? EWS_BUSY : why->class, why->code,
                   "not sent after the answer to another call: %s", why->text);
    fate.backoff_ms = why->backoff_ms;
    fate.alive = why->alive;
    while (!gw_list_is_empty(&client->waiting))
        ews_call_fail(GW_CONTAINER(client->waiting.next, struct ews_call, link), &fate);
    GW_LIST_EACH(&client->sent, it, tmp)
    {
        struct ews_call *call = GW_CONTAINER(it, struct ews_call, link);

        if (!ews_conn_has_sent(call->slot->conn))
            ews_call_recall(call, &fate);
    }
}

/* What shows an application's secret is the request for a token, which waits in its own line, and longer
 * than calls do. */
static bool is_for_tokens(const struct ews_client *client)
{
    return client->account->auth == EWS_AUTH_OAUTH;
}

/* As long as the account is not proven here a single one; as long as it is not proven anywhere, a
 * single one of all clients that share it, after all that was sent when it was thought to be good has
 * come back; those that show the password, so many as may be refused. */
static bool may_send(const struct ews_client *client)
{
    const struct ews_identity *id = client->account->identity;

    if (!ews_turn_is_proven(client) && is_trying(client))
        return false;
    if (!ews_turn_is_showing(client))
        return true;
    if (id->shown >= ews_identity_tries_max(id))
        return false;
    return id->proven || is_for_tokens(client) || !ews_identity_is_trying(id);
}

void ews_turn_next(struct ews_client *client)
{
    const struct ews_identity *id = client->account->identity;
    struct ews_status why;

    if (gw_list_is_empty(&client->waiting))
        return;
    if (ews_identity_is_locked(id, ews_client_now(client), &why))
        calls_share_fate(client, &why);
    while (!gw_list_is_empty(&client->waiting) && may_send(client))
        ews_call_send(GW_CONTAINER(client->waiting.next, struct ews_call, link));
}

/* Whoever was let through stands last from now on. */
static void clients_pump(struct ews_account *a)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&a->clients, it, tmp)
    {
        struct ews_client *client = ews_client_of_account(it);
        const struct gw_list *first = client->waiting.next;

        ews_turn_next(client);
        if (client->waiting.next == first)
            continue;
        gw_list_remove(it);
        gw_list_append(&a->clients, it);
    }
}

/* What the call showed is known to be right or wrong, or will not be known: those who have waited for
 * it come next, or all go on, or all are told that the account is locked out. */
void ews_turn_shown(struct ews_call *call)
{
    struct ews_identity *id = call->identity;

    if (!call->shows && id->proven)
        return;
    id->shown -= call->shows;
    call->shows = false;
    for (struct gw_list *it = id->accounts.next; it != &id->accounts; it = it->next)
        clients_pump(GW_CONTAINER(it, struct ews_account, identity_link));
}

/* The password was refused: it is not shown by those whose connection is being set up. What has left
 * cannot be called back. */
static void recall_unsent(struct ews_identity *id, const struct ews_status *why)
{
    struct gw_list *it, *sent, *tmp;
    struct ews_status fate;

    ews_status_set(&fate, EWS_TRANSIENT, why->code,
                   "not sent after the failure of another call: %s", why->text);
    for (struct gw_list *a = id->accounts.next; a != &id->accounts; a = a->next)
        for (it = GW_CONTAINER(a, struct ews_account, identity_link)->clients.next;
             it != &GW_CONTAINER(a, struct ews_account, identity_link)->clients; it = it->next)
            GW_LIST_EACH(&ews_client_of_account(it)->sent, sent, tmp)
            {
                struct ews_call *call = GW_CONTAINER(sent, struct ews_call, link);

                if (ews_conn_is_showing(call->slot->conn) && !ews_conn_has_sent(call->slot->conn))
                    ews_call_recall(call, &fate);
            }
}

/* Nothing was heard of the server since the call was sent. A call that waits for another to have shown
 * the password would wait for one time-out after the other, and hold up what goes to other servers. */
static bool is_dead(const struct ews_call *call, const struct ews_status *status)
{
    return call->shows && status->class == EWS_SERVER_DOWN &&
           call->client->heard_at < call->sent_at;
}

/* What an answer says about the account. One that was given to an older account says nothing. After a
 * refusal every connection logs in anew: those that are open would go on with what was refused. */
void ews_turn_learn(struct ews_call *call, const struct ews_status *status, bool counted)
{
    struct ews_client *client = call->client;

    if (status->alive)
        client->heard_at = ews_client_now(client);
    if (is_dead(call, status))
        calls_share_fate(client, status);
    if (status->class == EWS_CREDENTIALS && !counted)
        ews_account_refused(call->identity, ews_client_now(client));
    if (status->class == EWS_CREDENTIALS)
        recall_unsent(call->identity, status);
    if (call->epoch != client->account->identity->epoch ||
        (status->class != EWS_CREDENTIALS && !ews_turn_is_trial(call)))
        return;
    if (status->class == EWS_CREDENTIALS) {
        client->proven_epoch = 0;
        ews_client_reconnect(client);
    } else if (status->alive) {
        client->proven_epoch = call->epoch;
        if (ews_conn_is_proof(call->slot->conn))
            ews_account_taken(call->identity);
    }
    if (!ews_turn_is_proven(client))
        calls_share_fate(client, status);
}
