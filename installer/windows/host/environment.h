/* What the script finds in its environment: the registry's settings, which are named as variables, and who its host is. */
#pragma once
#include "settings.h"

/* Puts it into the environment of this process, which what it starts inherits. What an earlier call has put there and nobody says any more is taken out. */
void environment_apply(const struct settings *settings);
