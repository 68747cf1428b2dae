#include "purge.h"
#include "path.h"
#include "rights.h"
#include "say.h"
#include "text.h"
#include <stdlib.h>

/* What stays is told, but not all 100,000 of it. */
enum { told_max = 5 };
static int told;

static BOOL failed(const wchar_t *path) {
  const DWORD error = GetLastError();
  if (told++ < told_max) say_failed(error, L"%ls cannot be removed; stop the service and close what has it open, then remove it", path + 4);
  return FALSE;
}

static BOOL is_dots(const wchar_t *name) {
  return wcscmp(name, L".") == 0 || wcscmp(name, L"..") == 0;
}

typedef BOOL (*is_kept)(const wchar_t *name, const void *context);

static BOOL remove_one(const wchar_t *path, DWORD attributes);

static BOOL empty(const wchar_t *folder, is_kept keeps, const void *context) {
  WIN32_FIND_DATAW found;
  wchar_t *pattern = path_join(folder, L"*");
  HANDLE search = FindFirstFileExW(pattern, FindExInfoBasic, &found, FindExSearchNameMatch, NULL, FIND_FIRST_EX_LARGE_FETCH);
  BOOL is_done = TRUE;
  free(pattern);
  if (search == INVALID_HANDLE_VALUE) {
    const DWORD error = GetLastError();
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND || failed(folder);
  }
  do {
    wchar_t *path;
    if (is_dots(found.cFileName) || (keeps && keeps(found.cFileName, context))) continue;
    path = path_join(folder, found.cFileName);
    is_done &= remove_one(path, found.dwFileAttributes);
    free(path);
  } while (FindNextFileW(search, &found));
  FindClose(search);
  return is_done;
}

static BOOL remove_one(const wchar_t *path, DWORD attributes) {
  if (attributes & FILE_ATTRIBUTE_READONLY) SetFileAttributesW(path, attributes & ~(DWORD)FILE_ATTRIBUTE_READONLY);
  if (!(attributes & FILE_ATTRIBUTE_DIRECTORY)) return DeleteFileW(path) || failed(path);
  if (!path_is_link(attributes) && !empty(path, NULL, NULL)) return FALSE;
  return RemoveDirectoryW(path) || failed(path);
}

static BOOL is_in_list(const wchar_t *list, const wchar_t *name) {
  wchar_t *copy = text_format(L"%ls", list), *rest = copy, *one;
  BOOL is_there = FALSE;
  while (!is_there && (one = text_part(&rest)) != NULL) is_there = text_is(one, name);
  free(copy);
  return is_there;
}

static BOOL is_kept_in_data(const wchar_t *name, const void *context) {
  const struct settings *s = context;
  if (text_is(s->keep, L"*")) return !text_is(name, L"logs");
  return is_in_list(s->keep, name);
}

/* The content that lies elsewhere, in a folder that an admin has named: only what the agent makes there. */
static BOOL is_not_content(const wchar_t *name, const void *context) {
  (void)context;
  return !text_is(name, L"content");
}

/* The folder itself, when nothing is in it any more. Through a link nothing is done at all. */
static BOOL purge_folder(const wchar_t *folder, is_kept keeps, const void *context) {
  wchar_t *path = path_long(folder);
  const DWORD attributes = GetFileAttributesW(path);
  BOOL is_done = TRUE;
  if (path_is_link(attributes)) {
    say(L"%ls is a link and is left as it is: what it points at is not known to be ours", folder);
  } else if (attributes != INVALID_FILE_ATTRIBUTES) {
    is_done = empty(path, keeps, context);
    if (is_done && !RemoveDirectoryW(path) && GetLastError() != ERROR_DIR_NOT_EMPTY) is_done = failed(path);
  }
  free(path);
  return is_done;
}

/* What is removed must not be in use: an installation that is taken back may have started the service a moment ago. */
static void stop_service(const wchar_t *name) {
  enum { wait_ms_max = 40000 };
  SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
  SC_HANDLE service = manager ? OpenServiceW(manager, name, SERVICE_QUERY_STATUS | SERVICE_STOP) : NULL;
  SERVICE_STATUS_PROCESS status;
  DWORD size;
  if (service && QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)&status, sizeof status, &size) && status.dwProcessId) {
    SERVICE_STATUS told;
    HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, status.dwProcessId);
    /* It may be stopping already. */
    ControlService(service, SERVICE_CONTROL_STOP, &told);
    if (process) {
      WaitForSingleObject(process, wait_ms_max);
      CloseHandle(process);
    }
  }
  if (service) CloseServiceHandle(service);
  if (manager) CloseServiceHandle(manager);
}

int purge(const struct settings *s, BOOL is_cache_wanted) {
  BOOL is_done;
  stop_service(s->name);
  rights_take_privileges();
  is_done = purge_folder(s->data, is_cache_wanted ? NULL : is_kept_in_data, s);
  if (is_cache_wanted && s->cache) is_done &= purge_folder(s->cache, is_not_content, NULL);
  if (told > told_max) say(L"and %d more", told - told_max);
  return is_done ? 0 : 1;
}
