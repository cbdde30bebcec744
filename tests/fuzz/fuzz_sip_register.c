/* Messages at a front-end, each ended by a NUL, as if their sender had logged in as bob; what is then
 * registered and published can be stored and read again. The bytes are also read as an Authorization
 * header. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sip_account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool truth)
{
    if (!truth)
        abort();
}

static uint64_t io_send(const struct sip_peer *to, struct gw_str bytes, void *ctx)
{
    (void)to;
    (void)ctx;
    must(gw_str_starts(bytes, "SIP/2.0 "));
    return SIP_OVER_UDP;
}

static void io_local(const struct sip_peer *peer, struct gw_buf *out, void *ctx)
{
    (void)peer;
    (void)ctx;
    gw_buf_add_cstr(out, "192.0.2.100:5060");
}

static void io_wake(void *ctx)
{
    (void)ctx;
}

static bool credentials(struct gw_str user, struct sip_ha1 *out, const char **why, void *ctx)
{
    (void)user;
    (void)out;
    (void)why;
    (void)ctx;
    return false;
}

static void count(const struct sip_binding_args *args, gw_utc expires, void *ctx)
{
    (void)args;
    (void)expires;
    ++*(size_t *)ctx;
}

static void count_state(const struct sip_state_args *args, gw_utc expires, void *ctx)
{
    (void)expires;
    must(args->etag.len == SIP_ETAG_LEN && args->note.len < PRES_TEXT_MAX);
    ++*(size_t *)ctx;
}

static void stored(const struct sip_core *core)
{
    const struct sip_account *a = sip_account_find(core, GW_STR("bob@b.example"));
    struct gw_buf value;
    size_t read = 0;

    if (!a)
        return;
    must(a->count + a->state_count && a->count <= SIP_BINDINGS_MAX &&
         a->state_count <= SIP_STATES_MAX);
    gw_buf_init(&value, STORE_VALUE_MAX);
    must(sip_account_record_write(a, core->now.utc, core->now.mono, &value));
    must(!sip_account_record_read(gw_buf_str(&value), count, &read, NULL));
    must(read == a->count);
    gw_buf_reset(&value);
    read = 0;
    must(sip_state_record_write(a, core->now.utc, core->now.mono, &value));
    must(!sip_state_record_read(gw_buf_str(&value), count_state, &read, NULL));
    must(read == a->state_count);
    gw_buf_done(&value);
}

static void feed(struct sip_core *core, struct gw_str piece)
{
    const struct sip_peer from = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("192.0.2.1"),
                                   .port = 4444 };
    char *block = malloc(piece.len ? piece.len : 1);

    if (piece.len)
        memcpy(block, piece.p, piece.len);
    gw_buf_reset(&core->login);
    gw_buf_add_cstr(&core->login, "bob@b.example");
    if (!sip_msg_parse(core->msg, (struct gw_str){ block, piece.len }, NULL) &&
        core->msg->is_request) {
        if (core->msg->method == SIP_REGISTER)
            sip_register(core, core->msg, &from);
        else if (core->msg->method == SIP_PUBLISH)
            sip_publish_in(core, core->msg, &from);
    }
    sip_msg_done(core->msg);
    free(block);
    stored(core);
}

static void texts(struct gw_str bytes)
{
    struct sip_response r;
    struct gw_arena arena;

    gw_arena_init(&arena, SIP_MSG_MAX);
    if (sip_response_read(bytes, &arena, &r))
        must(r.user.len && r.realm.len && r.nonce.len && r.uri.len && r.response.len);
    gw_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sip_io io = { .send = io_send, .local = io_local, .wake = io_wake };
    struct gw_str rest = { (const char *)data, size };
    struct pres_core *pres = pres_core_new(&(struct pres_core_args){ .store = NULL });
    struct sip_settings settings = { 0 };
    struct sip_counters c;
    struct sip_core *core;

    texts(rest);
    gw_param_defaults(sip_params, sip_param_count, &settings);
    must(!gw_param_set(gw_param_find(sip_params, sip_param_count, GW_STR("sip.login")), &settings,
                       GW_STR("both"), NULL));
    pres_domain_add(pres, GW_STR("b.example"));
    must(!pres_user_add(pres, GW_STR("bob@b.example"), NULL));
    core = sip_core_new(&(struct sip_core_args){
        .pres = pres, .settings = &settings, .io = &io, .credentials = credentials });
    core->now = (struct gw_now){ .mono = 1000, .utc = 1782000000000 };
    while (rest.len) {
        const char *end = memchr(rest.p, '\0', rest.len);
        size_t len = end ? (size_t)(end - rest.p) : rest.len;

        feed(core, (struct gw_str){ rest.p, len });
        rest = gw_str_sub(rest, len + 1, rest.len);
    }
    sip_core_tick(core, (struct gw_now){ .mono = GW_DAY_MS, .utc = 1782000000000 + GW_DAY_MS });
    sip_core_counters(core, &c);
    /* Everything ends by itself. */
    must(!c.registered && !sip_account_find(core, GW_STR("bob@b.example")));
    sip_core_free(&core);
    pres_core_free(&pres);
    gw_param_settings_done(sip_params, sip_param_count, &settings);
    return 0;
}
