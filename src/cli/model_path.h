/* From what -m says to what can be opened: a path as it is, or the name of a pulled model. */
#ifndef PINGTI_CLI_MODEL_PATH_H
#define PINGTI_CLI_MODEL_PATH_H
#include "cli/common_options.h"

/* Where pulled models lie: `given` (--models, PINGTI_MODELS), else ~/.local/share/pingti/models. free(); NULL: no home. */
char *models_dir(const char *given, err *e);

/* The text lives as long as the options. NULL: a model's name, and none of that name is here. */
const char *model_path(opt_state *s, const model_choice *c, const char *given, err *e);
/* Refuses an output that would replace the model or a file of its directory; a new .gguf file may lie beside them. */
bool model_spared(const char *model, const char *output, err *e);
#endif
