/* Keeps the script running until somebody wants it stopped, or until it says that starting it again makes no sense. */
#pragma once
#include "settings.h"

/* What the script ends with when its configuration cannot be used (EX_CONFIG of sysexits.h). */
enum { exit_configuration = 78 };

/* @param still_stopping is called each second while it stops. Gives back 0, or exit_configuration. */
DWORD supervise(const struct settings *settings, HANDLE stop, void (*still_stopping)(void));
