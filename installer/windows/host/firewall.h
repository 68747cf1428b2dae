/* Rules of Windows' firewall: who may reach node.exe of this installation, over TCP and UDP. Not in public networks. */
#pragma once
#include "settings.h"

int firewall(const struct settings *settings, BOOL is_wanted);
