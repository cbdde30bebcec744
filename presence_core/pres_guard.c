#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_list.h"
#include "gw_map.h"
#include "gw_mem.h"
#include "pres_guard.h"

enum { USER_MAX = 256, KEY_MAX = PRES_NETWORK_MAX + 1 + USER_MAX };

struct entry {
    struct gw_list link; /* by the last failure */
    int64_t failures;
    gw_time since; /* the first of them */
    struct gw_str key;
    char text[];
};

struct pres_guard {
    struct gw_map *entries; /* "network", and "network user" */
    struct gw_list by_age;  /* the first failed longest ago */
};

/* ---- Networks ---- */

static struct gw_str host_of(struct gw_str peer)
{
    size_t end = peer.len;

    while (end && peer.p[end - 1] != ':')
        end--;
    return end ? gw_str_sub(peer, 0, end - 1) : peer;
}

static bool network_of_v6(struct gw_str host, char out[PRES_NETWORK_MAX])
{
    char text[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN];
    struct gw_str ip = gw_str_sub(host, 1, host.len - 1);
    struct in6_addr a;

    (void)gw_str_cut(ip, "%", &ip, NULL);
    if (ip.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", GW_STR_ARG(ip));
    if (inet_pton(AF_INET6, text, &a) != 1)
        return false;
    memset(&a.s6_addr[8], 0, 8);
    snprintf(out, PRES_NETWORK_MAX, "%s/64", inet_ntop(AF_INET6, &a, prefix, sizeof(prefix)));
    return true;
}

const char *pres_network_of(struct gw_str peer, char out[PRES_NETWORK_MAX])
{
    struct gw_str host = host_of(peer);

    if (!gw_str_starts(host, "[") || !gw_str_ends(host, "]") || !network_of_v6(host, out))
        snprintf(out, PRES_NETWORK_MAX, "%.*s", GW_STR_ARG(host));
    return out;
}

/* ---- Entries ---- */

/* A user's name that is longer than any is cut: some share an entry then. */
static struct gw_str key_of(const char *network, struct gw_str user, char out[KEY_MAX])
{
    struct gw_str name = gw_str_sub(user, 0, user.len < USER_MAX ? user.len : USER_MAX);
    size_t len = strlen(network);

    memcpy(out, network, len);
    out[len] = ' ';
    if (name.len)
        memcpy(out + len + 1, name.p, name.len);
    return (struct gw_str){ out, len + 1 + name.len };
}

static bool is_over(const struct entry *e, gw_time now)
{
    return now - e->since >= PRES_GUARD_WINDOW_MS;
}

static int64_t failures(const struct pres_guard *g, struct gw_str key, gw_time now)
{
    const struct entry *e = gw_map_get(g->entries, key);

    return e && !is_over(e, now) ? e->failures : 0;
}

static void forget(struct pres_guard *g, struct entry *e)
{
    gw_map_remove(g->entries, e->key);
    gw_list_remove(&e->link);
    free(e);
}

static struct entry *entry_new(struct pres_guard *g, struct gw_str key, gw_time now)
{
    struct entry *e = gw_alloc(sizeof(*e) + key.len);

    if (gw_map_len(g->entries) >= PRES_GUARD_ENTRIES_MAX)
        forget(g, GW_CONTAINER(g->by_age.next, struct entry, link));
    memcpy(e->text, key.p, key.len);
    e->key = (struct gw_str){ e->text, key.len };
    e->since = now;
    gw_list_init(&e->link);
    gw_map_set(g->entries, e->key, e);
    return e;
}

static void count(struct pres_guard *g, struct gw_str key, gw_time now)
{
    struct entry *e = gw_map_get(g->entries, key);

    if (!e)
        e = entry_new(g, key, now);
    if (is_over(e, now)) {
        e->since = now;
        e->failures = 0;
    }
    e->failures++;
    gw_list_remove(&e->link);
    gw_list_append(&g->by_age, &e->link);
}

/* ---- The guard ---- */

struct pres_guard *pres_guard_new(void)
{
    struct pres_guard *g = gw_new(struct pres_guard);

    g->entries = gw_map_new();
    gw_list_init(&g->by_age);
    return g;
}

void pres_guard_free(struct pres_guard **guardp)
{
    struct pres_guard *g = *guardp;
    struct gw_list *link;

    if (!g)
        return;
    *guardp = NULL;
    while ((link = gw_list_pop(&g->by_age)))
        free(GW_CONTAINER(link, struct entry, link));
    gw_map_free(&g->entries);
    free(g);
}

bool pres_guard_allows(const struct pres_guard *g, const char *network, struct gw_str user,
                       int64_t max, gw_time now)
{
    char key[KEY_MAX];

    return failures(g, gw_str_of(network), now) < max &&
           failures(g, key_of(network, user, key), now) < PRES_GUARD_USER_MAX;
}

void pres_guard_failed(struct pres_guard *g, const char *network, struct gw_str user, gw_time now)
{
    char key[KEY_MAX];

    count(g, key_of(network, user, key), now);
    count(g, gw_str_of(network), now); /* after it: it outlives the user's */
}

void pres_guard_succeeded(struct pres_guard *g, const char *network, struct gw_str user)
{
    char key[KEY_MAX];
    struct entry *e = gw_map_get(g->entries, key_of(network, user, key));

    if (e)
        forget(g, e);
}
