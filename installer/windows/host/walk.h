/*
 * Folders gone through by handles: each thing is opened by its name in the folder that is open already, and itself if it is a link. So nobody
 * can put a link in the way between a look and a deed, on any Windows.
 */
#pragma once
#include <windows.h>

struct walk_entry {
  struct walk_entry *next;
  DWORD attributes;
  wchar_t name[]; /* with a zero behind it */
};

/* What is in the folder, which needs FILE_LIST_DIRECTORY; free it with walk_free. FALSE: GetLastError(). */
BOOL walk_list(HANDLE folder, struct walk_entry **entries);
void walk_free(struct walk_entry *entries);

/* NULL: GetLastError(). */
HANDLE walk_open(HANDLE folder, const wchar_t *name, ACCESS_MASK access);

/* The same by its path (path_long). */
HANDLE walk_open_path(const wchar_t *path, ACCESS_MASK access);
