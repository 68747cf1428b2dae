/*
 * Removes what the service has kept: all but the content, or with it. A link or junction is removed and never gone through:
 * what it points at is somebody else's.
 */
#pragma once
#include "settings.h"

int purge(const struct settings *settings, BOOL is_cache_wanted);
