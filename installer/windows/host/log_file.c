#include "log_file.h"
#include "path.h"
#include "text.h"
#include <stdio.h>
#include <stdlib.h>

static const LONGLONG bytes_max = 8LL * 1024 * 1024;
enum { files_max = 5 };
/* What kept it from being opened may pass: a full disk, a scanner, a file where the folder belongs. */
enum { again_ms = 60 * 1000 };

static CRITICAL_SECTION lock;
static wchar_t *folder, *path;
static ULONGLONG tried;
static HANDLE file = INVALID_HANDLE_VALUE;
static LONGLONG size;
static BOOL is_line_open;

static BOOL reopen(void) {
  LARGE_INTEGER found;
  tried = GetTickCount64();
  CreateDirectoryW(folder, NULL);
  file = CreateFileW(path, FILE_APPEND_DATA | SYNCHRONIZE, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS,
                     FILE_ATTRIBUTE_NORMAL, NULL);
  size = 0;
  if (file == INVALID_HANDLE_VALUE) return FALSE;
  if (GetFileSizeEx(file, &found)) size = found.QuadPart;
  return TRUE;
}

BOOL log_open(const wchar_t *data_folder) {
  wchar_t *logs = path_join(data_folder, L"logs"), *named = path_join(logs, L"service.log");
  InitializeCriticalSection(&lock);
  folder = path_long(logs);
  path = path_long(named);
  free(named);
  free(logs);
  return reopen();
}

static void rotate(void) {
  CloseHandle(file);
  for (int i = files_max - 1; i > 0; i--) {
    wchar_t *from = i == 1 ? text_format(L"%ls", path) : text_format(L"%ls.%d", path, i - 1);
    wchar_t *to = text_format(L"%ls.%d", path, i);
    MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING);
    free(from);
    free(to);
  }
  reopen();
}

static void write_locked(const char *bytes, DWORD count) {
  DWORD done;
  if (count == 0) return;
  if (file == INVALID_HANDLE_VALUE && GetTickCount64() - tried >= again_ms) reopen();
  if (file == INVALID_HANDLE_VALUE) return;
  /* A line is not torn apart, unless somebody never ends it. */
  if (size + count > bytes_max && (!is_line_open || size > 2 * bytes_max)) rotate();
  if (file == INVALID_HANDLE_VALUE || !WriteFile(file, bytes, count, &done, NULL)) return;
  size += done;
  is_line_open = bytes[count - 1] != '\n';
}

void log_write(const char *bytes, DWORD count) {
  DWORD end = count;
  EnterCriticalSection(&lock);
  while (end && bytes[end - 1] != '\n') end--;
  write_locked(bytes, end);
  write_locked(bytes + end, count - end);
  LeaveCriticalSection(&lock);
}

/* What JSON does not take as it is. */
static char *escaped(const char *text) {
  char *out = memory(6 * strlen(text) + 1), *at = out;
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') at += sprintf(at, "\\%c", *text);
    else if ((unsigned char)*text < 32) at += sprintf(at, "\\u%04x", (unsigned char)*text);
    else *at++ = *text;
  }
  return out;
}

static LONGLONG unix_ms(void) {
  FILETIME now;
  ULARGE_INTEGER ticks;
  GetSystemTimeAsFileTime(&now);
  ticks.LowPart = now.dwLowDateTime;
  ticks.HighPart = now.dwHighDateTime;
  return (LONGLONG)(ticks.QuadPart / 10000) - 11644473600000LL;
}

void log_line(const wchar_t *format, ...) {
  wchar_t *sentence;
  char *utf8, *safe, *line;
  size_t room;
  int length;
  va_list values;
  va_start(values, format);
  sentence = text_format_list(format, values);
  va_end(values);
  utf8 = text_utf8(sentence, wcslen(sentence), NULL);
  safe = escaped(utf8);
  room = strlen(safe) + 128;
  line = memory(room);
  length = snprintf(line, room, "{\"level\":30,\"time\":%I64d,\"name\":\"service-host\",\"msg\":\"%s\"}\n", unix_ms(), safe);
  EnterCriticalSection(&lock);
  if (is_line_open) write_locked("\n", 1);
  write_locked(line, (DWORD)length);
  LeaveCriticalSection(&lock);
  free(line);
  free(safe);
  free(utf8);
  free(sentence);
}
