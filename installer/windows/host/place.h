/*
 * Where the cache lies, if not in the data folder: as the agent understands it (agent/src/cache-place.ts), and of those who may say it, as far as
 * they can be asked here, the one who wins there (agent/src/config-sources.ts): Group Policy, of ours first, then the settings' Environment. What
 * only the agent knows, its config.json and the coordinator's policy, is not seen here.
 */
#pragma once
#include "settings.h"

/* NULL: in the data folder. What the agent could not use it does not use either, and says so on stderr. */
wchar_t *place_of_cache(const struct settings *settings);

/* Whether that place is Group Policy's: for many machines, of which some have no such drive. */
BOOL place_is_by_policy(const struct settings *settings);
