#include "own_folder.h"
#include "path.h"
#include "rights.h"
#include "say.h"
#include "text.h"
#include "trust.h"
#include "walk.h"
#include <stdlib.h>

static const ACCESS_MASK to_look = READ_CONTROL | FILE_READ_ATTRIBUTES;
static const ACCESS_MASK to_take = READ_CONTROL | WRITE_DAC | WRITE_OWNER | FILE_READ_ATTRIBUTES | FILE_LIST_DIRECTORY;
/* What the agent makes in a cache folder (agent/src/store/layout.ts). */
static const wchar_t content[] = L"content";
/* Of folders in folders: the agent makes three. */
enum { depth_max = 64 };

static BOOL is_own(const struct trust *trust) {
  return trust->is_folder && trust->is_owner_trusted && trust->is_closed && !trust->is_inherited;
}

/* <path>.not-ours-1, or the next number that is free. */
static DWORD move_aside(const wchar_t *path, const wchar_t *beside) {
  wchar_t *aside = NULL;
  DWORD error = ERROR_SUCCESS;
  for (int i = 1; i < 1000; i++) {
    free(aside);
    aside = text_format(L"%ls.not-ours-%d", beside, i);
    error = MoveFileExW(path, aside, 0) ? ERROR_SUCCESS : GetLastError();
    if (error != ERROR_ALREADY_EXISTS && error != ERROR_FILE_EXISTS) break;
  }
  if (error == ERROR_SUCCESS) say(L"%ls was made by somebody else and is %ls now; look into it, then remove it", path + 4, aside + 4);
  free(aside);
  return error;
}

/* Nothing in it is a link or was put by others and, if that is asked, nothing could be changed by others. */
static BOOL is_trusted(HANDLE folder, const wchar_t *name, const wchar_t *service, BOOL must_be_closed, int depth) {
  struct walk_entry *entries = NULL;
  struct trust trust;
  HANDLE object = walk_open(folder, name, to_look);
  BOOL is_fine = object && trust_of(object, service, &trust) && !trust.is_link && trust.is_owner_trusted && (trust.is_closed || !must_be_closed);
  if (object) CloseHandle(object);
  if (!is_fine || !trust.is_folder) return is_fine;
  object = walk_open(folder, name, to_look | FILE_LIST_DIRECTORY);
  is_fine = object && depth < depth_max && walk_list(object, &entries);
  for (struct walk_entry *one = entries; is_fine && one; one = one->next) is_fine = is_trusted(object, one->name, service, must_be_closed, depth + 1);
  walk_free(entries);
  if (object) CloseHandle(object);
  return is_fine;
}

/* After the folder was closed: only now nobody adds to what is looked at. */
static DWORD sift(HANDLE folder, const wchar_t *path, const wchar_t *service) {
  struct walk_entry *entries;
  DWORD error = ERROR_SUCCESS;
  if (!walk_list(folder, &entries)) return GetLastError();
  for (struct walk_entry *one = entries; error == ERROR_SUCCESS && one; one = one->next) {
    wchar_t *entry = path_join(path, one->name);
    if (!is_trusted(folder, one->name, service, TRUE, 0)) error = move_aside(entry, path);
    free(entry);
  }
  walk_free(entries);
  return error;
}

static void make_parents(const wchar_t *path) {
  wchar_t *part = text_format(L"%ls", path);
  for (wchar_t *at = part + 7; (at = wcschr(at, L'\\')) != NULL; at++) {
    *at = 0;
    CreateDirectoryW(part, NULL);
    *at = L'\\';
  }
  free(part);
}

typedef DWORD (*take)(const wchar_t *path, const wchar_t *service, SECURITY_ATTRIBUTES *with_rights);

/* FALSE: something is there. */
static BOOL make_new(const wchar_t *path, SECURITY_ATTRIBUTES *with_rights, DWORD *error) {
  *error = CreateDirectoryW(path, with_rights) ? ERROR_SUCCESS : GetLastError();
  return *error != ERROR_ALREADY_EXISTS && *error != ERROR_FILE_EXISTS;
}

static DWORD take_data(const wchar_t *path, const wchar_t *service, SECURITY_ATTRIBUTES *with_rights) {
  struct trust trust = {0};
  DWORD error;
  HANDLE object = walk_open_path(path, to_take);
  if (!object) return GetLastError();
  if (trust_of(object, service, &trust) && trust.is_folder && trust.is_owner_trusted) {
    error = rights_set(object, with_rights->lpSecurityDescriptor);
    if (error == ERROR_SUCCESS && !is_own(&trust)) error = sift(object, path, service);
    CloseHandle(object);
    return error;
  }
  CloseHandle(object);
  error = move_aside(path, path);
  if (error != ERROR_SUCCESS) return error;
  return CreateDirectoryW(path, with_rights) ? ERROR_SUCCESS : GetLastError();
}

static BOOL is_content(HANDLE folder, const struct walk_entry *entries, const wchar_t *service) {
  return !entries->next && text_is(entries->name, content) && is_trusted(folder, content, service, FALSE, 0);
}

/* Of a folder that is there. ERROR_NOT_OWNER: it is empty and somebody else's, who may have it open with all rights. */
static DWORD take_cache_itself(HANDLE object, const wchar_t *service, PSECURITY_DESCRIPTOR rights) {
  struct trust trust;
  struct walk_entry *entries;
  BOOL is_ours;
  if (!trust_of(object, service, &trust)) return GetLastError();
  if (!trust.is_folder) return ERROR_DIRECTORY;
  if (!walk_list(object, &entries)) return GetLastError();
  if (!entries) return trust.is_owner_trusted ? rights_set(object, rights) : ERROR_NOT_OWNER;
  is_ours = trust.is_owner_trusted && ((is_own(&trust) && trust.is_marked) || is_content(object, entries, service));
  walk_free(entries);
  return is_ours ? rights_set(object, rights) : ERROR_DIR_NOT_EMPTY;
}

static DWORD take_cache(const wchar_t *path, const wchar_t *service, SECURITY_ATTRIBUTES *with_rights) {
  HANDLE object = walk_open_path(path, to_take);
  DWORD error;
  if (!object) return GetLastError();
  error = take_cache_itself(object, service, with_rights->lpSecurityDescriptor);
  CloseHandle(object);
  if (error != ERROR_NOT_OWNER) return error;
  return RemoveDirectoryW(path) && CreateDirectoryW(path, with_rights) ? ERROR_SUCCESS : GetLastError();
}

static DWORD make(const wchar_t *folder, const wchar_t *service, take take_what_is_there) {
  SECURITY_ATTRIBUTES with_rights = {sizeof with_rights, NULL, FALSE};
  wchar_t *path;
  DWORD error;
  rights_take_privileges();
  with_rights.lpSecurityDescriptor = rights_of(service);
  if (!with_rights.lpSecurityDescriptor) return GetLastError();
  path = path_long(folder);
  make_parents(path);
  if (!make_new(path, &with_rights, &error)) error = take_what_is_there(path, service, &with_rights);
  LocalFree(with_rights.lpSecurityDescriptor);
  free(path);
  return error;
}

static void say_not_made(DWORD error, const wchar_t *folder, const wchar_t *service) {
  say_failed(error, L"the folder %ls cannot be made for %ls alone; do this as an administrator, and close what has it open", folder, service);
}

BOOL own_folder_make(const wchar_t *folder, const wchar_t *service) {
  const DWORD error = make(folder, service, take_data);
  if (error != ERROR_SUCCESS) say_not_made(error, folder, service);
  return error == ERROR_SUCCESS;
}

BOOL own_folder_make_cache(const wchar_t *folder, const wchar_t *service) {
  const DWORD error = make(folder, service, take_cache);
  if (error == ERROR_DIR_NOT_EMPTY)
    say_failed(0, L"the cache cannot lie in %ls: what is in it is not %ls's, or was put there by somebody who is no administrator, and it was left as it is; name an empty or a new folder, such as %ls\\Starling", folder, service, folder);
  else if (error == ERROR_DIRECTORY)
    say_failed(0, L"the cache cannot lie in %ls, which is a link or a file; name an empty or a new folder", folder);
  else if (error != ERROR_SUCCESS)
    say_not_made(error, folder, service);
  return error == ERROR_SUCCESS;
}

BOOL own_folder_is_made(const wchar_t *folder, const wchar_t *service) {
  wchar_t *path = path_long(folder);
  struct trust trust;
  HANDLE object = walk_open_path(path, to_look);
  const BOOL is_made = object && trust_of(object, service, &trust) && is_own(&trust);
  if (object) CloseHandle(object);
  free(path);
  return is_made;
}
