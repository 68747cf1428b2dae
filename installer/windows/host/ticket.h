/* <data>\ticket, which the agent joins with at its first start and then removes. Nobody but the service and administrators can read it. */
#pragma once
#include "settings.h"

/* An empty ticket is none, and no fault: an MSI always asks. "-": it comes on stdin. */
int ticket(const struct settings *settings, const wchar_t *text);
