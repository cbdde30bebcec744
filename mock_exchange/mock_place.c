#include "mock_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"

struct mock_places {
    struct mock_database *databases;
    size_t count;
};

static const char cookie_2013[] = "X-BackEndOverrideCookie", cookie_2010[] = "exchangecookie";

struct mock_places *mock_places_new(void)
{
    struct mock_places *places = gw_new(struct mock_places);

    (void)mock_database_put(places, GW_STR("DB1"), GW_STR("mbx1"),
                            GW_STR("Default-First-Site-Name"), NULL);
    return places;
}

void mock_places_free(struct mock_places **placesp)
{
    if (!*placesp)
        return;
    free((*placesp)->databases);
    free(*placesp);
    *placesp = NULL;
}

static struct mock_database *database_find(const struct mock_places *places, struct gw_str name)
{
    for (size_t i = 0; i < places->count; i++)
        if (gw_str_iis(name, places->databases[i].name))
            return &places->databases[i];
    return NULL;
}

/* Names go into cookies: letters, digits, '-', '.', '_'. */
static bool name_is_valid(struct gw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
            c != '.' && c != '_')
            return false;
    }
    return name.len && name.len <= MOCK_PLACE_NAME_MAX;
}

enum gw_code mock_database_put(struct mock_places *places, struct gw_str name, struct gw_str server,
                               struct gw_str site, struct gw_err *err)
{
    struct mock_database *old,
        put; /* whole before it is put: server and site may be of an old one */

    if (!server.len)
        server = gw_str_of(places->databases[0].server);
    if (!site.len)
        site = gw_str_of(places->databases[0].site);
    if (!name_is_valid(name) || !name_is_valid(server) || !name_is_valid(site))
        return gw_fail(err, GW_INVALID,
                       "name, server and site of a database are 1 to %d letters, digits, '-', '.' "
                       "or '_'",
                       MOCK_PLACE_NAME_MAX);
    snprintf(put.name, sizeof(put.name), "%.*s", GW_STR_ARG(name));
    snprintf(put.server, sizeof(put.server), "%.*s", GW_STR_ARG(server));
    snprintf(put.site, sizeof(put.site), "%.*s", GW_STR_ARG(site));
    old = database_find(places, name);
    if (!old && places->count == MOCK_DATABASES_MAX)
        return gw_fail(err, GW_LIMIT, "more than %d databases", MOCK_DATABASES_MAX);
    if (!old) {
        places->databases =
            gw_realloc(places->databases, places->count + 1, sizeof(*places->databases));
        old = &places->databases[places->count++];
    }
    *old = put;
    return GW_OK;
}

const struct mock_database *mock_database_next(const struct mock_places *places, size_t *pos)
{
    return *pos < places->count ? &places->databases[(*pos)++] : NULL;
}

bool mock_mailbox_is_moving(const struct mock_mailbox *mailbox, gw_time now)
{
    return now < mailbox->moves_until;
}

const struct mock_database *mock_database_of(const struct mock_places *places,
                                             const struct mock_mailbox *mailbox, gw_time now)
{
    return &places->databases[mock_mailbox_is_moving(mailbox, now) ? mailbox->moves_from
                                                                   : mailbox->database];
}

enum gw_code mock_mailbox_move(struct mock_places *places, struct mock_mailbox *mailbox,
                               struct gw_str to, int64_t lasts_ms, gw_time now, struct gw_err *err)
{
    const struct mock_database *target = database_find(places, to);
    const struct mock_database *from = mock_database_of(places, mailbox, now);
    char quoted[GW_QUOTE_MAX];

    if (!target)
        return gw_fail(err, GW_NOTFOUND, "no database %s", gw_quote(to, quoted));
    mailbox->moves_from = (uint16_t)(from - places->databases);
    mailbox->database = (uint16_t)(target - places->databases);
    mailbox->moves_until = lasts_ms ? gw_time_after(now, lasts_ms) : 0;
    return GW_OK;
}

/* --- client access servers --- */

const char *const mock_refusals[] = { "ErrorCrossSiteRequest",
                                      "ErrorNoDestinationCASDueToVersionMismatch",
                                      "ErrorNoRespondingCASInDestinationSite",
                                      "ErrorProxiedSubscriptionCallFailure",
                                      "ErrorProxyRequestNotAllowed",
                                      "ErrorProxyRequestProcessingFailed",
                                      "ErrorWrongServerVersion",
                                      NULL };

enum gw_code mock_cas_place_set(struct mock_cas_place *place, struct gw_str site,
                                const char *refusal, struct gw_err *err)
{
    if (site.len && !name_is_valid(site))
        return gw_fail(err, GW_INVALID, "'site' is not the name of one");
    snprintf(place->site, sizeof(place->site), "%.*s", GW_STR_ARG(site));
    place->refusal = refusal;
    return GW_OK;
}

const char *mock_place_refusal(const struct mock_places *places, const struct mock_cas_place *place,
                               const struct mock_mailbox *mailbox, gw_time now)
{
    if (mock_mailbox_is_moving(mailbox, now))
        return "ErrorMailboxMoveInProgress";
    if (!place || !*place->site ||
        !strcmp(place->site, mock_database_of(places, mailbox, now)->site))
        return NULL;
    return place->refusal;
}

/* --- affinity --- */

/* The value of one cookie of the header; empty: not there. */
static struct gw_str cookie_value(struct gw_str cookies, const char *name)
{
    struct gw_str pair, key, value;

    while (cookies.len) {
        pair = cookies;
        if (!gw_str_cut(cookies, ";", &pair, &cookies))
            cookies.len = 0;
        if (gw_str_cut(gw_str_trim(pair), "=", &key, &value) && gw_str_iis(key, name) &&
            value.len < MOCK_COOKIE_MAX)
            return value;
    }
    return (struct gw_str){ NULL, 0 };
}

static void route_2010(const struct mock_route *route, struct mock_backend *out)
{
    struct gw_str value = cookie_value(route->cookies, cookie_2010);

    if (value.len) {
        snprintf(out->name, sizeof(out->name), "%.*s", GW_STR_ARG(value));
        return;
    }
    gw_random_hex(out->name, 16);
    snprintf(out->set_cookie, sizeof(out->set_cookie), "%s=%s; path=/", cookie_2010, out->name);
}

static void route_2013(const struct mock_places *places, const struct mock_org *org,
                       const struct mock_route *route, const struct mock_mailbox *self, gw_time now,
                       struct mock_backend *out)
{
    struct gw_str value = cookie_value(route->cookies, cookie_2013);
    const struct mock_mailbox *anchor = mock_mailbox_by_smtp(org, route->anchor);

    if (route->prefer && value.len) {
        (void)gw_str_cut(value, "~", &value, NULL);
        snprintf(out->name, sizeof(out->name), "%.*s", GW_STR_ARG(value));
        return;
    }
    if (!anchor)
        anchor = self;
    snprintf(out->name, sizeof(out->name), "%s",
             anchor ? mock_database_of(places, anchor, now)->server : places->databases[0].server);
    if (route->prefer)
        snprintf(out->set_cookie, sizeof(out->set_cookie), "%s=%s~1943310282; path=/; HttpOnly",
                 cookie_2013, out->name);
}

void mock_route_find(const struct mock_places *places, const struct mock_org *org, bool since_2013,
                     const struct mock_route *route, const struct mock_mailbox *self, gw_time now,
                     struct mock_backend *out)
{
    out->name[0] = out->set_cookie[0] = 0;
    if (since_2013)
        route_2013(places, org, route, self, now, out);
    else
        route_2010(route, out);
}
