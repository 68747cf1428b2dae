/*
 * A folder that is the service's alone. Any user may make folders in C:\ProgramData, so one may be waiting for us there, or a link
 * to somewhere else: such a thing is moved aside, never used, and never given our rights.
 */
#pragma once
#include <windows.h>

/* Makes it, or gives the one that is there its rights. FALSE: it has said on stderr why not. */
BOOL own_folder_make(const wchar_t *folder, const wchar_t *service);
