#include "own_folder.h"
#include "path.h"
#include "rights.h"
#include "say.h"
#include "text.h"
#include <stdlib.h>

/* Of the thing itself, also if it is a link. */
static HANDLE open_itself(const wchar_t *path) {
  return CreateFileW(path, READ_CONTROL | WRITE_DAC | WRITE_OWNER | FILE_READ_ATTRIBUTES, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                     OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
}

static BOOL is_ours(HANDLE object, const wchar_t *service) {
  FILE_ATTRIBUTE_TAG_INFO info;
  if (!GetFileInformationByHandleEx(object, FileAttributeTagInfo, &info, sizeof info)) return FALSE;
  if (path_is_link(info.FileAttributes) || !(info.FileAttributes & FILE_ATTRIBUTE_DIRECTORY)) return FALSE;
  return rights_is_owner_trusted(object, service);
}

static DWORD move_aside(const wchar_t *path) {
  wchar_t *aside = NULL;
  DWORD error = ERROR_SUCCESS;
  for (int i = 1; i < 1000; i++) {
    free(aside);
    aside = text_format(L"%ls.not-ours-%d", path, i);
    error = MoveFileExW(path, aside, 0) ? ERROR_SUCCESS : GetLastError();
    if (error != ERROR_ALREADY_EXISTS && error != ERROR_FILE_EXISTS) break;
  }
  if (error == ERROR_SUCCESS) say(L"%ls was made by somebody else and is %ls now; look into it, then remove it", path + 4, aside + 4);
  free(aside);
  return error;
}

static DWORD make_parents(const wchar_t *path) {
  wchar_t *part = text_format(L"%ls", path);
  for (wchar_t *at = part + 7; (at = wcschr(at, L'\\')) != NULL; at++) {
    *at = 0;
    CreateDirectoryW(part, NULL);
    *at = L'\\';
  }
  free(part);
  return ERROR_SUCCESS;
}

static DWORD make(const wchar_t *path, const wchar_t *service, PSECURITY_DESCRIPTOR rights) {
  SECURITY_ATTRIBUTES with_rights = {sizeof with_rights, rights, FALSE};
  DWORD error = ERROR_SUCCESS;
  HANDLE object;
  if (CreateDirectoryW(path, &with_rights)) return ERROR_SUCCESS;
  error = GetLastError();
  if (error != ERROR_ALREADY_EXISTS && error != ERROR_FILE_EXISTS) return error;
  object = open_itself(path);
  if (object == INVALID_HANDLE_VALUE) return GetLastError();
  if (is_ours(object, service)) {
    error = rights_set(object, rights);
    CloseHandle(object);
    return error;
  }
  CloseHandle(object);
  error = move_aside(path);
  if (error != ERROR_SUCCESS) return error;
  return CreateDirectoryW(path, &with_rights) ? ERROR_SUCCESS : GetLastError();
}

BOOL own_folder_make(const wchar_t *folder, const wchar_t *service) {
  wchar_t *path = path_long(folder);
  PSECURITY_DESCRIPTOR rights;
  DWORD error;
  rights_take_privileges();
  rights = rights_of(service);
  if (rights) {
    make_parents(path);
    error = make(path, service, rights);
    LocalFree(rights);
  } else {
    error = GetLastError();
  }
  free(path);
  if (error == ERROR_SUCCESS) return TRUE;
  say_failed(error, L"the folder %ls cannot be made for %ls alone; do this as an administrator, and close what has it open", folder, service);
  return FALSE;
}
