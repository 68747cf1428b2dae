/*
 * What lies where ours belongs and is not ours goes aside: beside our folder, as <folder>.not-ours-1, or <folder>.not-ours-1-<name> when it was
 * in it. It is never used, never given our rights, and never removed by us.
 */
#pragma once
#include <windows.h>

/* `name`: of what was in the folder `beside`; NULL: it is that folder itself. Gives an error of Windows' back. */
DWORD aside_move(const wchar_t *path, const wchar_t *beside, const wchar_t *name);
