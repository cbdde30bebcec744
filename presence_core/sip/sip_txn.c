/*   client:  TRYING --1xx--> PROCEEDING --final, 64*T1, lost--> done, and forgotten
 *   INVITE:  TRYING --1xx--> PROCEEDING --timer C, given up: CANCEL--> CANCELLED --64*T1--> done
 *                any --2xx, lost--> done, and forgotten
 *                any --refused: ACK--> done, and COMPLETED --timer D--> forgotten
 *   server:  an answer is there at once, so that a transaction begins COMPLETED and ends by time
 *
 * Timer K (RFC 3261 17.1.2.2) would keep finished requests to swallow answers that come again: those
 * find nobody here and are dropped, which looks the same. */
#include "sip_txn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_heap.h"
#include "gw_list.h"
#include "gw_map.h"
#include "gw_mem.h"

enum {
    KEY_MAX = SIP_HEAD_MAX,
    RANDOM_LEN = 16,
    RANDOMS = 64,
    WAYS = 256 /* lists of what waits over streams: of one that is lost few others are looked at */
};

struct sip_txns {
    const struct sip_io *io;
    void *io_ctx;
    struct gw_map *waiting, *kept;
    struct gw_heap due;
    struct gw_list oldest; /* of those that are kept */
    struct gw_list over[WAYS];
    size_t kept_bytes, completed;
    char cookie[9];
    char random[RANDOM_LEN * RANDOMS + 1]; /* hex, of as many branches as are left */
    size_t random_left;
    struct sip_txns_stats stats;
};

enum kind { CLIENT, SERVER };
enum phase { TRYING, PROCEEDING, CANCELLED, COMPLETED };
enum { TXN_KEY_LEN = SIP_BRANCH_LEN + 1 };

/* What both have: who, bytes to be sent again, and when. */
struct timed {
    struct gw_due due;
    enum kind kind;
    gw_time end, interval;
    struct sip_peer peer;
    char *bytes;
    size_t bytes_len;
};

struct sip_txn {
    struct timed t;
    struct sip_txns *txns;
    enum sip_method method;
    enum phase phase;
    bool is_given_up;
    uint64_t over;       /* a connection */
    struct gw_list link; /* of those over a stream with that remainder */
    sip_txn_done_fn *done;
    void *ctx;
    char key[TXN_KEY_LEN + 1]; /* the branch; a CANCEL has that of its INVITE */
};

struct kept {
    struct timed t;
    struct gw_list link;
    bool until_ack; /* an INVITE that was refused: sent again until the ACK, RFC 3261 17.2.1 */
    struct gw_str key;
    char text[];
};

const char *sip_proto_name(enum sip_proto proto)
{
    static const char *const names[] = { [SIP_UDP] = "UDP", [SIP_TCP] = "TCP", [SIP_TLS] = "TLS" };

    return names[proto];
}

bool sip_proto_parse(struct gw_str name, enum sip_proto *out)
{
    for (enum sip_proto p = SIP_UDP; p <= SIP_TLS; p++) {
        if (gw_str_iis(name, sip_proto_name(p))) {
            *out = p;
            return true;
        }
    }
    return false;
}

/* ---- The stack of all ---- */

struct sip_txns *sip_txns_new(const struct sip_io *io, void *io_ctx)
{
    struct sip_txns *txns = gw_new(struct sip_txns);

    txns->io = io;
    txns->io_ctx = io_ctx;
    txns->waiting = gw_map_new();
    txns->kept = gw_map_new();
    gw_heap_init(&txns->due);
    gw_list_init(&txns->oldest);
    for (size_t i = 0; i < WAYS; i++)
        gw_list_init(&txns->over[i]);
    gw_random_hex(txns->cookie, 4);
    return txns;
}

static void timed_init(struct timed *t, enum kind kind, const struct sip_peer *peer,
                       struct gw_str bytes, gw_time now)
{
    char *host = gw_str_dup(peer->host);

    t->kind = kind;
    t->peer = *peer;
    t->peer.host = (struct gw_str){ host, peer->host.len };
    t->peer.subject = GW_STR("");
    t->end = gw_time_after(now, SIP_GIVE_UP_MS);
    t->interval = SIP_T1_MS;
    if (bytes.len)
        t->bytes = gw_str_dup(bytes);
    t->bytes_len = bytes.len;
}

static void timed_done(struct sip_txns *txns, struct timed *t)
{
    gw_heap_remove(&txns->due, &t->due);
    free((void *)(uintptr_t)t->peer.host.p);
    free(t->bytes);
}

static size_t kept_size(const struct kept *k)
{
    return sizeof(*k) + k->key.len + k->t.bytes_len;
}

static void kept_free(struct sip_txns *txns, struct kept *k)
{
    txns->kept_bytes -= kept_size(k);
    gw_map_remove(txns->kept, k->key);
    gw_list_remove(&k->link);
    timed_done(txns, &k->t);
    free(k);
}

void sip_txn_cancel(struct sip_txn **txnp)
{
    struct sip_txn *txn = *txnp;

    if (!txn)
        return;
    *txnp = NULL;
    txn->txns->completed -= txn->phase == COMPLETED;
    gw_map_remove(txn->txns->waiting, gw_str_of(txn->key));
    gw_list_remove(&txn->link);
    timed_done(txn->txns, &txn->t);
    free(txn);
}

void sip_txns_free(struct sip_txns **txnsp)
{
    struct sip_txns *txns = *txnsp;
    struct gw_list *link;
    struct sip_txn *txn;
    size_t pos = 0;

    if (!txns)
        return;
    *txnsp = NULL;
    while ((link = gw_list_pop(&txns->oldest)))
        kept_free(txns, GW_CONTAINER(link, struct kept, link));
    while ((txn = gw_map_next(txns->waiting, &pos)))
        sip_txn_cancel(&txn);
    gw_map_free(&txns->waiting);
    gw_map_free(&txns->kept);
    gw_heap_done(&txns->due);
    free(txns);
}

/* ---- Time ---- */

gw_time sip_txns_deadline(const struct sip_txns *txns)
{
    const struct gw_due *first = gw_heap_first(&txns->due);

    return first ? first->at : GW_NEVER;
}

static void finish(struct sip_txn *txn, unsigned status, const struct sip_msg *response,
                   gw_time now)
{
    sip_txn_done_fn *done = txn->done;
    void *ctx = txn->ctx;

    sip_txn_cancel(&txn);
    done(status, response, now, ctx);
}

/* Again, later each time, up to 'longest'; never after the end. */
static void send_again(struct sip_txns *txns, struct timed *t, gw_time longest, gw_time now)
{
    gw_time next;

    (void)txns->io->send(&t->peer, (struct gw_str){ t->bytes, t->bytes_len }, txns->io_ctx);
    txns->stats.resent++;
    t->interval = t->interval * 2 < longest ? t->interval * 2 : longest;
    next = gw_time_after(now, t->interval);
    gw_heap_set(&txns->due, &t->due, next < t->end ? next : t->end);
}

static void enter(struct sip_txn *txn, enum phase phase, gw_time now)
{
    static const gw_time waits_ms[] = { [TRYING] = SIP_GIVE_UP_MS,
                                        [PROCEEDING] = SIP_RING_MS,
                                        [CANCELLED] = SIP_GIVE_UP_MS,
                                        [COMPLETED] = SIP_GIVE_UP_MS };

    txn->txns->completed += phase == COMPLETED;
    txn->phase = phase;
    txn->t.end = gw_time_after(now, waits_ms[phase]);
    gw_heap_set(&txn->txns->due, &txn->t.due, txn->t.end);
}

/* ACK and CANCEL repeat the head of their INVITE (RFC 3261 17.1.1.3, 9.1). We wrote it, one line each. */
static void derive(const struct sip_txn *txn, const char *method, struct gw_str to,
                   struct gw_buf *out)
{
    static const char *const same[] = { "Via: ", "Max-Forwards: ", "Route: ", "From: ",
                                        "Call-ID: " };
    struct gw_str rest = { txn->t.bytes, txn->t.bytes_len }, line;

    (void)gw_str_cut(rest, " ", NULL, &rest);
    (void)gw_str_cut(rest, "\r\n", &line, &rest);
    gw_buf_addf(out, "%s %.*s\r\n", method, GW_STR_ARG(line));
    while (gw_str_cut(rest, "\r\n", &line, &rest) && line.len) {
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
            if (gw_str_starts(line, same[i]))
                gw_buf_addf(out, "%.*s\r\n", GW_STR_ARG(line));
        }
        if (gw_str_starts(line, "To: ")) {
            gw_buf_addf(out, "To: %.*s\r\n",
                        GW_STR_ARG(to.len ? to : gw_str_sub(line, 4, line.len)));
        } else if (gw_str_starts(line, "CSeq: ")) {
            (void)gw_str_cut(line, " INVITE", &line, NULL);
            gw_buf_addf(out, "%.*s %s\r\n", GW_STR_ARG(line), method);
        }
    }
    gw_buf_add_cstr(out, "Content-Length: 0\r\n\r\n");
}

static void acknowledge(struct sip_txn *txn, const struct sip_msg *response)
{
    struct gw_buf ack;

    gw_buf_init(&ack, SIP_MSG_MAX);
    derive(txn, "ACK", response->to.text, &ack);
    if (!ack.failed)
        (void)txn->txns->io->send(&txn->t.peer, gw_buf_str(&ack), txn->txns->io_ctx);
    gw_buf_done(&ack);
}

/* What is said to the CANCEL itself does not matter: the INVITE is answered, or is not. */
static void cancel_done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    (void)status;
    (void)response;
    (void)now;
    (void)ctx;
}

static void cancel(struct sip_txn *txn, gw_time now)
{
    struct gw_buf bytes;

    enter(txn, CANCELLED, now);
    gw_buf_init(&bytes, SIP_MSG_MAX);
    derive(txn, "CANCEL", GW_STR(""), &bytes);
    (void)sip_txn_start(txn->txns,
                        &(struct sip_txn_args){ .to = &txn->t.peer,
                                                .branch = txn->key,
                                                .method = SIP_CANCEL,
                                                .bytes = gw_buf_str(&bytes),
                                                .done = cancel_done },
                        now);
    gw_buf_done(&bytes);
}

static void unanswered(struct sip_txn *txn, gw_time now)
{
    txn->txns->stats.timeouts++;
    finish(txn, 408, NULL, now);
}

static void client_due(struct sip_txn *txn, gw_time now)
{
    bool is_invite = txn->method == SIP_INVITE;

    if (!txn->over) {
        finish(txn, 503, NULL, now);
        return;
    }
    switch (txn->phase) {
    case TRYING:
        if (now < txn->t.end)
            send_again(txn->txns, &txn->t, is_invite ? SIP_GIVE_UP_MS : SIP_T2_MS, now);
        else
            unanswered(txn, now);
        return;
    case PROCEEDING:
        cancel(txn, now);
        return;
    case CANCELLED:
        finish(txn, 487, NULL, now);
        return;
    case COMPLETED:
        sip_txn_cancel(&txn);
        return;
    }
}

static void kept_due(struct sip_txns *txns, struct kept *k, gw_time now)
{
    if (k->until_ack && now < k->t.end)
        send_again(txns, &k->t, SIP_T2_MS, now);
    else
        kept_free(txns, k);
}

void sip_txns_tick(struct sip_txns *txns, gw_time now)
{
    struct gw_due *due;

    while ((due = gw_heap_pop_due(&txns->due, now))) {
        struct timed *t = GW_CONTAINER(due, struct timed, due);

        switch (t->kind) {
        case CLIENT:
            client_due(GW_CONTAINER(t, struct sip_txn, t), now);
            break;
        case SERVER:
            kept_due(txns, GW_CONTAINER(t, struct kept, t), now);
            break;
        }
    }
}

/* Told by the next tick, never from inside of who asked. */
static void fail_soon(struct sip_txn *txn)
{
    txn->over = 0;
    gw_heap_set(&txn->txns->due, &txn->t.due, INT64_MIN);
}

/* ---- Server ---- */

/* What makes a request the same one: RFC 3261 17.2.3 compares branch, sent-by and method, which all
 * stand here; the rest tells apart those whose branch is not worth its name. */
static bool key_write(const struct sip_msg *m, struct gw_str method, struct gw_buf *out)
{
    gw_buf_add_str(out, m->via.text);
    gw_buf_add_char(out, '\n');
    gw_buf_add_str(out, m->call_id);
    gw_buf_addf(out, "\n%u ", m->cseq);
    gw_buf_add_str(out, method);
    return !out->failed;
}

static struct kept *kept_find(struct sip_txns *txns, const struct sip_msg *m, struct gw_str method)
{
    struct gw_buf key;
    struct kept *k = NULL;

    if (!gw_map_len(txns->kept))
        return NULL;
    gw_buf_init(&key, KEY_MAX);
    if (key_write(m, method, &key))
        k = gw_map_get(txns->kept, gw_buf_str(&key));
    gw_buf_done(&key);
    return k;
}

bool sip_txns_absorb(struct sip_txns *txns, const struct sip_msg *m, const struct sip_peer *from)
{
    bool is_ack = m->method == SIP_ACK;
    struct kept *k = kept_find(txns, m, is_ack ? GW_STR("INVITE") : m->method_name);

    if (!k || (is_ack && !k->until_ack))
        return false;
    if (is_ack) {
        kept_free(txns, k);
        return true;
    }
    (void)txns->io->send(from, (struct gw_str){ k->t.bytes, k->t.bytes_len }, txns->io_ctx);
    txns->stats.resent++;
    return true;
}

bool sip_txns_cancels(struct sip_txns *txns, const struct sip_msg *cancel)
{
    return kept_find(txns, cancel, GW_STR("INVITE")) != NULL;
}

/* RFC 3261 18.2.2: over the connection it came over; by UDP to where it came from, and to the port
 * that Via names, unless it asks for its own back (RFC 3581). */
struct sip_peer sip_txns_answer_to(const struct sip_msg *m, const struct sip_peer *from)
{
    struct sip_peer to = *from;

    if (from->proto == SIP_UDP && !m->via.has_rport)
        to.port = m->via.port ? m->via.port : 5060;
    return to;
}

static void keep(struct sip_txns *txns, const struct sip_msg *m, const struct sip_peer *to,
                 struct gw_str answer, gw_time now)
{
    struct gw_buf key;
    struct kept *k;

    gw_buf_init(&key, KEY_MAX);
    if (!key_write(m, m->method_name, &key) || gw_map_get(txns->kept, gw_buf_str(&key))) {
        gw_buf_done(&key);
        return;
    }
    if (gw_map_len(txns->kept) >= SIP_SERVED_MAX)
        kept_free(txns, GW_CONTAINER(txns->oldest.next, struct kept, link));
    k = gw_alloc(sizeof(*k) + key.len);
    memcpy(k->text, key.p, key.len);
    k->key = (struct gw_str){ k->text, key.len };
    gw_buf_done(&key);
    timed_init(&k->t, SERVER, to, answer, now);
    k->until_ack = m->method == SIP_INVITE && !gw_str_starts(answer, "SIP/2.0 2");
    gw_list_append(&txns->oldest, &k->link);
    gw_map_set(txns->kept, k->key, k);
    gw_heap_set(&txns->due, &k->t.due, k->until_ack ? gw_time_after(now, k->t.interval) : k->t.end);
    txns->kept_bytes += kept_size(k);
    while (txns->kept_bytes > SIP_SERVED_BYTES_MAX)
        kept_free(txns, GW_CONTAINER(txns->oldest.next, struct kept, link));
}

void sip_txns_answer_once(struct sip_txns *txns, const struct sip_msg *request,
                          const struct sip_peer *from, struct gw_str answer)
{
    struct sip_peer to = sip_txns_answer_to(request, from);

    (void)txns->io->send(&to, answer, txns->io_ctx);
}

void sip_txns_answer(struct sip_txns *txns, const struct sip_msg *request,
                     const struct sip_peer *from, struct gw_str answer, gw_time now)
{
    struct sip_peer to = sip_txns_answer_to(request, from);

    (void)txns->io->send(&to, answer, txns->io_ctx);
    /* A stream loses nothing: timer J is zero there, and there is no G. */
    if (from->proto == SIP_UDP)
        keep(txns, request, &to, answer, now);
}

/* ---- Client ---- */

/* What is random, an answer that is not ours to get has to guess. The system is asked for many at a time. */
void sip_txns_branch(struct sip_txns *txns, char out[SIP_BRANCH_LEN + 1])
{
    if (!txns->random_left) {
        gw_random_hex(txns->random, sizeof(txns->random) / 2);
        txns->random_left = RANDOMS;
    }
    txns->random_left--;
    memcpy(out, "z9hG4bK", 7);
    memcpy(out + 7, txns->cookie, 8);
    memcpy(out + 15, txns->random + RANDOM_LEN * txns->random_left, RANDOM_LEN);
    out[SIP_BRANCH_LEN] = '\0';
}

bool sip_txns_is_own(const struct sip_txns *txns, struct gw_str branch)
{
    return branch.len == SIP_BRANCH_LEN && gw_str_starts(branch, "z9hG4bK") &&
           gw_str_is(gw_str_sub(branch, 7, 15), txns->cookie);
}

bool sip_txns_went_by(const struct sip_txns *txns, struct gw_str via)
{
    char branch[SIP_BRANCH_LEN + 1];

    (void)snprintf(branch, sizeof(branch), "z9hG4bK%s", txns->cookie);
    return via.len && memmem(via.p, via.len, branch, strlen(branch));
}

static void key_set(char key[TXN_KEY_LEN + 1], const char *branch, enum sip_method method)
{
    memcpy(key, branch, SIP_BRANCH_LEN);
    key[SIP_BRANCH_LEN] = method == SIP_CANCEL ? 'C' : '\0';
    key[TXN_KEY_LEN] = '\0';
}

struct sip_txn *sip_txn_start(struct sip_txns *txns, const struct sip_txn_args *args, gw_time now)
{
    bool again = args->to->proto == SIP_UDP, keeps = again || args->method == SIP_INVITE;
    struct sip_txn *txn = gw_new(struct sip_txn);

    txn->txns = txns;
    txn->method = args->method;
    txn->done = args->done;
    txn->ctx = args->ctx;
    key_set(txn->key, args->branch, args->method);
    timed_init(&txn->t, CLIENT, args->to, keeps ? args->bytes : GW_STR(""), now);
    gw_map_set(txns->waiting, gw_str_of(txn->key), txn);
    gw_heap_set(&txns->due, &txn->t.due, again ? gw_time_after(now, SIP_T1_MS) : txn->t.end);
    txn->over = txns->io->send(args->to, args->bytes, txns->io_ctx);
    gw_list_init(&txn->link);
    if (!txn->over)
        fail_soon(txn);
    else if (txn->over != SIP_OVER_UDP)
        gw_list_append(&txns->over[txn->over % WAYS], &txn->link);
    return txn;
}

void sip_txn_give_up(struct sip_txn *txn, gw_time now)
{
    txn->is_given_up = true;
    if (txn->phase == PROCEEDING)
        cancel(txn, now);
}

static void provisional(struct sip_txn *txn, gw_time now)
{
    if (txn->method != SIP_INVITE) {
        txn->t.interval = SIP_T2_MS;
    } else if (txn->phase == TRYING) {
        enter(txn, PROCEEDING, now);
        if (txn->is_given_up)
            cancel(txn, now);
    }
}

/* RFC 3261 17.1.1.2: the ACK of a refusal belongs to the transaction, which stays to send it again, where
 * the refusal may come again. */
static void refused(struct sip_txn *txn, const struct sip_msg *response, gw_time now)
{
    sip_txn_done_fn *done = txn->done;
    void *ctx = txn->ctx;

    acknowledge(txn, response);
    if (txn->t.peer.proto == SIP_UDP)
        enter(txn, COMPLETED, now);
    else
        sip_txn_cancel(&txn);
    done(response->status, response, now, ctx);
}

bool sip_txns_response(struct sip_txns *txns, const struct sip_msg *response, gw_time now)
{
    char key[TXN_KEY_LEN + 1];
    struct sip_txn *txn;

    /* RFC 3261 17.1.3: branch and method; one Via, or it went astray. */
    if (response->via.branch.len != SIP_BRANCH_LEN || response->via_count != 1)
        return false;
    key_set(key, response->via.branch.p, response->method);
    txn = gw_map_get(txns->waiting, gw_str_of(key));
    if (!txn || txn->method != response->method)
        return false;
    if (txn->phase == COMPLETED) {
        if (response->status >= 300)
            acknowledge(txn, response);
        return response->status >= 300;
    }
    if (response->status < 200)
        provisional(txn, now);
    else if (txn->method == SIP_INVITE && response->status >= 300)
        refused(txn, response, now);
    else
        finish(txn, response->status, response, now);
    return true;
}

void sip_txns_lost(struct sip_txns *txns, uint64_t conn)
{
    struct gw_list *it, *tmp;

    GW_LIST_EACH(&txns->over[conn % WAYS], it, tmp)
    {
        struct sip_txn *txn = GW_CONTAINER(it, struct sip_txn, link);

        if (txn->over == conn && txn->phase != COMPLETED)
            fail_soon(txn);
    }
}

void sip_txns_stats(const struct sip_txns *txns, struct sip_txns_stats *out)
{
    *out = txns->stats;
    out->waiting = gw_map_len(txns->waiting) - txns->completed;
    out->kept = gw_map_len(txns->kept);
}
