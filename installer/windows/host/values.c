#include "values.h"
#include "text.h"
#include <stdlib.h>

static wchar_t *joined(const wchar_t *list, size_t length) {
  wchar_t *text = memory((length + 1) * sizeof *text);
  size_t end = length;
  while (end && !list[end - 1]) end--;
  for (size_t i = 0; i < end; i++) text[i] = list[i] ? list[i] : L',';
  return text;
}

wchar_t *value_read(HKEY key, const wchar_t *name) {
  DWORD type = 0, bytes = 0;
  wchar_t *data, *text = NULL;
  if (RegQueryValueExW(key, name, NULL, &type, NULL, &bytes) != ERROR_SUCCESS) return NULL;
  /* Two letters more, because nothing makes a writer end a text with a zero. */
  data = memory(bytes + 2 * sizeof *data);
  if (RegQueryValueExW(key, name, NULL, &type, (BYTE *)data, &bytes) == ERROR_SUCCESS) {
    switch (type) {
      case REG_SZ: text = text_format(L"%ls", data); break;
      case REG_EXPAND_SZ: text = text_expand(data); break;
      case REG_MULTI_SZ: text = joined(data, bytes / sizeof *data); break;
      case REG_DWORD: if (bytes >= sizeof(DWORD)) text = text_format(L"%lu", *(DWORD *)data); break;
      case REG_QWORD: if (bytes >= sizeof(ULONGLONG)) text = text_format(L"%I64u", *(ULONGLONG *)data); break;
      default: break;
    }
  }
  free(data);
  return text;
}

wchar_t *value_read_at(const wchar_t *path, const wchar_t *name) {
  HKEY key;
  wchar_t *text;
  if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS) return NULL;
  text = value_read(key, name);
  RegCloseKey(key);
  return text;
}

BOOL value_at(HKEY key, DWORD index, wchar_t *name) {
  DWORD length = value_name_max;
  return RegEnumValueW(key, index, name, &length, NULL, NULL, NULL, NULL) == ERROR_SUCCESS;
}
