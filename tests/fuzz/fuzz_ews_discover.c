/* Autodiscover: documents, parted by NUL, that answer one step of the trail after the other, whoever
 * wrote them. The trail always ends, and only leads to https. */
#include <assert.h>
#include <stdint.h>

#include "ews_codec.h"
#include "ews_trail.h"
#include "ews_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { STEPS_MAX = 100 };

static struct gw_str next_piece(struct gw_str *rest)
{
    ptrdiff_t end = gw_str_find(*rest, '\0');
    struct gw_str piece = gw_str_sub(*rest, 0, end < 0 ? rest->len : (size_t)end);

    *rest = gw_str_sub(*rest, piece.len + 1, rest->len);
    return piece;
}

static void check_step(const struct ews_trail_step *step)
{
    struct ews_url url;

    if (step->kind == EWS_TRAIL_ASK)
        assert(ews_url_parse(gw_str_of(step->url), &url, NULL) || url.https);
}

static void answer_step(struct ews_trail *t, const struct ews_trail_step *step, struct gw_str piece)
{
    struct ews_request request = { .op = step->op };
    struct ews_http http = { .status = 200, .body = piece };
    struct ews_answer answer;
    struct gw_arena arena;

    if (gw_str_starts(piece, "https:") || gw_str_starts(piece, "http:")) {
        http.status = 302;
        http.location = piece;
    }
    gw_arena_init(&arena, EWS_ANSWER_ARENA);
    ews_answer_parse(&request, &http, &arena, &answer);
    ews_trail_answered(t, &answer);
    gw_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct ews_trail_args args = { .address = "ann@x.example" };
    struct gw_str rest = { (const char *)data, len };
    struct ews_trail_result result;
    struct ews_trail *t;
    unsigned steps = 0;

    assert(!ews_trail_new(&args, &t, NULL));
    for (; ews_trail_step(t)->kind != EWS_TRAIL_END; steps++) {
        const struct ews_trail_step *step = ews_trail_step(t);
        struct gw_str piece = next_piece(&rest);

        assert(steps < STEPS_MAX);
        check_step(step);
        if (step->kind == EWS_TRAIL_ASK)
            answer_step(t, step, piece);
        else if (step->kind == EWS_TRAIL_REDIRECT)
            ews_trail_redirected(t, piece);
        else
            ews_trail_srv(t, &(struct ews_trail_place){ piece, (uint16_t)piece.len }, 1);
    }
    ews_trail_result(t, &result);
    assert((result.status.class == EWS_OK) == (result.url != NULL));
    /* A scheme is compared without regard to case (RFC 3986, 3.1). */
    assert(!result.url || gw_str_iis(gw_str_sub(gw_str_of(result.url), 0, 4), "http"));
    ews_trail_free(&t);
    return 0;
}
