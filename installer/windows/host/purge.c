#include "purge.h"
#include "path.h"
#include "place.h"
#include "rights.h"
#include "say.h"
#include "text.h"
#include "walk.h"
#include <stdlib.h>

/* What stays is told, but not all 100,000 of it. */
enum { told_max = 5 };
static int told;

/* Folders in folders; the agent makes three, and each costs a handle and some stack. */
enum { depth_max = 64 };

static const ACCESS_MASK to_remove = DELETE | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES;

static BOOL failed(const wchar_t *path, DWORD error) {
  if (told++ < told_max) say_failed(error, L"%ls cannot be removed; stop the service and close what has it open, then remove it", path + 4);
  return FALSE;
}

struct plan {
  /* At depth 0 what is in the folder itself. */
  BOOL (*keeps)(const wchar_t *name, int depth, const struct settings *settings);
  const struct settings *settings;
  /* At depth 0 too; NULL: nothing else. */
  const wchar_t *kept;
  /* Whether folders below with something in it that was kept are as they should be. */
  BOOL is_rest_fine;
};

/* FileDispositionInfoEx, which mingw-w64 does not name. */
static const FILE_INFO_BY_HANDLE_CLASS disposition_ex = (FILE_INFO_BY_HANDLE_CLASS)21;

/* Windows before 10 1809, and drives that are not NTFS, do not know the first way, which needs nobody to have closed it. */
static BOOL remove_opened(HANDLE object) {
  FILE_DISPOSITION_INFO_EX at_once = {FILE_DISPOSITION_FLAG_DELETE | FILE_DISPOSITION_FLAG_POSIX_SEMANTICS | FILE_DISPOSITION_FLAG_IGNORE_READONLY_ATTRIBUTE};
  FILE_DISPOSITION_INFO when_closed = {TRUE};
  FILE_BASIC_INFO writable = {.FileAttributes = FILE_ATTRIBUTE_NORMAL};
  if (SetFileInformationByHandle(object, disposition_ex, &at_once, sizeof at_once)) return TRUE;
  if (GetLastError() == ERROR_DIR_NOT_EMPTY) return FALSE;
  SetFileInformationByHandle(object, FileBasicInfo, &writable, sizeof writable);
  return SetFileInformationByHandle(object, FileDispositionInfo, &when_closed, sizeof when_closed);
}

static BOOL is_real_folder(HANDLE object) {
  FILE_ATTRIBUTE_TAG_INFO info;
  return GetFileInformationByHandleEx(object, FileAttributeTagInfo, &info, sizeof info) && (info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) &&
         !path_is_link(info.FileAttributes);
}

static BOOL empty(HANDLE folder, const wchar_t *path, const struct plan *plan, int depth);

static BOOL remove_emptied(HANDLE object, const wchar_t *path, const struct plan *plan) {
  return remove_opened(object) || (plan->is_rest_fine && GetLastError() == ERROR_DIR_NOT_EMPTY) || failed(path, GetLastError());
}

/* `path` is for messages alone. */
static BOOL remove_one(HANDLE folder, const struct walk_entry *entry, const wchar_t *path, const struct plan *plan, int depth) {
  const BOOL is_folder = (entry->attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
  HANDLE object = walk_open(folder, entry->name, is_folder ? to_remove | FILE_LIST_DIRECTORY : to_remove);
  BOOL is_done;
  if (!object) return failed(path, GetLastError());
  is_done = !is_folder || !is_real_folder(object) || empty(object, path, plan, depth + 1);
  is_done = is_done && remove_emptied(object, path, plan);
  CloseHandle(object);
  return is_done;
}

static BOOL empty(HANDLE folder, const wchar_t *path, const struct plan *plan, int depth) {
  struct walk_entry *entries;
  BOOL is_done = TRUE;
  if (depth > depth_max) return failed(path, ERROR_BUFFER_OVERFLOW);
  if (!walk_list(folder, &entries)) return failed(path, GetLastError());
  for (struct walk_entry *one = entries; one; one = one->next) {
    wchar_t *below;
    if (plan->keeps(one->name, depth, plan->settings) || (depth == 0 && plan->kept && text_is(one->name, plan->kept))) continue;
    below = path_join(path, one->name);
    is_done &= remove_one(folder, one, below, plan, depth);
    free(below);
  }
  walk_free(entries);
  return is_done;
}

static BOOL is_in_list(const wchar_t *list, const wchar_t *name) {
  wchar_t *copy = text_format(L"%ls", list), *rest = copy, *one;
  BOOL is_there = FALSE;
  while (!is_there && (one = text_part(&rest)) != NULL) is_there = text_is(one, name);
  free(copy);
  return is_there;
}

static BOOL keeps_nothing(const wchar_t *name, int depth, const struct settings *s) {
  (void)name;
  (void)depth;
  (void)s;
  return FALSE;
}

static BOOL keeps_cache(const wchar_t *name, int depth, const struct settings *s) {
  if (depth > 0) return FALSE;
  if (text_is(s->keep, L"*")) return !text_is(name, L"logs");
  return is_in_list(s->keep, name);
}

static BOOL is_hex(const wchar_t *name, size_t digits, const wchar_t **rest) {
  size_t length = wcsspn(name, L"0123456789abcdef");
  *rest = name + length;
  return length == digits;
}

/*
 * In a folder that an admin has named, and where somebody's files may be by now, or were all the time because `configure` has refused it: only
 * what the agent makes there, content/<2 hex>/<64 hex>.data and so on (agent/src/store/layout.ts).
 */
static BOOL keeps_what_is_not_content(const wchar_t *name, int depth, const struct settings *s) {
  const wchar_t *rest;
  (void)s;
  if (depth == 0) return !text_is(name, L"content");
  if (depth == 1) return !is_hex(name, 2, &rest) || *rest;
  return depth > 2 || !is_hex(name, 64, &rest) || !(text_is(rest, L".data") || text_is(rest, L".manifest") || text_is(rest, L".manifest.new"));
}

/* The folder itself too, when nothing is in it any more. */
static BOOL purge_opened(HANDLE object, const wchar_t *path, const struct plan *plan) {
  if (!is_real_folder(object)) {
    say(L"%ls is a link or a file and is left as it is: it is not known to be ours", path + 4);
    return TRUE;
  }
  if (!empty(object, path, plan, 0)) return FALSE;
  return remove_opened(object) || GetLastError() == ERROR_DIR_NOT_EMPTY || failed(path, GetLastError());
}

static BOOL purge_folder(const wchar_t *folder, const struct plan *plan) {
  wchar_t *path = path_long(folder);
  HANDLE object = walk_open_path(path, to_remove | FILE_LIST_DIRECTORY);
  const DWORD error = GetLastError();
  BOOL is_done = TRUE;
  if (object) {
    is_done = purge_opened(object, path, plan);
    CloseHandle(object);
  } else if (error != ERROR_FILE_NOT_FOUND && error != ERROR_PATH_NOT_FOUND) {
    is_done = failed(path, error);
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

/* The entry of the data folder in which the cache lies, when it was given a place there; NULL: it lies elsewhere. */
static wchar_t *entry_with(const wchar_t *cache, const wchar_t *data) {
  const size_t length = wcslen(data);
  if (!cache || _wcsnicmp(cache, data, length) != 0 || cache[length] != L'\\') return NULL;
  cache += length + 1;
  return text_format(L"%.*ls", (int)wcscspn(cache, L"\\"), cache);
}

int purge(const struct settings *s, BOOL is_cache_wanted) {
  wchar_t *cache = place_of_cache(s), *kept = is_cache_wanted ? NULL : entry_with(cache, s->data);
  const struct plan in_data = {is_cache_wanted ? keeps_nothing : keeps_cache, s, kept, FALSE};
  const struct plan in_cache = {keeps_what_is_not_content, s, NULL, TRUE};
  BOOL is_done;
  stop_service(s->name);
  rights_take_privileges();
  is_done = purge_folder(s->data, &in_data);
  if (cache && is_cache_wanted) is_done &= purge_folder(cache, &in_cache);
  free(kept);
  free(cache);
  if (told > told_max) say(L"and %d more", told - told_max);
  return is_done ? 0 : 1;
}
