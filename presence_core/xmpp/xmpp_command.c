/* Ad-hoc commands (XEP-0050) with data forms (XEP-0004): what users set about their own presence, in
 * any client that shows such forms. Each command is one form; nothing is remembered between the form
 * and its answer, which says everything. */
#include <string.h>

#include "xmpp_priv.h"

/* In English and in Japanese. */
struct phrase {
    const char *in[2];
};

static struct gw_str say(const struct xmpp_c2s *c, const struct xmpp_stanza *s,
                         const struct phrase *p)
{
    struct gw_str lang = xml_attr_ns(s->node, NS_XML, "lang");

    return gw_str_of(p->in[lang.p ? gw_str_starts(lang, "ja") : c->speaks_japanese]);
}

struct choice {
    const char *value;
    struct phrase label;
};

/* Values as pres_override_parse() takes them. */
static const struct choice states[] = {
    { "available", { { "Available", "連絡可能" } } },
    { "working-elsewhere", { { "Working elsewhere", "別の場所で勤務中" } } },
    { "busy", { { "Busy", "取り込み中" } } },
    { "in-a-meeting", { { "In a meeting", "会議中" } } },
    { "away", { { "Away", "離席中" } } },
    { "out-of-office", { { "Out of office", "不在" } } },
    { "do-not-disturb", { { "Do not disturb", "応答不可" } } },
    { NULL, { { NULL, NULL } } },
};

/* Minutes, or one of the two words. */
static const struct choice ends[] = {
    { "15", { { "15 minutes", "15分" } } },
    { "30", { { "30 minutes", "30分" } } },
    { "60", { { "1 hour", "1時間" } } },
    { "120", { { "2 hours", "2時間" } } },
    { "240", { { "4 hours", "4時間" } } },
    { "480", { { "8 hours", "8時間" } } },
    { "item", { { "Until the present calendar item ends", "現在の予定が終わるまで" } } },
    { "cleared", { { "Until I clear it", "解除するまで" } } },
    { NULL, { { NULL, NULL } } },
};

static const struct choice levels[] = {
    { "default", { { "As the organisation has it", "組織の既定" } } },
    { "nothing", { { "Nothing", "表示しない" } } },
    { "busy", { { "Busy or not", "取り込み中かどうかのみ" } } },
    { "times", { { "State and times", "状態と時刻" } } },
    { "full", { { "Everything", "すべて" } } },
    { NULL, { { NULL, NULL } } },
};

/* XEP-0004: a boolean is "1" or "true", "0" or "false". */
static const struct choice flag[] = { { NULL, { { NULL, NULL } } } };

static const struct choice decisions[] = {
    { "allow", { { "Always", "常に許可する" } } },
    { "block", { { "Never: they see me offline", "許可しない（オフラインと表示）" } } },
    { "shut-out",
      { { "Never, and they cannot write to me", "許可せず、メッセージも受け取らない" } } },
    { "ask", { { "I have not decided", "決めていない" } } },
    { NULL, { { NULL, NULL } } },
};

enum { FIELDS_MAX = 3 };

struct field {
    const char *var;
    struct phrase label;
    const struct choice *choices; /* NULL: a line of text; flag: yes or no */
    const char *preset;
};

typedef const struct phrase *run_fn(struct xmpp_c2s *c, const struct gw_str *value, bool *failed);

struct command {
    const char *node;
    struct phrase title, instructions;
    struct field fields[FIELDS_MAX]; /* none: it runs without a form */
    size_t field_count;
    run_fn *run;
};

/* ---- What the commands do ---- */

static bool ends_read(struct gw_str value, gw_utc now, struct pres_override *out)
{
    int64_t minutes;

    if (gw_str_is(value, "item")) {
        out->ends = PRES_ENDS_ITEM;
        return true;
    }
    if (gw_str_is(value, "cleared")) {
        out->ends = PRES_ENDS_CLEARED;
        return true;
    }
    if (!gw_str_to_int(value, 1, 7 * 24 * 60, &minutes))
        return false;
    out->ends = PRES_ENDS_TIME;
    out->until = gw_time_after(now, minutes * GW_MINUTE_MS);
    return true;
}

static const struct phrase set_done = { { "It is shown now.", "表示しました。" } };
static const struct phrase set_wrong = {
    { "This is no state, time or line of text that can be shown.",
      "この状態、時間、または文は表示できません。" }
};
static const struct phrase set_no_item = {
    { "No calendar item runs just now: choose a time.",
      "現在進行中の予定がありません。時間を選んでください。" }
};

static bool item_runs(const struct xmpp_c2s *c)
{
    struct pres_user_view view;

    return pres_user_view(c->host->core, gw_str_of(c->user), &view) && view.calendar.item_until;
}

static const struct phrase *override_set(struct xmpp_c2s *c, const struct gw_str *value,
                                         bool *failed)
{
    struct pres_override o = { .text = value[2] };

    *failed = true;
    if (!pres_override_parse(value[0], &o.kind) || !ends_read(value[1], c->now.utc, &o))
        return &set_wrong;
    if (pres_override_set(c->host->core, gw_str_of(c->user), &o, c->now, NULL, NULL, NULL))
        return o.ends == PRES_ENDS_ITEM && !item_runs(c) ? &set_no_item : &set_wrong;
    *failed = false;
    return &set_done;
}

static const struct phrase clear_done = { { "Your calendar is shown again.",
                                            "予定表の状態に戻しました。" } };
static const struct phrase clear_none = { { "Your calendar is shown already.",
                                            "すでに予定表の状態です。" } };

static const struct phrase *override_clear(struct xmpp_c2s *c, const struct gw_str *value,
                                           bool *failed)
{
    (void)value;
    *failed = false;
    return pres_override_clear(c->host->core, gw_str_of(c->user), c->now, NULL, NULL, NULL)
               ? &clear_none
               : &clear_done;
}

static const struct phrase privacy_done = { { "This is what others see now.",
                                              "表示範囲を変更しました。" } };
static const struct phrase privacy_wrong = { { "There is no such level.",
                                               "その表示範囲はありません。" } };

static const struct phrase privacy_kept = { { "Automatic replies are shown as before.",
                                              "自動応答の表示は変更されませんでした。" } };

static bool flag_read(struct gw_str value)
{
    return gw_str_is(value, "1") || gw_str_is(value, "true");
}

/* A client that was not offered it, or does not answer it, leaves it as it is. */
static bool hide_oof(const struct xmpp_c2s *c, struct gw_str value)
{
    const struct xmpp_own *own = c->host->own;

    return !own || !value.len || own->oof_hide(gw_str_of(c->user), flag_read(value), own->ctx);
}

static bool level_read(struct gw_str value, int *out)
{
    enum pres_level level;

    *out = PRES_LEVEL_UNSET;
    if (gw_str_is(value, "default"))
        return true;
    if (!pres_level_parse(value, &level))
        return false;
    *out = (int)level;
    return true;
}

static const struct phrase *privacy_set(struct xmpp_c2s *c, const struct gw_str *value,
                                        bool *failed)
{
    struct pres_privacy_rule own = { .class = PRES_CLASS_OWN };
    struct pres_privacy_rule federated = { .class = PRES_CLASS_FEDERATED };

    *failed = true;
    if (!level_read(value[0], &own.level) || !level_read(value[1], &federated.level) ||
        pres_privacy_set(c->host->core, gw_str_of(c->user), &own, c->now, NULL, NULL, NULL) ||
        pres_privacy_set(c->host->core, gw_str_of(c->user), &federated, c->now, NULL, NULL, NULL))
        return &privacy_wrong;
    if (!hide_oof(c, value[2]))
        return &privacy_kept;
    *failed = false;
    return &privacy_done;
}

static const struct phrase decision_done = { { "It is so from now on.", "設定しました。" } };
static const struct phrase decision_wrong = {
    { "Name another person, like user@domain, or a domain.",
      "他の人のアドレス（user@domain）またはドメインを入力してください。" }
};
static const struct phrase decision_full = {
    { "You have decided about too many: take one back first.",
      "設定の数が多すぎます。不要なものを先に取り消してください。" }
};

static const struct phrase *decide(struct xmpp_c2s *c, const struct gw_str *value, bool *failed)
{
    enum pres_decision decision;
    struct xmpp_jid who;
    enum gw_code rc;

    *failed = true;
    if (xmpp_jid_parse(value[0], &who, NULL) || who.resource.len ||
        !pres_decision_parse(value[1], &decision))
        return &decision_wrong;
    rc = pres_decide(c->host->core, gw_str_of(c->user), who.bare, decision, NULL);
    if (rc)
        return rc == GW_LIMIT ? &decision_full : &decision_wrong;
    *failed = false;
    return &decision_done;
}

static const struct command commands[] = {
    { "kalends:override",
      { { "Show another state than my calendar's", "予定表と異なる状態を表示" } },
      { { "Shown in place of your calendar's state; Exchange is not changed.",
          "予定表の状態の代わりに表示します。Exchangeは変更されません。" } },
      { { "state", { { "State", "状態" } }, states, "available" },
        { "until", { { "How long", "期間" } }, ends, "60" },
        { "text", { { "Text", "メッセージ" } }, NULL, "" } },
      3,
      override_set },
    { "kalends:override-clear",
      { { "Show my calendar's state again", "予定表の状態に戻す" } },
      { { NULL, NULL } },
      { { .var = NULL } },
      0,
      override_clear },
    { "kalends:privacy",
      { { "Choose what others see of my calendar", "予定表の表示範囲を選択" } },
      { { "Whoever may see your presence sees so much of your calendar.",
          "あなたのプレゼンスを見られる相手に、予定表のどこまでを表示するかを選びます。" } },
      { { "own", { { "People of my organisation", "組織内の人" } }, levels, "default" },
        { "federated", { { "People of other organisations", "他の組織の人" } }, levels, "default" },
        { "hide-oof",
          { { "Show nobody my automatic replies", "自動応答（不在）を誰にも表示しない" } },
          flag,
          "0" } },
      3,
      privacy_set },
    { "kalends:decision",
      { { "Choose who sees my presence", "プレゼンスを見られる相手を選択" } },
      { { "A person, or everybody of a domain; what you decide about a person comes first.",
          "個人またはドメイン全体を指定します。個人の設定が優先されます。" } },
      { { "who", { { "Address or domain", "アドレスまたはドメイン" } }, NULL, "" },
        { "decision", { { "Sees my presence", "プレゼンスの表示" } }, decisions, "allow" } },
      2,
      decide },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *command_find(struct gw_str node)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (gw_str_is(node, commands[i].node))
            return &commands[i];
    }
    return NULL;
}

/* ---- Forms ---- */

static void put_option(struct xml_writer *w, struct gw_str label, const char *value)
{
    xml_open(w, "option");
    xml_put_attr(w, "label", label);
    xml_put(w, "value", gw_str_of(value));
    xml_close(w);
}

/* What the user has now, where that is not the preset. */
static const char *value_now(const struct xmpp_c2s *c, const struct field *f)
{
    const struct xmpp_own *own = c->host->own;
    struct pres_privacy_view v;
    int level;

    if (f->choices == flag)
        return own->is_oof_hidden(gw_str_of(c->user), own->ctx) ? "1" : "0";
    if (f->choices != levels || !pres_privacy_get(c->host->core, gw_str_of(c->user), &v))
        return f->preset;
    level = strcmp(f->var, "own") == 0 ? v.own : v.federated;
    return level == PRES_LEVEL_UNSET ? f->preset : pres_level_name((enum pres_level)level);
}

static void put_field(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct xml_writer *w,
                      const struct field *f)
{
    const char *type = f->choices == flag ? "boolean" : f->choices ? "list-single" : "text-single";

    if (f->choices == flag && !c->host->own)
        return;
    xml_open(w, "field");
    xml_put_attr(w, "var", gw_str_of(f->var));
    xml_put_attr(w, "type", gw_str_of(type));
    xml_put_attr(w, "label", say(c, s, &f->label));
    xml_put(w, "value", gw_str_of(value_now(c, f)));
    for (const struct choice *o = f->choices; o && o->value; o++)
        put_option(w, say(c, s, &o->label), o->value);
    xml_close(w);
}

static void put_form(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct xml_writer *w,
                     const struct command *command)
{
    xml_open(w, "actions");
    xml_put_attr(w, "execute", GW_STR("complete"));
    xml_open(w, "complete");
    xml_close(w);
    xml_close(w);
    xmpp_open_ns(w, "x", NS_DATA);
    xml_put_attr(w, "type", GW_STR("form"));
    xml_put(w, "title", say(c, s, &command->title));
    xml_put(w, "instructions", say(c, s, &command->instructions));
    for (size_t i = 0; i < command->field_count; i++)
        put_field(c, s, w, &command->fields[i]);
    xml_close(w);
}

static void begin_command(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct command *command,
                          const char *status, struct xml_writer *w)
{
    struct gw_str session = xml_attr(s->node->child, "sessionid");

    xmpp_begin_result(c, s, w);
    xmpp_open_ns(w, "command", NS_COMMANDS);
    xml_put_attr(w, "node", gw_str_of(command->node));
    xml_put_attr(w, "sessionid", session.len ? session : gw_str_of(c->id));
    xml_put_attr(w, "status", gw_str_of(status));
}

static void end_command(struct xmpp_c2s *c, struct xml_writer *w)
{
    xml_close(w);
    xml_close(w);
    xmpp_end(c);
}

static void offer(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct command *command)
{
    struct xml_writer w;

    begin_command(c, s, command, "executing", &w);
    put_form(c, s, &w, command);
    end_command(c, &w);
}

static void cancel(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct command *command)
{
    struct xml_writer w;

    begin_command(c, s, command, "canceled", &w);
    end_command(c, &w);
}

/* What the command does may write to this very client: it comes before the answer is begun. */
static void run(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct command *command,
                const struct gw_str *value)
{
    bool failed;
    const struct phrase *note = command->run(c, value, &failed);
    struct xml_writer w;

    c->tokens -= XMPP_BROADCAST_COST;
    begin_command(c, s, command, "completed", &w);
    xml_open(&w, "note");
    xml_put_attr(&w, "type", gw_str_of(failed ? "error" : "info"));
    xml_put_text(&w, say(c, s, note));
    xml_close(&w);
    end_command(c, &w);
}

static struct gw_str form_value(const struct xml_node *form, const char *var)
{
    for (const struct xml_node *f = xml_child(form, NS_DATA, "field"); f; f = xml_next_same(f)) {
        if (gw_str_is(xml_attr(f, "var"), var))
            return gw_str_trim(xml_child_text(f, NS_DATA, "value"));
    }
    return GW_STR("");
}

void xmpp_on_command(struct xmpp_c2s *c, struct xmpp_stanza *s, const struct xml_node *child)
{
    const struct command *command = command_find(xml_attr(child, "node"));
    const struct xml_node *form = xml_child(child, NS_DATA, "x");
    struct gw_str value[FIELDS_MAX], action = xml_attr(child, "action");

    if (!command) {
        xmpp_stanza_error(c, s, XMPP_ITEM_NOT_FOUND, NULL);
        return;
    }
    if (gw_str_is(action, "cancel")) {
        cancel(c, s, command);
        return;
    }
    if (action.len && !gw_str_is(action, "execute") && !gw_str_is(action, "complete")) {
        xmpp_stanza_error(c, s, XMPP_BAD_REQUEST, "this command has one form only");
        return;
    }
    if (command->field_count && !form) {
        offer(c, s, command);
        return;
    }
    for (size_t i = 0; i < command->field_count; i++)
        value[i] = form_value(form, command->fields[i].var);
    run(c, s, command, value);
}

/* ---- Discovery (XEP-0030) ---- */

static void put_item(struct xml_writer *w, struct gw_str jid, const char *node, struct gw_str name)
{
    xml_open(w, "item");
    xml_put_attr(w, "jid", jid);
    xml_put_attr(w, "node", gw_str_of(node));
    xml_put_attr(w, "name", name);
    xml_close(w);
}

void xmpp_put_commands(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct xml_writer *w)
{
    struct gw_str jid = xml_attr(s->node, "to");

    for (size_t i = 0; i < COMMANDS; i++)
        put_item(w, jid.len ? jid : gw_str_of(c->user), commands[i].node,
                 say(c, s, &commands[i].title));
}

bool xmpp_command_name(struct xmpp_c2s *c, const struct xmpp_stanza *s, struct gw_str node,
                       struct gw_str *name)
{
    const struct command *command = command_find(node);

    if (command)
        *name = say(c, s, &command->title);
    return command != NULL;
}
