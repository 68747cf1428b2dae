/* The service itself, as Windows' service manager runs it. */
#pragma once
#include "settings.h"

int service(const struct settings *settings);
