/* Whatever an Exchange server, or what stands in its place, answers. The first byte chooses the
 * operation and the HTTP status; a line of its own the headers; the rest is the body. */
#include <assert.h>
#include <stdint.h>

#include "ews_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_calendar(const struct ews_calendar *c)
{
    assert(!c->hours || gw_hours_are_sound(c->hours));
    for (size_t i = 0; i < c->count; i++) {
        assert(c->intervals[i].start < c->intervals[i].end);
        assert(!i || c->intervals[i - 1].start <= c->intervals[i].start);
        assert(c->intervals[i].busy <= GW_BUSY_OOF);
    }
}

static void check(const struct ews_answer *a)
{
    assert(gw_str_is_utf8(gw_str_of(a->status.text)));
    assert(a->status.backoff_ms >= 0);
    assert(a->status.class != EWS_OK || a->status.alive);
    assert((a->status.class == EWS_OK) == !a->status.text[0]);
    for (size_t i = 0; i < a->calendar_count; i++)
        check_calendar(&a->calendars[i]);
    for (size_t i = 0; i < a->folder_count; i++)
        assert(a->folders[i].id.len && gw_str_is_line(a->folders[i].id));
    for (size_t i = 0; i < a->event_count; i++)
        assert(a->events[i].subscription_id.p && a->events[i].watermark.p);
    for (size_t i = 0; i < a->bad_id_count; i++)
        assert(a->bad_ids[i].len);
    for (size_t i = 0; i < a->resolution_count; i++)
        assert(a->resolutions[i].address.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const int statuses[] = { 200, 200, 200, 200, 500, 503, 302, 401 };
    static const struct gw_str mailboxes[2], folders[2];
    struct ews_request request = { .mailboxes = mailboxes,
                                   .mailbox_count = 2,
                                   .folders = folders,
                                   .folder_count = len % 3,
                                   .own_folder = GW_STR_INIT("own="),
                                   .hours = true,
                                   .from = 1795132800000,
                                   .to = 1795219200000 };
    struct gw_str header, body;
    struct ews_http http = { .now = 1795132800000 };
    struct ews_answer answer;
    struct gw_arena arena;

    if (!len)
        return 0;
    body = (struct gw_str){ (const char *)data + 1, len - 1 };
    if (!gw_str_cut(body, "\n", &header, &body))
        return 0;
    request.op = (enum ews_op)(((data[0] & 3) | data[0] >> 5 << 2) % EWS_OP_COUNT);
    request.sub_mode = request.op == EWS_OP_SUBSCRIBE ? (enum ews_sub_mode)(len % 3) : 0;
    request.item_fields = len % 2 ? 255 : 0;
    http.status = statuses[(data[0] >> 2) & 7];
    http.content_type = http.location = http.retry_after = http.date = header;
    http.cas_error = http.set_cookies = header;
    http.body = body;
    gw_arena_init(&arena, EWS_ANSWER_ARENA);
    ews_answer_parse(&request, &http, &arena, &answer);
    check(&answer);
    gw_arena_done(&arena);
    return 0;
}
