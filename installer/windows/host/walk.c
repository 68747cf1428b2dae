#include "walk.h"
#include "text.h"
#include <stdlib.h>
#include <winternl.h>

static const DWORD shares = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/* OBJ_DONT_REPARSE: no link on the way is gone through. Windows before 10 1607 does not know it. */
static const ULONG dont_reparse = 0x1000;

static BOOL is_dots(const wchar_t *name, size_t length) {
  return name[0] == L'.' && (length == 1 || (length == 2 && name[1] == L'.'));
}

static struct walk_entry *entry_of(const FILE_FULL_DIR_INFO *found, struct walk_entry *next) {
  const size_t length = found->FileNameLength / sizeof(wchar_t);
  struct walk_entry *entry;
  if (is_dots(found->FileName, length)) return next;
  entry = memory(sizeof *entry + (length + 1) * sizeof *entry->name);
  memcpy(entry->name, found->FileName, found->FileNameLength);
  entry->attributes = found->FileAttributes;
  entry->next = next;
  return entry;
}

BOOL walk_list(HANDLE folder, struct walk_entry **entries) {
  enum { bytes_max = 64 * 1024 };
  BYTE *bytes = memory(bytes_max);
  FILE_INFO_BY_HANDLE_CLASS what = FileFullDirectoryRestartInfo;
  DWORD error;
  *entries = NULL;
  while (GetFileInformationByHandleEx(folder, what, bytes, bytes_max)) {
    const FILE_FULL_DIR_INFO *found = (const FILE_FULL_DIR_INFO *)bytes;
    for (;; found = (const FILE_FULL_DIR_INFO *)((const BYTE *)found + found->NextEntryOffset)) {
      *entries = entry_of(found, *entries);
      if (!found->NextEntryOffset) break;
    }
    what = FileFullDirectoryInfo;
  }
  error = GetLastError();
  free(bytes);
  if (error == ERROR_NO_MORE_FILES || error == ERROR_FILE_NOT_FOUND) return TRUE;
  walk_free(*entries);
  *entries = NULL;
  SetLastError(error);
  return FALSE;
}

void walk_free(struct walk_entry *entries) {
  while (entries) {
    struct walk_entry *one = entries;
    entries = one->next;
    free(one);
  }
}

HANDLE walk_open(HANDLE folder, const wchar_t *name, ACCESS_MASK access) {
  const ULONG options = FILE_OPEN_REPARSE_POINT | FILE_OPEN_FOR_BACKUP_INTENT | FILE_SYNCHRONOUS_IO_NONALERT;
  OBJECT_ATTRIBUTES object;
  IO_STATUS_BLOCK done;
  UNICODE_STRING text;
  HANDLE opened = NULL;
  NTSTATUS status;
  RtlInitUnicodeString(&text, name);
  InitializeObjectAttributes(&object, &text, dont_reparse, folder, NULL);
  status = NtOpenFile(&opened, access | SYNCHRONIZE, &object, &done, shares, options);
  if (status == (NTSTATUS)STATUS_INVALID_PARAMETER) {
    object.Attributes = 0;
    status = NtOpenFile(&opened, access | SYNCHRONIZE, &object, &done, shares, options);
  }
  if (status >= 0) return opened;
  SetLastError(RtlNtStatusToDosError(status));
  return NULL;
}

HANDLE walk_open_path(const wchar_t *path, ACCESS_MASK access) {
  HANDLE opened = CreateFileW(path, access | SYNCHRONIZE, shares, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  return opened == INVALID_HANDLE_VALUE ? NULL : opened;
}
