/* Accounts and mailboxes, and the maps to find them by. Items are in mock_item.c. */
#include "mock_org.h"

#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_mem.h"
#include "mock_org_priv.h"

static const char *const operation_name[MOCK_OPERATION_COUNT] = {
    [MOCK_SUBSCRIBE] = "Subscribe",
    [MOCK_UNSUBSCRIBE] = "Unsubscribe",
    [MOCK_GET_EVENTS] = "GetEvents",
    [MOCK_GET_STREAMING_EVENTS] = "GetStreamingEvents",
    [MOCK_FIND_ITEM] = "FindItem",
    [MOCK_GET_ITEM] = "GetItem",
    [MOCK_CREATE_ITEM] = "CreateItem",
    [MOCK_UPDATE_ITEM] = "UpdateItem",
    [MOCK_DELETE_ITEM] = "DeleteItem",
    [MOCK_MOVE_ITEM] = "MoveItem",
    [MOCK_SYNC_ITEMS] = "SyncFolderItems",
    [MOCK_GET_FOLDER] = "GetFolder",
    [MOCK_FIND_FOLDER] = "FindFolder",
    [MOCK_CONVERT_ID] = "ConvertId",
    [MOCK_GET_AVAILABILITY] = "GetUserAvailability",
    [MOCK_GET_OOF] = "GetUserOofSettings",
    [MOCK_SET_OOF] = "SetUserOofSettings",
    [MOCK_GET_MAIL_TIPS] = "GetMailTips",
    [MOCK_GET_SERVICE_CONFIGURATION] = "GetServiceConfiguration",
    [MOCK_RESOLVE_NAMES] = "ResolveNames",
    [MOCK_GET_TIME_ZONES] = "GetServerTimeZones",
    [MOCK_AUTODISCOVER] = "Autodiscover",
    [MOCK_OTHER] = "other",
};

const char *mock_operation_name(enum mock_operation op)
{
    return operation_name[op];
}

bool mock_operation_parse(struct gw_str name, enum mock_operation *out)
{
    for (int i = 0; i < MOCK_OPERATION_COUNT; i++) {
        if (gw_str_iis(name, operation_name[i])) {
            *out = (enum mock_operation)i;
            return true;
        }
    }
    return false;
}

char *mock_lower_dup(struct gw_str s)
{
    char *out = gw_str_dup(s);

    for (char *c = out; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return out;
}

/* Looks a key up in lower case. */
static void *get_folded(const struct gw_map *map, struct gw_str key)
{
    char fold[512];

    if (key.len > sizeof(fold))
        return NULL;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.p[i];

        fold[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    return gw_map_get(map, (struct gw_str){ fold, key.len });
}

struct mock_org *mock_org_new(void)
{
    struct mock_org *org = gw_new(struct mock_org);

    org->accounts = gw_map_new();
    org->by_smtp = gw_map_new();
    org->by_upn = gw_map_new();
    org->items = gw_map_new();
    return org;
}

static void account_free(struct mock_account *account)
{
    if (!account)
        return;
    free(account->name);
    gw_secret_free(&account->password);
    free(account->mailbox);
    for (size_t i = 0; i < account->allowed_count; i++)
        free(account->allowed[i]);
    free(account->allowed);
    free(account);
}

static void mailbox_free(struct mock_mailbox *mailbox)
{
    for (size_t i = 0; i < mailbox->item_count; i++)
        mock_item_free(mailbox->items[i]);
    for (size_t i = 0; i < mailbox->master_count; i++)
        mock_item_free(mailbox->masters[i]);
    free(mailbox->items);
    free(mailbox->masters);
    free(mailbox->gone_items);
    for (unsigned i = 0; i < mailbox->calendar_count; i++)
        mock_calendar_free(&mailbox->calendars[i]);
    for (size_t i = 0; i < mailbox->alias_count; i++)
        free(mailbox->aliases[i]);
    free(mailbox->aliases);
    free(mailbox->address);
    free(mailbox->upn);
    free(mailbox->display);
    free(mailbox->oof.internal_reply);
    free(mailbox->oof.external_reply);
    if (mailbox->traits)
        mock_traits_done(mailbox->traits);
    free(mailbox->traits);
    free(mailbox);
}

void mock_org_free(struct mock_org **orgp)
{
    struct mock_org *org = *orgp;
    struct mock_account *account;
    size_t pos = 0;

    if (!org)
        return;
    *orgp = NULL;
    while ((account = gw_map_next(org->accounts, &pos)))
        account_free(account);
    gw_map_free(&org->accounts);
    gw_map_free(&org->by_smtp);
    gw_map_free(&org->by_upn);
    gw_map_free(&org->items);
    for (size_t i = 0; i < org->mailbox_count; i++)
        mailbox_free(org->mailboxes[i]);
    free(org->mailboxes);
    free(org);
}

void mock_org_observe(struct mock_org *org, mock_change_fn *fn, void *ctx)
{
    org->observer = fn;
    org->observer_ctx = ctx;
}

enum gw_code mock_account_put(struct mock_org *org, const struct mock_account_args *args,
                              struct gw_err *err)
{
    struct mock_account *account;

    if (!args->name.len || args->name.len > MOCK_TEXT_MAX || gw_str_find(args->name, ':') >= 0)
        return gw_fail(err, GW_INVALID, "account: 'name' must be there, and without ':'");
    account = gw_new(struct mock_account);
    account->name = mock_lower_dup(args->name);
    account->password = gw_str_dup(args->password);
    account->mailbox = args->mailbox.len ? mock_lower_dup(args->mailbox) : NULL;
    account->rights = args->rights;
    account->expired = args->expired;
    if (args->allowed_count)
        account->allowed = gw_realloc(NULL, args->allowed_count, sizeof(*account->allowed));
    for (size_t i = 0; i < args->allowed_count; i++)
        account->allowed[account->allowed_count++] = mock_lower_dup(args->allowed[i]);
    account_free(gw_map_set(org->accounts, gw_str_of(account->name), account));
    return GW_OK;
}

const struct mock_account *mock_account_find(const struct mock_org *org, struct gw_str name)
{
    (void)gw_str_cut(name, "\\", NULL, &name);
    return get_folded(org->accounts, name);
}

void mock_org_set_lockout(struct mock_org *org, unsigned tries, int64_t ms)
{
    org->lockout_tries = tries;
    org->lockout_ms = ms;
}

bool mock_account_tried(struct mock_org *org, const struct mock_account *tried, bool right,
                        struct gw_now now)
{
    struct mock_account *account = gw_map_get(org->accounts, gw_str_of(tried->name));

    if (now.mono < account->locked_until)
        return false;
    account->bad_passwords = right ? 0 : account->bad_passwords + 1;
    if (org->lockout_tries && account->bad_passwords >= org->lockout_tries) {
        account->locked_until = gw_time_after(now.mono, org->lockout_ms);
        account->bad_passwords = 0;
    }
    return true;
}

const struct mock_account *mock_account_login(struct mock_org *org, struct gw_str name,
                                              struct gw_str password, struct gw_now now,
                                              const char **why)
{
    const struct mock_account *account = mock_account_find(org, name);
    bool right = account && gw_secret_eq(password, gw_str_of(account->password));

    if (!account)
        *why = "unknown account";
    else if (!mock_account_tried(org, account, right, now))
        *why = "locked out";
    else if (!right)
        *why = "wrong password";
    else
        return account;
    return NULL;
}

size_t mock_account_count(const struct mock_org *org)
{
    return gw_map_len(org->accounts);
}

const struct mock_account *mock_account_next(const struct mock_org *org, size_t *pos)
{
    return gw_map_next(org->accounts, pos);
}

bool mock_account_may(const struct mock_account *account, const struct mock_mailbox *mailbox)
{
    if (account->mailbox && !strcmp(account->mailbox, mailbox->address))
        return true;
    if (account->rights != MOCK_RIGHTS_LIST)
        return account->rights == MOCK_RIGHTS_ALL;
    for (size_t i = 0; i < account->allowed_count; i++) {
        const char *allowed = account->allowed[i];

        if (allowed[0] == '@' ? gw_str_ends(gw_str_of(mailbox->address), allowed)
                              : !strcmp(mailbox->address, allowed))
            return true;
    }
    return false;
}

static enum gw_code address_check(const struct mock_org *org, struct gw_str address,
                                  const char *what, struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    ptrdiff_t at = gw_str_find(address, '@');

    if (at <= 0 || (size_t)at + 1 >= address.len || address.len > 320 || !gw_str_is_utf8(address))
        return gw_fail(err, GW_INVALID, "%s %s is not of the form name@domain", what,
                       gw_quote(address, quoted));
    for (size_t i = 0; i < address.len; i++)
        if ((unsigned char)address.p[i] <= ' ')
            return gw_fail(err, GW_INVALID, "%s %s has white space in it", what,
                           gw_quote(address, quoted));
    if (get_folded(org->by_smtp, address))
        return gw_fail(err, GW_EXISTS, "%s %s is taken", what, gw_quote(address, quoted));
    return GW_OK;
}

static enum gw_code mailbox_check(const struct mock_org *org, const struct mock_mailbox_args *args,
                                  struct gw_err *err)
{
    char quoted[GW_QUOTE_MAX];
    enum gw_code rc = address_check(org, args->address, "address", err);

    for (size_t i = 0; !rc && i < args->alias_count; i++)
        rc = address_check(org, args->aliases[i], "alias", err);
    if (rc)
        return rc;
    if (org->mailbox_count >= MOCK_MAILBOXES_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d mailboxes", MOCK_MAILBOXES_MAX);
    if (args->upn.len > 320 || args->display.len > MOCK_TEXT_MAX)
        return gw_fail(err, GW_INVALID, "upn or display name too long");
    if (get_folded(org->by_upn, args->upn.len ? args->upn : args->address))
        return gw_fail(err, GW_EXISTS, "user principal name of %s is taken",
                       gw_quote(args->address, quoted));
    return GW_OK;
}

static void aliases_add(struct mock_org *org, struct mock_mailbox *mailbox,
                        const struct mock_mailbox_args *args)
{
    if (args->alias_count)
        mailbox->aliases = gw_realloc(NULL, args->alias_count, sizeof(*mailbox->aliases));
    for (size_t i = 0; i < args->alias_count; i++) {
        char *alias = mock_lower_dup(args->aliases[i]);

        if (gw_map_get(org->by_smtp, gw_str_of(alias))) { /* twice in the list */
            free(alias);
            continue;
        }
        mailbox->aliases[mailbox->alias_count++] = alias;
        (void)gw_map_set(org->by_smtp, gw_str_of(alias), mailbox);
    }
}

enum gw_code mock_mailbox_add(struct mock_org *org, const struct mock_mailbox_args *args,
                              struct mock_mailbox **out, struct gw_err *err)
{
    struct gw_str local = args->address;
    struct mock_mailbox *mailbox;
    enum gw_code rc = mailbox_check(org, args, err);

    if (rc)
        return rc;
    (void)gw_str_cut(local, "@", &local, NULL);
    mailbox = gw_new(struct mock_mailbox);
    mailbox->address = mock_lower_dup(args->address);
    mailbox->upn = mock_lower_dup(args->upn.len ? args->upn : args->address);
    mailbox->display = gw_str_dup(args->display.len ? args->display : local);
    mailbox->event = 1;
    mailbox->change = 1;
    gw_list_init(&mailbox->subs);
    if (org->mailbox_count == org->mailbox_cap) {
        org->mailbox_cap = org->mailbox_cap ? 2 * org->mailbox_cap : 64;
        org->mailboxes =
            gw_realloc(org->mailboxes, org->mailbox_cap, sizeof(struct mock_mailbox *));
    }
    org->mailboxes[org->mailbox_count++] = mailbox;
    org->mailbox_live++;
    mailbox->number = (uint32_t)org->mailbox_count;
    (void)gw_map_set(org->by_smtp, gw_str_of(mailbox->address), mailbox);
    (void)gw_map_set(org->by_upn, gw_str_of(mailbox->upn), mailbox);
    aliases_add(org, mailbox, args);
    *out = mailbox;
    return GW_OK;
}

static void items_drop(struct mock_org *org, struct mock_item **items, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        (void)gw_map_remove(org->items, gw_str_of(items[i]->key));
        mock_item_free(items[i]);
    }
    *count = 0;
}

void mock_mailbox_remove(struct mock_org *org, struct mock_mailbox *mailbox)
{
    if (mailbox->gone)
        return;
    mailbox->gone = true;
    org->mailbox_live--;
    (void)gw_map_remove(org->by_smtp, gw_str_of(mailbox->address));
    (void)gw_map_remove(org->by_upn, gw_str_of(mailbox->upn));
    for (size_t i = 0; i < mailbox->alias_count; i++)
        (void)gw_map_remove(org->by_smtp, gw_str_of(mailbox->aliases[i]));
    items_drop(org, mailbox->items, &mailbox->item_count);
    items_drop(org, mailbox->masters, &mailbox->master_count);
}

struct mock_mailbox *mock_mailbox_by_smtp(const struct mock_org *org, struct gw_str address)
{
    return get_folded(org->by_smtp, address);
}

struct mock_mailbox *mock_mailbox_by_upn(const struct mock_org *org, struct gw_str upn)
{
    return get_folded(org->by_upn, upn);
}

struct mock_mailbox *mock_mailbox_by_number(const struct mock_org *org, uint32_t number)
{
    struct mock_mailbox *mailbox;

    if (!number || number > org->mailbox_count)
        return NULL;
    mailbox = org->mailboxes[number - 1];
    return mailbox->gone ? NULL : mailbox;
}

size_t mock_mailbox_count(const struct mock_org *org)
{
    return org->mailbox_live;
}

struct mock_mailbox *mock_mailbox_next(const struct mock_org *org, size_t *pos)
{
    while (*pos < org->mailbox_count) {
        struct mock_mailbox *mailbox = org->mailboxes[(*pos)++];

        if (!mailbox->gone)
            return mailbox;
    }
    return NULL;
}

static char *dup_or_null(const char *s)
{
    return s ? gw_str_dup(gw_str_of(s)) : NULL;
}

void mock_oof_set(struct mock_mailbox *mailbox, const struct mock_oof *oof)
{
    struct mock_oof copy = *oof;

    copy.internal_reply = dup_or_null(oof->internal_reply);
    copy.external_reply = dup_or_null(oof->external_reply);
    free(mailbox->oof.internal_reply);
    free(mailbox->oof.external_reply);
    mailbox->oof = copy;
}

const struct mock_traits *mock_mailbox_traits(const struct mock_mailbox *mailbox)
{
    return mailbox->traits ? mailbox->traits : &mock_traits_usual;
}

void mock_mailbox_set_traits(struct mock_mailbox *mailbox, const struct mock_traits *traits)
{
    struct mock_traits *old = mailbox->traits;

    mailbox->traits = gw_new(struct mock_traits);
    mock_traits_copy(mailbox->traits, traits);
    if (old)
        mock_traits_done(old);
    free(old);
}
