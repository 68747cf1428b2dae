/*
 * An empty file in the data folder that only an administrator can remove. A folder with it is never empty, so that the service, which may
 * write to it, cannot make it a junction; and it tells that an administrator has had us make this folder, whatever its rights are by now.
 */
#pragma once
#include <windows.h>

extern const wchar_t pin_name[];

/* `path`: of the folder, closed already (path_long). Gives an error of Windows' back. */
DWORD pin_put(const wchar_t *path, const wchar_t *service);

/* Whether it is there, and nobody else's. */
BOOL pin_is_in(HANDLE folder, const wchar_t *service);
