/*
 * Node with the script, in a job that ends with us: whatever happens to this process, nothing that it started stays behind.
 * The child inherits what it is given and nothing else.
 */
#pragma once
#include "settings.h"

struct child {
  HANDLE process, job;
  DWORD id;
};

/*
 * Starts `node.exe <script> <arguments>` in a folder (NULL: where we are), with these three as its stdin, stdout and stderr, which must be
 * inheritable.
 * FALSE: the reason is GetLastError().
 */
BOOL child_start(struct child *child, const struct settings *settings, const wchar_t *arguments, const wchar_t *folder, HANDLE in, HANDLE out,
                 HANDLE err);

/* Ends it with all that it has started. */
void child_end(struct child *child);

void child_close(struct child *child);
