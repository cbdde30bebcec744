/* Messages to the SIP clients of a user here (RFC 3428): to all with the highest q at once, and to the next
 * ones when none of these takes it (RFC 3261 16.6). */
#include <stdlib.h>
#include <string.h>

#include "gw_bytes.h"
#include "gw_log.h"
#include "gw_mem.h"
#include "sip_account.h"

enum {
    LETTER_MAX = 8 * 1024,
    LETTERS_MAX = 5000,           /* of all users, */
    LETTERS_BYTES_MAX = 64 << 20, /* with what is sent to each client of them; */
    LETTERS_OF_ONE_MAX = 100      /* of one, whose clients may be silent */
};

struct leg {
    struct sip_letter *letter;
    struct sip_ask ask;
};

struct sip_letter {
    struct gw_list link;
    struct sip_core *core;
    struct sip_source *addressee;
    size_t bytes;
    struct leg legs[SIP_BINDINGS_MAX];
    size_t open; /* legs that wait for their answer */
    int below;   /* the next turn is of clients with a lower q */
    bool is_begun, is_taken;
    enum pres_failure why;
    uint32_t cseq;
    char call_id[2 * 16 + 1];
    struct gw_str from, to, body, id;
    char text[];
};

static struct gw_str put(char **at, struct gw_str s)
{
    struct gw_str copy = { *at, s.len };

    if (s.len)
        memcpy(*at, s.p, s.len);
    *at += s.len;
    return copy;
}

static void letter_free(struct sip_letter *l)
{
    for (int i = 0; i < SIP_BINDINGS_MAX; i++)
        sip_ask_cancel(&l->legs[i].ask);
    gw_list_remove(&l->link);
    l->core->letter_count--;
    l->core->letter_bytes -= l->bytes;
    sip_source_leave(l->core, l->addressee, SIP_SOURCE_LETTERS);
    free(l);
}

/* Who sends it hears that it was not taken. */
static bool is_full(struct sip_core *core, struct gw_str user, size_t bytes)
{
    bool is_full = core->letter_count >= LETTERS_MAX ||
                   core->letter_bytes + bytes > LETTERS_BYTES_MAX ||
                   sip_source_count(core, user, SIP_SOURCE_LETTERS) >= LETTERS_OF_ONE_MAX;

    core->counters.refused_limit += is_full;
    return is_full;
}

bool sip_reach_message(const struct pres_message *m, struct pres_session *to, void *ctx)
{
    const struct sip_account *a = pres_session_ctx(to);
    size_t bytes = a->count * m->body.len;
    struct sip_core *core = ctx;
    struct sip_letter *l;
    char *at;

    if (!sip_account_is_reachable(to, ctx) || m->body.len > LETTER_MAX)
        return false;
    if (!m->body.len)
        return true; /* that somebody types is not told there */
    if (is_full(core, a->jid, bytes))
        return false;
    l = gw_alloc(sizeof(*l) + m->from.len + m->to.len + m->body.len + m->id.len);
    at = l->text;
    l->core = core;
    l->bytes = bytes;
    l->addressee = sip_source_take(core, a->jid, SIP_SOURCE_LETTERS);
    l->from = put(&at, m->from);
    l->to = put(&at, a->jid);
    l->body = put(&at, m->body);
    l->id = put(&at, m->id);
    l->below = SIP_Q_MAX + 1;
    l->why = PRES_FAILED_AWAY; /* all have unregistered meanwhile */
    gw_random_hex(l->call_id, 16);
    gw_list_append(&core->letters, &l->link);
    core->letter_count++;
    core->letter_bytes += bytes;
    core->letters_new = true;
    core->io->wake(core->io_ctx);
    return true;
}

/* It was accepted (202), and what has become of it since no answer can say: the user is told by a message
 * from whom it was to. One without an id, as if it was told of at all. */
void sip_reach_failed(const struct pres_message *m, enum pres_failure why, struct pres_session *to,
                      void *ctx)
{
    static const char *const texts[] = {
        [PRES_FAILED_NOBODY] = "Not delivered: there is nobody with this address.",
        [PRES_FAILED_REFUSED] = "Not delivered: the other side does not take it.",
        [PRES_FAILED_AWAY] = "Not delivered: nobody is there to read it.",
        [PRES_FAILED_UNFIT] = "Not delivered: it cannot be sent there, or is too long.",
        [PRES_FAILED_UNREACHED] = "Not delivered: the other side cannot be reached.",
        [PRES_FAILED_FULL] = "Not delivered: too much is under way. Try again later.",
    };

    (void)sip_reach_message(
        &(struct pres_message){ .from = m->to, .to = m->from, .body = gw_str_of(texts[why]) }, to,
        ctx); /* who has not registered is not reached */
}

/* Into core->out. */
static void write(struct sip_letter *l, const struct sip_binding *b, const struct sip_peer *to,
                  const char *branch)
{
    struct gw_buf *out = &l->core->out, us;
    struct gw_str sender = l->from;

    (void)gw_str_cut(sender, "/", &sender, NULL);
    gw_buf_init(&us, SIP_URI_MAX);
    l->core->io->local(to, &us, l->core->io_ctx);
    gw_buf_reset(out);
    gw_buf_addf(out, "MESSAGE %.*s SIP/2.0\r\n", GW_STR_ARG(b->text[SIP_BINDING_URI]));
    sip_write_via(out, b->proto, gw_buf_str(&us), branch);
    gw_buf_add_cstr(out, "Max-Forwards: 70\r\n");
    if (b->text[SIP_BINDING_PATH].len)
        sip_write_header(out, "Route", b->text[SIP_BINDING_PATH]);
    gw_buf_add_cstr(out, "From: <");
    sip_write_uri(out, sender);
    gw_buf_addf(out, ">;tag=%.8s\r\nTo: <", l->call_id);
    sip_write_uri(out, l->to);
    gw_buf_addf(out, ">\r\nCall-ID: %s\r\nCSeq: %u MESSAGE\r\n", l->call_id, ++l->cseq);
    sip_write_end(out, "text/plain;charset=UTF-8", l->body);
    gw_buf_done(&us);
}

static void leg_done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx);

static void leg_start(struct sip_letter *l, const struct sip_binding *b, struct leg *leg)
{
    const struct sip_peer to = {
        .proto = b->proto, .conn = b->conn, .host = b->text[SIP_BINDING_HOST], .port = b->port
    };
    char branch[SIP_BRANCH_LEN + 1];

    sip_txns_branch(l->core->txns, branch);
    write(l, b, &to, branch);
    leg->letter = l;
    sip_ask_start(l->core, &leg->ask,
                  &(struct sip_txn_args){ .to = &to,
                                          .branch = branch,
                                          .method = SIP_MESSAGE,
                                          .bytes = gw_buf_str(&l->core->out),
                                          .done = leg_done,
                                          .ctx = leg });
    l->open++;
}

/* The highest q below the last turn's; negative: none. */
static int next_q(const struct sip_account *a, int below)
{
    struct gw_list *it, *tmp;
    int best = -1;

    GW_LIST_EACH(&a->bindings, it, tmp)
    {
        int q = GW_CONTAINER(it, struct sip_binding, link)->q;

        if (q < below && q > best)
            best = q;
    }
    return best;
}

static void fail(struct sip_letter *l)
{
    const struct pres_message m = { .from = l->from, .to = l->to, .body = l->body, .id = l->id };

    l->core->counters.messages_failed++;
    gw_info("sip", "message not delivered to a client user='%.*s'", GW_STR_ARG(l->to));
    pres_message_failed(l->core->pres, &m, l->why);
    letter_free(l);
}

static void turn(struct sip_letter *l)
{
    const struct sip_account *a = sip_account_find(l->core, l->to);
    struct gw_list *it, *tmp;

    l->below = a ? next_q(a, l->below) : -1;
    if (l->below < 0) {
        fail(l);
        return;
    }
    GW_LIST_EACH(&a->bindings, it, tmp)
    {
        const struct sip_binding *b = GW_CONTAINER(it, struct sip_binding, link);

        if (b->q == l->below)
            leg_start(l, b, &l->legs[l->open]);
    }
}

static void leg_done(unsigned status, const struct sip_msg *response, gw_time now, void *ctx)
{
    struct leg *leg = ctx;
    struct sip_letter *l = leg->letter;

    leg->ask = (struct sip_ask){ .txn = NULL };
    l->core->now.mono = now;
    if (status < 300)
        l->is_taken = true;
    else
        l->why = sip_failure_of(status, response);
    if (--l->open)
        return;
    if (!l->is_taken) {
        turn(l);
        return;
    }
    l->core->counters.messages_out++;
    letter_free(l);
}

gw_time sip_letters_deadline(const struct sip_core *core)
{
    return core->letters_new ? INT64_MIN : GW_NEVER;
}

void sip_letters_tick(struct sip_core *core)
{
    struct gw_list *it, *tmp;

    if (!core->letters_new)
        return;
    core->letters_new = false;
    GW_LIST_EACH(&core->letters, it, tmp)
    {
        struct sip_letter *l = GW_CONTAINER(it, struct sip_letter, link);

        if (l->is_begun)
            continue;
        l->is_begun = true;
        turn(l);
    }
}

void sip_letters_free(struct sip_core *core)
{
    while (!gw_list_is_empty(&core->letters))
        letter_free(GW_CONTAINER(core->letters.next, struct sip_letter, link));
}
