/*
 * <data>\logs\service.log: what the script says on stdout and stderr, and between it, as JSON lines too, what the host does.
 * At 8 MiB it becomes service.log.1, that one .2, up to .4.
 */
#pragma once
#include <windows.h>

/*
 * The data folder must be there. FALSE: the log cannot be written (GetLastError()). Nothing is logged then, and nothing else is hindered; it is
 * tried again later, with what there is to log then.
 */
BOOL log_open(const wchar_t *data_folder);

void log_write(const char *bytes, DWORD count);

/* A line of the host's own. */
void log_line(const wchar_t *format, ...);
