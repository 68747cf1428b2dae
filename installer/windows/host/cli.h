/* The script as a command of an admin's, with the same environment as the service. */
#pragma once
#include "settings.h"

int cli(const struct settings *settings);
