/* What a subscription is told: SendNotification, the call written and its answer read; and the
 * Notification that GetEvents and GetStreamingEvents answer with. */
#ifndef MOCK_NOTE_H
#define MOCK_NOTE_H

#include "mock_subs.h"
#include "xml_write.h"

enum { MOCK_NOTE_MAX = 256 * 1024, MOCK_NOTE_ANSWER_MAX = 64 * 1024 };

/* m:Notification with the events of the call (mock_sub_take); none: a StatusEvent. Streaming has no
 * watermarks. */
void mock_note_put(struct xml_writer *w, const struct mock_sub *sub);

/* The whole push call; broken: ErrorReadEventsFailed. */
void mock_note_write(const struct mock_sub *sub, struct gw_buf *out);

/* Anything but HTTP 200 with one of the two answers counts as no answer. */
enum mock_push_result mock_note_answer_parse(int status, struct gw_str body);

#endif
