/* SendNotification: the call written, its answer read. */
#ifndef MOCK_NOTE_H
#define MOCK_NOTE_H

#include "mock_subs.h"

enum { MOCK_NOTE_MAX = 256 * 1024, MOCK_NOTE_ANSWER_MAX = 64 * 1024 };

/* The first 'count' events of the queue; none: a StatusEvent; broken: ErrorReadEventsFailed. */
void mock_note_write(const struct mock_sub *sub, size_t count, struct gw_buf *out);

/* Anything but HTTP 200 with one of the two answers counts as no answer. */
enum mock_push_result mock_note_answer_parse(int status, struct gw_str body);

#endif
