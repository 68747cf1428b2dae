/* What an MSI cannot say of a service: recovery, a late start, its SID, time before shutdown, its path in quotes, its folders' rights. */
#pragma once
#include "settings.h"

int configure(const struct settings *settings);
