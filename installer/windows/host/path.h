/* Paths of any length. */
#pragma once
#include <windows.h>

wchar_t *path_join(const wchar_t *folder, const wchar_t *name);

/* With \\?\ before it, so that neither its length nor a name like "con" or "a." matters. For absolute paths. */
wchar_t *path_long(const wchar_t *path);

/* A folder on a drive, and not the whole drive: what may be given rights and be emptied. */
BOOL path_is_folder_of_its_own(const wchar_t *path);

BOOL path_is_link(DWORD attributes);
