#include "mock_journal.h"

#include <stdlib.h>
#include <string.h>

#include "gw_mem.h"

struct cas_counts {
    char *name;
    uint64_t count[MOCK_OPERATION_COUNT];
};

struct mock_journal {
    struct mock_entry *ring;
    uint64_t total, errors; /* since the last clear */
    uint64_t number;        /* of the newest entry, ever */
    uint64_t count[MOCK_OPERATION_COUNT];
    struct gw_map *cas; /* name -> struct cas_counts */
};

struct mock_journal *mock_journal_new(void)
{
    struct mock_journal *journal = gw_new(struct mock_journal);

    journal->ring = gw_realloc(NULL, MOCK_JOURNAL_MAX, sizeof(*journal->ring));
    journal->cas = gw_map_new();
    return journal;
}

void mock_journal_free(struct mock_journal **journalp)
{
    struct mock_journal *journal = *journalp;
    struct cas_counts *counts;
    size_t pos = 0;

    if (!journal)
        return;
    *journalp = NULL;
    while ((counts = gw_map_next(journal->cas, &pos))) {
        (void)gw_map_remove(journal->cas, gw_str_of(counts->name));
        free(counts->name);
        free(counts);
    }
    gw_map_free(&journal->cas);
    free(journal->ring);
    free(journal);
}

void mock_journal_clear(struct mock_journal *journal)
{
    struct cas_counts *counts;
    size_t pos = 0;

    journal->total = journal->errors = 0;
    memset(journal->count, 0, sizeof(journal->count));
    while ((counts = gw_map_next(journal->cas, &pos)))
        memset(counts->count, 0, sizeof(counts->count));
}

void mock_journal_add(struct mock_journal *journal, const struct mock_entry *entry)
{
    struct cas_counts *counts = gw_map_get(journal->cas, gw_str_of(entry->cas));
    struct mock_entry *copy = &journal->ring[journal->total % MOCK_JOURNAL_MAX];

    if (!counts) {
        counts = gw_new(struct cas_counts);
        counts->name = gw_str_dup(gw_str_of(entry->cas));
        (void)gw_map_set(journal->cas, gw_str_of(counts->name), counts);
    }
    *copy = *entry;
    copy->number = ++journal->number;
    copy->cas = counts->name;
    journal->total++;
    journal->errors += strcmp(entry->code, "NoError") != 0;
    journal->count[entry->operation]++;
    counts->count[entry->operation]++;
}

uint64_t mock_journal_total(const struct mock_journal *journal)
{
    return journal->total;
}

uint64_t mock_journal_errors(const struct mock_journal *journal)
{
    return journal->errors;
}

uint64_t mock_journal_count(const struct mock_journal *journal, const char *cas,
                            enum mock_operation op)
{
    const struct cas_counts *counts;

    if (!cas)
        return journal->count[op];
    counts = gw_map_get(journal->cas, gw_str_of(cas));
    return counts ? counts->count[op] : 0;
}

const struct mock_entry *mock_journal_last(const struct mock_journal *journal, size_t nth)
{
    if (nth >= MOCK_JOURNAL_MAX || nth >= journal->total)
        return NULL;
    return &journal->ring[(journal->total - 1 - nth) % MOCK_JOURNAL_MAX];
}
