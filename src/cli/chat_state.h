/* One conversation: its messages, how tokens are chosen, how thinking is shown. Owned by pingti chat; one thread. */
#ifndef PINGTI_CLI_CHAT_STATE_H
#define PINGTI_CLI_CHAT_STATE_H
#include "cli/chat_line.h"
#include "cli/common_options.h"

typedef struct chat_options {
    model_choice choice;
    engine_options engine;
    sampling_options sampling;
    const char *system;
    int think;
    bool quiet;
} chat_options;

enum { THINK_ON, THINK_FOLD, THINK_OFF };

typedef struct chat {
    const chat_options *o;
    opt_state *options; /* changed by /set */
    llm *llm;
    line_reader *lines;
    json_t *messages;   /* array of {role, content} and reasoning_content; the system message first when there is one */
    int think;
    bool think_given;   /* on or off was asked for: the template is told */
    bool fancy;         /* a person looks at a terminal */
    bool failed;        /* some turn could not be answered */
    size_t turns, generated;
    double generate_seconds;
    generate_result last;
    bool leave;
} chat;

/* Answers the conversation as it stands and appends the answer; false: it could not, and the reason was shown. */
bool chat_answer(chat *c);
/* The ids of the conversation as the model gets it next. */
bool chat_tokens(const chat *c, token_list *out, err *e);
/* A line that begins with '/'. */
void chat_command(chat *c, char *line);
void chat_add(chat *c, const char *role, const char *text, size_t n);
void chat_drop_last(chat *c);
const char *chat_last_role(const chat *c); /* "" when empty */
void chat_set_system(chat *c, const char *text); /* "": none */
void chat_note(const chat *c, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* a dim line on standard error */
#endif
