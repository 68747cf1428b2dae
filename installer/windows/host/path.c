#include "path.h"
#include "text.h"

wchar_t *path_join(const wchar_t *folder, const wchar_t *name) {
  size_t length = wcslen(folder);
  BOOL is_closed = length > 0 && folder[length - 1] == L'\\';
  return text_format(L"%ls%ls%ls", folder, is_closed ? L"" : L"\\", name);
}

wchar_t *path_long(const wchar_t *path) {
  if (wcsncmp(path, L"\\\\?\\", 4) == 0) return text_format(L"%ls", path);
  if (wcsncmp(path, L"\\\\", 2) == 0) return text_format(L"\\\\?\\UNC\\%ls", path + 2);
  return text_format(L"\\\\?\\%ls", path);
}

BOOL path_is_folder_of_its_own(const wchar_t *path) {
  BOOL is_on_drive = ((path[0] | 32) >= L'a' && (path[0] | 32) <= L'z') && path[1] == L':' && path[2] == L'\\';
  return is_on_drive && path[3] != 0 && wcschr(path, L'/') == NULL && wcsstr(path, L"\\..") == NULL;
}

BOOL path_is_link(DWORD attributes) {
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
}
