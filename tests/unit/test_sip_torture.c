/* The 49 messages of RFC 4475, whole, through the front-end: what an element has to answer to each, and what
 * those that are valid say. Which of them the parser takes is in test_sip_msg.
 *
 * libosip2 reads single header values here. Given whole messages it would
 *   refuse what is valid: intmeth (it knows no NUL in a quoted pair), novelsc (416 is wanted: it knows the scheme
 *     no better, and refuses the line);
 *   take what is not: badvers, bigcode, escruri, insuf, mismatch01, mismatch02, ncl, regbadct, scalar02, scalarlg;
 *   lose a part: escnull (a name ends at %00);
 *   give nothing back to answer with: badinv01, badaspec, baddn, clerr, ltgtruri, lwsruri, lwsstart, mcl01, multi01,
 *     quotbal, trws, of which 400 is wanted.
 * What we do instead is in the tables. */
#include "sip_client.h"

/* TAKEN: the RFC calls it valid, so its method is answered, whatever that makes of it. */
enum { NOTHING = 0, TAKEN = 1 };

struct answer {
    const char *name;
    unsigned status;
    const char *part; /* of the answer */
};

static const struct answer torture[] = {
    /* 3.1.1 valid */
    { "wsinv", TAKEN, "CSeq: 0009    INVITE\r\n" },
    { "intmeth", 501, "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;" },
    { "esc01", TAKEN, "To: sip:%75se%72@example.com" },
    { "escnull", TAKEN, "To: sip:null-%00-null@example.com" },
    { "esc02", 501, "" }, /* RE%47IST%45R is not REGISTER */
    { "lwsdisp", 200, "From: caller<sip:caller@example.com>;tag=323\r\n" },
    { "longreq", TAKEN, "" },
    { "dblreq", TAKEN, "Call-ID: dblreq.0ha0isndaksdj99sdfafnl3lk233412\r\n" }, /* one answer */
    { "semiuri", 200, "" },
    { "transports", 200, "SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en\r\n" },
    { "mpart01", TAKEN, "" },
    { "unreason", NOTHING, "" },
    { "noreason", NOTHING, "" },
    /* 3.1.2 invalid */
    { "badinv01", 400,
      "Via: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n" }, /* as it stands, to 18.2.2's port */
    { "clerr", 400, "" },
    { "ncl", 400, "" },
    { "scalar02", 400, "" },
    { "scalarlg", NOTHING, "" },
    { "quotbal", 400, "" },
    { "ltgtruri", 400, "" },
    { "lwsruri", 400, "" },
    { "lwsstart", 400, "" },
    { "trws", 400, "" },
    { "escruri", 400, "" },
    { "baddate", TAKEN, "" },
    { "regbadct", 400, "" },
    { "badaspec", 400, "" },
    { "baddn", 400, "" },
    { "badvers", 505, "" },
    { "mismatch01", 400, "" },
    { "mismatch02", 400, "" },
    { "bigcode", NOTHING, "" },
    /* 3.2, 3.3 */
    { "badbranch", 200, "branch=z9hG4bK\r\n" },
    { "insuf", 400, "\r\nCSeq: 193942 INVITE\r\nVia: SIP/2.0/UDP 192.0.2.95;" }, /* what is there */
    { "unkscm", 416, "" },
    { "novelsc", 416, "" },
    { "unksm2", TAKEN, "" },
    { "bext01", 420,
      "Unsupported: nothingSupportsThis\r\nUnsupported: nothingSupportsThisEither\r\n" },
    { "invut", TAKEN, "" },
    { "regaut01", TAKEN, "" },
    { "multi01", 400, "" },
    { "mcl01", 400, "" },
    { "bcast", NOTHING, "" },
    { "zeromf", 200, "" }, /* we are where it was going */
    { "cparam01", TAKEN, "" },
    { "cparam02", TAKEN, "" },
    { "regescrt", TAKEN, "" },
    { "sdp01", TAKEN, "" },
    { "inv2543", TAKEN, "From: <sip:+13035551111@ift.client.example.net;user=phone>\r\n" },
};

/* The same where example.com is served, its users have SIP clients, and everybody may come in. */
static const struct answer served[] = {
    { "wsinv", 481, "" }, /* To has a tag */
    { "escnull", 404,
      "" }, /* there is no such user: what the library makes of the name would be one */
    { "dblreq", 401, "WWW-Authenticate: " },
    { "regbadct", 400, "" },
    { "unksm2", 400, "" }, /* 3.3.4: To has to be a SIP URI for a registrar */
    { "invut", 415, "Accept: application/sdp\r\n" },
    { "regaut01", 401, "WWW-Authenticate: Digest " },
    { "cparam01", 401, "" },
    { "cparam02", 401, "" },
    { "regescrt", 401, "" },
    { "sdp01", 488,
      "" }, /* it wants a talk by telephone; 3.3.10 leaves the status to the element */
};

/* What a message says, in one line. */
static const struct {
    const char *name, *says;
} contents[] = {
    { "wsinv", "INVITE user=vivekg to=vivekg from=jdrosen tag=98asjd8 hops=68 cseq=9 vias=3 "
               "contacts=1 sip:jdrosen@example.com body=150" },
    { "intmeth", "!interesting-Method0123456789_*+`.%indeed'~ "
                 "user=1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* "
                 "to=1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;* from=mundane "
                 "tag=_token~1'+`*%!-. hops=255 cseq=139122385 vias=1 contacts=0  body=0" },
    { "esc01",
      "INVITE user=sips:user@example.com to=user from=I have spaces tag=938 hops=87 cseq=234234 "
      "vias=1 contacts=1 sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31 body=150" },
    { "escnull", "REGISTER user= to= from= tag=839923423 hops=70 cseq=14398234 vias=1 contacts=2 "
                 "sip:%00@host5.example.com body=0" },
    { "esc02", "RE%47IST%45R user= to=resource from=resource tag=f232jadfj23 hops=70 cseq=29344 "
               "vias=1 contacts=2 sip:alias1@host1.example.com body=0" },
    { "lwsdisp",
      "OPTIONS user=user to=user from=caller tag=323 hops=70 cseq=60 vias=1 contacts=0  body=0" },
    { "dblreq", "REGISTER user= to=j.user from=j.user tag=43251j3j324 hops=8 cseq=8 vias=1 "
                "contacts=1 sip:j.user@host.example.com body=0" },
    { "semiuri", "OPTIONS user=user;par=u@example.net to=j_user from=caller tag=33242 hops=3 "
                 "cseq=8 vias=1 contacts=0  body=0" },
    { "transports",
      "OPTIONS user=user to=user from=caller tag=323 hops=70 cseq=60 vias=5 contacts=0  body=0" },
    { "mpart01", "MESSAGE user=kumiko to=kumiko from=fluffy tag=2fb0dcc9 hops=70 cseq=1 vias=1 "
                 "contacts=1 sip:fluffy@127.0.0.1:5070 body=553" },
    { "unreason", "200 to=user from=user tag=11141343 hops=-1 cseq=35 vias=1 contacts=1 "
                  "sip:user@host198.example.com body=154" },
    { "noreason", "100 to=user from=user tag=39ansfi3 hops=-1 cseq=35 vias=1 contacts=1 "
                  "sip:user@host105.example.com body=0" },
    { "cparam01", "REGISTER user= to=watson from=watson tag=DkfVgjkrtMwaerKKpe hops=70 cseq=2 "
                  "vias=1 contacts=1 sip:+19725552222@gw1.example.net body=0" },
    { "cparam02", "REGISTER user= to=watson from=watson tag=838293 hops=70 cseq=3 vias=1 "
                  "contacts=1 sip:+19725552222@gw1.example.net;unknownparam body=0" },
    { "regescrt", "REGISTER user= to=user from=user tag=8 hops=70 cseq=14398234 vias=1 contacts=1 "
                  "sip:user@example.com?Route=%3Csip:sip.example.com%3E body=0" },
    { "unksm2", "REGISTER user= to= from= tag=3234233 hops=70 cseq=234902 vias=1 contacts=1 "
                "name:John_Smith body=0" },
    { "inv2543", "INVITE user=UserB to=+16505552222 from=+13035551111 tag= hops=-1 cseq=56 vias=1 "
                 "contacts=0  body=105" },
};

/* A block of its exact size, so that one byte too far is seen; NULL: the folder is not there. */
static char *torture_read(const char *name, size_t *len)
{
    const char *folder = getenv("KALENDS_SIP_TORTURE");
    char path[512], buffer[SIP_MSG_MAX], *block;
    FILE *f;

    if (!folder)
        return NULL;
    (void)snprintf(path, sizeof(path), "%s/%s.dat", folder, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    *len = fread(buffer, 1, sizeof(buffer), f);
    (void)fclose(f);
    block = malloc(*len);
    memcpy(block, buffer, *len);
    return block;
}

static void skip_without(const char *name)
{
    size_t len;
    char *block = torture_read(name, &len);

    if (!block) {
        print_message("KALENDS_SIP_TORTURE does not name the folder of RFC 4475's messages\n");
        skip();
    }
    free(block);
}

static bool is_right(const char *sent, unsigned answer, const char *part)
{
    unsigned status = 0;

    if (answer == NOTHING)
        return strcmp(sent, "nothing") == 0;
    if (strncmp(sent, "SIP/2.0 ", 8) == 0)
        status = (unsigned)strtoul(sent + 8, NULL, 10);
    if (!strstr(sent, part))
        return false;
    return answer == TAKEN ? status >= 200 && status != 400 && status != 505 : status == answer;
}

/* Each of them to a front-end of its own, as 'set_up' (NULL: nothing) makes it. */
static void check(const struct answer *answers, size_t count, void (*set_up)(struct rig *r))
{
    const struct sip_peer from = { .proto = SIP_UDP,
                                   .host = GW_STR_INIT("192.0.2.1"),
                                   .port = 4444 };
    unsigned wrong = 0;

    skip_without("wsinv");
    for (size_t i = 0; i < count; i++) {
        struct rig r;
        size_t len;
        char *block = torture_read(answers[i].name, &len);

        rig_init_with(&r, rig_credentials);
        if (set_up)
            set_up(&r);
        sip_core_receive(r.sip, &from, (struct gw_str){ block, len }, r.now);
        free(block);
        if (!is_right(rig_next(&r), answers[i].status, answers[i].part) || r.sent_count > 1) {
            print_error("%s: %zu sent, first: %s\n", answers[i].name, r.sent_count,
                        r.sent_count ? r.sent[0].text : "nothing");
            wrong++;
        }
        rig_done(&r);
    }
    assert_int_equal(wrong, 0);
}

static void test_answers(void **state)
{
    (void)state;
    assert_int_equal(sizeof(torture) / sizeof(torture[0]), 49);
    check(torture, 49, NULL);
}

static void serve(struct rig *r)
{
    rig_set(r, "sip.login", "both");
    rig_set(r, "sip.domains", "example.net");
    sip_core_settings_apply(r->sip);
    pres_domain_add(r->pres, GW_STR("example.com"));
    assert_int_equal(pres_user_add(r->pres, GW_STR("user@example.com"), NULL), GW_OK);
}

static void test_served(void **state)
{
    (void)state;
    check(served, sizeof(served) / sizeof(served[0]), serve);
}

static void says(const struct sip_msg *m, struct gw_buf *out)
{
    gw_buf_reset(out);
    if (m->is_request)
        gw_buf_addf(out, "%.*s user=%.*s", GW_STR_ARG(m->method_name), GW_STR_ARG(m->target.user));
    else
        gw_buf_addf(out, "%u", m->status);
    gw_buf_addf(out, " to=%.*s from=%.*s tag=%.*s hops=%d cseq=%u vias=%zu contacts=%zu %.*s",
                GW_STR_ARG(m->to.uri.user), GW_STR_ARG(m->from.uri.user), GW_STR_ARG(m->from.tag),
                m->max_forwards, m->cseq, m->via_count, m->contact_count,
                GW_STR_ARG(m->contact.uri.text));
    gw_buf_addf(out, " body=%zu", m->body.len);
}

static void test_contents(void **state)
{
    static struct sip_msg m;
    unsigned wrong = 0;
    struct gw_buf line;

    (void)state;
    skip_without("wsinv");
    gw_buf_init(&line, SIP_MSG_MAX);
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        size_t len;
        char *block = torture_read(contents[i].name, &len);
        struct gw_err err;

        assert_int_equal(sip_msg_parse(&m, (struct gw_str){ block, len }, &err), GW_OK);
        says(&m, &line);
        if (!gw_str_is(gw_buf_str(&line), contents[i].says)) {
            print_error("%s: %s\n", contents[i].name, line.p);
            wrong++;
        }
        sip_msg_done(&m);
        free(block);
    }
    gw_buf_done(&line);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_served),
        cmocka_unit_test(test_contents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
